"""Models that come last for the moment."""

from __future__ import annotations

from policy_router.decision.decide import decide
from policy_router.domain.request import Request
from policy_router.domain.snapshot import Snapshot
from tests.decision.test_decide import BIG, SMALL, model, policy_of


def names(snapshot: Snapshot, **request: object) -> list[str]:
    policy = policy_of(SMALL, BIG, model("third"))
    decision = decide(policy, Request(**request), snapshot)  # type: ignore[arg-type]  # of a request
    return [candidate.name for candidate in decision.candidates]


def test_a_model_that_is_recovering_comes_last_with_the_reason() -> None:
    usual = names(Snapshot())
    late = Snapshot(last={usual[0]: "recovering"})
    assert names(late) == [*usual[1:], usual[0]]
    decision = decide(policy_of(SMALL, BIG, model("third")), Request(), late)
    assert (decision.candidates[-1].placed_by, decision.candidates[-1].detail) == (
        "last",
        "recovering",
    )


def test_several_keep_their_order() -> None:
    usual = names(Snapshot())
    assert names(Snapshot(last=dict.fromkeys(usual[:2], "degraded"))) == [usual[2], *usual[:2]]


def test_where_all_would_be_last_nothing_changes() -> None:
    usual = names(Snapshot())
    late = Snapshot(last=dict.fromkeys([*usual, "gone"], "degraded"))
    assert names(late) == usual
    assert names(Snapshot(last={"gone": "degraded"})) == usual


def test_the_last_ones_are_cut_first() -> None:
    usual = names(Snapshot())
    assert names(Snapshot(last={usual[0]: "degraded"}), max_candidates=2) == usual[1:]
