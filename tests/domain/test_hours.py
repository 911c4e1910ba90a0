"""Hours of the week and prices by the hour, against an oracle that reads a clock each minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy_router.domain.hours import EVERY_DAY, WHOLE_DAY, Hours, edges
from policy_router.domain.prices import Price

BERLIN, NEW_YORK, SHANGHAI = map(ZoneInfo, ("Europe/Berlin", "America/New_York", "Asia/Shanghai"))
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")  # its clocks change by half an hour
KATHMANDU = ZoneInfo("Asia/Kathmandu")  # 5 hours and 45 minutes ahead
ZONES = (ZoneInfo("UTC"), BERLIN, NEW_YORK, SHANGHAI, LORD_HOWE, KATHMANDU)
WEEKDAYS = (0, 1, 2, 3, 4)
CLOCK_CHANGES = (
    datetime(2026, 3, 29, tzinfo=UTC),  # Berlin, forward
    datetime(2026, 10, 25, tzinfo=UTC),  # Berlin, back
    datetime(2026, 3, 8, tzinfo=UTC),  # New York
    datetime(2026, 11, 1, tzinfo=UTC),
    datetime(2026, 4, 4, tzinfo=UTC),  # Lord Howe
    datetime(2026, 10, 3, tzinfo=UTC),
)


def unix(text: str, zone: ZoneInfo = ZONES[0], fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).timestamp()


@pytest.mark.parametrize(
    ("time", "inside"),
    [
        ("2026-11-30T00:59:59", False),  # a Monday
        ("2026-11-30T01:00", True),
        ("2026-11-30T03:59:59", True),
        ("2026-11-30T04:00", False),
        ("2026-12-05T02:00", False),  # a Saturday
        ("2026-12-04T02:00", True),
    ],
)
def test_a_range_has_its_start_and_not_its_end(time: str, inside: bool) -> None:
    assert (unix(time) in Hours(60, 240, WEEKDAYS, ZONES[0])) is inside


@pytest.mark.parametrize(
    ("time", "inside"),
    [
        ("2026-12-04T21:59", False),  # a Friday
        ("2026-12-04T22:00", True),
        ("2026-12-05T05:59", True),
        ("2026-12-05T06:00", False),
        ("2026-12-05T22:00", False),
        ("2026-12-04T05:59", False),  # the night of Thursday
    ],
)
def test_a_night_belongs_to_the_day_on_which_it_begins(time: str, inside: bool) -> None:
    assert (unix(time, BERLIN) in Hours(22 * 60, 6 * 60, (4,), BERLIN)) is inside


def test_hours_that_occur_twice_belong_to_the_range_both_times() -> None:
    hours = Hours(2 * 60, 3 * 60, EVERY_DAY, BERLIN)
    first, second = (unix("2026-10-25T02:30", BERLIN, fold) for fold in (0, 1))
    assert second - first == 3600
    assert first in hours
    assert second in hours


def test_hours_that_do_not_occur_are_left_out() -> None:
    hours = Hours(2 * 60 + 30, 5 * 60, EVERY_DAY, BERLIN)
    clocks_change = unix("2026-03-29T01:00")  # 02:00 becomes 03:00
    assert clocks_change - 1 not in hours
    assert clocks_change in hours
    assert clocks_change in edges([hours], clocks_change - 3600, clocks_change + 3600)


def test_days_can_be_read_in_another_zone() -> None:
    hours = Hours(16 * 60, 24 * 60, (5,), ZONES[0], SHANGHAI)
    assert unix("2026-12-04T16:00") in hours  # a Friday; Saturday in Shanghai
    assert unix("2026-12-05T16:00") not in hours


def test_the_first_price_whose_hours_apply_wins() -> None:
    night, noon = Price(1, 1), Price(2, 2)
    price = Price(
        3,
        3,
        by_hour=(
            (Hours(12 * 60, 13 * 60, EVERY_DAY, ZONES[0]), noon),
            (Hours(0, 18 * 60, EVERY_DAY, ZONES[0]), night),
        ),
    )
    assert price.at(unix("2026-11-30T12:30")) == noon
    assert price.at(unix("2026-11-30T11:30")) == night
    assert price.at(unix("2026-11-30T18:00")) == price
    assert price.at(None) == price
    assert price.until(unix("2026-11-30T12:30")) == unix("2026-11-30T13:00")
    assert price.until(unix("2026-11-30T18:00")) == unix("2026-12-01T00:00")


def test_a_price_that_never_changes_has_no_end() -> None:
    always = (Hours(0, WHOLE_DAY, EVERY_DAY, BERLIN), Price(1, 1))
    assert Price(2, 2).until(0.0) is None
    assert Price(2, 2, by_hour=(always,)).until(1e9) is None
    assert Price(2, 2).within(1e9, 60) == (Price(2, 2),)


def test_one_day_a_week_is_found_though_clocks_skip_it() -> None:
    sunday = Hours(2 * 60 + 10, 2 * 60 + 50, (6,), BERLIN)
    price = Price(2, 2, by_hour=((sunday, Price(1, 1)),))
    after = price.until(unix("2026-03-22T03:00", BERLIN))
    assert after == unix("2026-04-05T02:10", BERLIN)


def test_every_rate_is_scaled_and_pictures_have_a_fee() -> None:
    hours = Hours(0, 60, EVERY_DAY, BERLIN)
    price = Price(100, 200, image=7, by_hour=((hours, Price(10, 20, image=7)),))
    assert price.times(150).by_hour == ((hours, Price(15, 30, image=7)),)
    assert price.most(0, 0, pictures=3) == 21


# -- laws ------------------------------------------------------------------------------------------


@st.composite
def ranges(draw: st.DrawFn) -> Hours:
    start = draw(st.integers(0, WHOLE_DAY - 1))
    end = draw(st.integers(1, WHOLE_DAY).filter(lambda minute: minute != start))
    days = tuple(sorted(draw(st.sets(st.integers(0, 6), min_size=1))))
    calendar = draw(st.none() | st.sampled_from(ZONES)) if start < end else None
    return Hours(start, end, days, draw(st.sampled_from(ZONES)), calendar)


@st.composite
def prices(draw: st.DrawFn) -> Price:
    hours = draw(st.lists(ranges(), min_size=1, max_size=4))
    rates = st.integers(1, 5).map(lambda n: n * 10**6)
    bands = tuple((each, Price(draw(rates), draw(rates))) for each in hours)
    return Price(draw(rates), draw(rates), by_hour=bands)


moments = st.builds(
    lambda day, minutes: (day + timedelta(minutes=minutes)).timestamp(),
    st.sampled_from((*CLOCK_CHANGES, datetime(2026, 11, 30, tzinfo=UTC))),
    st.integers(-1440, 2 * 1440),
)


def shown(hours: Hours, time: float) -> bool:
    """What somebody finds who looks at the clocks on the wall."""
    wall = datetime.fromtimestamp(time, UTC).astimezone(hours.zone)
    clock = f"{wall:%H:%M}"
    begin, end = (f"{m // 60:02}:{m % 60:02}" for m in (hours.start, hours.end))
    day = datetime.fromtimestamp(time, UTC).astimezone(hours.calendar or hours.zone)
    if begin < end:
        return begin <= clock < end and day.isoweekday() - 1 in hours.days
    yesterday = (day.isoweekday() - 2) % 7
    evening = clock >= begin and day.isoweekday() - 1 in hours.days
    return evening or (clock < end and yesterday in hours.days)


@given(ranges(), moments)
def test_a_range_is_what_the_clocks_show(hours: Hours, time: float) -> None:
    assert (time in hours) == shown(hours, time)


@given(prices(), moments)
def test_the_price_at_any_time_is_one_of_the_stated(price: Price, time: float) -> None:
    stated = [band for hours, band in price.by_hour if shown(hours, time)]
    assert price.at(time) == (stated[0] if stated else price)


@settings(max_examples=60)
@given(prices(), moments, st.integers(0, 26 * 60))
def test_a_period_has_the_prices_of_all_its_minutes(
    price: Price, start: float, minutes: int
) -> None:
    seen = {price.at(start + minute * 60) for minute in range(minutes + 1)}
    assert set(price.within(start, minutes * 60)) == seen
    assert seen <= set(price.within(None, 0))


@settings(max_examples=60)
@given(prices(), moments)
def test_the_next_change_is_the_first(price: Price, time: float) -> None:
    now = price.at(time)
    minutes = (time + minute * 60 for minute in range(15 * 1440))
    first = next((minute for minute in minutes if price.at(minute) != now), None)
    change = price.until(time)
    if first is None:
        assert change is None or change > time + 14 * 86_400
    else:
        assert change == first


@given(prices(), moments, st.floats(0, 90), st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_hold_is_never_below_the_charge_at_any_moment_of_sending(
    price: Price, taken: float, later: float, tokens_in: int, tokens_out: int
) -> None:
    held = max(each.most(tokens_in, tokens_out) for each in price.within(taken, 90))
    assert price.at(taken + later).cost(tokens_in, tokens_out) <= held
