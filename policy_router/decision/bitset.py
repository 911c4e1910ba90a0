"""Sets of small numbers as ints: bit i of the int stands for the number i.

The functions here are written for speed: a decision with 1,000 rules and 50 models takes about 10
microseconds, and `benchmarks/decide.py` measures it. `tests/decision/order/test_ranking.py`
compares them with plain code.
"""

from __future__ import annotations

from itertools import compress
from operator import itemgetter
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

T = TypeVar("T")

_FLAGS: Final = bytes.maketrans(b"01", b"\x00\x01")
"""Digits of `bin` as bytes that `compress` takes for false and true."""
_LONG: Final = 128
_DENSE: Final = 5
"""One bit in 32."""
_TABLE: Final = 256
"""Length of the table that `bytes.translate` takes."""


def bits(number: int) -> list[int]:
    """The numbers in a set, lowest first."""
    # The digits of a long and dense int are read. Otherwise each bit is taken from the top, which
    # costs one shift and one subtraction, however long the int is.
    if number.bit_count() << _DENSE > number.bit_length() > _LONG:
        digits = bin(number)[:1:-1].encode().translate(_FLAGS)
        return list(compress(range(len(digits)), digits))
    numbers: list[int] = []
    add = numbers.append
    while number:
        top = number.bit_length() - 1
        add(top)
        number ^= 1 << top
    numbers.reverse()
    return numbers


def chosen(items: Sequence[T], number: int) -> Iterator[T]:
    """The items whose position is in a set, in order.

    Meant for a few dozen items of which many are chosen: the digits of the int select them.
    """
    return compress(items, bin(number)[:1:-1].encode().translate(_FLAGS))


def flags_in(order: Sequence[int]) -> Callable[[int], bytes]:
    """Prepare the lookup of sets in a fixed order.

    Args:
        order: Every number below its length, once.

    Returns:
        A function from a set to one byte for each number of `order`: 1 where the set has it, else
        0.
    """
    # `bin` writes two letters, then the bit that fixes the length, then the highest number first.
    # With at least 256 characters, that text serves as a translation table: it maps the position
    # of a number to its digit.
    mark = 1 << max(len(order), _TABLE - 3)
    positions = [mark.bit_length() + 1 - number for number in order]
    if len(order) <= _TABLE - 3:
        translate = bytes(positions).translate
        return lambda number: translate(bin(mark | number).encode()).translate(_FLAGS)
    pick = itemgetter(*positions)
    return lambda number: bytes(pick(bin(mark | number).encode())).translate(_FLAGS)
