"""Renders a report as plain JSON values: amounts of money are text in US dollars."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from policy_router.domain.limits import Metric
from policy_router.domain.money import format_usd
from policy_router.views.counters import amount
from policy_router.views.document import document
from policy_router.views.times import iso

if TYPE_CHECKING:
    from policy_router.reports.report import (
        Figures,
        Forecast,
        GpuHours,
        Percentiles,
        Saving,
        TrafficReport,
    )


def as_json(report: TrafficReport) -> dict[str, object]:
    """Return a report as a JSON document."""
    zone = ZoneInfo(report.timezone)
    return document(
        policy={"name": report.policy, "revision": report.revision},
        since=iso(report.since, zone),
        until=iso(report.until, zone),
        journal_begins=iso(report.begins, zone),
        by=report.by,
        total=figures_as_json(report.total),
        groups=[figures_as_json(each) for each in report.groups],
        omitted_groups=report.omitted,
        others=None if report.others is None else figures_as_json(report.others),
        tiers=[
            {
                "tier": each.tier,
                "answers": each.answers,
                "share": each.share,
                "ratings": each.ratings,
                "quality": each.quality,
            }
            for each in report.tiers
        ],
        failures=[
            {
                "from": each.source,
                "to": each.target,
                "failure": each.failure,
                "times": each.times,
            }
            for each in report.failures
        ],
        denials=[
            {"reason": each.reason, "requests": each.requests} for each in report.denials
        ],
        cooldowns=[
            {
                "scope": each.scope,
                "name": each.name,
                "cause": each.cause,
                "times": each.times,
                "seconds": each.seconds,
            }
            for each in report.cooldowns
        ],
        forecasts=[_forecast(each, zone) for each in report.forecasts],
        gpu=None if report.gpu is None else _gpu(report.gpu),
    )  # fmt: skip


def figures_as_json(figures: Figures) -> dict[str, object]:
    """Return the figures of a group."""
    return {
        "key": figures.key,
        "requests": figures.requests,
        "answered": figures.answered,
        "rejected": figures.rejected,
        "denied": figures.denied,
        "stopped": figures.stopped,
        "failed": figures.failed,
        "success": figures.success,
        "calls": figures.calls,
        "failed_calls": figures.failed_calls,
        "rejected_answers": figures.rejected_answers,
        "escalations": figures.escalations,
        "cost_usd": format_usd(figures.cost),
        "unsure_calls": figures.unsure,
        "tokens_in": figures.tokens_in,
        "tokens_out": figures.tokens_out,
        "tokens_cached": figures.tokens_cached,
        "answers": figures.answers,
        "free_answers": figures.free_answers,
        "free_share": figures.free_share,
        "unpriced_answers": figures.unpriced_answers,
        "latency": _percentiles(figures.latency),
        "first_token": _percentiles(figures.first_token),
        "tokens_per_second": figures.tokens_per_second,
        "ratings": figures.ratings,
        "quality": figures.quality,
        "savings": [_saving(each) for each in figures.savings],
    }


def _percentiles(found: Percentiles) -> dict[str, object]:
    return {"p50": found.p50, "p95": found.p95, "p99": found.p99}


def _saving(saving: Saving) -> dict[str, object]:
    return {
        "baseline": saving.baseline,
        "model": saving.model,
        "kind": "fair" if saving.fair else "flattering",
        "cost_usd": None if saving.cost is None else format_usd(saving.cost),
        "spent_usd": format_usd(saving.spent),
        "saved_usd": None if saving.saved is None else format_usd(saving.saved),
        "share": saving.share,
        "compared": saving.compared,
        "unknown": saving.unknown,
    }


def _forecast(forecast: Forecast, zone: ZoneInfo) -> dict[str, object]:
    metric = Metric(forecast.metric)
    held, left = forecast.held, forecast.left_over
    return {
        "section": forecast.section,
        "name": forecast.name,
        "metric": forecast.metric,
        "window": forecast.window,
        "subject": forecast.subject,
        "used": amount(metric, forecast.used),
        "held": None if held is None else amount(metric, held),
        "limit": amount(metric, forecast.cap),
        "share": forecast.share,
        "resets": iso(forecast.resets, zone),
        "empty_at": iso(forecast.empty_at, zone),
        "left_over": None if left is None else amount(metric, left),
    }


def _gpu(gpu: GpuHours) -> dict[str, object]:
    return {
        "hours": gpu.hours,
        "cost_usd": format_usd(gpu.cost),
        "models": [
            {
                "model": each.model,
                "calls": each.calls,
                "seconds": each.seconds,
                "hours": each.hours,
            }
            for each in gpu.models
        ],
        "savings": [
            {
                "baseline": each.baseline,
                "model": each.model,
                "hours": each.hours,
                "saved": each.saved,
                "measured_answers": each.measured,
                "needed_answers": each.needed,
            }
            for each in gpu.savings
        ],
    }
