"""When prices by the hour are in force is worked out for many of them at once."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from policy_router.check.hours import in_force
from policy_router.domain.hours import EVERY_DAY, WHOLE_DAY, Hours

ZONES = tuple(map(ZoneInfo, ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata")))
DAYS = st.sets(st.sampled_from(EVERY_DAY), min_size=1).map(lambda days: tuple(sorted(days)))


@st.composite
def hours(draw: st.DrawFn) -> Hours:
    start = draw(st.integers(0, WHOLE_DAY - 1))
    end = draw(st.integers(1, WHOLE_DAY).filter(lambda end: end != start))
    calendar = draw(st.none() | st.sampled_from(ZONES)) if start < end else None
    return Hours(start, end, draw(DAYS), draw(st.sampled_from(ZONES)), calendar)


@given(st.lists(hours(), max_size=6))
def test_each_part_is_what_a_look_at_its_beginning_says(ranges: list[Hours]) -> None:
    times, parts = in_force(ranges)
    assert times == sorted(set(times))
    for each, own in zip(ranges, parts, strict=True):
        assert own == sum(1 << i for i, time in enumerate(times) if time in each)
