"""The space of requests, divided into the few cells that a policy's conditions can distinguish.

A *dimension* is one fact; each member of a set and each pattern is a dimension of its own, since
it is present or not. Its *cells* are numbered from 0, and a set of cells is an int whose bit i
stands for cell i. A *box* is a product of such sets, one for each dimension that it constrains; a
condition is a union of boxes. Requests that lie in the same cells are the same to every condition
of the policy.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from operator import xor
from typing import TYPE_CHECKING, Final, TypeAlias

from policy_router.decision.bitset import bits
from policy_router.domain.condition import (
    COMPLEXITY,
    OPERATORS,
    SCORE,
    All,
    Any,
    Not,
    Op,
    Test,
    Tree,
    tests_of,
)
from policy_router.domain.facts import Fact, FactType, Vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from policy_router.domain.complexity import Band
    from policy_router.domain.condition import Condition

Box: TypeAlias = Mapping[int, int]
"""Dimension -> set of cells. A dimension that is not named is not constrained."""

MAX_BOXES: Final = 64
"""A condition that has more is evaluated instead of indexed."""


class TooWide(Exception):  # noqa: N818  a signal between two functions, not an error
    """A condition would have too many boxes."""


@dataclass(frozen=True)
class Dimension:
    """One axis of the space of requests.

    Attributes:
        fact: Position of the fact in the vocabulary.
        kind: Its type; for a pattern, STRING.
        detail: The member of a set, or the pattern, for a dimension of one (cells: 0 absent,
            1 present); else None.
        constants: Numbers, ascending (cells: gap, point, gap and so on, then absent); or texts that
            are compared for equality (a cell each, then one per prefix, then any other text, then
            absent).
        prefixes: The prefixes that texts are tested for, longest first.
        live: The cells that a request can lie in.
    """

    fact: int
    kind: FactType
    detail: str | None
    constants: tuple[float | str | bool, ...]
    prefixes: tuple[str, ...]
    live: int

    @property
    def size(self) -> int:
        """How many cells there are, live or not."""
        if self.detail is not None:
            return 2
        if self.kind is FactType.NUMBER:
            return 2 * len(self.constants) + 2
        return len(self.constants) + len(self.prefixes) + 2

    @property
    def is_pattern(self) -> bool:
        """Whether it is a pattern, which is searched for in a text."""
        return self.detail is not None and self.kind is not FactType.SET

    @cached_property
    def number(self) -> Mapping[float | str | bool, int]:
        """The position of each constant."""
        return {constant: i for i, constant in enumerate(self.constants)}

    @property
    def dead(self) -> int:
        """The cells that no request can lie in."""
        return ~self.live & (1 << self.size) - 1


class Space:
    """The dimensions that a set of conditions spans."""

    def __init__(
        self, vocabulary: Vocabulary, bands: Sequence[Band], trees: Iterable[Tree]
    ) -> None:
        self.vocabulary = vocabulary
        self._bands = {
            band.name: (band.start, after.start if after else None)
            for band, after in zip(bands, [*bands[1:], None], strict=True)
        } if bands else {}  # fmt: skip
        mentioned: dict[tuple[int, str | None], set[Test]] = {}
        for tree in trees:
            for test in tests_of(tree):
                mentioned.setdefault(self._axis(test), set()).add(test)
        self.dimensions = tuple(
            self._dimension(fact, detail, tests)
            for (fact, detail), tests in sorted(
                mentioned.items(), key=lambda item: (item[0][0], item[0][1] or "")
            )
        )
        self._at = {(d.fact, d.detail): i for i, d in enumerate(self.dimensions)}

    def _axis(self, test: Test) -> tuple[int, str | None]:
        if test.op in (Op.HAS, Op.MATCHES):
            return test.fact, str(test.values[0])
        # A band is a range of the score, so both are one dimension and cannot contradict.
        return (SCORE if test.fact == COMPLEXITY else test.fact), None

    def _dimension(self, index: int, detail: str | None, tests: set[Test]) -> Dimension:
        fact = self.vocabulary.facts[index]
        if detail is not None:
            return Dimension(index, fact.kind, detail, (), (), 0b11)
        if fact.kind is FactType.NUMBER:
            numbers: set[float] = set()
            for test in tests:
                if test.fact == COMPLEXITY:
                    for name in test.values:
                        low, high = self._bands[str(name)]
                        numbers |= {low} if high is None else {low, high}
                else:
                    numbers.update(float(v) if v != int(v) else int(v) for v in test.values)
            constants = tuple(sorted(numbers))
            return Dimension(index, fact.kind, None, constants, (), _live(fact, constants))
        texts: tuple[str | bool, ...]
        prefixes: tuple[str, ...] = ()
        if fact.kind is FactType.STRING:
            found = {str(v) for t in tests if t.op is Op.STARTS for v in t.values}
            prefixes = tuple(sorted(found, key=lambda p: (-len(p), p)))
            texts = tuple(sorted({str(v) for t in tests if t.op is Op.IN for v in t.values}))
        else:
            texts = fact.values if fact.kind is FactType.ENUM else (False, True)
        size = len(texts) + len(prefixes)
        closed = fact.kind is not FactType.STRING  # has no values but the listed ones
        live = (1 << size) - 1 | (0 if closed else 1 << size) | int(fact.optional) << size + 1
        return Dimension(index, fact.kind, None, texts, prefixes, live)

    def cells(self, test: Test) -> tuple[int, int]:
        """The position of the dimension of a test, and the live cells in which the test holds."""
        position = self._at[self._axis(test)]
        dimension = self.dimensions[position]
        present = (1 << 2 * len(dimension.constants) + 1) - 1  # of a number
        cells = OPERATORS[test.op].cells(self._constant_cells(dimension, test), present)
        return position, cells & dimension.live

    def _constant_cells(self, dimension: Dimension, test: Test) -> int:
        """The cells of a test's constants."""
        if dimension.detail is not None:
            return 0b10
        if test.fact == COMPLEXITY:
            bands = (self._bands[str(name)] for name in test.values)
            return sum(_between(dimension, low, high) for low, high in set(bands))
        if dimension.kind is FactType.NUMBER:
            return sum(1 << 2 * dimension.number[value] + 1 for value in set(test.values))
        if test.op is Op.STARTS:
            return _beginning(dimension, str(test.values[0]))
        return sum(1 << dimension.number[value] for value in set(test.values))

    def boxes(self, tree: Tree) -> list[dict[int, int]]:
        """The union of boxes in which a tree holds.

        Raises:
            TooWide: There are more than MAX_BOXES.
        """
        return self._boxes(tree, holds=True)

    def _boxes(self, tree: Tree, *, holds: bool) -> list[dict[int, int]]:
        match tree:
            case Test():
                position, cells = self.cells(tree)
                live = self.dimensions[position].live
                cells = cells if holds else live & ~cells
                return [{position: cells} if cells != live else {}] if cells else []
            case Not(part):
                return self._boxes(part, holds=not holds)
            case All(parts) if holds:
                return self._product(parts, holds=True)
            case Any(parts) if not holds:
                return self._product(parts, holds=False)
        union: list[dict[int, int]] = []
        for part in tree.parts:
            for box in self._boxes(part, holds=holds):
                if not any(contains(other, box) for other in union):
                    union = [other for other in union if not contains(box, other)]
                    union.append(box)
            if len(union) > MAX_BOXES:
                raise TooWide
        return union

    def _product(self, parts: Sequence[Tree], *, holds: bool) -> list[dict[int, int]]:
        product: list[dict[int, int]] = [{}]
        for part in parts:
            boxes = self._boxes(part, holds=holds)
            product = [
                m for left in product for right in boxes if (m := meet(left, right)) is not None
            ]
            if len(product) > MAX_BOXES:
                raise TooWide
        return product


def boxes_of(
    space: Space, condition: Condition | None, patterns: set[int]
) -> tuple[list[dict[int, int]], bool]:
    """The boxes of a condition, and whether they describe it completely.

    They do not where they would be too many, or where a pattern (RE2) is among the tests. Then the
    condition is evaluated where a box matches.

    Args:
        space: The space, with the dimensions of the condition.
        condition: The condition; None holds for every request.
        patterns: The dimensions that are patterns.
    """
    if condition is None:
        return [{}], True
    try:
        boxes = space.boxes(condition.tree)
    except TooWide:
        return [{}], False
    return boxes, not any(patterns & set(box) for box in boxes)


def admitting(dimensions: Sequence[Dimension], boxes: Sequence[Box]) -> list[list[int]]:
    """For each dimension and each of its cells, the boxes that admit the cell (bit i: box i).

    Dead cells admit what a box without a constraint admits.
    """
    # Only changes from one cell to the next are noted: two for each run of cells of a box.
    changes = [[0] * (d.size + 1) for d in dimensions]
    free = [(1 << len(boxes)) - 1] * len(dimensions)
    dead = [d.dead for d in dimensions]
    for number, box in enumerate(boxes):
        bit = 1 << number
        for position, cells in box.items():
            free[position] ^= bit
            for edge in edges(cells, dead[position]):
                changes[position][edge] ^= bit
    result = []
    for position, changed in enumerate(changes):
        admits = list(accumulate(changed[:-1], xor, initial=free[position]))[1:]
        for cell in bits(dead[position]):
            admits[cell] = free[position]
        result.append(admits)
    return result


def edges(cells: int, dead: int) -> list[int]:
    """Where runs of cells begin and end, lowest first; each end is exclusive.

    A dead cell after a run is counted as part of it. There is one between any two consecutive
    integers, and they would break every range into single points.
    """
    cells |= cells << 1 & dead
    return bits(cells ^ cells << 1)


def meet(a: Box, b: Box) -> dict[int, int] | None:
    """The intersection of two boxes; None when it is empty."""
    both = dict(a)
    for dimension, cells in b.items():
        common = both.get(dimension, -1) & cells
        if not common:
            return None
        both[dimension] = common
    return both


def contains(outer: Box, inner: Box) -> bool:
    """Whether every point of `inner` is in `outer`."""
    return all(not inner.get(d, -1) & ~cells for d, cells in outer.items())


def _live(fact: Fact, constants: Sequence[float]) -> int:
    """The live cells of a number; gaps may be empty or out of its range."""
    low = float("-inf") if fact.low is None else fact.low
    high = float("inf") if fact.high is None else fact.high
    live = 0
    edges = [float("-inf"), *constants, float("inf")]
    for i, (below, above) in enumerate(pairwise(edges)):
        first = max(below, low)
        last = min(above, high)
        if fact.integer:
            start = first if first > below and first == int(first) else _after(first)
            inside = start < above and start <= last
        else:
            inside = first < last or (first == last and below < first < above)
        live |= inside << 2 * i
        if above != float("inf") and low <= above <= high:
            live |= (not fact.integer or above == int(above)) << 2 * i + 1
    return live | fact.optional << 2 * len(constants) + 1


def _after(number: float) -> float:
    """The smallest integer above a number."""
    return number if number == float("-inf") else float(int(number // 1) + 1)


def _beginning(dimension: Dimension, prefix: str) -> int:
    """The cells of the texts that begin with a prefix."""
    constants, prefixes = dimension.constants, dimension.prefixes
    first = bisect_left(constants, prefix)
    last = first
    while last < len(constants) and str(constants[last]).startswith(prefix):
        last += 1
    longer = sum(1 << i for i, other in enumerate(prefixes) if other.startswith(prefix))
    return (1 << last) - (1 << first) | longer << len(constants)


def _between(dimension: Dimension, low: float, high: float | None) -> int:
    """The cells of [low, high), which are constants of the dimension; None is no upper end."""
    start = 2 * dimension.number[low] + 1
    stop = 2 * (len(dimension.constants) if high is None else dimension.number[high]) + 1
    return (1 << stop) - (1 << start)
