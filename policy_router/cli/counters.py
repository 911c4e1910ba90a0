"""What counters show: those that matter to a request, read before it is decided."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from policy_router.cli.clock import iso, spell_time
from policy_router.cli.store_option import reached
from policy_router.decision.limits import per, spell, spell_used, subject_of
from policy_router.diagnostics import printable
from policy_router.domain.limits import ANYONE, Metric
from policy_router.units import dollars
from policy_router.views.terminal import table

if TYPE_CHECKING:
    from policy_router.cli.request import Asked
    from policy_router.cli.store_option import StoreLocation
    from policy_router.decision.policy import Policy
    from policy_router.domain.condition import Facts
    from policy_router.domain.limits import Limit, Reading
    from policy_router.execution.accounting import Accounting
    from policy_router.views.terminal import Line


async def counted(policy: Policy, asked: Asked, place: StoreLocation) -> Asked:
    """The request with what the counters show that matter to it, as they are now."""
    from policy_router.execution.accounting import Accounting  # noqa: PLC0415  not needed for --help

    if not policy.limits:
        return asked
    async with reached(place) as store:
        return await with_readings(Accounting(store, clock=time.time), policy, asked)


async def with_readings(ledger: Accounting, policy: Policy, asked: Asked) -> Asked:
    """The same from a ledger that is open."""
    used = await ledger.readings(policy, asked.request, asked.snapshot)
    return replace(asked, snapshot=replace(asked.snapshot, used=used))


@dataclass(frozen=True, slots=True)
class CounterView:
    """A counter that was looked at.

    reading: None when it could not be read. full: no model has room in it.
    """

    meter: Limit
    subject: str
    reading: Reading | None
    full: bool = False

    @property
    def opens(self) -> float | None:
        """When one model has room again (Unix time); None when one has, or when nobody knows."""
        return self.reading.opens if self.full and self.reading is not None else None


def looked_at(policy: Policy, facts: Facts, asked: Asked) -> list[CounterView]:
    """Every counter that was read for this request, in the order of the policy."""
    index, used, request = policy.limit_index, asked.snapshot.used, asked.request
    found = []
    for meter in index.applying(facts):
        subject = subject_of(meter, request)
        if meter.key(subject) in used:
            reading = used[meter.key(subject)]
            least = max(1, min(index.asks(meter, request)))
            full = reading is not None and reading.used + least > (meter.cap or 0)
            found.append(CounterView(meter, subject, reading, full))
    return found


def as_json(counters: list[CounterView], policy: Policy) -> list[dict[str, object]]:
    """One object for each counter; `used` is null where it could not be read."""
    return [
        {
            **naming(c.meter, c.subject),
            "used": None if c.reading is None else amount(c.meter.metric, c.reading.used),
            "full": None if c.reading is None else c.full,
            "opens": iso(c.opens, policy.timezone),
            "at": str(c.meter.span) if c.meter.span else None,
        }
        for c in counters
    ]


def as_text(counters: list[CounterView], policy: Policy, now: float) -> list[Line]:
    """A table of the counters; nothing when there are none."""
    rows = []
    for c in counters:
        used, state = "cannot be read now", ""
        if c.reading is not None:
            used = of_limit(c.meter, c.reading.used)
            state = room(c, now, policy)
        who, at = whose(c.meter, c.subject), str(c.meter.span or "")
        rows.append(("", title(c.meter), who, used, state, at))
    return [[("Counters", "bold")], *table(rows)] if rows else []


def room(counter: CounterView, now: float, policy: Policy) -> str:
    """`opens 14:03:20 CET` where no model has room."""
    if counter.opens is not None:
        return f"opens {spell_time(counter.opens, now, policy.timezone)}"
    seats = counter.meter.metric is Metric.CONCURRENT
    return "opens when an attempt ends" if counter.full and seats else ""


def naming(meter: Limit, subject: str) -> dict[str, object]:
    """What a counter is, for machines: amounts of money are dollars as text."""
    return {
        "section": meter.section,
        "name": meter.name,
        "metric": meter.metric.value,
        "window": None if meter.window is None else str(meter.window),
        "per": meter.per,
        "subject": None if subject == ANYONE else subject,
        "limit": None if meter.cap is None else amount(meter.metric, meter.cap),
    }


def amount(metric: Metric, number: int) -> int | str:
    """An amount for machines: `"1.5"` dollars, 3 requests."""
    return dollars(number) if metric is Metric.USD else number


_KINDS = {"budgets": "budget", "limits": "limit", "models": "model"}


def title(meter: Limit) -> str:
    """`budget team`, `limit each-user`, `model small`."""
    return printable(f"{_KINDS[meter.section]} {meter.name}")


def whose(meter: Limit, subject: str) -> str:
    """`user ada`; nothing where all share one count."""
    if meter.per is None:
        return ""
    return f"no {meter.per}" if subject == ANYONE else printable(f"{meter.per} {subject}")


def of_limit(meter: Limit, used: int) -> str:
    """`$1.50 of $5.00 a month`; `$1.50 a month` where there is no limit."""
    if meter.cap is None:
        return f"{spell(meter.metric, used)} {per(meter.window)}"
    return spell_used(meter.metric, used, meter.cap, meter.window)
