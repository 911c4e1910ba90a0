"""What the values of a report say of themselves."""

from __future__ import annotations

import pytest

from policy_router.reports.report import Figures, Forecast, Saving


def saving(cost: int | None, spent: int) -> Saving:
    return Saving(
        baseline="fair", model="big", fair=False, cost=cost, spent=spent, compared=1, unknown=0
    )


@pytest.mark.parametrize(
    ("cost", "spent", "saved", "share"),
    [
        (100, 25, 75, 0.75),
        (100, 150, -50, -0.5),
        (0, 0, 0, None),
        (None, 7, None, None),
    ],
)
def test_a_saving_is_the_difference_and_its_share_of_the_baseline(
    cost: int | None, spent: int, saved: int | None, share: float | None
) -> None:
    found = saving(cost, spent)
    assert (found.saved, found.share) == (saved, share)


def test_success_leaves_out_what_was_denied_or_stopped() -> None:
    figures = Figures(requests=10, answered=6, rejected=1, failed=1, denied=1, stopped=1)
    assert figures.success == 0.75
    assert Figures(requests=2, denied=1, stopped=1).success is None


def test_the_free_share_is_one_of_answers() -> None:
    assert Figures(answers=4, free_answers=3).free_share == 0.75
    assert Figures(calls=4).free_share is None


@pytest.mark.parametrize(("used", "cap", "share"), [(5, 10, 0.5), (12, 10, 1.2), (0, 0, 1.0)])
def test_the_share_of_a_cap_that_is_used(used: int, cap: int, share: float) -> None:
    found = Forecast(
        section="budgets", name="team", metric="usd", window="month", subject=None, used=used,
        held=None, cap=cap, resets=None, empty_at=None, left_over=None,
    )  # fmt: skip
    assert found.share == share
