"""The section `timezone`: the zone of hours, weekdays and calendar periods."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, available_timezones

from policy_router.language.habits import ZONES

if TYPE_CHECKING:
    from policy_router.language.compile.resolve import Resolver
    from policy_router.language.source import Path
    from policy_router.suggest import Hints


def compile_timezone(resolver: Resolver) -> ZoneInfo:
    """The policy's time zone, by default UTC; an unknown one is reported."""
    name = resolver.draft.document.timezone
    zone = None if name is None else read_zone(resolver, name, ("timezone",))
    return zone or ZoneInfo("UTC")


def read_zone(resolver: Resolver, name: str, path: Path) -> ZoneInfo | None:
    """The time zone of a name; None when it is unknown, which is reported."""
    draft = resolver.draft
    if name in available_timezones():
        return ZoneInfo(name)
    draft.error(
        "unknown-timezone",
        f"`{name}` is not a time zone",
        draft.places.value(path),
        _help(name, draft.hints),
    )
    return None


def _help(name: str, hints: Hints) -> str:
    """What to write instead of an unknown zone.

    A zone is a place: an abbreviation or an offset does not say when summer time begins. Zones
    whose names look alike are far apart, so the city has to be the same, or the whole name close.
    """
    if name.upper() in ZONES:
        return f"a zone is a region and a city, such as {ZONES[name.upper()]}"
    city = name.replace(" ", "_").casefold()
    zones = sorted(available_timezones())
    # Zones under Etc count the other way round: Etc/GMT+1 is an hour behind.
    regional = [zone for zone in zones if "/" in zone and not zone.startswith("Etc/")]
    same_city = [zone for zone in regional if zone.rpartition("/")[2].casefold() == city]
    if len(same_city) == 1:
        return f"did you mean `{same_city[0]}`?"
    close = hints.did_you_mean(name, regional) if "/" in name else None
    if close is not None:
        return f"did you mean `{close}`?"
    return "a zone is a region and a city, such as Europe/Berlin"
