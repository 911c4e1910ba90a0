"""Is a box covered by the union of other boxes? If not, where; if so, by which.

A search like DPLL, on boxes: those that miss the question drop out; one that contains it answers
it; one that leaves a single dimension open shrinks it; else the question is split along one that
leaves few open. Covering is hard in theory and small in practice; a budget of steps turns the rare
hard case into an honest `GaveUp`. All boxes are looked at together, as bits of an int.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.cancellation import Poll, checkpoint, never
from policy_router.decide.cells import admitting, bits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.decide.cells import Box, Space

MAX_STEPS: Final = 20_000


class GaveUp(Exception):  # noqa: N818  an answer ("unknown"), not an error
    """The question took more than MAX_STEPS steps."""


class Cover:
    """Boxes that may cover others. A set of them is an int, bit i for box i.
    cancelled: polled while it searches; every search then raises Cancelled."""

    def __init__(self, space: Space, boxes: Sequence[Box], cancelled: Poll = never) -> None:
        self.cancelled = cancelled
        self.boxes = tuple(boxes)
        self.live = [d.live for d in space.dimensions]
        self._admits = [admitting(d, at, boxes) for at, d in enumerate(space.dimensions)]
        self._everything = (1 << len(self.boxes)) - 1
        self._touching: dict[tuple[int, int], int] = {}
        self._holding: dict[tuple[int, int], int] = {}

    def meeting(self, box: Box) -> int:
        """The boxes that have a point in common with this one."""
        found = self._everything
        for dimension, cells in box.items():
            found &= self.touching(dimension, cells)
        return found

    def touching(self, dimension: int, cells: int) -> int:
        """The boxes that admit at least one of these cells of a dimension."""
        found = self._touching.get((dimension, cells))
        if found is None:
            found = 0
            for cell in bits(cells):
                found |= self._admits[dimension][cell]
            self._touching[dimension, cells] = found
        return found

    def holding(self, dimension: int, cells: int) -> int:
        """The boxes that admit every one of these cells of a dimension."""
        found = self._holding.get((dimension, cells))
        if found is None:
            found = self._everything
            for cell in bits(cells):
                found &= self._admits[dimension][cell]
            self._holding[dimension, cells] = found
        return found

    def uncovered(self, box: Box, by: int) -> Box | None:
        """A part of the box that none of the boxes in `by` reaches; None when there is none.
        Raises GaveUp."""
        return _Search(self).run(box, by)

    def core(self, box: Box, by: int) -> int | None:
        """Of boxes that cover the box, some that already do and cannot spare one of them; None
        when they do not cover it. Raises GaveUp."""
        search = _Search(self)
        if search.run(box, by) is not None:
            return None
        needed = search.used
        for i in reversed(list(bits(needed))):
            if needed >> i & 1:
                search = _Search(self)
                if search.run(box, needed & ~(1 << i)) is None:
                    needed = search.used
        return needed


class _Search:
    """One question. used: after a proof, the boxes it rests on."""

    def __init__(self, cover: Cover) -> None:
        self._cover = cover
        self._steps = 0
        self.used = 0

    def run(self, box: Box, by: int) -> Box | None:
        return self._search(dict(box), by & self._cover.meeting(box))

    def _search(self, box: dict[int, int], by: int) -> Box | None:
        """`by` has only boxes that meet the box."""
        live = self._cover.live
        while by:
            self._steps += 1
            if self._steps > MAX_STEPS:
                raise GaveUp
            checkpoint(self._cover.cancelled)
            bit = self._tightest(box, by)
            self.used |= 1 << bit
            blocker = self._cover.boxes[bit]
            open_ = [d for d, cells in blocker.items() if box.get(d, live[d]) & ~cells]
            if not open_:
                return None
            if len(open_) > 1:
                return self._split(box, by, blocker, open_)
            dimension = open_[0]
            left = box[dimension] = box.get(dimension, live[dimension]) & ~blocker[dimension]
            by &= self._cover.touching(dimension, left)
        return box

    def _tightest(self, box: Box, by: int) -> int:
        """A box that leaves the fewest dimensions of the question open; beyond three, any."""
        one = two = three = four = 0  # boxes that leave so many open, or more
        for dimension, live in enumerate(self._cover.live):
            open_ = by & ~self._cover.holding(dimension, box.get(dimension, live))
            if open_:
                four |= three & open_
                three |= two & open_
                two |= one & open_
                one |= open_
        best = by & ~one or by & ~two or by & ~three or by & ~four or by
        return (best & -best).bit_length() - 1

    def _split(self, box: Box, by: int, blocker: Box, open_: list[int]) -> Box | None:
        """What the blocker leaves of the box, part by part: outside it in one dimension, inside
        it in those before."""
        rest = dict(box)
        for dimension in open_:
            cells = rest.get(dimension, self._cover.live[dimension])
            outside, inside = cells & ~blocker[dimension], cells & blocker[dimension]
            near = by & self._cover.touching(dimension, outside)
            found = self._search({**rest, dimension: outside}, near)
            if found is not None:
                return found
            rest[dimension] = inside
            by &= self._cover.touching(dimension, inside)
        return None
