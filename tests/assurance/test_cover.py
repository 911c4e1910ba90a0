"""Cover's answers against every point of small spaces, one by one."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.assurance import cover as cover_module
from policy_router.assurance.cover import Cover, GaveUp
from policy_router.decision.bitset import bits
from policy_router.decision.space import Space, meet
from policy_router.domain import condition
from policy_router.domain.condition import Op
from policy_router.domain.facts import Fact, FactType, Vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.decision.space import Box

VALUES = "abc"


def space(dimensions: int) -> Space:
    """A space of this many enumerations, each of three values or absent."""
    facts = [Fact(f"x{i}", FactType.ENUM, tuple(VALUES)) for i in range(dimensions)]
    vocabulary = Vocabulary((), (), facts)
    tests = [condition.Test(vocabulary.by_name[f.name], Op.IN, (VALUES[0],)) for f in facts]
    return Space(vocabulary, (), tests)


def points(over: Space, box: Box) -> Iterator[dict[int, int]]:
    """Every point of a box, as the smallest box around it."""
    axes = [
        [1 << cell for cell in bits(box.get(d, dimension.live) & dimension.live)]
        for d, dimension in enumerate(over.dimensions)
    ]
    for point in product(*axes):
        yield dict(enumerate(point))


def inside(point: Box, box: Box) -> bool:
    return all(point[d] & cells for d, cells in box.items())


def covered(over: Space, box: Box, boxes: list[Box]) -> bool:
    return all(any(inside(p, b) for b in boxes) for p in points(over, box))


@st.composite
def questions(draw: st.DrawFn) -> tuple[Space, dict[int, int], list[Box]]:
    over = space(draw(st.integers(1, 4)))
    dims = range(len(over.dimensions))
    live = over.dimensions[0].live
    cells = st.integers(1, live).filter(lambda c: not c & ~live)
    some = st.dictionaries(st.sampled_from(dims), cells)
    boxes: list[Box] = list(draw(st.lists(some, max_size=12)))
    return over, draw(some), boxes


@given(questions())
def test_uncovered_agrees_with_enumeration(question: tuple[Space, Box, list[Box]]) -> None:
    over, box, boxes = question
    found = Cover(over, boxes).uncovered(box, (1 << len(boxes)) - 1)
    assert (found is None) == covered(over, box, boxes)


@given(questions())
def test_an_uncovered_part_lies_in_the_box_and_in_no_other(
    question: tuple[Space, Box, list[Box]],
) -> None:
    over, box, boxes = question
    part = Cover(over, boxes).uncovered(box, (1 << len(boxes)) - 1)
    if part is not None:
        inner = list(points(over, part))
        assert inner
        assert all(inside(p, box) for p in inner)
        assert not any(inside(p, b) for p in inner for b in boxes)


@given(questions(), st.data())
def test_only_the_boxes_asked_about_count(
    question: tuple[Space, Box, list[Box]], data: st.DataObject
) -> None:
    over, box, boxes = question
    by = data.draw(st.integers(0, (1 << len(boxes)) - 1))
    found = Cover(over, boxes).uncovered(box, by)
    assert (found is None) == covered(over, box, [boxes[i] for i in bits(by)])


@given(questions())
def test_a_core_covers_and_can_spare_nothing(question: tuple[Space, Box, list[Box]]) -> None:
    over, box, boxes = question
    core = Cover(over, boxes).core(box, (1 << len(boxes)) - 1)
    assert (core is None) == (not covered(over, box, boxes))
    if core is not None:
        chosen = list(bits(core))
        assert covered(over, box, [boxes[i] for i in chosen])
        for spare in chosen:
            assert not covered(over, box, [boxes[i] for i in chosen if i != spare])


@given(questions())
def test_meeting_is_having_a_point_in_common(question: tuple[Space, Box, list[Box]]) -> None:
    over, box, boxes = question
    met = set(bits(Cover(over, boxes).meeting(box)))
    assert met == {i for i, b in enumerate(boxes) if any(inside(p, b) for p in points(over, box))}


def corners(dimensions: int) -> tuple[Space, list[Box]]:
    """Every corner of a cube: no two can be joined, so covering needs them all."""
    over = space(dimensions)
    live = over.dimensions[0].live
    halves = (0b1, live & ~0b1)
    return over, [dict(enumerate(corner)) for corner in product(halves, repeat=dimensions)]


def test_a_cube_of_corners_needs_every_corner() -> None:
    over, boxes = corners(5)
    everything = (1 << len(boxes)) - 1
    cover = Cover(over, boxes)
    assert cover.core({}, everything) == everything
    assert cover.uncovered({}, everything & ~0b100) == boxes[2]


@pytest.mark.parametrize("allowed", [1, 5, 20])
def test_it_gives_up_after_so_many_steps(allowed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    over, boxes = corners(5)
    cover = Cover(over, boxes)
    monkeypatch.setattr(cover_module, "MAX_STEPS", allowed)
    with pytest.raises(GaveUp):
        cover.uncovered({}, (1 << len(boxes)) - 1)


def test_a_large_cube_is_answered_within_the_steps_allowed() -> None:
    over, boxes = corners(9)
    assert Cover(over, boxes).uncovered({}, (1 << len(boxes)) - 1) is None


# -- many boxes ------------------------------------------------------------------------------------


def test_a_search_splits_deeper_than_python_recurses() -> None:
    # Pairs of facts that must not agree: each is settled by a split of its own, none by another.
    pairs = 1500
    over = space(2 * pairs)
    live = over.dimensions[0].live
    boxes: list[Box] = []
    for i in range(pairs):
        boxes += [{2 * i: 0b1, 2 * i + 1: 0b1}, {2 * i: live & ~0b1, 2 * i + 1: live & ~0b1}]
    cover = Cover(over, boxes)
    part = cover.uncovered({}, (1 << len(boxes)) - 1)
    assert part is not None
    assert not cover.meeting(part)
    assert cover.steps < 8 * pairs


def independent(count: int) -> Cover:
    """So many boxes, each with a fact of its own and one that all of them share."""
    over = space(count + 1)
    boxes: list[Box] = [{i: 0b1, count: 0b1} for i in range(count)]
    return Cover(over, boxes)


def steps_of_all(count: int) -> int:
    """Steps to find that no box is covered by the others."""
    cover = independent(count)
    everything = (1 << count) - 1
    for i, box in enumerate(cover.boxes):
        assert cover.uncovered(box, everything, 1 << i) is not None
    return cover.steps


def test_boxes_that_share_no_fact_take_steps_in_proportion_to_their_number() -> None:
    assert steps_of_all(800) <= 2.2 * steps_of_all(400)


def test_the_part_of_a_box_that_many_leave_open_is_outside_of_all() -> None:
    cover = independent(50)
    for i, box in enumerate(cover.boxes):
        part = cover.uncovered(box, (1 << 50) - 1, 1 << i)
        assert part is not None
        assert bits(cover.meeting(part)) == [i]
        assert meet(part, box) == part


@given(questions(), st.data())
def test_boxes_that_do_not_count_are_left_out(
    question: tuple[Space, Box, list[Box]], data: st.DataObject
) -> None:
    over, box, boxes = question
    by, but = (data.draw(st.integers(0, (1 << len(boxes)) - 1)) for _ in range(2))
    cover = Cover(over, boxes)
    assert cover.uncovered(box, by, but) == cover.uncovered(box, by & ~but)
    assert cover.core(box, by, but) == cover.core(box, by & ~but)


def test_questions_share_what_they_may_take() -> None:
    over, boxes = corners(9)
    cover = Cover(over, boxes)
    everything = (1 << len(boxes)) - 1
    answers = []
    while not cover.exhausted:
        try:
            answers.append(cover.uncovered({}, everything))
        except GaveUp:
            answers.append({})
    assert answers[0] is None
    assert answers[-1] == {}, "a hard question is given up when the others have used up the steps"
    assert cover.uncovered({}, 0b11) is not None, "an easy one is answered"
