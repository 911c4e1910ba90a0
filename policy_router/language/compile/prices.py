"""The key `price` of a model: its price, with those of certain hours."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from policy_router.catalog.prices import stated_price
from policy_router.domain.hours import EVERY_DAY, WHOLE_DAY, Hours
from policy_router.domain.prices import FREE_PRICE, Price
from policy_router.language.compile.timezone import read_zone

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from policy_router.language.compile.resolve import Resolver
    from policy_router.language.document.models import ModelShape
    from policy_router.language.document.prices import HoursShape
    from policy_router.language.source import Path

_RATES: Final = ("input", "output", "cached", "written", "audio", "request", "image")


def compile_price(
    resolver: Resolver, name: str, shape: ModelShape, listed: Price | None
) -> Price | None:
    """The price of a model.

    Args:
        resolver: The draft, where problems are reported.
        name: The model.
        shape: What the policy says about it.
        listed: Its price in LiteLLM's table; None when that is unknown.

    Returns:
        The stated price, else the listed one; None when there is neither.
    """
    stated = shape.price
    if stated is None:
        return listed
    if isinstance(stated, str):
        return FREE_PRICE
    rates = _stated(stated)
    by_hour = []
    for i, entry in enumerate(stated.at or ()):
        path: Path = ("models", name, "price", "at", i)
        hours = _hours(resolver, entry, path)
        _require_rates(resolver, entry, path)
        if hours is not None:
            by_hour.append((hours, stated_price(**{**rates, **_stated(entry)}, listed=listed)))
    return replace(stated_price(**rates, listed=listed), by_hour=tuple(by_hour))


def _stated(shape: object) -> dict[str, int]:
    """The rates and fees that a mapping states, by their names."""
    rates = {key: getattr(shape, key) for key in _RATES}
    return {key: rate for key, rate in rates.items() if rate is not None}


def _require_rates(resolver: Resolver, entry: HoursShape, path: Path) -> None:
    if not _stated(entry):
        resolver.draft.error(
            "missing-field",
            "the price at these hours has no rate",
            resolver.places.value(path),
            "add the rates that differ, such as  input: $0.56/M",
        )


def _hours(resolver: Resolver, entry: HoursShape, path: Path) -> Hours | None:
    """The hours of a price; None when they are wrong, which is reported."""
    zone: ZoneInfo | None = resolver.timezone
    if entry.zone is not None:
        zone = read_zone(resolver, entry.zone, (*path, "zone"))
    if entry.hours is None and entry.days is None:
        resolver.draft.error(
            "missing-field",
            "a price under `at` needs `hours` or `days`",
            resolver.places.value(path),
            "add the hours at which it applies, such as  hours: 01:00-04:00",
        )
        return None
    start, end = entry.hours or (0, WHOLE_DAY)
    if start == end:
        resolver.draft.error(
            "bad-value",
            "these hours end where they begin",
            resolver.places.value((*path, "hours")),
            "leave `hours` out for the whole day",
        )
        return None
    if zone is None:
        return None
    return Hours(start, end or WHOLE_DAY, _days(entry), zone)


def _days(entry: HoursShape) -> tuple[int, ...]:
    if entry.days is None:
        return EVERY_DAY
    ranges = entry.days if isinstance(entry.days, list) else [entry.days]
    return tuple(sorted({day for days in ranges for day in days}))
