"""Times for people and for machines, in the time zone of the policy."""

from datetime import datetime
from math import ceil
from zoneinfo import ZoneInfo


def spell_time(at: float, now: float, zone: ZoneInfo) -> str:
    """`14:03:20 CET` on the day of `now`, `2026-12-01 00:00:00 CET` on another; never too early."""
    there, here = _local(at, zone), datetime.fromtimestamp(now, zone)
    day = "" if there.date() == here.date() else f"{there:%Y-%m-%d} "
    return f"{day}{there:%H:%M:%S %Z}"


def iso(at: float | None, zone: ZoneInfo) -> str | None:
    """`2026-12-01T00:00:00+01:00`; never too early."""
    return None if at is None else _local(at, zone).isoformat()


def _local(at: float, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(ceil(at), zone)
