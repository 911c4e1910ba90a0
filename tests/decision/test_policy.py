"""A compiled policy: its parts, looked up by name and as sets of models."""

from __future__ import annotations

import gc
import weakref
from dataclasses import fields, replace
from typing import TYPE_CHECKING

import pytest

from policy_router.decision.decide import decide
from policy_router.domain.condition import TAGS, Op
from policy_router.domain.condition import Test as Has
from policy_router.domain.facts import Vocabulary
from policy_router.domain.models import Model
from policy_router.domain.request import Request
from policy_router.domain.rules import Rule, Task
from tests.generate import BANDS, TASKS, TIERS, assemble, condition

if TYPE_CHECKING:
    from policy_router.decision.policy import Policy

VOCABULARY = Vocabulary(TASKS, [band.name for band in BANDS])
MODELS = tuple(Model(f"m{i}", f"openai/m{i}", tier, i) for i, tier in enumerate(TIERS))


@pytest.fixture(scope="module")
def policy() -> Policy:
    rules = (Rule("no m1", None, avoid=("m1",)), Rule("only m2", None, only=("m2",)))
    return assemble(MODELS, rules, VOCABULARY, tasks=(Task("code"), Task("chat")))


def test_parts_are_found_by_name(policy: Policy) -> None:
    assert policy.model("m1") is MODELS[1]
    assert policy.position("m1") == 1
    assert list(policy.models_by_name) == ["m0", "m1", "m2"]
    assert policy.task("chat") == Task("chat")
    assert policy.band("hard") == BANDS[2]


def test_unknown_names(policy: Policy) -> None:
    assert (policy.task("nope"), policy.task(None)) == (None, None)
    assert (policy.band("nope"), policy.band(None)) == (None, None)
    for lookup in (policy.model, policy.position):
        with pytest.raises(KeyError):
            lookup("nope")


@pytest.mark.parametrize(
    ("score", "band"), [(0, "easy"), (0.299, "easy"), (0.3, "medium"), (1, "hard")]
)
def test_the_band_of_a_score(policy: Policy, score: float, band: str) -> None:
    found = policy.band_for(score)
    assert found is not None
    assert found.name == band


def test_no_band_holds_a_score_below_the_first() -> None:
    bands = BANDS[1:]
    vocabulary = Vocabulary((), [band.name for band in bands])
    assert assemble(MODELS, (), vocabulary, bands=bands).band_for(0.1) is None


def test_sets_of_models(policy: Policy) -> None:
    assert policy.all_models == 0b111
    assert [policy.models_below(rank) for rank in range(3)] == [0b000, 0b001, 0b011]
    assert [policy.removed_by(rule) for rule in range(2)] == [0b010, 0b011]


def test_a_changed_copy_looks_things_up_in_its_own_parts(policy: Policy) -> None:
    assert replace(policy, models=MODELS[:2], rules=()).all_models == 0b11


def test_the_index_is_no_part_of_what_a_policy_is(policy: Policy) -> None:
    assert replace(policy) == policy
    assert "index" not in repr(policy)
    assert [field.name for field in fields(policy) if not field.init] == ["_index"]


def test_a_replaced_policy_is_freed_at_once() -> None:
    """Not by the garbage collector, which would visit every object of the process for it."""
    rules = tuple(
        Rule(f"no m{i}", condition(Has(TAGS, Op.HAS, (f"t{i}",)), VOCABULARY), avoid=(f"m{i}",))
        for i in (0, 1)
    )
    policy = assemble(MODELS, rules, VOCABULARY, tasks=(Task("code"), Task("chat")))
    for tags in (), ("t0",), ("t0", "t1"):
        decision = decide(policy, Request(tags=frozenset(tags), tokens=10))
        assert len(decision.skipped) == len(tags)
    index = weakref.ref(policy._index)
    gc.disable()
    try:
        del policy, decision
        assert index() is None
    finally:
        gc.enable()
