"""Describes regions of the space of requests in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.decision.bitset import bits
from policy_router.domain.condition import DETECTED, quote
from policy_router.domain.facts import FactType

if TYPE_CHECKING:
    from policy_router.decision.space import Box, Dimension, Space

_LISTED = 6
"""Values that are listed; more are counted."""


def spell_box(space: Space, box: Box) -> str:
    """Say which requests lie in a box, such as ``tag `private`, and tokens above 24,000``."""
    parts = []
    for position, dimension in enumerate(space.dimensions):
        cells = box.get(position, dimension.live) & dimension.live
        if cells != dimension.live:
            parts.append(_spell(space, dimension, cells))
    return " and ".join(parts) or "every request"


def _spell(space: Space, dimension: Dimension, cells: int) -> str:
    fact = space.vocabulary.facts[dimension.fact]
    if dimension.is_pattern:
        found = "matches" if cells == 0b10 else "does not match"
        return f"`{fact.name}` {found} `{dimension.detail}`"
    if dimension.detail is not None:
        noun = "detected" if dimension.fact == DETECTED else "tag"
        return f"{'' if cells == 0b10 else 'no '}{noun} `{dimension.detail}`"
    absent = 1 << dimension.size - 1
    if cells == absent:
        return f"no `{fact.name}`"
    or_absent = f" or no `{fact.name}`" if cells & absent else ""
    cells &= ~absent
    if dimension.kind is FactType.NUMBER:
        return f"{fact.name} {_ranges(dimension, cells)}{or_absent}"
    if dimension.kind is FactType.BOOL:
        return f"{'' if cells == 0b10 else 'not '}`{fact.name}`{or_absent}"
    return f"{fact.name} {_values(dimension, cells)}{or_absent}"


def _values(dimension: Dimension, cells: int) -> str:
    """Some values of a text or an enumeration; the others where these are fewer."""
    every = dimension.live & ~(1 << dimension.size - 1)
    outside = every & ~cells
    if not outside:
        return "of any value"
    if 0 < outside.bit_count() < cells.bit_count() or cells >> dimension.size - 2 & 1:
        return f"other than {_listed(dimension, outside)}"
    return _listed(dimension, cells)


def _listed(dimension: Dimension, cells: int) -> str:
    names = []
    for cell in bits(cells):
        if cell < len(dimension.constants):
            names.append(quote(dimension.constants[cell]))
        elif cell < dimension.size - 2:
            names.append(
                f"beginning with {quote(dimension.prefixes[cell - len(dimension.constants)])}"
            )
        else:
            names.append("any other")
    more = len(names) - _LISTED
    return " or ".join(names[:_LISTED]) + (f" or {more} others" if more > 0 else "")


def _ranges(dimension: Dimension, cells: int) -> str:
    """The ranges of a number."""
    constants = dimension.constants
    top = 2 * len(constants)
    cells |= ~dimension.live & (1 << top + 1) - 1 & _with_neighbours(cells)
    ranges = []
    first = None
    for cell in range(top + 2):
        inside = cell <= top and bool(cells >> cell & 1)
        if inside and first is None:
            first = cell
        if not inside and first is not None:
            ranges.append(_range(constants, first, cell - 1, top))
            first = None
    return " or ".join(ranges)


def _with_neighbours(cells: int) -> int:
    """The cells, and those next to them."""
    return cells | cells << 1 | cells >> 1


def _range(constants: tuple[float | str | bool, ...], first: int, last: int, top: int) -> str:
    low = None if first == 0 else _number(constants[(first - 1) // 2])
    high = None if last == top else _number(constants[last // 2])
    below = f"{'up to' if last % 2 else 'below'} {high}"
    above = f"{'from' if first % 2 else 'above'} {low}"
    if first == last and first % 2:
        return f"{low}"
    if low is None:
        return below if high is not None else "of any value"
    return above if high is None else f"{above} {below}"


def _number(value: float | str | bool) -> str:
    return f"{value:,}" if isinstance(value, int | float) else str(value)
