"""Meters: their counters, and the calendar periods that partition time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.domain.identity import bounded_id, key_id, storable
from policy_router.domain.limits import Charge, Counter, CounterKey, Limit, Metric
from policy_router.domain.periods import Period, calendar
from policy_router.domain.windows import HOUR, MINUTE
from tests.calendars import walk, year

ZONES = sorted(available_timezones())


def at(zone: str, text: str, fold: int = 0) -> float:
    """The Unix time of what a clock in a zone shows."""
    shown = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return shown.timestamp()


# -- calendar ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "shown", "label", "begins", "hours"),
    [
        ("UTC", "2026-11-18T12:00", "2026-11-18", "00:00", 24),
        ("Asia/Kathmandu", "2026-11-18T12:00", "2026-11-18", "00:00", 24),
        ("Europe/Berlin", "2024-03-31T12:00", "2024-03-31", "00:00", 23),
        ("Europe/Berlin", "2024-10-27T02:30", "2024-10-27", "00:00", 25),
        ("America/New_York", "2024-03-10T12:00", "2024-03-10", "00:00", 23),
        ("America/New_York", "2024-11-03T12:00", "2024-11-03", "00:00", 25),
        ("Australia/Lord_Howe", "2024-04-07T12:00", "2024-04-07", "00:00", 24.5),
        ("Australia/Lord_Howe", "2024-10-06T12:00", "2024-10-06", "00:00", 23.5),
        # no midnight: the day begins at 01:00
        ("Africa/Cairo", "2024-04-26T12:00", "2024-04-26", "01:00", 23),
        ("Asia/Beirut", "2022-03-27T12:00", "2022-03-27", "01:00", 23),
        ("America/Santiago", "2022-09-11T12:00", "2022-09-11", "01:00", 23),
        # two midnights
        ("America/Havana", "2024-11-03T12:00", "2024-11-03", "00:00", 25),
        ("America/Santiago", "2022-04-02T23:30", "2022-04-02", "00:00", 25),
        # over midnight and back: the day has ended when its date is shown again
        ("America/St_Johns", "2010-11-06T12:00", "2010-11-06", "00:00", 24),
        ("America/St_Johns", "2010-11-07T12:00", "2010-11-07", "00:00", 25),
        # a day that never was: 30 December 2011
        ("Pacific/Apia", "2011-12-29T12:00", "2011-12-29", "00:00", 24),
        ("Pacific/Apia", "2011-12-31T12:00", "2011-12-31", "00:00", 24),
    ],
)
def test_days_are_as_long_as_their_clocks_say(
    zone: str, shown: str, label: str, begins: str, hours: float
) -> None:
    found, start, end = calendar(Period.DAY, ZoneInfo(zone), at(zone, shown))
    assert found == label
    assert datetime.fromtimestamp(start, ZoneInfo(zone)).strftime("%H:%M") == begins
    assert end - start == hours * 3600


def test_a_date_shown_again_belongs_to_the_next_day() -> None:
    zone = ZoneInfo("America/St_Johns")
    once = at("America/St_Johns", "2010-11-06T23:30")
    again = at("America/St_Johns", "2010-11-06T23:30", fold=1)
    assert again == once + 3600
    assert calendar(Period.DAY, zone, once)[0] == "2010-11-06"
    assert calendar(Period.DAY, zone, again)[0] == "2010-11-07"


def test_a_day_that_never_was_is_skipped() -> None:
    zone = ZoneInfo("Pacific/Apia")
    _, _, end = calendar(Period.DAY, zone, at("Pacific/Apia", "2011-12-29T12:00"))
    assert calendar(Period.DAY, zone, end)[:2] == ("2011-12-31", end)


@pytest.mark.parametrize(
    ("period", "shown", "label", "days"),
    [
        (Period.WEEK, "2026-11-18", "2026-W47", 7),
        (Period.WEEK, "2027-01-03", "2026-W53", 7),
        (Period.WEEK, "2024-12-30", "2025-W01", 7),
        (Period.MONTH, "2024-02-29", "2024-02", 29),
        (Period.MONTH, "2023-02-28", "2023-02", 28),
        (Period.MONTH, "2026-12-31", "2026-12", 31),
    ],
)
def test_weeks_and_months(period: Period, shown: str, label: str, days: int) -> None:
    found, start, end = calendar(period, ZoneInfo("UTC"), at("UTC", shown))
    assert found == label
    assert end - start == days * 86_400


@pytest.mark.parametrize(
    ("zone", "number"),
    [
        ("Africa/Cairo", 2023), ("Asia/Beirut", 2022), ("America/Santiago", 2022),
        ("Australia/Lord_Howe", 2024), ("Europe/Berlin", 2024), ("America/New_York", 2024),
        ("Pacific/Apia", 2011), ("America/St_Johns", 2010), ("Africa/Casablanca", 2026),
        ("America/Nuuk", 2023), ("America/Scoresbysund", 2024), ("Asia/Gaza", 2026),
        ("Antarctica/Troll", 2026), ("Atlantic/Azores", 2026), ("America/Havana", 2026),
    ],
)  # fmt: skip
def test_periods_partition_a_year_in_which_clocks_change(zone: str, number: int) -> None:
    for period in Period:
        assert walk(ZoneInfo(zone), period, year(number), year(number + 1)) > 10


@given(
    zone=st.sampled_from(ZONES),
    day=st.dates(datetime(2020, 1, 1).date(), datetime(2035, 12, 1).date()),  # noqa: DTZ001
    period=st.sampled_from(Period),
    seconds=st.floats(0, 86_400),
)
def test_every_instant_lies_in_one_period(
    zone: str, day: datetime, period: Period, seconds: float
) -> None:
    since = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() + seconds
    assert walk(ZoneInfo(zone), period, since, since + timedelta(days=40).total_seconds()) >= 1


@given(
    zone=st.sampled_from(ZONES),
    day=st.dates(datetime(2020, 1, 1).date(), datetime(2035, 12, 1).date()),  # noqa: DTZ001
)
def test_weeks_and_months_begin_where_a_day_does(zone: str, day: datetime) -> None:
    now = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
    for period in (Period.WEEK, Period.MONTH):
        _, start, end = calendar(period, ZoneInfo(zone), now)
        assert calendar(Period.DAY, ZoneInfo(zone), start)[1] == start
        assert calendar(Period.DAY, ZoneInfo(zone), end)[1] == end


# -- limits and counters ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("window", "key"),
    [
        (None, "limits/each|requests|||anna"),
        (MINUTE, "limits/each|requests|min||anna"),
        (HOUR, "limits/each|requests|hour||anna"),
        (Period.DAY, "limits/each|requests|day|2026-11-19|anna"),
        (Period.WEEK, "limits/each|requests|week|2026-W47|anna"),
        (Period.MONTH, "limits/each|requests|month|2026-11|anna"),
    ],
)
def test_a_counter_is_named_by_limit_period_and_subject(window: Period | None, key: str) -> None:
    now = at("UTC", "2026-11-18T15:30")  # already the 19th in Tokyo
    zone = ZoneInfo("Asia/Tokyo")
    keys = {
        Limit("limits", "each", Metric.REQUESTS, window, limit, 1).counter("anna", now, zone).key
        for limit in (None, 5, 10)
    }
    assert keys == {CounterKey.parse(key)}
    assert {str(found) for found in keys} == {key}
    counter = Limit("limits", "each", Metric.REQUESTS, window, 1, 1).counter("anna", now, zone)
    assert counter.id == key


NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}", fullmatch=True)
KEYS = st.builds(
    CounterKey,
    st.sampled_from(("limits", "budgets", "models")),
    NAMES,
    st.sampled_from(Metric),
    st.sampled_from(("", "min", "hour", "day", "week", "month")),
    st.sampled_from(("", "2026-11-19", "2026-W47", "2026-11")),
    st.text(st.characters(exclude_categories=())) | st.text("a|/-\n", max_size=9),
)


@given(KEYS)
def test_the_text_of_a_key_is_the_key(key: CounterKey) -> None:
    parsed = CounterKey.parse(str(key))
    assert parsed == key
    assert type(parsed.metric) is Metric
    assert Counter(key).id == str(key)


@given(KEYS, KEYS)
def test_different_keys_have_different_texts(one: CounterKey, other: CounterKey) -> None:
    assert (str(one) == str(other)) is (one == other)


@pytest.mark.parametrize(
    "text",
    ["", "limits", "limits/a", "limits/a|usd|day|2026-11-19", "a|usd|||-", "limits/a|euro|||-",
     "limits/a/b|usd|||-"],
)  # fmt: skip
def test_what_is_not_the_text_of_a_key(text: str) -> None:
    with pytest.raises(ValueError, match="is not the key of a counter"):
        CounterKey.parse(text)


def test_the_counters_of_a_limit_share_a_scope() -> None:
    limit = Limit("budgets", "team", Metric.USD, Period.DAY, 10, 1, per="user")
    counters = [limit.counter(user, now, ZoneInfo("UTC")) for user in "ab" for now in (0, 9e8)]
    assert len({counter.key for counter in counters}) == 4
    assert {counter.key.scope for counter in counters} == {limit.key()}
    assert limit.is_budget
    assert limit.key().is_budget
    assert not Limit("limits", "team", Metric.USD, Period.DAY, 10, 1).is_budget


@given(now=st.floats(0, 4e9), window=st.sampled_from((MINUTE, HOUR)))
def test_the_slots_that_count_cover_the_window(now: float, window: object) -> None:
    counter = Limit("l", "m", Metric.TOKENS, window, 1, 1).counter("-", now, ZoneInfo("UTC"))  # type: ignore[arg-type]
    seconds = counter.width * counter.slots
    assert counter.slot(now) * counter.width <= now < (counter.slot(now) + 1) * counter.width
    assert counter.oldest(now) * counter.width <= now - seconds
    assert (counter.oldest(now) + 1) * counter.width > now - seconds


@pytest.mark.parametrize(
    ("amount", "limit", "refuses", "used", "exceeds"),
    [
        (10, 100, True, 90, False), (10, 100, True, 91, True), (0, 100, True, 99, False),
        (0, 100, True, 100, True), (101, 100, True, 0, True), (10, None, True, 10**18, False),
        (10, 100, False, 1000, False), (0, 0, True, 0, True),
    ],
)  # fmt: skip
def test_what_exceeds_a_limit(
    amount: int, limit: int | None, refuses: bool, used: int, exceeds: bool
) -> None:
    assert (
        Charge(Counter(CounterKey("limits", "k", Metric.USD, "")), amount, limit, refuses).exceeds(
            used
        )
        is exceeds
    )


@pytest.mark.parametrize("text", ["", "ada", "änna", "x" * 128, "\ud800", "a\\b"])
def test_a_short_name_is_kept(text: str) -> None:
    assert bounded_id(text) == storable(text)


@pytest.mark.parametrize("text", ["x" * 129, "x" * 10**6, "é" * 500, "\ud800" * 22])
def test_a_long_name_is_a_part_and_a_digest(text: str) -> None:
    short = bounded_id(text)
    assert len(short) == 97
    assert short.startswith(f"{storable(text)[:64]}#")
    assert bounded_id(short) == short
    assert bounded_id(text + "y") != short


def test_a_key_is_a_digest() -> None:
    # printf %s sk-1234 | sha256sum | cut -c1-16
    assert key_id("sk-1234") == "sha256:88dc28d0f030c55e"
    assert key_id(key_id("sk-1234")) == key_id("sk-1234")
    assert key_id("") == ""
    assert key_id("sha256:88dc28d0f030c55") != "sha256:88dc28d0f030c55"
