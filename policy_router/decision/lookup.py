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
from policy_router.domain.condition import TAGS
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
        self._tags: dict[str, tuple[int, int]] = {}
        for i, (d, masks) in enumerate(zip(dimensions, admitting(dimensions, boxes), strict=True)):
            if i in ignored:
                continue
            if d.fact == TAGS:
                self._tags[str(d.detail)] = (masks[0], masks[1])
            elif d.kind is FactType.NUMBER:
                self._numbers.append(
                    (d.fact, d.constants, (*d.constants, None), masks[:-1], masks[-1])
                )
            elif d.prefixes:
                self._texts.append(_text(d, masks))
            else:
                table: dict[object, int] = dict(zip(d.constants, masks, strict=False))
                self._values.append((d.fact, {**table, None: masks[-1]}, masks[-2]))
        self._tag_names = frozenset(self._tags)
        self._tag_sets: dict[frozenset[str], int] = {}

    def matching(self, facts: Facts) -> int:
        """The boxes that a vector of facts lies in."""
        boxes = self._tagged(self._tag_names & facts[TAGS]) if self._tags else self._all
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

    def _tagged(self, tags: frozenset[str]) -> int:
        boxes = self._tag_sets.get(tags)
        if boxes is None:
            boxes = self._all
            for tag, (without, having) in self._tags.items():
                boxes &= having if tag in tags else without
            if len(self._tag_sets) >= KEPT:
                self._tag_sets.clear()
            self._tag_sets[tags] = boxes
        return boxes


def _text(dimension: Dimension, masks: list[int]) -> _Text:
    constants, prefixes = dimension.constants, dimension.prefixes
    by_length: dict[int, dict[str, int]] = {}
    for prefix, mask in zip(prefixes, masks[len(constants) :], strict=False):
        by_length.setdefault(len(prefix), {})[prefix] = mask
    equal = {str(c): mask for c, mask in zip(constants, masks, strict=False)}
    return _Text(dimension.fact, equal, tuple(by_length.items()), masks[-2], masks[-1])
