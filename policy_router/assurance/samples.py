"""A value of a fact for each of the cells that conditions can distinguish."""

from __future__ import annotations

from bisect import bisect_left
from string import ascii_lowercase, ascii_uppercase, digits
from typing import TYPE_CHECKING, Final, TypeAlias

from policy_router.decision.bitset import bits
from policy_router.domain.facts import FactType

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.decision.space import Dimension, Space

_ENDS: Final = (
    *reversed(ascii_lowercase), *digits, *ascii_uppercase, *map(chr, range(0x3B1, 0x3B1 + 500)),
)  # fmt: skip
"""What is added to a prefix: more characters than a policy is likely to tell apart there."""

Value: TypeAlias = "str | float | bool | None"
"""The value of a fact, or whether a set has a member; None where the fact is absent."""


def samples(space: Space, dimension: Dimension) -> dict[int, Value]:
    """One value for each cell of a dimension that a request can lie in, unless none is found.

    Of an integer or a number with a lowest value it is the lowest value of the cell.

    Args:
        space: The space of the dimension.
        dimension: The dimension; not one that is a pattern.
    """
    by_cell: dict[int, Value] = {}
    for cell in bits(dimension.live):
        for value in _samples(space, dimension, cell):
            if cell_of(dimension, value) == cell:
                by_cell[cell] = value
                break
    return by_cell


def cell_of(dimension: Dimension, value: Value) -> int:
    """The cell that a value of a fact lies in."""
    if dimension.detail is not None:
        return int(bool(value))
    if value is None:
        return dimension.size - 1
    constants, prefixes = dimension.constants, dimension.prefixes
    if dimension.kind is FactType.NUMBER:
        number = float(value) if not isinstance(value, int) else value
        place = bisect_left(constants, number)
        return 2 * place + (place < len(constants) and constants[place] == number)
    at = dimension.number.get(value)
    if at is not None:
        return at
    for i, prefix in enumerate(prefixes):
        if str(value).startswith(prefix):
            return len(constants) + i
    return len(constants) + len(prefixes)


def _samples(space: Space, dimension: Dimension, cell: int) -> Iterator[Value]:
    """Values of which the first that lies in a cell is taken; some cells of texts are empty."""
    constants = dimension.constants
    if dimension.detail is not None:
        yield cell == 1
    elif cell == dimension.size - 1:
        yield None
    elif dimension.kind is FactType.NUMBER:
        yield constants[cell // 2] if cell % 2 else _between(space, dimension, cell // 2)
    elif cell < len(constants):
        yield constants[cell]
    else:
        prefix = "" if cell == dimension.size - 2 else dimension.prefixes[cell - len(constants)]
        yield from (prefix + end for end in ("", *_ENDS)[not prefix :])


def _between(space: Space, dimension: Dimension, gap: int) -> float:
    """A number below the constant at a position and above the one before."""
    fact = space.vocabulary.facts[dimension.fact]
    constants = [float(constant) for constant in dimension.constants]
    below = constants[gap - 1] if gap else None
    above = constants[gap] if gap < len(constants) else None
    if below is None:
        if fact.low is not None:
            return _plain(fact.low)
        return 0 if above is None else _plain(above - 1)
    if fact.integer:
        return int(below // 1) + 1
    if above is None:
        above = below + 1 if fact.high is None else fact.high
        if fact.high is not None:
            return above
    return below + (above - below) / 2


def _plain(number: float) -> float:
    return int(number) if number == int(number) else number
