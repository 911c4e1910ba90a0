"""Renders the models of a policy, with what was measured of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.diagnostics import printable
from policy_router.domain.money import format_usd, spell_usd
from policy_router.views.lines import Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.decision.policy import Policy
    from policy_router.domain.models import Model
    from policy_router.experience.intervals import IntervalEstimate
    from policy_router.experience.performance import Performance
    from policy_router.views.lines import Block, Cell

_DECLARED = ("model", "calls", "tier", "price", "latency", "quality")
_MEASURED = ("measured", "succeed", "quality", "p50", "p95", "tokens out", "cost of a call")


def as_json(policy: Policy, measured: Mapping[str, Performance]) -> dict[str, object]:
    """Return an object with one entry for each model.

    Args:
        policy: The policy.
        measured: How each model did, by its name; empty to leave that out.
    """
    return {
        "schema_version": 1,
        "models": [_entry(model, measured.get(model.name)) for model in policy.models],
    }


def _entry(model: Model, performance: Performance | None) -> dict[str, object]:
    price = model.price
    entry: dict[str, object] = {
        "model": model.name,
        "calls": model.provider_model,
        "tier": model.tier,
        "free": model.free,
        "input_usd_per_million": None if price is None else format_usd(price.input),
        "output_usd_per_million": None if price is None else format_usd(price.output),
        "latency": model.latency,
        "quality": model.quality,
    }
    if performance is not None:
        cost = performance.cost_nano_usd
        entry["measured"] = {
            "calls": performance.calls,
            "answered": performance.answered,
            "failed": performance.failed,
            "declined": performance.declined,
            "success": _interval(performance.success),
            "quality": _interval(performance.quality),
            "latency_p50": performance.latency_p50,
            "latency_p95": performance.latency_p95,
            "first_token_p50": performance.first_token_p50,
            "tokens_in": performance.tokens_in,
            "tokens_out": performance.tokens_out,
            "cost_usd": None if cost is None else format_usd(round(cost)),
        }
    return entry


def _interval(estimate: IntervalEstimate | None) -> dict[str, object] | None:
    if estimate is None:
        return None
    return {
        "value": round(estimate.value, 4),
        "low": round(estimate.low, 4),
        "high": round(estimate.high, 4),
        "samples": estimate.samples,
    }


def as_lines(policy: Policy, measured: Mapping[str, Performance]) -> list[Block]:
    """Return a table of the models.

    Args:
        policy: The policy.
        measured: How each model did, by its name; empty to leave that out.
    """
    rows: list[tuple[Cell, ...]] = [_DECLARED + (_MEASURED if measured else ())]
    for model in policy.models:
        performance = measured.get(model.name)
        cells = () if performance is None else _cells(performance)
        rows.append((*_declared(model), *cells))
    return [Table(rows, header=True)]


def _declared(model: Model) -> tuple[Cell, ...]:
    price = model.price
    if model.free:
        shown = "free"
    elif price is None:
        shown = "unknown"
    else:
        shown = f"{spell_usd(price.input)} in, {spell_usd(price.output)} out /M"
    latency = "" if model.latency is None else f"{model.latency:g} s"
    called = printable(model.provider_model)
    return printable(model.name), called, model.tier, shown, latency, f"{model.quality:g}"


def _cells(performance: Performance) -> tuple[Cell, ...]:
    output, cost = performance.tokens_out, performance.cost_nano_usd
    return (
        f"{performance.calls:,} calls",
        _share(performance.success),
        _share(performance.quality),
        _seconds(performance.latency_p50),
        _seconds(performance.latency_p95),
        "" if output is None else f"{output:,.0f}",
        "" if cost is None else spell_usd(round(cost)),
    )


def _share(estimate: IntervalEstimate | None) -> str:
    if estimate is None:
        return ""
    return f"{estimate.value:.1%} ({estimate.low:.1%} to {estimate.high:.1%})"


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.3g} s"
