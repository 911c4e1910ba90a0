"""Boxes in the space of requests that contain no request, since two facts contradict there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.assurance.values import finder
from policy_router.domain.condition import HOUR, WEEKDAY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.decision.space import Box, Space

_NO_MATCH, _MATCH = 0b01, 0b10


def impossible_boxes(space: Space) -> Iterator[Box]:
    """Yield boxes that no request lies in.

    Args:
        space: The space of the boxes.
    """
    yield from _clockless(space)
    yield from _mismatched(space)


def _clockless(space: Space) -> Iterator[Box]:
    """Boxes with only one of hour and weekday, which come from one clock."""
    position = {d.fact: i for i, d in enumerate(space.dimensions)}
    if HOUR in position and WEEKDAY in position:
        hour, day = position[HOUR], position[WEEKDAY]
        absent = {i: 1 << space.dimensions[i].size - 1 for i in (hour, day)}
        for one, other in ((hour, day), (day, hour)):
            live = space.dimensions[other].live
            yield {one: absent[one], other: live & ~absent[other]}


def _mismatched(space: Space) -> Iterator[Box]:
    """Boxes in which a text is known, and a pattern is found in it that is not, or the reverse.

    A pattern is a dimension of its own. Where conditions compare the same text with constants, each
    constant says whether the pattern is found; in an absent text it never is.
    """
    texts = {d.fact: i for i, d in enumerate(space.dimensions) if d.detail is None}
    for position, pattern in enumerate(space.dimensions):
        if not pattern.is_pattern or pattern.fact not in texts or pattern.detail is None:
            continue
        text = space.dimensions[texts[pattern.fact]]
        find = finder(pattern.detail)
        matching = sum(1 << i for i, known in enumerate(text.constants) if find(str(known)))
        absent = 1 << text.size - 1
        other = (1 << len(text.constants)) - 1 & ~matching | absent
        for cells, contradiction in ((matching, _NO_MATCH), (other, _MATCH)):
            if cells & text.live:
                yield {texts[pattern.fact]: cells & text.live, position: contradiction}
