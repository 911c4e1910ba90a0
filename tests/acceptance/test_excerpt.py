"""What is shown of a text that is too long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.acceptance.excerpt import byte_length, excerpt


@given(st.text(st.characters()), st.integers(10, 200))
def test_it_fits_and_can_be_sent(text: str, room: int) -> None:
    shown = excerpt(text * 5, room)
    assert len(shown.encode()) == byte_length(shown) <= room


@pytest.mark.parametrize(
    ("text", "room", "shown"),
    [
        ("short", 5, "short"),
        ("a longer text of words", 15, "a long [...] ds"),
        ("\ud83d hi", 20, "? hi"),
        ("\N{EURO SIGN}" * 20, 17, "\N{EURO SIGN}" * 2 + " [...] \N{EURO SIGN}"),
    ],
)
def test_its_beginning_and_its_end(text: str, room: int, shown: str) -> None:
    assert excerpt(text, room) == shown
