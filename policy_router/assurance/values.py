"""Values of facts within given cells of a dimension: the lowest one, and the plainest text."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from policy_router.patterns import search

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from policy_router.decision.space import Dimension
    from policy_router.domain.facts import Fact

MOST: Final = 1_000_000_000
"""The most tokens that a valid request states, and the highest of other counts."""
_DIGITS: Final = 17
"""Decimal places that numbers between 0 and 1 can have at most."""
SUFFIXES: Final = ("", "x", "1", "-x", "-other", "zz9")


def lowest_number(dimension: Dimension, fact: Fact, cells: int) -> int | float:
    """The lowest plain number in some cells.

    Args:
        dimension: The dimension of a number.
        fact: Its fact.
        cells: The cells, at least one of which the fact is present in.
    """
    cell = (cells & -cells).bit_length() - 1
    constants = [float(constant) for constant in dimension.constants]
    if cell % 2:
        number = constants[cell // 2]
    else:
        low = constants[cell // 2 - 1] if cell else None
        high = constants[cell // 2] if cell // 2 < len(constants) else None
        number = _above(fact, low) if fact.integer else _between(fact, low, high)
    return int(number) if fact.integer else number


def highest_number(dimension: Dimension, cells: int) -> int:
    """The highest integer in some cells, up to MOST."""
    present = cells & (1 << dimension.size - 1) - 1
    cell = present.bit_length() - 1
    if cell // 2 >= len(dimension.constants):
        return MOST
    constant = int(dimension.constants[cell // 2])
    return constant if cell % 2 else constant - 1


def _above(fact: Fact, low: float | None) -> float:
    """The lowest integer above a constant; the lowest of all without one."""
    least = fact.low or 0.0
    return least if low is None else max(least, low // 1 + 1)


def _between(fact: Fact, low: float | None, high: float | None) -> float:
    """A number between two constants, where there may be none on either side."""
    if low is None:
        if fact.low is not None:
            return fact.low
        return 0.0 if high is None or high > 0 else _plainest(high - 2, high)
    if high is None:
        return _plainest(low, low + 2 if fact.high is None else fact.high)
    return _plainest(low, high)


def _plainest(low: float, high: float) -> float:
    """The number near the middle of two others that has the fewest digits."""
    middle = (low + high) / 2
    rounded = (round(middle, digits) for digits in range(_DIGITS))
    return next((number for number in rounded if low < number < high), middle)


def cell_of_number(dimension: Dimension, number: float) -> int:
    """The cell that a number lies in."""
    for i, constant in enumerate(dimension.constants):
        if number <= float(constant):
            return 2 * i + (number == constant)
    return 2 * len(dimension.constants)


def cell_of_text(dimension: Dimension, text: str) -> int:
    """The cell that a text lies in."""
    if text in dimension.constants:
        return dimension.constants.index(text)
    for i, prefix in enumerate(dimension.prefixes):
        if text.startswith(prefix):
            return len(dimension.constants) + i
    return len(dimension.constants) + len(dimension.prefixes)


def texts_for(dimension: Dimension | None, patterns: Iterable[str]) -> Iterator[str]:
    """Texts to try as a fact, the plainest first.

    Args:
        dimension: The dimension of the text, if conditions compare it with constants.
        patterns: Patterns that it may have to match.
    """
    literal = [p.strip("^$").replace("\\", "").replace(".*", "") for p in patterns]
    known: Sequence[object] = ()
    if dimension is not None:
        known = (*dimension.constants, *dimension.prefixes)
    stems = ["someone", *map(str, known), *literal]
    stems += [one + other for one in literal for other in literal if one != other]
    for suffix in SUFFIXES:
        for stem in stems:
            yield stem + suffix


@cache
def finder(pattern: str) -> Callable[[str | bytes], object]:
    """The search function of a pattern."""
    return search(pattern)
