"""Which prices are in force at a time, for orders that are kept as long as no price changes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from policy_router.domain.hours import edges

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.domain.models import Model
    from policy_router.domain.prices import Price

_AHEAD: Final = 3600.0
"""Seconds that are looked ahead for the next change of a price."""


@dataclass(frozen=True, slots=True, eq=False)
class PricePeriod:
    """The times at which the same prices are in force. Equal only to itself.

    Attributes:
        models: The models of the policy, with the prices in force.
    """

    models: tuple[Model, ...]


class PricePeriods:
    """The periods of a policy: one for each combination of prices that are in force together.

    Attributes:
        plain: Whether no price depends on the hour, so that there is one period.
    """

    KEPT: Final = 256

    def __init__(self, models: Sequence[Model]) -> None:
        self._models = tuple(models)
        self._timed = [
            (i, price)
            for i, model in enumerate(models)
            if (price := model.price) is not None and price.by_hour
        ]
        self.plain = not self._timed
        self._timeless = PricePeriod(self._models)
        self._periods: dict[tuple[Price, ...], PricePeriod] = {}
        self._latest: tuple[float, float, PricePeriod] = 0.0, 0.0, self._timeless

    def at(self, now: float | None) -> PricePeriod:
        """Return the period that a time lies in.

        Args:
            now: Unix time; None without a clock, when no hours apply.
        """
        if self.plain or now is None:
            return self._timeless
        since, until, latest = self._latest
        if since <= now < until:
            return latest
        prices = tuple(price.at(now) for _, price in self._timed)
        period = self._periods.get(prices)
        if period is None:
            if len(self._periods) >= self.KEPT:
                self._periods.clear()
            period = self._periods[prices] = self._period(prices)
        ranges = (hours for _, price in self._timed for hours, _ in price.by_hour)
        changes = edges(ranges, now, now + _AHEAD)
        self._latest = now, changes[0] if changes else now + _AHEAD, period
        return period

    def _period(self, prices: tuple[Price, ...]) -> PricePeriod:
        models = list(self._models)
        for (i, _), price in zip(self._timed, prices, strict=True):
            models[i] = replace(models[i], price=price)
        return PricePeriod(tuple(models))
