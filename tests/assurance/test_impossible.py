"""What contradicts itself in the space of requests, compared with requests."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from policy_router.assurance.impossible import impossible_boxes
from policy_router.assurance.reach import Reach
from policy_router.assurance.values import cell_of_text
from tests.check.policies import policy_of

if TYPE_CHECKING:
    from policy_router.decision.space import Space

TEXTS = st.text("ab1", max_size=3)
PATTERNS = st.sampled_from(["^a", "b$", "a+b", "^[a-b]1", "1", "^$"])


def space_of(texts: list[str], patterns: list[str]) -> Space:
    """The space of a policy that compares a fact with texts and searches it for patterns."""
    conditions = [f"region == {text!r}" for text in texts]
    conditions += [f"matches(region, {pattern!r})" for pattern in patterns]
    rules = "".join(
        f'  - {{ name: r{i}, when: "{condition}", avoid: [big] }}\n'
        for i, condition in enumerate(conditions)
    )
    policy = policy_of(
        "version: 1\nattributes: { region: string }\ntiers: [t]\nmodels:\n"
        "  small: { model: openai/gpt-4o-mini, tier: t, price: free }\n"
        "  big: { model: openai/gpt-4o, tier: t, price: free }\nrules:\n" + rules
    )
    return Reach(policy).space


def cells_of(space: Space, text: str | None) -> dict[int, int]:
    """The cell of each dimension that a text lies in; that of an absent text for None."""
    cells = {}
    for position, dimension in enumerate(space.dimensions):
        if dimension.is_pattern:
            assert dimension.detail is not None
            found = text is not None and re.search(dimension.detail, text) is not None
            cells[position] = int(found)
        else:
            absent = dimension.size - 1
            cells[position] = absent if text is None else cell_of_text(dimension, text)
    return cells


def is_impossible(space: Space, cells: dict[int, int]) -> bool:
    return any(
        all(allowed >> cells[position] & 1 for position, allowed in box.items())
        for box in impossible_boxes(space)
    )


@given(
    st.lists(TEXTS, min_size=1, max_size=4, unique=True),
    st.lists(PATTERNS, min_size=1, max_size=3, unique=True),
    st.none() | TEXTS,
)
def test_no_text_lies_in_an_impossible_box(
    texts: list[str], patterns: list[str], text: str | None
) -> None:
    space = space_of(texts, patterns)
    assert not is_impossible(space, cells_of(space, text))


@given(
    st.lists(TEXTS, min_size=1, max_size=4, unique=True),
    st.lists(PATTERNS, min_size=1, max_size=3, unique=True),
    st.data(),
)
def test_a_known_text_settles_every_pattern(
    texts: list[str], patterns: list[str], data: st.DataObject
) -> None:
    space = space_of(texts, patterns)
    cells = cells_of(space, data.draw(st.none() | st.sampled_from(texts)))
    pattern = data.draw(
        st.sampled_from([i for i, d in enumerate(space.dimensions) if d.is_pattern])
    )
    cells[pattern] = 1 - cells[pattern]
    assert is_impossible(space, cells)
