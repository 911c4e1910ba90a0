"""Decides whether a union of boxes covers another box.

It is a search like DPLL, on boxes. Boxes that miss the question are dropped; one that contains it
answers it; one that leaves a single dimension open shrinks it. Where some cells of a dimension are
in none of the boxes that constrain it, the question is reduced to those cells, since what those
boxes cover elsewhere cannot help there. Otherwise the question is split along a box that leaves few
dimensions open.

All boxes are examined together, as bits of an int, and the number of dimensions that each leaves
open is counted for all of them at once, so that a step costs the same in every space. The search
keeps its own stack. Covering is hard in theory and small in practice: a bound on the steps turns
the rare hard case into an honest `GaveUp`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from policy_router.decision.bitset import bits
from policy_router.decision.space import admitting, edges
from policy_router.resilience.cancellation import Poll, checkpoint, never

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from policy_router.decision.space import Box, Space

MAX_STEPS: Final = 20_000
"""Steps for one question."""
ALL_STEPS: Final = 100_000
"""Steps for all questions together: two or three seconds."""
LEAST_STEPS: Final = 100
"""Steps for one question when the others have used up all."""
_SHARE: Final = 5
"""No question may use more than one part in five of what is left, so that others get some."""
_SCAN: Final = 8
"""Boxes examined one by one that cost as much as a step."""
_KEPT: Final = 64
"""Sets of boxes whose prepared form is kept."""
_FEW: Final = 16
"""Up to this many boxes are searched directly; more are first prepared."""

Counts: TypeAlias = tuple[int, ...]
"""A count for each box: bit i of the n-th int is bit n of the count of box i."""


class GaveUp(Exception):  # noqa: N818  an answer ("unknown"), not an error
    """The question took more steps than it was allowed."""


class Cover:
    """Boxes that may cover others. A set of them is an int: bit i is box i.

    Attributes:
        boxes: The boxes.
        everything: The set of all of them.
        steps: Steps taken so far, by all questions.
        cancelled: Polled during a search, which raises Cancelled when it returns True.
    """

    def __init__(self, space: Space, boxes: Sequence[Box], cancelled: Poll = never) -> None:
        self.cancelled = cancelled
        self.boxes = tuple(boxes)
        self.live = [d.live for d in space.dimensions]
        self.steps = 0
        self._renewed = 0
        self.everything = everything = (1 << len(self.boxes)) - 1
        self._axes = [
            _Axis(d.dead, admits, everything)
            for d, admits in zip(
                space.dimensions, admitting(space.dimensions, self.boxes), strict=True
            )
        ]
        opens: Counts = ()
        for dimension, live in enumerate(self.live):
            opens = _more(opens, everything & ~self.holding(dimension, live))
        self.opens = opens
        self._reduced: dict[int, _Reduced] = {}

    @property
    def exhausted(self) -> bool:
        """Whether all steps are used up. A further question still gets LEAST_STEPS."""
        return self._left <= 0

    def renew(self) -> None:
        """Start to count the steps of all questions from zero."""
        self._renewed = self.steps

    @property
    def _left(self) -> int:
        return ALL_STEPS - (self.steps - self._renewed)

    def allowance(self) -> int:
        """The steps that the next question may take."""
        return min(MAX_STEPS, max(LEAST_STEPS, self._left // _SHARE))

    def meeting(self, box: Box) -> int:
        """The boxes that have a point in common with this one."""
        found = self.everything
        for dimension, cells in box.items():
            found &= self.touching(dimension, cells)
        return found

    def touching(self, dimension: int, cells: int) -> int:
        """The boxes that admit at least one of these cells of a dimension."""
        return self._axes[dimension].touching(cells)

    def holding(self, dimension: int, cells: int) -> int:
        """The boxes that admit every one of these cells of a dimension."""
        return self._axes[dimension].holding(cells)

    def uncovered(self, box: Box, by: int, but: int = 0) -> Box | None:
        """Find a part of a box that other boxes do not cover.

        Many questions with the same `by` are faster than with different ones.

        Args:
            box: The box.
            by: The boxes that may cover it.
            but: Boxes of `by` that do not count.

        Returns:
            The part; None when the box is covered.

        Raises:
            GaveUp: The question takes too many steps.
        """
        return _Search(self).run(box, by, but)

    def core(self, box: Box, by: int, but: int = 0) -> int | None:
        """Find a minimal subset of some boxes that covers a box.

        Returns:
            The subset, none of whose boxes can be left out; None when the box is not covered.

        Raises:
            GaveUp: The question takes too many steps.
        """
        search = _Search(self)
        if search.run(box, by, but) is not None:
            return None
        needed = search.used
        for i in reversed(bits(needed)):
            if needed >> i & 1:
                search = _Search(self)
                if search.run(box, needed & ~(1 << i)) is None:
                    needed = search.used
        return needed

    def reduced(self, by: int) -> _Reduced:
        """The prepared form of a set of boxes."""
        prepared = self._reduced.get(by)
        if prepared is None:
            if len(self._reduced) >= _KEPT:
                self._reduced.clear()
            free: dict[int, int] = {}
            kills: dict[int, int] = {}
            counts: Counts = ()
            for dimension, taken in self._constraining({}, by).items():
                left = self.live[dimension] & ~_union(taken)
                if left:
                    free[dimension] = left
                    kills[dimension] = _union(taken.values())
                    counts = _more(counts, kills[dimension])
            prepared = self._reduced[by] = _Reduced(free, kills, counts)
        return prepared

    def spare(self, box: Box, by: int) -> tuple[dict[int, int], int]:
        """Reduce the box, dimension by dimension, to the cells that no box constrains there.

        It yields those cells and the boxes that remain.
        """
        constraining = self._constraining(box, by)
        free: dict[int, int] = {}
        waiting = list(constraining)
        while waiting:
            dimension = waiting.pop()
            taken = constraining[dimension]
            left = box.get(dimension, self.live[dimension]) & ~_union(taken)
            if not left or not taken:
                continue
            free[dimension] = left
            dropped = _union(taken.values())
            by &= ~dropped
            for number in bits(dropped):
                for other, cells in self.boxes[number].items():
                    sets = constraining.get(other, {})
                    if cells in sets:
                        sets[cells] &= ~(1 << number)
                        if not sets[cells]:
                            del sets[cells]
                            waiting.append(other)
        return free, by

    def _constraining(self, box: Box, by: int) -> dict[int, dict[int, int]]:
        """Per dimension that some of the boxes leave open, the sets of cells that they admit there
        and which of them do."""
        constraints: dict[int, dict[int, int]] = {}
        for number in bits(by):
            for dimension, cells in self.boxes[number].items():
                if box.get(dimension, self.live[dimension]) & ~cells:
                    sets = constraints.setdefault(dimension, {})
                    sets[cells] = sets.get(cells, 0) | 1 << number
        self.steps += by.bit_count() // _SCAN
        return constraints

    def inside(self, box: Box) -> int:
        """The boxes that lie in this one."""
        contained = self.everything
        for dimension, cells in box.items():
            outside = self.live[dimension] & ~cells
            contained &= ~self.touching(dimension, outside)
        return contained


@dataclass(frozen=True, slots=True)
class _Reduced:
    """A set of boxes, prepared for questions.

    Attributes:
        free: By dimension, the cells in none of the boxes that constrain it.
        kills: By dimension, the boxes that cannot help there.
        counts: In how many of these dimensions each box is constrained.
    """

    free: Mapping[int, int]
    kills: Mapping[int, int]
    counts: Counts

    def unhelpful(self, box: Box) -> int:
        """The boxes that cannot help to cover a box, by a dimension that it does not constrain."""
        counts = self.counts
        for dimension in box:
            killed = self.kills.get(dimension)
            if killed is not None:
                counts = _fewer(counts, killed)
        return _union(counts)


class _Axis:
    """Which boxes admit which cells of one dimension.

    A tree over the cells answers for a run of them in a few lookups.
    """

    def __init__(self, dead: int, admits: list[int], everything: int) -> None:
        self._dead = dead
        self._size = len(admits)
        self._everything = everything
        self._any = [0] * self._size + admits
        self._all = [0] * self._size + admits
        for cell in bits(dead):
            self._all[self._size + cell] = everything  # no request is there
        for i in range(self._size - 1, 0, -1):
            self._any[i] = self._any[2 * i] | self._any[2 * i + 1]
            self._all[i] = self._all[2 * i] & self._all[2 * i + 1]
        self._touching: dict[int, int] = {}
        self._holding: dict[int, int] = {}

    def touching(self, cells: int) -> int:
        boxes = self._touching.get(cells)
        if boxes is None:
            boxes, tree = 0, self._any
            for node in self._nodes(cells):
                boxes |= tree[node]
            self._touching[cells] = boxes
        return boxes

    def holding(self, cells: int) -> int:
        boxes = self._holding.get(cells)
        if boxes is None:
            boxes, tree = self._everything, self._all
            for node in self._nodes(cells):
                boxes &= tree[node]
            self._holding[cells] = boxes
        return boxes

    def _nodes(self, cells: int) -> list[int]:
        """Nodes of the tree that together stand for these cells."""
        nodes = []
        ends = edges(cells, self._dead)
        for first, end in zip(ends[::2], ends[1::2], strict=True):
            low, high = first + self._size, end + self._size
            while low < high:
                if low & 1:
                    nodes.append(low)
                    low += 1
                if high & 1:
                    high -= 1
                    nodes.append(high)
                low >>= 1
                high >>= 1
        return nodes


@dataclass(slots=True)
class _Split:
    """A question that is split along a box, with the parts that are still open.

    A part lies outside the box in one of the open dimensions, and inside it in those before.
    """

    box: dict[int, int]
    by: int
    counts: Counts
    scan_below: int
    blocker: Box
    open: list[int]


class _Search:
    """One question. `used`: after a proof, the boxes that it rests on."""

    def __init__(self, cover: Cover) -> None:
        self._cover = cover
        self._limit = 0
        self.used = 0

    def run(self, box: Box, by: int, but: int = 0) -> Box | None:
        cover = self._cover
        checkpoint(cover.cancelled)
        near = by & ~but & cover.meeting(box)
        if not near:
            return box
        self._limit = cover.steps + cover.allowance()
        cover.steps += 1
        free: Mapping[int, int] = {}
        # What holds of all boxes holds of some; `by` alone says more.
        for some in (cover.everything, by):
            if near.bit_count() > _FEW:
                reduced = cover.reduced(some)
                near &= ~reduced.unhelpful(box)
                free = {**reduced.free, **free}
        counts = cover.opens
        for dimension, cells in box.items():
            counts = self._narrowed(counts, dimension, cover.live[dimension], cells)
        found = self._search(dict(box), near, counts)
        return None if found is None else {**free, **found}

    def _narrowed(self, counts: Counts, dimension: int, cells: int, left: int) -> Counts:
        """Update how many dimensions each box leaves open, after one has lost cells."""
        holding = self._cover.holding
        return _fewer(counts, holding(dimension, left) & ~holding(dimension, cells))

    def _search(self, box: dict[int, int], by: int, counts: Counts) -> Box | None:
        """Start a question; `by` has only boxes that meet the box."""
        cover, live = self._cover, self._cover.live
        splits: list[_Split] = []
        scan_below = by.bit_count() + 1  # a scan for spare boxes waits until some are dropped
        while by:
            if cover.steps > self._limit:
                raise GaveUp
            cover.steps += 1
            checkpoint(cover.cancelled)
            tightest = _least(counts, by)
            bit = (tightest & -tightest).bit_length() - 1
            blocker = cover.boxes[bit]
            open_ = [d for d, cells in blocker.items() if box.get(d, live[d]) & ~cells]
            if len(open_) > 1 and by.bit_count() < scan_below:
                if cover.steps + by.bit_count() // _SCAN > self._limit:
                    raise GaveUp
                free, by = cover.spare(box, by)
                scan_below = by.bit_count() // 2
                if free:
                    box.update(free)
                    continue
            self.used |= 1 << bit
            if len(open_) == 1:
                dimension = open_[0]
                cells = box.get(dimension, live[dimension])
                left = box[dimension] = cells & ~blocker[dimension]
                by &= cover.touching(dimension, left)
                counts = self._narrowed(counts, dimension, cells, left)
                continue
            if open_:
                splits.append(_Split(box, by, counts, scan_below, blocker, open_[::-1]))
            elif not splits:
                return None
            box, by, counts, scan_below = self._next(splits)
        return box

    def _next(self, splits: list[_Split]) -> tuple[dict[int, int], int, Counts, int]:
        """The next open part of the question that was split last."""
        cover, split = self._cover, splits[-1]
        dimension = split.open.pop()
        cells = split.box.get(dimension, cover.live[dimension])
        outside = cells & ~split.blocker[dimension]
        box = {**split.box, dimension: outside}
        by = split.by & cover.touching(dimension, outside)
        counts = self._narrowed(split.counts, dimension, cells, outside)
        if split.open:
            inside = split.box[dimension] = cells & split.blocker[dimension]
            split.by &= cover.touching(dimension, inside)
            split.counts = self._narrowed(split.counts, dimension, cells, inside)
        else:
            splits.pop()
        return box, by, counts, split.scan_below


def _union(sets: Iterable[int]) -> int:
    found = 0
    for each in sets:
        found |= each
    return found


def _more(counts: Counts, among: int) -> Counts:
    """The counts, increased by one for each box of a set."""
    out = []
    for plane in counts:
        out.append(plane ^ among)
        among &= plane
    return (*out, among) if among else tuple(out)


def _fewer(counts: Counts, among: int) -> Counts:
    """The counts, decreased by one for each box of a set, none of which is zero."""
    out = list(counts)
    for i, plane in enumerate(counts):
        if not among:
            break
        out[i] = plane ^ among
        among &= ~plane
    return tuple(out)


def _least(counts: Counts, among: int) -> int:
    """The boxes of a set with the lowest count."""
    for plane in reversed(counts):
        among = among & ~plane or among
    return among
