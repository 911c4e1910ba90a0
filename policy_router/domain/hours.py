"""Hours of the week: when a price that depends on the time applies."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from zoneinfo import ZoneInfo

EVERY_DAY: Final = (0, 1, 2, 3, 4, 5, 6)
"""All days of the week; 0 is Monday."""
WHOLE_DAY: Final = 24 * 60
"""Minutes of a day."""
_MINUTE: Final = 60
DAY_SECONDS: Final = 86_400


@dataclass(frozen=True, slots=True)
class Hours:
    """A range of hours on some days of the week, by the clocks of a time zone.

    When clocks are set back, hours that occur twice are in the range both times. When they are set
    forward, the range is shorter by the hours that do not occur.

    Attributes:
        start: Where it begins: minutes after midnight, 0 to 1439.
        end: Where it ends, which is not part of it: minutes after midnight, 1 to 1440. An end
            before the start is on the next day.
        days: The days on which it begins, 0 (Monday) to 6, ascending.
        zone: The time zone of the hours.
        calendar: The time zone of the days, if it differs. Such a range ends on the day on which it
            begins.
    """

    start: int
    end: int
    days: tuple[int, ...]
    zone: ZoneInfo
    calendar: ZoneInfo | None = None

    def __contains__(self, time: float) -> bool:
        """Whether a Unix time lies in the range."""
        local = datetime.fromtimestamp(time, self.zone)
        minute = local.hour * 60 + local.minute
        if self.calendar is not None:
            local = datetime.fromtimestamp(time, self.calendar)
        day = local.weekday()
        if self.start < self.end:
            return self.start <= minute < self.end and day in self.days
        if minute < self.end:  # it began on the day before
            return (day - 1) % 7 in self.days
        return minute >= self.start and day in self.days

    def edges(self, begin: float, end: float) -> Iterator[float]:
        """Return the Unix times after `begin` and before `end` at which it may begin or end.

        They are the edges of the range on every day, midnights, and changes of the clocks.
        """
        for zone in (self.zone, *(() if self.calendar is None else (self.calendar,))):
            times = (begin, *_clock_changes(zone, begin, end), end)
            yield from times[1:-1]
            for since, until in pairwise(times):
                offset = _offset(zone, since)
                first = int((since + offset) // DAY_SECONDS)
                for day in range(first, int((until + offset) // DAY_SECONDS) + 1):
                    midnight = day * DAY_SECONDS - offset
                    for minute in (0, self.start, self.end):
                        edge = midnight + minute * _MINUTE
                        if since < edge < until:
                            yield edge


def edges(ranges: Iterable[Hours], begin: float, end: float) -> list[float]:
    """Return the Unix times after `begin` and before `end` at which any range may begin or end.

    Returns:
        Ascending times. Between two of them every range is either in force or not.
    """
    return sorted({edge for hours in ranges for edge in hours.edges(begin, end)})


def _offset(zone: ZoneInfo, time: float) -> int:
    """Seconds by which the clocks of a zone are ahead of UTC."""
    offset = datetime.fromtimestamp(time, zone).utcoffset()
    return 0 if offset is None else round(offset.total_seconds())


def _clock_changes(zone: ZoneInfo, begin: float, end: float) -> Iterator[float]:
    """The Unix times after `begin` and before `end` at which the clocks of a zone change.

    Clocks change at whole minutes, and never twice within a day.
    """
    while begin < end:
        until = min(begin + DAY_SECONDS, end)
        before = _offset(zone, begin)
        if _offset(zone, until) != before:
            low, high = int(begin // _MINUTE), -int(-until // _MINUTE)
            while high - low > 1:
                middle = (low + high) // 2
                if _offset(zone, middle * _MINUTE) == before:
                    low = middle
                else:
                    high = middle
            if begin < high * _MINUTE < end:
                yield float(high * _MINUTE)
        begin = until
