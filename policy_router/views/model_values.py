"""Renders single models: each value and where it comes from, and two models side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.diagnostics import printable
from policy_router.domain.money import format_usd, spell_usd
from policy_router.domain.prices import Price
from policy_router.views.document import document
from policy_router.views.lines import Table
from policy_router.views.models import READY, measured_as_json, measured_cells, short

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.discovery.origins import ModelValue
    from policy_router.experience.performance import Performance
    from policy_router.views.lines import Block, Cell

_TOKENS: Final = ("context", "max_output")
_SECONDS: Final = ("latency", "first_token_within", "stall", "deadline", "keep_loaded")


def as_json(
    name: str, values: Sequence[ModelValue], state: str, performance: Performance | None
) -> dict[str, object]:
    """Return one model with the origin of each value.

    Args:
        name: Its name in the policy.
        values: Its values.
        state: Whether it can be called now, as text.
        performance: How it did; None where nothing was counted.
    """
    return document(
        model=name,
        state=state,
        values={
            each.field: {
                "value": _plain(each.value),
                "origin": each.origin,
                "file": None if each.span is None else each.span.file,
                "line": None if each.span is None else each.span.line,
            }
            for each in values
        },
        measured=None if performance is None else measured_as_json(performance),
    )


def _plain(value: object) -> object:
    if isinstance(value, Price):
        rates = {"input": value.input, "output": value.output, "cached": value.cached}
        return {
            f"{name}_usd_per_million": format_usd(rate)
            for name, rate in rates.items()
            if rate is not None
        }
    return value


def as_lines(
    name: str, values: Sequence[ModelValue], state: str, performance: Performance | None
) -> list[Block]:
    """Return one model as a table of values and where each comes from.

    Args: as for `as_json`.
    """
    rows: list[tuple[Cell, ...]] = [("value", "", "from")]
    rows += [(each.field, spelled(each), printable(_from(each))) for each in values]
    if performance is not None:
        rows += [(title, cell, "measured") for title, cell in measured_cells(performance) if cell]
    shown = (state, "green" if state == READY else "yellow")
    return [[(printable(name), "bold"), (": ", ""), shown], Table(rows, header=True, indent=2)]


def _from(value: ModelValue) -> str:
    return value.origin if value.span is None else f"{value.span.file}:{value.span.line}"


def spelled(value: ModelValue) -> str:
    """The value as people read it."""
    content = value.value
    if isinstance(content, Price):
        shown = f"{spell_usd(content.input)}/M in, {spell_usd(content.output)}/M out"
        return f"{shown}, changes by the hour" if content.by_hour else shown
    if isinstance(content, int) and value.field in _TOKENS:
        return f"{short(content)} tokens"
    if isinstance(content, int | float) and value.field in _SECONDS:
        return f"{content:g} s"
    if isinstance(content, float):
        return f"{content:.3g}"
    if isinstance(content, list):
        return printable(" ".join(map(str, content))) or "none"
    if isinstance(content, dict):
        return printable(", ".join(f"{key} {each}" for key, each in content.items()))
    return "unknown" if content is None else printable(str(content))


def comparison_as_json(
    names: tuple[str, str],
    values: tuple[Sequence[ModelValue], Sequence[ModelValue]],
    performances: tuple[Performance, Performance] | None,
) -> dict[str, object]:
    """Return two models side by side.

    Args:
        names: Their names in the policy.
        values: The values of each.
        performances: How each did; None where that was not asked for.
    """
    rows = []
    for field, one, other in _paired(values):
        pair = [None if each is None else _plain(each.value) for each in (one, other)]
        rows.append({"field": field, "values": pair, "equal": pair[0] == pair[1]})
    measured = None if performances is None else [measured_as_json(p) for p in performances]
    return document(models=list(names), values=rows, measured=measured)


def comparison_as_lines(
    names: tuple[str, str],
    values: tuple[Sequence[ModelValue], Sequence[ModelValue]],
    performances: tuple[Performance, Performance] | None,
) -> list[Block]:
    """Return two models as a table, in which what differs stands out.

    Args: as for `comparison_as_json`.
    """
    rows: list[tuple[Cell, ...]] = [("", *map(printable, names))]
    for field, one, other in _paired(values):
        rows.append(_row(field, *("-" if each is None else spelled(each) for each in (one, other))))
    if performances is not None:
        pairs = zip(*map(measured_cells, performances), strict=True)
        rows += [_row(f"measured {title}", cell, other) for (title, cell), (_, other) in pairs]
    return [Table(rows, header=True)]


def _row(title: str, one: str, other: str) -> tuple[Cell, ...]:
    style = "" if one == other else "bold"
    return title, (one or "-", style), (other or "-", style)


def _paired(
    values: tuple[Sequence[ModelValue], Sequence[ModelValue]],
) -> list[tuple[str, ModelValue | None, ModelValue | None]]:
    one, other = ({each.field: each for each in some} for some in values)
    return [(field, one.get(field), other.get(field)) for field in dict.fromkeys([*one, *other])]
