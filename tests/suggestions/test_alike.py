"""Groups of calls are compared at requests that are alike, and all comparisons hold at once."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest

from policy_router.domain.outcome import Role
from policy_router.experience.counts import (
    ACCEPTED,
    ANSWERED,
    CALLS,
    FLAGGED,
    REJECTED,
    OutcomeCounts,
)
from policy_router.experience.intervals import wilson
from policy_router.experience.nodes import Node, OutcomeKey
from policy_router.suggestions.alike import alike_costs, alike_shares
from policy_router.suggestions.demote_unreliable import suggestions
from policy_router.suggestions.differences import difference
from tests.suggestions.make import HEAD, TASKS, calls, observed

if TYPE_CHECKING:
    from policy_router.suggestions.observed import Observed

EASY, HARD = Node("extract", "", "", "easy"), Node("extract", "", "", "hard")
SUCCESS = OutcomeCounts.success


def passed(number: int, rejected: int, cost: int = 0) -> OutcomeCounts:
    (counts,) = calls("one", number, rejected, cost=cost).values()
    return counts


def test_one_kind_of_request_is_compared_as_it_is() -> None:
    shares = alike_shares({EASY: passed(200, 20)}, {EASY: passed(100, 30)}, SUCCESS)
    assert shares is not None
    assert (shares.one, shares.other) == pytest.approx((0.9, 0.7))
    assert (shares.one_samples, shares.other_samples, shares.samples) == (200, 100, 100)
    one, other = wilson(180, 200), wilson(70, 100)
    assert one is not None
    assert other is not None
    plain = difference(one, other)
    assert (shares.gap.low, shares.gap.high) == pytest.approx((plain.low, plain.high))


def test_what_only_one_of_them_did_says_nothing() -> None:
    assert alike_shares({EASY: passed(200, 20)}, {HARD: passed(100, 30)}, SUCCESS) is None
    assert alike_costs({EASY: passed(200, 20, 5)}, {HARD: passed(100, 30, 9)}) is None
    shares = alike_shares(
        {EASY: passed(200, 0), HARD: passed(50, 25)}, {HARD: passed(100, 50)}, SUCCESS
    )
    assert shares is not None
    assert (shares.gap.value, shares.samples) == (0.0, 50)


def test_the_easy_requests_of_one_do_not_make_it_better() -> None:
    """Both pass 97 % of the easy requests and 75 % of the hard ones; one gets mostly easy ones."""
    one = {EASY: passed(1_000, 30, cost=100), HARD: passed(100, 25, cost=900)}
    other = {EASY: passed(100, 3, cost=100), HARD: passed(1_000, 250, cost=900)}
    shares = alike_shares(one, other, SUCCESS)
    assert shares is not None
    assert shares.gap.value == pytest.approx(0.0)
    assert shares.gap.low < 0 < shares.gap.high
    assert shares.samples == 1_100
    assert alike_costs(one, other) == pytest.approx((500.0, 500.0))


def test_more_comparisons_have_wider_intervals() -> None:
    one, other = {EASY: passed(200, 20)}, {EASY: passed(100, 30)}
    alone, among = alike_shares(one, other, SUCCESS), alike_shares(one, other, SUCCESS, 20)
    assert alone is not None
    assert among is not None
    assert among.gap.low < alone.gap.low < alone.gap.high < among.gap.high


def healthy(random: Random, *, routed: bool) -> Observed:
    """Three models that are equally good, and a task whose hard requests fail more often.

    Args:
        random: Draws everything.
        routed: Whether the easy requests go to `two`, and the hard ones to the first model.
    """
    counted: dict[OutcomeKey, dict[str, int]] = {}
    for task in ("extract", "chat"):
        for _ in range(600):
            hard, role = random.random() < 0.4, Role.FIRST
            order = random.sample(["one", "two", "three"], 3)
            if routed:
                order.sort(
                    key=["one", "two", "three"].index if hard else ["two", "one", "three"].index
                )
            for model in order:
                key = OutcomeKey(Node(task, "", "", "hard" if hard else "easy"), model, role)
                good = random.random() < (0.75 if hard else 0.97)
                row = counted.setdefault(key, {})
                for name in (CALLS, ANSWERED, *((ACCEPTED,) if good else (REJECTED, FLAGGED))):
                    row[name] = row.get(name, 0) + 1
                if good:
                    break
                role = Role.AFTER_REJECTION
    return observed(HEAD + TASKS, {key: OutcomeCounts(row) for key, row in counted.items()})


@pytest.mark.parametrize("routed", [False, True])
def test_where_nothing_is_wrong_nothing_is_suggested(routed: bool) -> None:
    random = Random(5)  # noqa: S311  a simulation
    wrong = sum(bool(list(suggestions(healthy(random, routed=routed)))) for _ in range(100))
    assert wrong <= 5
