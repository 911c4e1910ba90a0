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
        return _Search(self, by).run(box)

    def core(self, box: Box, by: int) -> int | None:
        """Of boxes that cover the box, some that already do and cannot spare one of them; None
        when they do not cover it. Raises GaveUp."""
        search = _Search(self, by)
        if search.run(box) is not None:
            return None
        needed = search.used
        for i in reversed(list(bits(needed))):
            if not needed >> i & 1:
                continue
            search = _Search(self, needed & ~(1 << i))
            if search.run(box) is None:
                needed = search.used
        return needed

    def live(self, dimension: int) -> int:
        """The cells of a dimension that a request can fall into."""
        return self._live[dimension]


class _Search:
    """One question. used: after a proof, the boxes it rests on."""

    def __init__(self, cover: Cover, by: int) -> None:
        self._cover = cover
        self._by = by
        self._steps = 0
        self.used = 0

    def run(self, box: Box) -> Box | None:
        return self._search(dict(box), self._by)

    def _search(self, box: dict[int, int], by: int) -> Box | None:
        while True:
            self._steps += 1
            if self._steps > MAX_STEPS:
                raise GaveUp
            by &= self._cover.meeting(box)
            if not by:
                return box
            bit, open_ = self._tightest(box, by)
            blocker = self._cover.boxes[bit]
            self.used |= 1 << bit
            if not open_:
                return None
            if len(open_) > 1:
                return self._split(box, by, blocker, open_)
            dimension = open_[0]
            box[dimension] = self._cells(box, dimension) & ~blocker[dimension]

    def _cells(self, box: Box, dimension: int) -> int:
        return box.get(dimension, self._cover.live(dimension))

    def _tightest(self, box: Box, by: int) -> tuple[int, list[int]]:
        """The box that leaves the fewest dimensions of the question open, and those."""
        best, fewest = -1, None
        for i in bits(by):
            open_ = [d for d, c in self._cover.boxes[i].items() if self._cells(box, d) & ~c]
            if fewest is None or len(open_) < len(fewest):
                best, fewest = i, open_
                if len(open_) <= 1:
                    break
        if fewest is None:
            raise ValueError("no box to choose from")
        return best, fewest

    def _split(
        self, box: dict[int, int], by: int, blocker: Box, open_: list[int]
    ) -> Box | None:
        """What the blocker leaves of the box, part by part: outside it in one dimension, inside
        it in those before."""
        rest = dict(box)
        for dimension in open_:
            cells = self._cells(rest, dimension)
            found = self._search({**rest, dimension: cells & ~blocker[dimension]}, by)
            if found is not None:
                return found
            rest[dimension] = cells & blocker[dimension]
        return None
