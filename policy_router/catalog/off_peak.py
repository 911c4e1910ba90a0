"""Reads the hours of `off_peak_pricing` in LiteLLM's table.

    {"hours_utc": "16:30-00:30", "input_cost_per_token": 1.5e-07}
    {"windows": [{"hours_utc": ["00:00-01:00"], "weekdays": [1, "tue"]}],
     "weekday_timezone": "Asia/Shanghai", "input_cost_per_token": 1.5e-07}

Hours are in UTC and may pass midnight; a range whose ends are equal is the whole day. Weekdays are
those of a time zone, by default UTC, at the moment in question, also after midnight.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from policy_router.domain.hours import EVERY_DAY, WHOLE_DAY, Hours

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_RANGE: Final = re.compile(r"\s*(\d\d?):(\d\d)\s*-\s*(\d\d?):(\d\d)\s*")
_UTC: Final = ZoneInfo("UTC")
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def off_peak_hours(entry: Mapping[str, Any]) -> tuple[Hours, ...] | None:
    """Return the hours at which a model's off-peak rates apply.

    Args:
        entry: The value of `off_peak_pricing` in the table.

    Returns:
        The hours, none where the entry has none; None when a part of it cannot be read.
    """
    try:
        return tuple(_ranges(entry))
    except (ValueError, TypeError, AttributeError, KeyError, OSError):  # of another form
        return None


def _ranges(entry: Mapping[str, Any]) -> Iterator[Hours]:
    calendar = ZoneInfo(entry.get("weekday_timezone") or "UTC")
    if "hours_utc" in entry:
        yield from _of_days(entry["hours_utc"], EVERY_DAY, _UTC)
    for window in entry.get("windows") or ():
        days = window.get("weekdays")
        chosen = EVERY_DAY if days is None else tuple(sorted({_day(day) for day in days}))
        yield from _of_days(window["hours_utc"], chosen, calendar)


def _of_days(texts: Any, days: tuple[int, ...], calendar: ZoneInfo) -> Iterator[Hours]:
    """The ranges of one text or several, cut at midnight, because each part has its own day."""
    other = None if calendar is _UTC else calendar
    for text in [texts] if isinstance(texts, str) else texts:
        match = _RANGE.fullmatch(text)
        if match is None:
            raise ValueError(text)
        start, end = (int(match[i]) * 60 + int(match[i + 1]) for i in (1, 3))
        if not (start < WHOLE_DAY and end <= WHOLE_DAY):
            raise ValueError(text)
        parts = [(start, end)] if start < end else [(start, WHOLE_DAY), (0, end)]
        yield from (Hours(first, last, days, _UTC, other) for first, last in parts if first < last)


def _day(day: object) -> int:
    """The number of a day, from 1 (Monday) or its name in English, as 0 (Monday) to 6."""
    if isinstance(day, int) and not isinstance(day, bool) and 1 <= day <= 7:
        return day - 1
    if isinstance(day, str) and day.strip().lower()[:3] in _DAYS:
        return _DAYS.index(day.strip().lower()[:3])
    raise ValueError(day)
