"""Rolling windows: their names, and the slots that cover them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.domain.periods import Period
from policy_router.domain.windows import HOUR, LONGEST, MINUTE, MOST_SLOTS, Rolling, rolling, window

lengths = st.integers(1, LONGEST)


@pytest.mark.parametrize(
    ("text", "seconds", "name"),
    [
        ("min", 60, "min"), ("60s", 60, "min"), ("1min", 60, "min"), ("1m", 60, "min"),
        ("hour", 3600, "hour"), ("1h", 3600, "hour"), ("60m", 3600, "hour"),
        ("5h", 18_000, "5h"), ("300min", 18_000, "5h"), ("18000s", 18_000, "5h"),
        ("90m", 5400, "90min"), ("61s", 61, "61s"), ("1s", 1, "1s"),
        ("24h", 86_400, "1d"), ("3d", 259_200, "3d"), ("31d", LONGEST, "31d"),
    ],
)  # fmt: skip
def test_a_window_is_named_by_its_length(text: str, seconds: int, name: str) -> None:
    found = rolling(text)
    assert (found.seconds, str(found)) == (seconds, name)


def test_equal_lengths_are_one_window() -> None:
    assert rolling("60min") == rolling("1h") == HOUR
    assert rolling("60s") == MINUTE


@pytest.mark.parametrize("period", Period)
def test_the_name_of_a_period_is_the_calendars(period: Period) -> None:
    assert window(period.value) is period


@pytest.mark.parametrize("text", ["", "5", "h", "0h", "1.5h", "5 h", "2w", "year", "05h", "-1h"])
def test_anything_else_is_no_window(text: str) -> None:
    with pytest.raises(ValueError, match="is not a rolling window"):
        window(text)


@given(lengths)
def test_the_name_of_a_window_is_read_as_the_same(seconds: int) -> None:
    assert rolling(str(Rolling(seconds))) == Rolling(seconds)


@given(lengths)
def test_few_slots_cover_a_window_and_hardly_more(seconds: int) -> None:
    found = Rolling(seconds)
    assert found.slots <= MOST_SLOTS
    assert seconds <= found.slots * found.width < seconds + found.width
