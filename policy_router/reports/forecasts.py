"""When budgets and quotas will be used up at the current pace, or what will be left of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.domain.limits import ANYONE, Metric
from policy_router.domain.periods import Period, calendar
from policy_router.reports.report import Forecast

if TYPE_CHECKING:
    from collections.abc import Iterable
    from zoneinfo import ZoneInfo

    from policy_router.reports.usage import CounterUsage


def forecasts(counters: Iterable[CounterUsage], now: float, zone: ZoneInfo) -> tuple[Forecast, ...]:
    """Say how the counters of budgets and quotas end.

    The pace is what was used since the beginning of a calendar period, by the time since then. A
    rolling window gives back as it goes on, so that nothing can be said about it but what it shows;
    the same goes for the life of a session.

    Args:
        counters: What the counters show.
        now: Unix time of that.
        zone: The time zone of the policy.

    Returns:
        One forecast for each counter with a cap, those of concurrency left out.
    """
    return tuple(
        _forecast(each, each.limit.cap, now, zone)
        for each in counters
        if each.limit.cap is not None and each.limit.metric is not Metric.CONCURRENT
    )


def _forecast(counter: CounterUsage, cap: int, now: float, zone: ZoneInfo) -> Forecast:
    limit, used = counter.limit, counter.used
    empty_at, left_over = None, None
    if used >= cap:
        empty_at = now
    elif isinstance(limit.window, Period) and counter.resets is not None:
        begin = calendar(limit.window, zone, now)[1]
        empty_at, left_over = _at_pace(used, cap, now - begin, counter.resets - now)
        empty_at = None if empty_at is None else now + empty_at
    return Forecast(
        section=limit.section,
        name=limit.name,
        metric=limit.metric.value,
        window=str(limit.window),
        subject=None if counter.subject == ANYONE else counter.subject,
        used=used,
        held=counter.held,
        cap=cap,
        resets=counter.resets,
        empty_at=empty_at,
        left_over=left_over,
    )


def _at_pace(used: int, cap: int, past: float, ahead: float) -> tuple[float | None, int | None]:
    """In how many seconds it is used up, or else what is left when it resets.

    Args:
        used: What is used.
        cap: The most that fits, which is more.
        past: Seconds in which it was used.
        ahead: Seconds until it resets.
    """
    # Nothing is certain in the first moment of a period, and a division must have a divisor.
    past = max(past, 1.0)
    at_end = used + int(used * ahead / past)
    if at_end < cap:
        return None, cap - at_end
    return (cap - used) * past / used, None
