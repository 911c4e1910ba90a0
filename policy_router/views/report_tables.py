"""The tables of a report, as text in cells: every rendering for people shows these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from policy_router.decision.wording import spell_amount, spell_usage
from policy_router.domain.limits import Metric
from policy_router.domain.money import spell_usd
from policy_router.views.lines import bar
from policy_router.views.times import spell_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from policy_router.reports.report import (
        Figures,
        Forecast,
        GpuHours,
        GpuSaving,
        Percentiles,
        Saving,
        TrafficReport,
    )


@dataclass(frozen=True, slots=True)
class ReportTable:
    """A table with its title.

    Attributes:
        title: What it shows.
        head: The titles of its columns.
        rows: The cells of each row; text of callers in them may have any characters.
        right: The columns of numbers, from 0.
        note: How to read it; empty for nothing.
        most: How many rows a terminal shows; None for all.
        bar: The column that is drawn with characters, which a page leaves out; None for none.
    """

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    right: frozenset[int] = frozenset()
    note: str = ""
    most: int | None = None
    bar: int | None = None


def tables(report: TrafficReport) -> Iterator[ReportTable]:
    """Yield the tables of a report that have something to show."""
    yield _total(report.total)
    if report.groups:
        yield _groups(report)
    if report.total.savings:
        yield _savings(report.total.savings)
    if report.tiers:
        rows = [
            (
                each.tier or _NONE, f"{each.answers:,}", f"{each.share:.0%}", bar(each.share),
                _share(each.quality), f"{each.ratings:,}",
            )
            for each in report.tiers
        ]  # fmt: skip
        head = ("tier", "answers", "share", "", "quality", "ratings")
        yield ReportTable("Tiers", head, rows, frozenset({1, 2, 4, 5}), bar=3)
    if report.failures:
        flows = [
            (each.source, each.target or "no answer", each.failure, f"{each.times:,}")
            for each in report.failures
        ]
        head4 = ("failed", "next", "class", "times")
        yield ReportTable("Failures", head4, flows, frozenset({3}), most=_FLOWS)
    if report.denials:
        denied = [(each.reason, f"{each.requests:,}") for each in report.denials]
        yield ReportTable("Denied", ("reason", "requests"), denied, frozenset({1}))
    if report.cooldowns:
        cooled = [
            (each.name, each.scope, each.cause, f"{each.times:,}", f"{each.seconds:,.0f} s")
            for each in report.cooldowns
        ]
        head5 = ("suspended", "", "cause", "times", "all together")
        yield ReportTable("Cooldowns", head5, cooled, frozenset({3, 4}))
    if report.forecasts:
        zone = ZoneInfo(report.timezone)
        counts = [_forecast(each, report.until, zone) for each in report.forecasts]
        head6 = ("", "used", "share", "", "at this pace")
        yield ReportTable("Budgets and quotas", head6, counts, frozenset({2}))
    if report.gpu is not None:
        yield _gpu(report.gpu)


_NONE: Final = "-"
_FLOWS: Final = 12
"""Kinds of failures that a terminal shows: there may be one for each pair of models and class."""


def _many(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _total(total: Figures) -> ReportTable:
    latency, first = total.latency, total.first_token
    ends = f"{total.answered:,} answered, {total.rejected:,} with a rejected answer, "
    ends += f"{total.failed:,} failed, {total.denied:,} denied, {total.stopped:,} stopped"
    unsure = f", an upper bound for {_many(total.unsure, 'call')}" if total.unsure else ""
    tokens = f"{total.tokens_in:,} in ({total.tokens_cached:,} cached), {total.tokens_out:,} out"
    free = f"{total.free_answers:,} of {total.answers:,} answers"
    unpriced = f", {total.unpriced_answers:,} of unknown price" if total.unpriced_answers else ""
    speed = "" if total.tokens_per_second is None else f"{total.tokens_per_second:,.1f}"
    rows = [
        ("requests", f"{total.requests:,}", ends),
        ("success", _share(total.success), "of requests that could be answered"),
        ("calls", f"{total.calls:,}", f"{total.failed_calls:,} without an answer"),
        ("spent", spell_usd(total.cost), f"{total.cost:,} nano-USD{unsure}"),
        ("free", _share(total.free_share), f"{free}{unpriced}"),
        ("tokens", f"{total.tokens_in + total.tokens_out:,}", tokens),
        ("latency", _seconds(latency.p50), _others(latency)),
        ("first token", _seconds(first.p50), _others(first)),
        ("tokens a second", speed or _NONE, "of calls with an answer"),
        ("rejected", f"{total.rejected_answers:,}", _many(total.escalations, "further call")),
        ("quality", _share(total.quality), _many(total.ratings, "rating")),
    ]
    return ReportTable("Total", ("", "", ""), rows, frozenset({1}))


def _groups(report: TrafficReport) -> ReportTable:
    head = (
        report.by or "", "requests", "success", "calls", "spent", "free", "tokens in",
        "tokens out", "p50", "p95", "tokens/s", "quality",
    )  # fmt: skip
    rows = [_figures(each.key or _NONE, each) for each in report.groups]
    note = ""
    if report.others is not None:
        rows.append(_figures(f"{report.omitted:,} others", report.others))
        note = f"the {len(report.groups):,} with the highest cost, and all others together"
    right = frozenset(range(1, len(head)))
    return ReportTable(f"By {report.by}", head, rows, right, note)


def _figures(key: str, each: Figures) -> tuple[str, ...]:
    return (
        key,
        f"{each.requests:,}",
        _share(each.success),
        f"{each.calls:,}",
        spell_usd(each.cost),
        _share(each.free_share),
        f"{each.tokens_in:,}",
        f"{each.tokens_out:,}",
        _seconds(each.latency.p50),
        _seconds(each.latency.p95),
        _NONE if each.tokens_per_second is None else f"{each.tokens_per_second:,.1f}",
        _share(each.quality),
    )


def _savings(savings: Sequence[Saving]) -> ReportTable:
    head = ("saved against", "model", "", "it costs", "spent", "saved", "share", "not compared")
    rows = [
        (
            each.baseline,
            "the cheapest that fits" if each.fair else each.model,
            "fair" if each.fair else "flattering",
            "unknown price" if each.cost is None else _compared(each, each.cost),
            _compared(each, each.spent),
            "unknown" if each.saved is None else _compared(each, each.saved),
            _share(each.share),
            f"{each.unknown:,}",
        )
        for each in savings
    ]
    note = "each baseline answers once, at list prices and with the measured tokens"
    return ReportTable("Saved", head, rows, frozenset({3, 4, 5, 6, 7}), note)


def _compared(saving: Saving, amount: int) -> str:
    """Write an amount of a baseline; where no answer is compared, none says anything."""
    return spell_usd(amount) if saving.compared else "-"


def _forecast(forecast: Forecast, now: float, zone: ZoneInfo) -> tuple[str, ...]:
    kind = {"budgets": "budget", "limits": "limit", "models": "model"}[forecast.section]
    whose = "" if forecast.subject is None else f", {forecast.subject}"
    metric = Metric(forecast.metric)
    if forecast.used >= forecast.cap:
        end = "used up"
    elif forecast.empty_at is not None:
        end = f"used up {spell_time(forecast.empty_at, now, zone)}"
    elif forecast.left_over is not None:
        end = f"{spell_amount(metric, forecast.left_over)} left over"
    else:
        end = ""
    if forecast.resets is not None:
        end += f"{', ' if end else ''}resets {spell_time(forecast.resets, now, zone)}"
    return (
        f"{kind} {forecast.name}{whose}",
        spell_usage(metric, forecast.used, forecast.cap, forecast.window),
        _share(forecast.share),
        bar(forecast.share),
        end,
    )


def _gpu(gpu: GpuHours) -> ReportTable:
    rows = [(each.model, f"{each.calls:,}", f"{each.hours:,.2f}") for each in gpu.models]
    rows.append(("all", f"{sum(each.calls for each in gpu.models):,}", f"{gpu.hours:,.2f}"))
    note = "; ".join([f"they cost {spell_usd(gpu.cost)}", *map(_gpu_saving, gpu.savings)])
    return ReportTable("GPU hours", ("model", "calls", "hours"), rows, frozenset({1, 2}), note)


def _gpu_saving(saving: GpuSaving) -> str:
    if saving.saved is None:
        return (
            f"saved against {saving.baseline}: needs {saving.needed} answers of {saving.model}, "
            f"has {saving.measured}"
        )
    return f"saved against {saving.baseline}: {saving.saved:,.2f} hours"


def _share(share: float | None) -> str:
    return _NONE if share is None else f"{share:.0%}"


def _seconds(seconds: float | None) -> str:
    return _NONE if seconds is None else f"{seconds:.2f} s"


def _others(found: Percentiles) -> str:
    return f"median; 95% {_seconds(found.p95)}, 99% {_seconds(found.p99)}"
