"""Times of a week at which every combination of prices by the hour is in force."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from policy_router.assurance.values import cell_of_number
from policy_router.domain.condition import HOUR, WEEKDAY
from policy_router.domain.hours import edges

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from zoneinfo import ZoneInfo

    from policy_router.decision.policy import Policy
    from policy_router.decision.space import Box, Space
    from policy_router.domain.models import Model

_BEGIN: Final = 1_798_754_400.0
"""The last day of 2026, 22:00 UTC."""
_DAY: Final = 86_400
_QUARTER: Final = 900
_MOST: Final = 24
"""Combinations of prices that are told apart in one part of the space."""


def priced_by_hour(policy: Policy) -> bool:
    """Whether a model has other prices at some hours, so that a decision may depend on the minute
    at which it is made."""
    return any(model.price is not None and model.price.by_hour for model in policy.models)


class PriceTimes:
    """Times at which prices differ, for boxes of a space of requests."""

    def __init__(self, space: Space, zone: ZoneInfo, models: Sequence[Model]) -> None:
        """Find the times.

        Args:
            space: The space.
            zone: The time zone of the facts `hour` and `weekday`.
            models: The models whose prices matter.
        """
        self._space = space
        self._zone = zone
        self._timed = [m.price for m in models if m.price is not None and m.price.by_hour]
        self._found: dict[tuple[object, ...], float] = {}
        if self._timed:
            for time in self._moments():
                local = datetime.fromtimestamp(time, zone)
                key = local.hour, local.weekday(), tuple(p.at(time) for p in self._timed)
                self._found.setdefault(key, time)

    def of(self, box: Box, usual: float | None) -> tuple[list[float | None], bool]:
        """One time for each combination of prices at which a request may lie in a box.

        Args:
            box: The box.
            usual: A time at which one does; None without a clock.

        Returns:
            The times, and whether these are all.
        """
        times: dict[object, float | None] = {}
        times[tuple(price.at(usual) for price in self._timed)] = usual
        if self._timed:
            hours, days = self._cells(box)
            for (hour, day, prices), time in self._found.items():
                if hour in hours and day in days:
                    times.setdefault(prices, time)
        every = list(times.values())
        return every[:_MOST], len(every) <= _MOST

    def _cells(self, box: Box) -> tuple[set[object], set[object]]:
        """The hours and the days that a box allows."""
        hours: set[object] = set(range(24))
        days: set[object] = set(range(7))
        for position, dimension in enumerate(self._space.dimensions):
            cells = box.get(position, dimension.live) & dimension.live
            if dimension.fact == HOUR:
                hours = {h for h in range(24) if cells >> cell_of_number(dimension, h) & 1}
            elif dimension.fact == WEEKDAY:
                days = {day for day in range(7) if cells >> day & 1}
        return hours, days

    def _moments(self) -> Iterator[float]:
        """Every quarter of an hour, and every time at which a price may change, of a week for each
        way in which the clocks of the zones may differ."""
        ranges = [hours for price in self._timed for hours, _ in price.by_hour]
        zones = {self._zone, *(hours.zone for hours in ranges)}
        zones |= {hours.calendar for hours in ranges if hours.calendar is not None}
        known: set[tuple[object, ...]] = set()
        for day in range(366):
            start = _BEGIN + day * _DAY
            offsets = [
                tuple(
                    datetime.fromtimestamp(start + each * _DAY, zone).utcoffset() for zone in zones
                )
                for each in range(9)
            ]
            if len(set(offsets)) > 1 or offsets[0] in known:
                continue
            known.add(offsets[0])
            end = start + 8 * _DAY
            yield from (start + passed for passed in range(0, 8 * _DAY, _QUARTER))
            yield from edges(ranges, start, end)
