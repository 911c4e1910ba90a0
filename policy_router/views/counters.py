"""Renders counters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.decision.wording import per_window, spell_amount, spell_usage
from policy_router.diagnostics import printable
from policy_router.domain.limits import ANYONE, Metric
from policy_router.domain.money import format_usd
from policy_router.views.lines import Table
from policy_router.views.times import iso, spell_time

if TYPE_CHECKING:
    from collections.abc import Iterable
    from zoneinfo import ZoneInfo

    from policy_router.domain.limits import Limit
    from policy_router.router.explanation import CounterStatus
    from policy_router.views.lines import Block


def as_json(counters: Iterable[CounterStatus], zone: ZoneInfo) -> list[dict[str, object]]:
    """Return one object for each counter; `used` is null where it could not be read."""
    return [
        {
            **identity(counter.limit, counter.subject),
            "used": None
            if counter.reading is None
            else amount(counter.limit.metric, counter.reading.used),
            "full": None if counter.reading is None else counter.full,
            "opens": iso(counter.opens, zone),
            "at": str(counter.limit.span) if counter.limit.span else None,
        }
        for counter in counters
    ]


def as_lines(counters: Iterable[CounterStatus], zone: ZoneInfo, now: float) -> list[Block]:
    """Return a table of the counters; nothing when there are none.

    Args:
        counters: The counters to show.
        zone: Time zone in which times are written.
        now: Unix time; a time on the same day is written without its date.
    """
    rows = [
        (
            title(counter.limit),
            owner(counter.limit, counter.subject),
            "cannot be read now"
            if counter.reading is None
            else usage_of(counter.limit, counter.reading.used),
            _opens(counter, now, zone),
            str(counter.limit.span or ""),
        )
        for counter in counters
    ]
    return [[("Counters", "bold")], Table(rows, indent=2)] if rows else []


def _opens(counter: CounterStatus, now: float, zone: ZoneInfo) -> str:
    if counter.opens is not None:
        return f"opens {spell_time(counter.opens, now, zone)}"
    concurrent = counter.limit.metric is Metric.CONCURRENT
    return "opens when an attempt ends" if counter.full and concurrent else ""


def identity(limit: Limit, subject: str) -> dict[str, object]:
    """Return the JSON keys that tell which counter it is.

    Args:
        limit: The limit or budget that the counter belongs to.
        subject: Whose counter it is: a user's, a tenant's, or ANYONE.
    """
    return {
        "section": limit.section,
        "name": limit.name,
        "metric": limit.metric.value,
        "window": None if limit.window is None else str(limit.window),
        "per": limit.per,
        "subject": None if subject == ANYONE else subject,
        "limit": None if limit.cap is None else amount(limit.metric, limit.cap),
        "shadow": limit.shadow,
    }


def amount(metric: Metric, number: int) -> int | str:
    """Return an amount for JSON: dollars as text (`"1.5"`), any other metric as an integer."""
    return format_usd(number) if metric is Metric.USD else number


_KINDS = {"budgets": "budget", "limits": "limit", "models": "model"}


def title(limit: Limit) -> str:
    """Return the name of a limit: `budget team`, `model small`, `limit each-user (shadow)`."""
    return printable(f"{_KINDS[limit.section]} {limit.name}{' (shadow)' if limit.shadow else ''}")


def owner(limit: Limit, subject: str) -> str:
    """Return whose counter it is, such as `user ada`; nothing where all requests share one."""
    if limit.per is None:
        return ""
    return f"no {limit.per}" if subject == ANYONE else printable(f"{limit.per} {subject}")


def usage_of(limit: Limit, used: int) -> str:
    """Return how much of a limit is used: `$1.50 of $5.00 a month`, or `$1.50 a month`."""
    if limit.cap is None:
        return f"{spell_amount(limit.metric, used)} {per_window(limit.window)}"
    return spell_usage(limit.metric, used, limit.cap, limit.window)
