"""What the panels of spend, budgets and failures show, as text."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from policy_router.reports.report import (
    CooldownCount,
    DenialCount,
    FailureFlow,
    Figures,
    Forecast,
    Saving,
    TierShare,
    TrafficReport,
)
from policy_router.views.html.budgets import budgets
from policy_router.views.html.failures import failures
from policy_router.views.html.report import report_page
from policy_router.views.html.spend import spell_money, spend
from policy_router.views.report import as_lines, as_markdown
from policy_router.views.report_tables import tables
from policy_router.views.terminal import render
from tests.views.html.seen import seen

USD = 1_000_000_000
NOON = 1_780_000_000.0
UTC = ZoneInfo("UTC")
SAVED = Saving(baseline="list", model="big", fair=False, cost=10 * USD, spent=4 * USD, compared=7,
               unknown=1)  # fmt: skip
TOTAL = Figures(
    requests=12, answered=8, failed=1, denied=3, calls=11, failed_calls=2, rejected_answers=1,
    cost=4 * USD, unsure=1, answers=8, free_answers=6, unpriced_answers=1, savings=(SAVED,),
)  # fmt: skip
REPORT = TrafficReport(
    policy="p", revision="abcdef0123", timezone="UTC", since=NOON - 86_400, until=NOON,
    begins=NOON - 100, by="day", total=TOTAL,
    groups=(Figures(key="2026-05-27", cost=USD), Figures(key="2026-05-28", cost=3 * USD)),
    tiers=(TierShare("light", 6, 0.75, 0, None), TierShare(None, 2, 0.25, 0, None)),
    failures=(FailureFlow("big", "small", "timeout", 2), FailureFlow("big", None, "rejected", 1)),
    denials=(DenialCount("budget", 3),),
    cooldowns=(CooldownCount("model", "big", "timeout", 2, 61.0),),
)  # fmt: skip
EMPTY = TrafficReport(policy="p", revision="r", timezone="UTC", since=0, until=1, begins=None,
                      by=None, total=Figures())  # fmt: skip


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        (0, "$0.00"), (1, "$0.000000001"), (12_345_678, "$0.0123"), (-12_345_678, "-$0.0123"),
        (1_234 * USD + 5_000_000, "$1,234.01"), (-2 * USD, "-$2.00"), (1_500_000, "$0.0015"),
    ],
)  # fmt: skip
def test_money_is_as_short_as_it_says_something(amount: int, expected: str) -> None:
    assert spell_money(amount) == expected


TOLD = (
    "Each baseline answers every compared request once, at list prices and with the tokens that "
    "were measured. One model for everything is a flattering baseline where it is more expensive "
    "than what the requests need; the cheapest that fits is a fair one."
)


def test_spend() -> None:
    assert seen(spend(REPORT, [NOON - 86_400, NOON])) == [
        "spent | $4.00 | 11 calls, 1 at most",
        "free answers | 75% | 6 of 8",
        "6 free, 1 paid, 1 of unknown price",
        "saved, list | $6.00 | against big, 60%; of 7 of 8 answers",
        "tiers",
        "light 75%, unknown 25%",
        "light 75% | unknown 25%",
        "spent by day, US dollars",
        "as a table",
        "spent by day, US dollars",
        "| spent",
        "2026-05-27 | $1",
        "2026-05-28 | $3",
        "baselines",
        "baselines",
        "baseline | model | | would cost | spent | compared | not comparable",
        "list | big | flattering | $10.00 | $4.00 | 7 | 1",
        TOLD,
    ]
    assert seen(spend(EMPTY)) == ["No request has ended in this time."]


def test_nothing_is_said_to_be_saved_where_nothing_is_compared() -> None:
    nothing = replace(SAVED, baseline="fair", fair=True, cost=0, spent=0, compared=0, unknown=9)
    total = replace(REPORT.total, savings=(nothing,))
    report = replace(REPORT, total=total)
    why = "against the cheapest that fits: none of 9 answers can be compared"
    assert f"saved, fair | - | {why}" in seen(spend(report))
    (rows,) = (each.rows for each in tables(report) if each.title == "Saved")
    assert rows == [("fair", "the cheapest that fits", "fair", "-", "-", "-", "-", "9")]


def test_what_costs_more_than_a_baseline_is_not_called_a_saving() -> None:
    more = replace(SAVED, baseline="fair", fair=True, cost=1_000_000_000, spent=4_000_000_000)
    shown = seen(spend(replace(REPORT, total=replace(REPORT.total, savings=(more,)))))
    why = "more than the cheapest that fits would have cost; of 7 of 8 answers"
    assert f"not saved, fair | $3.00 | {why}" in shown


def test_a_terminal_shows_the_most_frequent_failures() -> None:
    flows = tuple(FailureFlow("small", None, f"class_{n}", 30 - n) for n in range(15))
    report = replace(REPORT, failures=flows)
    lines = render(as_lines(report)).splitlines()
    assert sum("class_" in line for line in lines) == 12
    assert "  and 3 more, which --json and --markdown show" in lines
    assert as_markdown(report).count("class_") + as_markdown(report).count("class\\_") == 15


def test_a_report_without_counters_does_not_say_that_the_policy_caps_nothing() -> None:
    page = " ".join(seen(report_page(replace(REPORT, forecasts=()))))
    assert "No budget or quota has been counted." in page


def test_what_a_baseline_of_unknown_price_saves_is_unknown() -> None:
    fair = Saving(baseline="f", model="cheapest_that_fits", fair=True, cost=None, spent=0,
                  compared=0, unknown=2)  # fmt: skip
    total = Figures(requests=2, answers=2, savings=(fair,))
    shown = seen(spend(TrafficReport(policy="p", revision="r", timezone="UTC", since=0, until=1,
                                     begins=None, by=None, total=total)))  # fmt: skip
    assert "saved, f | unknown | against the cheapest that fits: its price is unknown" in shown


def test_failures() -> None:
    assert seen(failures(REPORT)) == [
        "success | 88.9% | 12 requests",
        "failed calls | 2 | of 11",
        "rejected answers | 1 | by checks",
        "without an answer | 1",
        "denied | 3",
        "where requests went after failures",
        "failednext",
        "big → small: 2 timeout",
        "big → no answer: 1 rejected",
        "big 3small 2no answer 1",
        "the call failed | the answer was poor, or a limit was reached",
        "as a table",
        "failures",
        "failed | next | class | times",
        "big | small | timeout | 2",
        "big | no answer | rejected | 1",
        "denied before any call",
        "denied requests",
        "reason | requests",
        "budget | 3",
        "cooldowns",
        "cooldowns",
        "name | | cause | times | all together",
        "big | model | timeout | 2 | 61 s",
    ]
    assert "No call has failed in this time." in seen(failures(EMPTY))


def forecast(  # noqa: PLR0917  a row of the table
    name: str, used: int, held: int | None, cap: int, empty_at: float | None, left: int | None
) -> Forecast:
    metric, section = ("usd", "budgets") if cap >= USD else ("requests", "models")
    return Forecast(
        section=section, name=name, metric=metric, window="day", subject=None, used=used,
        held=held, cap=cap, resets=NOON + 3_600, empty_at=empty_at, left_over=left,
    )  # fmt: skip


def test_budgets_with_what_is_held_and_what_is_to_come() -> None:
    rows = [
        forecast("lasts", 10, None, 100, None, 40),
        forecast("goes", 5 * USD, USD, 10 * USD, NOON + 600, None),
        forecast("gone", 12, None, 10, NOON - 5, None),
        forecast("idle", 0, None, 10, None, None),
    ]
    assert [line for line in seen(budgets(rows, NOON, UTC)) if "is used" not in line] == [
        "budgets and quotas",
        "| used | of | | held | forecast",
        "gone models, requests, day | 12 | 10",
        "| | used up resets 21:26:40 UTC",
        "goes budgets, usd, day | $5.00 | $10.00",
        "| $1.00 | used up about 20:36:40 UTC resets 21:26:40 UTC",
        "lasts models, requests, day | 10 | 100",
        "| | lasts 40 left over, resets 21:26:40 UTC",
        "idle models, requests, day | 0 | 10",
        "| | resets 21:26:40 UTC",
        "spent | held for requests under way | by the end of the window at this pace",
    ]
    assert seen(budgets([], NOON, UTC)) == ["The policy caps nothing."]
