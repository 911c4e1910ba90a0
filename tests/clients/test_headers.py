from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.clients.headers import LONGEST, read_headers, usable

NAMES = frozenset({"x-session-id", "user-agent"})


@pytest.mark.parametrize(
    ("value", "used"),
    [
        ("abc", "abc"),
        ("  abc ", "abc"),
        ("ä ö", "ä ö"),
        ("x" * LONGEST, "x" * LONGEST),
        ("x" * (LONGEST + 1), None),
        ("", None),
        ("   ", None),
        ("a\nb", None),
        ("a\x00b", None),
        ("a\x7f", None),
        ("a\u202eb", None),
        ("\ud800", None),
        (b"abc", None),
        (None, None),
        (7, None),
    ],
)
def test_which_values_are_used(value: Any, used: str | None) -> None:
    assert usable(value) == used


def test_names_are_compared_without_regard_to_case_and_others_are_not_read() -> None:
    headers = {"X-Session-ID": "a", "USER-AGENT": "b", "authorization": "secret"}
    assert read_headers(headers, NAMES) == {"x-session-id": "a", "user-agent": "b"}


def test_the_first_usable_one_of_equal_names_counts() -> None:
    headers = {"X-Session-Id": "\n", "x-session-id": "a", "X-SESSION-ID": "b"}
    assert read_headers(headers, NAMES) == {"x-session-id": "a"}


@given(
    st.none()
    | st.text()
    | st.lists(st.text())
    | st.dictionaries(st.text() | st.integers() | st.none(), st.text() | st.binary() | st.none())
)
def test_any_headers_are_read(headers: Any) -> None:
    known = read_headers(headers, NAMES)
    assert known.keys() <= NAMES
    assert all(value.isprintable() and 0 < len(value) <= LONGEST for value in known.values())


def test_names_of_any_length_are_read() -> None:
    assert read_headers({"x" * 10**6: "a", "x-session-id": "s"}, NAMES) == {"x-session-id": "s"}
