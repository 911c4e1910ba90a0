"""Calendar periods partition time, in every zone and year.

    python -m tests.calendars [--years 2020 2035] [ZONE ...]

Every zone when none is named. Prints how many days, weeks and months were walked; exit 1 at the
first instant that lies in no period, or in two.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, available_timezones

from policy_router.domain.periods import Period, calendar

if TYPE_CHECKING:
    from collections.abc import Iterator

HOUR = 3600.0


def instants(zone: ZoneInfo, start: float, end: float) -> Iterator[float]:
    """Moments of a period to try: its ends and middle, and where clocks change in it, every five
    minutes of the first and last days."""
    yield from (start, (start + end) / 2, end - 0.001)
    shown = [datetime.fromtimestamp(t, zone).utcoffset() for t in (start, end)]
    if shown[0] != shown[1] or (end - start) % (24 * HOUR):
        reach = int(min(end - start, 26 * HOUR))
        for after in range(0, reach, 300):
            yield start + after
            yield end - after - 300


def walk(zone: ZoneInfo, period: Period, since: float, until: float) -> int:
    """Goes from period to period and sees that they are contiguous, that their labels ascend, and
    that what lies in one lies in no other. How many there were."""
    label, start, end = calendar(period, zone, since)
    assert start <= since < end, (zone, label)
    walked = 0
    while end < until:
        assert start < end, (zone, label)
        for now in instants(zone, start, end):
            assert calendar(period, zone, now) == (label, start, end), (zone, label, now)
        after = calendar(period, zone, end)
        assert after[1] == end, (zone, label, after)
        assert after[0] > label, (zone, label, after)
        label, start, end = after
        walked += 1
    return walked


def year(number: int) -> float:
    """When a year begins in UTC."""
    return datetime(number, 1, 1, tzinfo=UTC).timestamp()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.calendars")
    parser.add_argument("zones", nargs="*")
    parser.add_argument("--years", nargs=2, type=int, default=(2020, 2035))
    asked = parser.parse_args()
    zones = asked.zones or sorted(available_timezones())
    since, until = year(asked.years[0]), year(asked.years[1] + 1)
    walked = dict.fromkeys(Period, 0)
    for name in zones:
        for period in Period:
            walked[period] += walk(ZoneInfo(name), period, since, until)
    counts = ", ".join(f"{number:,} {period}s" for period, number in walked.items())
    print(f"{len(zones)} zones, {asked.years[0]} to {asked.years[1]}: {counts}, no gap")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
