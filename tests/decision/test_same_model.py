"""The order of models that several providers serve."""

from __future__ import annotations

import pytest

from policy_router.decision.decide import decide
from policy_router.domain.aliases import Alias
from policy_router.domain.facts import Vocabulary
from policy_router.domain.models import Model
from policy_router.domain.ordering import SortKey
from policy_router.domain.prices import FREE_PRICE, Price
from policy_router.domain.request import Request
from policy_router.domain.rules import Rule
from policy_router.domain.sessions import Keep, Sessions, SessionState
from policy_router.domain.snapshot import Snapshot
from tests.generate import TIERS, assemble


def model(name: str, upstream: str | None, cents: int, rank: int = 1) -> Model:
    price = Price(cents, cents) if cents else FREE_PRICE
    free = cents == 0
    return Model(name, f"x/{name}", TIERS[rank], rank, price, free, upstream=upstream)


POOL = (
    model("a1", "a", 5),
    model("b1", "b", 6),
    model("c", None, 7),
    model("b2", "b", 9),
    model("a2", "a", 8),
    model("a0", "a", 0),
)


def order(*keys: SortKey, first: tuple[str, ...] = (), pool: tuple[Model, ...] = POOL) -> list[str]:
    rules = (Rule("wanted", None, first=first, min_tier=1),)
    policy = assemble(pool, rules, Vocabulary((), ()), bands=(), prefer=keys)
    return [f"{c.name}: {c.detail}" for c in decide(policy, Request(tokens=1)).candidates]


def test_a_model_is_tried_at_its_other_providers_before_a_different_one() -> None:
    assert order(SortKey.SAME_MODEL, SortKey.CHEAPEST) == [
        "a0: cheapest first",
        "a1: the same model as `a0`",
        "a2: the same model as `a1`",
        "b1: a different model",
        "b2: the same model as `b1`",
        "c: a different model",
    ]


def test_keys_before_it_are_more_important() -> None:
    assert order(SortKey.FREE, SortKey.SAME_MODEL, SortKey.CHEAPEST) == [
        "a0: free first",
        "a1: paid, after the free ones",
        "a2: the same model as `a1`",
        "b1: a different model",
        "b2: the same model as `b1`",
        "c: a different model",
    ]


def test_what_is_put_first_counts_as_the_first_model() -> None:
    assert order(SortKey.SAME_MODEL, SortKey.CHEAPEST, first=("b2",)) == [
        "b2: put first by rule `wanted`",
        "b1: the same model as `b2`",
        "a0: a different model",
        "a1: the same model as `a0`",
        "a2: the same model as `a1`",
        "c: a different model",
    ]


def test_weaker_tiers_stay_last() -> None:
    weak = (*POOL[:2], model("a-weak", "a", 1, rank=0))
    assert order(SortKey.SAME_MODEL, SortKey.CHEAPEST, pool=weak) == [
        "a1: cheapest first",
        "b1: a different model",
        "a-weak: last resort: below tier `standard`",
    ]


def test_unknown_models_are_the_same_as_no_other() -> None:
    pool = tuple(model(name, None, 5) for name in "xyz")
    assert order(SortKey.SAME_MODEL, pool=pool) == [
        "x: written order",
        "y: a different model",
        "z: a different model",
    ]


@pytest.mark.parametrize("asked", [None, "any"])
def test_the_model_of_a_session_counts_as_the_first_model(asked: str | None) -> None:
    policy = assemble(
        POOL,
        (),
        Vocabulary((), ()),
        bands=(),
        prefer=(SortKey.SAME_MODEL, SortKey.CHEAPEST),
        aliases=(Alias("any", (tuple(model.name for model in POOL),)),),
        sessions=Sessions(Keep.MODEL),
    )
    snapshot = Snapshot(1.7e9, session=SessionState("b2", 1, "it began with `b2`", 1.7e9))
    decision = decide(policy, Request(session="s1", tokens=1, model=asked), snapshot)
    assert [f"{c.name}: {c.detail}" for c in decision.candidates] == [
        "b2: answered last in this session",
        "b1: the same model as `b2`",
        "a0: a different model",
        "a1: the same model as `a0`",
        "a2: the same model as `a1`",
        "c: a different model",
    ]
