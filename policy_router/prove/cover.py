"""Is a box covered by the union of other boxes? If not, where; if so, by which.

A search like DPLL, on boxes: those that miss the question drop out; one that contains it answers
it; one that leaves a single dimension open shrinks it; else the question is split along the box
that leaves the fewest. Covering is hard in theory and small in practice; a budget of steps turns
the rare hard case into an honest `GaveUp`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.decide.cells import admitting, bits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.decide.cells import Box, Space

MAX_STEPS: Final = 20_000


class GaveUp(Exception):  # noqa: N818  an answer ("unknown"), not an error
    """The question took more than MAX_STEPS steps."""


class Cover:
    """Boxes that may cover others. A set of them is an int, bit i for box i."""

    def __init__(self, space: Space, boxes: Sequence[Box]) -> None:
        self.boxes = tuple(boxes)
        self._live = [d.live for d in space.dimensions]
        self._admits = [admitting(d, at, boxes) for at, d in enumerate(space.dimensions)]
        self._all = (1 << len(self.boxes)) - 1

    def meeting(self, box: Box) -> int:
        """The boxes that have a point in common with this one."""
        found = self._all
        for dimension, cells in box.items():
            admits = self._admits[dimension]
            some = 0
            for cell in bits(cells):
                some |= admits[cell]
            found &= some
        return found

    def uncovered(self, box: Box, by: int) -> Box | None:
        """A part of the box that none of the boxes in `by` reaches; None when there is none.
        Raises GaveUp."""
        return self._search(dict(box), by, [MAX_STEPS])

    def core(self, box: Box, by: int) -> int:
        """Of boxes that cover the box, some that already do and cannot spare one of them,
        earliest kept. Raises GaveUp."""
        needed = by & self.meeting(box)
        for i in reversed(list(bits(needed))):
            without = needed & ~(1 << i)
            if self.uncovered(box, without) is None:
                needed = without
        return needed

    def _search(self, box: dict[int, int], by: int, budget: list[int]) -> Box | None:
        while True:
            budget[0] -= 1
            if budget[0] < 0:
                raise GaveUp
            by &= self.meeting(box)
            if not by:
                return box
            blocker, open_ = self._tightest(box, by)
            if not open_:
                return None
            if len(open_) > 1:
                return self._split(box, by, blocker, open_, budget)
            dimension = open_[0]
            box[dimension] = self._cells(box, dimension) & ~blocker[dimension]

    def _cells(self, box: Box, dimension: int) -> int:
        return box.get(dimension, self._live[dimension])

    def _tightest(self, box: Box, by: int) -> tuple[Box, list[int]]:
        """The box that leaves the fewest dimensions of the question open, and those."""
        best: tuple[Box, list[int]] | None = None
        for i in bits(by):
            other = self.boxes[i]
            open_ = [d for d, cells in other.items() if self._cells(box, d) & ~cells]
            if best is None or len(open_) < len(best[1]):
                best = other, open_
                if len(open_) <= 1:
                    break
        if best is None:
            raise ValueError("no box to choose from")
        return best

    def _split(
        self, box: dict[int, int], by: int, blocker: Box, open_: list[int], budget: list[int]
    ) -> Box | None:
        """What the blocker leaves of the box, part by part: outside it in one dimension, inside
        it in those before."""
        rest = dict(box)
        for dimension in open_:
            cells = self._cells(rest, dimension)
            found = self._search({**rest, dimension: cells & ~blocker[dimension]}, by, budget)
            if found is not None:
                return found
            rest[dimension] = cells & blocker[dimension]
        return None
