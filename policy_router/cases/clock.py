"""The time of a request that gives only an hour or a weekday."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from policy_router.domain.facts import WEEKDAYS

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo


def moment(zone: ZoneInfo, now: float, hour: int | None, weekday: str | None) -> float:
    """Return now, or the next moment on the given hour and weekday.

    Args:
        zone: The time zone of the hour and the weekday.
        now: Unix time in seconds.
        hour: The hour, 0..23; None for any.
        weekday: The weekday, such as `mon`; None for any.

    Returns:
        Unix time in seconds.
    """
    # A quarter of an hour is the finest offset of any zone. An hour that a clock change leaves out
    # comes again a week later.
    for step in range(15 * 24 * 4):
        at = now + step * 900
        local = datetime.fromtimestamp(at, zone)
        if hour in (None, local.hour) and weekday in (None, WEEKDAYS[local.weekday()]):
            return at
    raise AssertionError("two weeks hold every hour of every weekday")
