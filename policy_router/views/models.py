"""Renders the models of a policy, with what was measured of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from policy_router.diagnostics import printable
from policy_router.domain.money import format_usd, spell_usd
from policy_router.views.lines import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.domain.models import Model
    from policy_router.experience.intervals import IntervalEstimate
    from policy_router.experience.performance import Performance
    from policy_router.views.lines import Block, Cell

_DECLARED = (
    "model", "provider model", "tier",
    "price", "latency", "quality", "context", "can", "tags", "state",
)  # fmt: skip
READY: Final = "ready"
"""The state of a model that nothing keeps from being called, as far as is known."""
_MEASURED = ("measured", "succeed", "quality", "p50", "p95", "tokens out", "cost of a call")


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A model as the list of models shows it.

    Attributes:
        model: The model.
        state: Whether it can be called now, as text.
        now: Unix time, at which its price is shown.
        performance: How it did; None to leave that out.
    """

    model: Model
    state: str
    now: float
    performance: Performance | None = None


def as_json(listed: Sequence[ModelRow]) -> dict[str, object]:
    """Return an object with one entry for each model.

    Args:
        listed: The models to show.
    """
    return {"schema_version": 1, "models": [_entry(each) for each in listed]}


def _entry(listed: ModelRow) -> dict[str, object]:
    model, performance = listed.model, listed.performance
    price = None if model.price is None else model.price.at(listed.now)
    entry: dict[str, object] = {
        "model": model.name,
        "calls": model.provider_model,
        "tier": model.tier,
        "free": model.free,
        "input_usd_per_million": None if price is None else format_usd(price.input),
        "output_usd_per_million": None if price is None else format_usd(price.output),
        "latency": model.latency,
        "quality": model.quality,
        "context": model.context,
        "max_output": model.max_output,
        "abilities": sorted(model.abilities),
        "tags": sorted(model.tags),
        "state": listed.state,
    }
    if performance is not None:
        entry["measured"] = measured_as_json(performance)
    return entry


def measured_as_json(performance: Performance) -> dict[str, object]:
    """What was measured of a model, as JSON."""
    cost = performance.cost_nano_usd
    return {
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


def _interval(estimate: IntervalEstimate | None) -> dict[str, object] | None:
    if estimate is None:
        return None
    return {
        "value": round(estimate.value, 4),
        "low": round(estimate.low, 4),
        "high": round(estimate.high, 4),
        "samples": estimate.samples,
    }


def as_lines(listed: Sequence[ModelRow]) -> list[Block]:
    """Return a table of the models.

    Args:
        listed: The models to show.
    """
    measured = any(each.performance is not None for each in listed)
    rows: list[tuple[Cell, ...]] = [_DECLARED + (_MEASURED if measured else ())]
    for each in listed:
        cells = () if each.performance is None else _cells(each.performance)
        rows.append((*_declared(each), *cells))
    return [Table(rows, header=True)]


def _declared(listed: ModelRow) -> tuple[Cell, ...]:
    model = listed.model
    return (
        printable(model.name),
        printable(model.provider_model),
        model.tier,
        spelled_price(model, listed.now),
        "" if model.latency is None else f"{model.latency:g} s",
        f"{model.quality:.3g}",
        "unknown" if model.context is None else short(model.context),
        " ".join(sorted(model.abilities)) or "-",
        printable(" ".join(sorted(model.tags))) or "-",
        (listed.state, "green" if listed.state == READY else "yellow"),
    )


def spelled_price(model: Model, now: float) -> str:
    """The price of a model at a time, in a few words."""
    if model.free:
        return "free"
    if model.price is None:
        return "unknown"
    price = model.price.at(now)
    return f"{spell_usd(price.input)}/M in, {spell_usd(price.output)}/M out"


def short(tokens: int) -> str:
    """A number of tokens as policies write it: `128k`, `1M`, else all its digits."""
    for unit, size in (("M", 1_000_000), ("k", 1_000)):
        if tokens >= size and tokens % size == 0:
            return f"{tokens // size}{unit}"
    return f"{tokens:,}"


def measured_cells(performance: Performance) -> list[tuple[str, str]]:
    """What was measured of a model: titles and values, empty where too little was counted."""
    return [(title, str(cell)) for title, cell in zip(_MEASURED, _cells(performance), strict=True)]


def _cells(performance: Performance) -> tuple[Cell, ...]:
    output, cost = performance.tokens_out, performance.cost_nano_usd
    return (
        f"{performance.calls:,} call{'' if performance.calls == 1 else 's'}",
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
