"""Forecasts, hours of cards, savings and their renderings, each worked out by hand."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC as IN_UTC
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Integer, create_engine, func, literal_column, select

from policy_router.base_errors import UsageError
from policy_router.domain.durations import bucket_of
from policy_router.domain.insight import Gpu, ReportSettings
from policy_router.domain.limits import Limit, Metric
from policy_router.domain.models import Model
from policy_router.domain.periods import Period
from policy_router.domain.prices import FREE_PRICE, Price
from policy_router.domain.windows import HOUR
from policy_router.errors import StoreError
from policy_router.journal.groups import GroupSums
from policy_router.journal.query import OutcomeSums
from policy_router.ledger.memory import MemoryStore
from policy_router.loading import load
from policy_router.reports.age import seconds_back
from policy_router.reports.figures import FigureMaker
from policy_router.reports.forecasts import forecasts
from policy_router.reports.gpu import gpu_hours
from policy_router.reports.local_time import day_label, day_of, hour_label, local_days
from policy_router.reports.report import (
    CooldownCount,
    DenialCount,
    FailureFlow,
    Figures,
    GpuHours,
    GpuSaving,
    GpuUse,
    Percentiles,
    TierShare,
    TrafficReport,
)
from policy_router.reports.usage import CounterUsage
from policy_router.router.router import Router
from policy_router.views.html.report import report_page
from policy_router.views.report import as_csv, as_lines, as_markdown
from policy_router.views.report_json import as_json
from policy_router.views.terminal import render
from tests.execution.make import FakeCaller, response

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policy_router.domain.limits import Charge, Reading

UTC = ZoneInfo("UTC")
BERLIN = ZoneInfo("Europe/Berlin")
NOON = 1_795_003_200.0
"""2026-11-18, 12:00 UTC."""
DAY = 86_400.0
END_OF_DAY = NOON + DAY / 2
DAILY = Limit("limits", "free", Metric.REQUESTS, Period.DAY, 50, 1)
HOURLY = replace(DAILY, window=HOUR)


# -- forecasts -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "used", "resets", "empty_at", "left_over"),
    [
        # Half of the day is over: 10 more will be used, and 30 are left.
        (DAILY, 10, END_OF_DAY, None, 30),
        # 40 in twelve hours: the last ten in three.
        (DAILY, 40, END_OF_DAY, NOON + 3 * 3600, None),
        (DAILY, 25, END_OF_DAY, END_OF_DAY, None),
        (DAILY, 50, END_OF_DAY, NOON, None),
        (DAILY, 0, END_OF_DAY, None, 50),
        (HOURLY, 10, None, None, None),
        (HOURLY, 60, None, NOON, None),
    ],
)
def test_how_a_quota_ends_at_this_pace(
    limit: Limit, used: int, resets: float | None, empty_at: float | None, left_over: int | None
) -> None:
    (found,) = forecasts([CounterUsage(limit, "-", used, 0, resets)], NOON, UTC)
    assert (found.empty_at, found.left_over, found.subject) == (empty_at, left_over, None)


def test_what_has_no_cap_or_counts_no_use_has_no_forecast() -> None:
    uncapped = replace(DAILY, cap=None)
    concurrent = Limit("models", "m", Metric.CONCURRENT, None, 4, 1)
    counters = [CounterUsage(uncapped, "-", 5), CounterUsage(concurrent, "-", 2)]
    assert forecasts(counters, NOON, UTC) == ()


# -- time ------------------------------------------------------------------------------------------


def test_hours_are_those_of_the_policy() -> None:
    late = int((END_OF_DAY - 3600) // 3600)  # 23:00 UTC, which is midnight in Berlin
    assert hour_label(late, UTC) == "2026-11-18T23:00+00:00"
    assert day_label(day_of(late, UTC)) == "2026-11-18"
    assert hour_label(late, BERLIN) == "2026-11-19T00:00+01:00"
    assert day_label(day_of(late, BERLIN)) == "2026-11-19"


@pytest.mark.parametrize(
    ("zone", "around"),
    [
        ("UTC", "2026-03-29"),
        ("Europe/Berlin", "2026-03-29"),
        ("Europe/Berlin", "2026-10-25"),
        ("Asia/Kathmandu", "2026-03-29"),
        ("America/St_Johns", "2026-11-01"),
        ("Australia/Lord_Howe", "2026-04-05"),
        ("America/Havana", "2026-11-01"),  # from 01:00 back to midnight
        ("America/Asuncion", "2024-03-24"),  # from midnight back to 23:00 of the day before
        ("America/Asuncion", "2023-10-01"),  # from midnight on to 01:00
    ],
)
def test_the_database_puts_each_hour_in_its_local_day(zone: str, around: str) -> None:
    """Over 400 days around a change of clocks, and over single hours of it."""
    local = ZoneInfo(zone)
    middle = int(datetime.fromisoformat(around).replace(tzinfo=IN_UTC).timestamp()) // 3600
    with create_engine("sqlite://").connect() as connection:
        for first, last in ((middle - 4_800, middle + 4_800), (middle + 1, middle + 5)):
            hour = literal_column("value", Integer)
            hours = func.json_each(json.dumps([*range(first, last + 1)])).table_valued("value")
            wanted = select(hour, local_days(first, last, local).of(hour)).select_from(hours)
            found = {row[0]: row[1] for row in connection.execute(wanted)}
            assert found == {each: day_of(each, local) for each in range(first, last + 1)}


@pytest.mark.parametrize(("age", "seconds"), [("24h", DAY), ("30d", 30 * DAY), ("2w", 14 * DAY)])
def test_ages(age: str, seconds: float) -> None:
    assert seconds_back(age) == seconds


@pytest.mark.parametrize("age", ["", "30", "0d", "-1d", "1y", "999999d", "1 d"])
def test_what_is_no_age(age: str) -> None:
    with pytest.raises(UsageError, match="not an age"):
        seconds_back(age)


# -- hours of cards --------------------------------------------------------------------------------

GB = 10**9
HEAVY = Model("heavy", "hosted_vllm/h", "heavy", 1, FREE_PRICE, True, gpu_memory=80 * GB)
SMALL = Model("small", "hosted_vllm/s", "light", 0, FREE_PRICE, True, gpu_memory=20 * GB)
CLOUD = Model("cloud", "openai/c", "heavy", 1, Price(1_000_000_000, 2_000_000_000))
MODELS = {model.name: model for model in (HEAVY, SMALL, CLOUD)}
CARDS = ReportSettings(
    MappingProxyType({"always-heavy": "heavy", "cloud": "cloud", "fair": "cheapest_that_fits"}),
    Gpu(80 * GB, 2_500_000_000),
)


def answers(calls: int, seconds: float, tokens: int) -> OutcomeSums:
    """Calls of a model that were all answered and given to callers."""
    return OutcomeSums(
        calls=calls, served=calls, seconds=seconds, answer_seconds=seconds, tokens_out=tokens,
        compared=calls, compared_out=tokens,
    )  # fmt: skip


def test_hours_are_seconds_by_the_part_of_a_card() -> None:
    # 7,200 s of a quarter of a card are half an hour; 1,800 s of a whole one too.
    sums = {"small": answers(900, 7_200, 90_000), "heavy": answers(200, 1_800, 18_000),
            "cloud": answers(5, 60, 12_000)}  # fmt: skip
    found = gpu_hours(sums, CARDS, MODELS)
    assert found is not None
    assert [(use.model, use.calls, use.hours) for use in found.models] == [
        ("small", 900, 0.5), ("heavy", 200, 0.5),
    ]  # fmt: skip
    assert (found.hours, found.cost) == (1.0, 2_500_000_000)
    # 120,000 tokens at the ten a second of `heavy` are 12,000 s of a whole card.
    (saving,) = found.savings
    assert (saving.baseline, saving.measured) == ("always-heavy", 200)
    assert saving.hours == pytest.approx(12_000 / 3600)
    assert saving.saved == pytest.approx(12_000 / 3600 - 1)


def test_too_few_answers_are_no_measure() -> None:
    found = gpu_hours({"heavy": answers(12, 60, 600)}, CARDS, MODELS)
    assert found is not None
    assert found.savings == (GpuSaving("always-heavy", "heavy", None, None, 12, 200),)
    nothing = gpu_hours({}, CARDS, MODELS)
    assert nothing is not None
    assert (nothing.hours, nothing.savings[0].measured) == (0, 0)
    assert gpu_hours({}, ReportSettings(), MODELS) is None


# -- figures ---------------------------------------------------------------------------------------


def test_what_cannot_be_compared_is_left_out_of_both_sides() -> None:
    odd = Model("odd", "openai/odd", "heavy", 1)
    models = {**MODELS, "odd": odd}
    maker = FigureMaker(models, {"cloud": "cloud", "odd": "odd", "fair": "cheapest_that_fits"})
    sums = [
        OutcomeSums(
            by=("cloud", "first"), calls=3, served=3, cost=70, uncounted_cost=20, compared=2,
            compared_cost=50, compared_in=1_000, compared_out=500, fitted=1, fit_cost=15,
            fitted_cost=30,
        ),
        OutcomeSums(by=("odd", "first"), calls=1, served=1, cost=9, compared=1, compared_in=7),
        OutcomeSums(by=("gone", "after_rejection"), calls=1, served=1, cost=5, compared=1,
                    compared_cost=5, compared_in=1, compared_out=1),
    ]  # fmt: skip
    figures = maker.figures("all", GroupSums(None, tuple(sums)))
    cloud, unknown, fair = figures.savings
    # 1,001 tokens in at 1,000 nano-USD, 501 out at 2,000.
    assert (cloud.cost, cloud.spent, cloud.compared, cloud.unknown) == (2_003_000, 55, 3, 2)
    assert (unknown.cost, unknown.compared, unknown.unknown) == (None, 0, 5)
    assert (fair.cost, fair.spent, fair.compared, fair.unknown) == (15, 30, 1, 4)
    assert (figures.answers, figures.unpriced_answers, figures.free_answers) == (5, 1, 0)
    assert (figures.cost, figures.escalations) == (84, 1)


def test_percentiles_of_figures_are_read_from_the_buckets() -> None:
    group = GroupSums(latencies={bucket_of(0.5): 99, bucket_of(8.0): 1})
    latency = FigureMaker(MODELS, {}).figures(None, group).latency
    assert latency.p50 == pytest.approx(0.5, rel=0.022)
    assert latency.p99 == pytest.approx(0.5, rel=0.022)
    assert FigureMaker(MODELS, {}).figures(None, GroupSums()).latency == Percentiles()


# -- what is left -------------------------------------------------------------------------------

POLICY = """
version: 1
models: { big: { model: openai/big, tier: t, price: { input: $1/M, output: $1/M }, context: 32k } }
limits:
  each-user: { per: user, requests: [4/day], tokens: [1M/day] }
  by-key: { per: key, requests: [4/hour] }
budgets: { team: { cap: unlimited } }
"""
ASKED: Any = [{"role": "user", "content": "hi"}]


async def left_of_each(router: Router) -> Mapping[str, Any]:
    await router.acompletion(ASKED, user="ada", key="sk-1")
    return {
        "ada": await router.aremaining("each-user", user="ada"),
        "bob": await router.aremaining("each-user", user="bob"),
        "key": await router.aremaining("by-key", key="sk-1"),
        "team": await router.aremaining("team"),
    }


def test_what_is_left_of_each_counter() -> None:
    usage = {"prompt_tokens": 1_000, "completion_tokens": 500}
    caller = FakeCaller(big=[response("x", usage=usage)])
    with Router(load(text=POLICY), caller) as router:
        left = asyncio.run(left_of_each(router))
        assert (left["ada"].metric, left["ada"].left, left["ada"].share) == ("requests", 3, 0.75)
        assert (left["bob"].left, left["bob"].subject, left["bob"].used) == (4, "bob", 0)
        assert (left["key"].left, left["key"].resets) == (3, None)
        assert left["key"].subject.startswith("sha256:")
        assert (left["team"].used, left["team"].left, left["team"].share) == (1_500_000, None, 1.0)
        with pytest.raises(UsageError, match="counts per user: say which, as `user=`"):
            router.remaining("each-user")


class Unreadable(MemoryStore):
    """A store whose counters cannot be read."""

    async def read(self, charges: Sequence[Charge]) -> tuple[Reading | None, ...]:  # type: ignore[override]  # as a store that is away
        return (None,) * len(charges)


def test_a_counter_that_cannot_be_read_is_an_error() -> None:
    with (
        Router(load(text=POLICY), FakeCaller(), store=Unreadable()) as router,
        pytest.raises(StoreError, match="`team` cannot be read now"),
    ):
        router.remaining("team")


# -- rendering ----------------------------------------------------------------------------------

BAD = "<b>|=1+1\x1b[31m`*_"
HOSTILE = TrafficReport(
    policy=BAD, revision="abcdef0123", timezone="UTC", since=NOON - 9 * DAY, until=NOON,
    begins=NOON - DAY, by="user", omitted=7, others=Figures(requests=12, cost=5),
    total=Figures(requests=3, answered=2, denied=1, calls=4, cost=5, unsure=1, answers=2,
                  unpriced_answers=1),
    groups=(Figures(key=BAD, requests=2, quality=0.5, ratings=2, tokens_per_second=9.5),
            Figures(key="=cmd", requests=1), Figures()),
    tiers=(TierShare(None, 2, 1.0, 0, None),),
    failures=(FailureFlow(BAD, None, "timeout", 2),),
    denials=(DenialCount("budget", 1),),
    cooldowns=(CooldownCount("model", BAD, "timeout", 1, 15.0),),
    forecasts=forecasts(
        [CounterUsage(replace(DAILY, per="user"), BAD, used, 1, END_OF_DAY)
         for used in (10, 40, 50)], NOON, UTC,
    ),
    gpu=GpuHours(1.0, 2_500_000_000, (GpuUse(BAD, 3, 60.0, 1.0),),
                 (GpuSaving("a", "heavy", None, None, 12), GpuSaving("b", "heavy", 2.0, 1.0, 300))),
)  # fmt: skip


def test_lines_say_everything_and_show_no_control_characters() -> None:
    text = render(as_lines(HOSTILE))
    assert "\x1b" not in text
    for part in (
        "the journal begins 2026-11-17", "no answer", "7 others",
        "the 3 with the highest cost, and all others together",
        "needs 200 answers of heavy, has 12", "saved against b: 1.00 hours", "used up",
        "30 requests left over", "1 of unknown price", "an upper bound for", "they cost $2.50",
    ):  # fmt: skip
        assert part in text, part


def test_markdown_and_csv_carry_text_of_callers_without_effect() -> None:
    text = as_markdown(HOSTILE)
    assert "<b>" not in text
    assert "\\|=1+1" in text
    rows = as_csv(HOSTILE).splitlines()
    assert rows[0].startswith("user,requests,")
    assert rows[2].startswith("'=cmd,1,")
    assert rows[4].startswith("7 others,12,")


def test_html_carries_text_of_callers_without_effect() -> None:
    page = report_page(HOSTILE)
    assert "<b>" not in page
    assert "&lt;b&gt;" in page


def test_json_has_what_is_unknown_as_null() -> None:
    found: Any = as_json(HOSTILE)
    assert found["gpu"]["savings"][0]["saved"] is None
    assert found["failures"][0]["to"] is None
    assert [each["left_over"] for each in found["forecasts"]] == [30, None, None]
    assert (found["omitted_groups"], found["others"]["cost_usd"]) == (7, "0.000000005")
