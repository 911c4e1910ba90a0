"""Hours in UTC, as the journal counts them, as hours and days in the time zone of a policy."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Final

from policy_router.domain.periods import Period, calendar
from policy_router.journal.dimensions import LocalDays

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

HOUR: Final = 3600
"""Seconds."""
_MINUTE: Final = 60
_DAY_MINUTES: Final = 1_440
_EPOCH: Final = date(1970, 1, 1).toordinal()
_STEP: Final = 7 * 24
"""Hours within which a zone sets its clocks once at most."""


def hour_label(hour: int, zone: ZoneInfo) -> str:
    """The local time at which an hour begins, such as `2026-11-18T14:00+01:00`.

    Args:
        hour: Its number, counted from 1970 in UTC.
        zone: The time zone.
    """
    return datetime.fromtimestamp(hour * HOUR, zone).isoformat(timespec="minutes")


def day_label(day: int) -> str:
    """A day, counted from 1970, such as `2026-11-18`."""
    return date.fromordinal(_EPOCH + day).isoformat()


def day_of(hour: int, zone: ZoneInfo) -> int:
    """The local day in which an hour begins, counted from 1970.

    Where a zone is half an hour off, the hour around midnight belongs to the day that it begins in.
    """
    return date.fromisoformat(calendar(Period.DAY, zone, hour * HOUR)[0]).toordinal() - _EPOCH


def local_days(first: int, last: int, zone: ZoneInfo) -> LocalDays:
    """The days of a time zone, as `day_of` gives them, for the hours of a period.

    Args:
        first: Its first hour.
        last: Its last hour.
        zone: The time zone.
    """
    ahead = before = _minutes_ahead(first, zone)
    changes: list[tuple[int, int]] = []
    for start in range(first, last, _STEP):
        hours = range(start, min(start + _STEP, last) + 1)
        if _minutes_ahead(hours[-1], zone) == before:
            continue
        change = next(hour for hour in hours if _minutes_ahead(hour, zone) != before)
        before = _minutes_ahead(hours[-1], zone)
        changes.append((change, before))
    return LocalDays(ahead, tuple(changes))


def _minutes_ahead(hour: int, zone: ZoneInfo) -> int:
    """The minutes from UTC to a time of the day that an hour belongs to."""
    local = datetime.fromtimestamp(hour * HOUR, zone)
    of_day = local.hour * _MINUTE + local.minute
    minutes = (local.date().toordinal() - _EPOCH) * _DAY_MINUTES + of_day
    midnight = day_of(hour, zone) * _DAY_MINUTES
    # An hour that clocks show again after midnight, with the old date, belongs to the new day.
    return max(minutes, midnight) - hour * _MINUTE
