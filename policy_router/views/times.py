"""Points in time as text, in the time zone of a policy."""

from datetime import datetime
from math import ceil
from zoneinfo import ZoneInfo


def spell_time(moment: float, now: float, zone: ZoneInfo) -> str:
    """Write a point in time for people, rounded up to whole seconds.

    Args:
        moment: Unix time to write.
        now: Current Unix time; the date is left out when `moment` is on the same day.
        zone: Time zone to write it in.

    Returns:
        Text such as `14:03:20 CET` or `2026-12-01 00:00:00 CET`.
    """
    local, today = _local(moment, zone), datetime.fromtimestamp(now, zone)
    day = "" if local.date() == today.date() else f"{local:%Y-%m-%d} "
    return f"{day}{local:%H:%M:%S %Z}"


def iso(moment: float | None, zone: ZoneInfo) -> str | None:
    """Write a point in time in ISO 8601, rounded up to whole seconds.

    Args:
        moment: Unix time, or None.
        zone: Time zone whose offset is written.

    Returns:
        Text such as `2026-12-01T00:00:00+01:00`; None for None.
    """
    return None if moment is None else _local(moment, zone).isoformat()


def _local(moment: float, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(ceil(moment), zone)
