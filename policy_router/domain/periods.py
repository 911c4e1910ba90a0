"""Calendar periods: days, weeks and months in a time zone."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo


class Period(StrEnum):
    """A calendar period in the policy's time zone."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@lru_cache(maxsize=4096)
def _bounds(period: Period, zone: ZoneInfo, day: date) -> tuple[date, float, float]:
    if period is Period.MONTH:
        first = day.replace(day=1)
        after = (first + timedelta(days=31)).replace(day=1)
    elif period is Period.WEEK:
        first = day - timedelta(days=day.weekday())
        after = first + timedelta(days=7)
    else:
        first, after = day, day + timedelta(days=1)
    return first, _midnight(first, zone), _midnight(after, zone)


def calendar(period: Period, zone: ZoneInfo, now: float) -> tuple[str, float, float]:
    """The calendar period that contains a time.

    Days begin at local midnight, or at the first moment of the day where there is no midnight; they
    last 23 to 25 hours where clocks change. Where a date occurs twice, because clocks were set back
    over midnight, its day ends the first time.

    Args:
        period: A day, week or month.
        zone: The time zone in which it begins and ends.
        now: Unix time in seconds.

    Returns:
        Its label, such as `2026-11-18`, `2026-W47` or `2026-11`, and its start and end as Unix
        times; the end is not part of it.
    """
    last = _last.get((period, zone))
    if last is not None and last[1] <= now < last[2]:
        return last
    day = datetime.fromtimestamp(now, zone).date()
    first, start, end = _bounds(period, zone, day)
    if now >= end:  # clocks went back over midnight, and show the old date again
        first, start, end = _bounds(period, zone, day + timedelta(days=1))
    found = _label(period, first), start, end
    if len(_last) >= _MOST:
        _last.clear()
    _last[period, zone] = found
    return found


_MOST: Final = 256
_last: Final[dict[tuple[Period, ZoneInfo], tuple[str, float, float]]] = {}
"""The period of each kind that was asked for last: nearly all times lie in the present one."""


def _midnight(day: date, zone: ZoneInfo) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()


def _label(period: Period, first: date) -> str:
    if period is Period.WEEK:
        year, week, _ = first.isocalendar()
        return f"{year}-W{week:02}"
    return first.isoformat()[: 7 if period is Period.MONTH else 10]
