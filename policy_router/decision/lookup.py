"""Finds the boxes that a request lies in, without evaluating a condition.

Each box owns one bit. For each dimension and each of its cells there is an int with the bits of
the boxes that admit the cell. The boxes of a request are the AND of one such int per dimension, so
that the time does not grow with the number of rules: `benchmarks/decide.py` compares 10 rules with
1,000.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from policy_router.decision.bitset import bits
from policy_router.decision.space import admitting
from policy_router.domain.facts import FactType

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from policy_router.decision.space import Box, Dimension
    from policy_router.domain.condition import Facts

KEPT: Final = 4096
"""The most results that a table keeps; when there are more, it is emptied."""


@dataclass(frozen=True, slots=True)
class _Text:
    """The boxes that a text admits: by equality, else by the longest prefix.

    Attributes:
        fact: Position of the fact.
        equal: By the whole text.
        prefixes: By prefix, grouped by length, longest first.
        other: For any other text.
        absent: Without a text.
    """

    fact: int
    equal: Mapping[str, int]
    prefixes: tuple[tuple[int, Mapping[str, int]], ...]
    other: int
    absent: int

    def admits(self, value: str | None) -> int:
        if value is None:
            return self.absent
        boxes = self.equal.get(value)
        if boxes is None:
            for length, prefixes in self.prefixes:
                boxes = prefixes.get(value[:length])
                if boxes is not None:
                    return boxes
            return self.other
        return boxes


class _Members:
    """The boxes that a set admits, by the members that conditions name."""

    __slots__ = ("_all", "_boxes", "_kept", "_named", "fact")

    def __init__(self, fact: int, everything: int) -> None:
        """Begin without members.

        Args:
            fact: Position of the fact.
            everything: All boxes.
        """
        self.fact = fact
        self._all = everything
        self._boxes: dict[str, tuple[int, int]] = {}
        self._named: frozenset[str] = frozenset()
        self._kept: dict[frozenset[str], int] = {}

    def add(self, member: str, without: int, having: int) -> None:
        """Add a member, with the boxes that admit sets without it and sets that have it."""
        self._boxes[member] = without, having
        self._named = frozenset(self._boxes)

    def admits(self, value: frozenset[str]) -> int:
        members = self._named & value
        boxes = self._kept.get(members)
        if boxes is None:
            boxes = self._all
            for member, (without, having) in self._boxes.items():
                boxes &= having if member in members else without
            if len(self._kept) >= KEPT:
                self._kept.clear()
            self._kept[members] = boxes
        return boxes


class BoxLookup:
    """The tables for one list of boxes.

    Args:
        dimensions: The dimensions of the boxes.
        boxes: The boxes; bit i of a set stands for the i-th.
        ignored: Positions of dimensions that no box constrains.
        conditions: For boxes that do not describe their condition completely: the condition, which
            is evaluated when the box matches.
    """

    def __init__(
        self,
        dimensions: Sequence[Dimension],
        boxes: Sequence[Box],
        ignored: set[int],
        conditions: Mapping[int, Callable[[Facts], bool]],
    ) -> None:
        self._all = (1 << len(boxes)) - 1
        self._conditions = conditions
        self._conditional = sum(1 << bit for bit in conditions)
        self._numbers: list[tuple[int, Sequence[Any], Sequence[Any], list[int], int]] = []
        self._values: list[tuple[int, dict[object, int], int]] = []
        self._texts: list[_Text] = []
        sets: dict[int, _Members] = {}
        for i, (d, masks) in enumerate(zip(dimensions, admitting(dimensions, boxes), strict=True)):
            if i in ignored:
                continue
            if d.kind is FactType.SET:
                members = sets.setdefault(d.fact, _Members(d.fact, self._all))
                members.add(str(d.detail), masks[0], masks[1])
            elif d.kind is FactType.NUMBER:
                self._numbers.append(
                    (d.fact, d.constants, (*d.constants, None), masks[:-1], masks[-1])
                )
            elif d.prefixes:
                self._texts.append(_text(d, masks))
            else:
                table: dict[object, int] = dict(zip(d.constants, masks, strict=False))
                self._values.append((d.fact, {**table, None: masks[-1]}, masks[-2]))
        self._sets = tuple(sets.values())

    def matching(self, facts: Facts) -> int:
        """The boxes that a vector of facts lies in."""
        boxes = self._all
        for members in self._sets:
            boxes &= members.admits(facts[members.fact])
        for fact, constants, points, masks, absent in self._numbers:
            value = facts[fact]
            if value is None:
                boxes &= absent
            else:
                # Cells alternate: the gap below a constant, then the constant itself.
                place = bisect_left(constants, value)
                boxes &= masks[2 * place + (points[place] == value)]
        for fact, table, other in self._values:
            boxes &= table.get(facts[fact], other)
        for text in self._texts:
            boxes &= text.admits(facts[text.fact])
        if boxes & self._conditional:
            for bit in bits(boxes & self._conditional):
                if not self._conditions[bit](facts):
                    boxes ^= 1 << bit
        return boxes


def _text(dimension: Dimension, masks: list[int]) -> _Text:
    constants, prefixes = dimension.constants, dimension.prefixes
    by_length: dict[int, dict[str, int]] = {}
    for prefix, mask in zip(prefixes, masks[len(constants) :], strict=False):
        by_length.setdefault(len(prefix), {})[prefix] = mask
    equal = {str(c): mask for c, mask in zip(constants, masks, strict=False)}
    return _Text(dimension.fact, equal, tuple(by_length.items()), masks[-2], masks[-1])
