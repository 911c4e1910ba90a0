"""Embeddings that are compared with each other come from one model."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings

from policy_router.decision.decide import decide
from policy_router.domain.facts import Vocabulary
from policy_router.domain.models import Model
from policy_router.domain.ordering import SortKey
from policy_router.domain.prices import FREE_PRICE
from policy_router.domain.request import Request
from policy_router.domain.snapshot import Snapshot
from tests import reference
from tests.generate import assemble, situations

if TYPE_CHECKING:
    from policy_router.decision.policy import Policy

EMBEDS = frozenset({"embeddings"})
ASKED = Request(needs=EMBEDS, answers=0, one_space=True, tokens=500)


def model(name: str, upstream: str | None = "maker/e", **more: object) -> Model:
    return Model(
        name, f"openai/{name}", "t", 0, FREE_PRICE, free=True, abilities=EMBEDS,
        upstream=upstream, **more,  # type: ignore[arg-type]  # by name
    )  # fmt: skip


def policy(*models: Model) -> Policy:
    return assemble(models, (), Vocabulary((), ()))


TWO = policy(model("a"), model("b", "maker/other"), model("again"))


def names(of: Policy, request: Request, snapshot: Snapshot = Snapshot()) -> list[str]:  # noqa: B008  it is frozen
    return [candidate.name for candidate in decide(of, request, snapshot).candidates]


def test_only_the_same_model_elsewhere_stands_in() -> None:
    decision = decide(TWO, ASKED)
    assert [candidate.name for candidate in decision.candidates] == ["a", "again"]
    assert [(skip.model, skip.reason.value, skip.detail) for skip in decision.skipped] == [
        (
            "b",
            "vector_space",
            "its embeddings cannot be compared with those of `a`, which comes first",
        )
    ]
    assert names(TWO, replace(ASKED, one_space=False)) == ["a", "b", "again"]


@pytest.mark.parametrize(
    "request_",
    [
        replace(ASKED, largest_input=5_000),
        replace(ASKED, tokens=900_000, largest_input=5),
        replace(ASKED, prefer=(SortKey.QUALITY,)),
        replace(ASKED, min_quality=0.9),
        replace(ASKED, session="s"),
    ],
)
def test_neither_size_nor_constraints_change_the_space(request_: Request) -> None:
    both = policy(model("a", context=1_000), model("b", "maker/other", quality=1.0))
    assert "b" not in names(both, request_)


def test_the_state_of_the_world_does_not_change_the_space() -> None:
    assert names(TWO, ASKED, Snapshot(cooling={"a": 9e9})) == ["again"]
    assert names(TWO, ASKED, Snapshot(cooling={"a": 9e9, "again": 9e9})) == []


def test_other_numbers_of_dimensions_are_other_spaces() -> None:
    long, short = model("long"), model("short", params={"dimensions": 256})
    usual = model("usual", defaults={"dimensions": 256})
    assert names(policy(long, short, usual), ASKED) == ["long"]
    assert names(policy(short, usual, long), ASKED) == ["short", "usual"]


def test_without_a_model_that_makes_embeddings_nothing_is_first() -> None:
    chat = replace(model("chat"), abilities=frozenset({"tools"}))
    decision = decide(policy(chat), ASKED)
    assert [skip.reason.value for skip in decision.skipped] == ["ability"]


def test_each_input_has_to_fit_by_itself() -> None:
    small = policy(model("a", context=100))
    assert names(small, replace(ASKED, tokens=5_000, largest_input=100)) == ["a"]
    assert names(small, replace(ASKED, tokens=5_000, largest_input=101)) == []


@settings(max_examples=100, deadline=None)
@given(situations())
def test_agrees_with_the_plain_reference(situation: tuple[Policy, Request, Snapshot]) -> None:
    of, request, snapshot = situation
    asked = replace(request, one_space=True)
    decision, expected = decide(of, asked, snapshot), reference.decide(of, asked, snapshot)
    assert tuple(c.name for c in decision.candidates) == expected.candidates
    assert {s.model: s.reason.value for s in decision.skipped} == expected.out
    unlimited = replace(request, max_candidates=None)
    free = names(of, replace(unlimited, one_space=False), snapshot)
    assert set(names(of, replace(unlimited, one_space=True), snapshot)) <= set(free)
