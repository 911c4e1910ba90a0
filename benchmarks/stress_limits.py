"""More counters for the stress of a ledger, `python benchmarks/stress.py --limits`.

They are a budget for the life of each session, requests of each session in five hours, money of
everyone in five hours, and a budget of each tenant, of which one has a cap of its own.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from policy_router.domain.limits import ENDLESS, Charge, Counter, CounterKey, Limit, Metric
from policy_router.domain.periods import Period
from policy_router.domain.windows import Rolling, SessionLife
from policy_router.ledger.store import Attribution

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Sequence

    from policy_router.ledger.reader import Balance, LedgerEntry
    from policy_router.ledger.store import Store

UTC: Final = ZoneInfo("UTC")
FIVE_HOURS: Final = Rolling(5 * 3600)
SESSIONS: Final = 40
REQUESTS: Final = 40
"""Requests of one session in five hours."""
TENANTS: Final = ("acme", "initech", "globex")


def limits(cap: int) -> tuple[Limit, ...]:
    """The limits, where everyone together may spend `cap`. Sessions and tenants together may spend
    a little more, so that their own caps matter as well."""
    return (
        Limit("budgets", "each-run", Metric.USD, SessionLife(), cap // 30, 1, "session"),
        Limit("limits", "each-run", Metric.REQUESTS, FIVE_HOURS, REQUESTS, 1, "session"),
        Limit("budgets", "recent", Metric.USD, FIVE_HOURS, cap, 1),
        Limit(
            "budgets", "each-tenant", Metric.USD, Period.MONTH, cap * 3 // 10, 1, "tenant",
            overrides=(("acme", cap // 2),),
        ),
    )  # fmt: skip


def someone(rng: random.Random) -> Attribution:
    """A session of a tenant."""
    return Attribution(
        user="ada", tenant=rng.choice(TENANTS), session=f"s{rng.randrange(SESSIONS)}"
    )


def charge(limit: Limit, about: Attribution, amount: int) -> Charge:
    """What an attempt of someone charges to a limit."""
    subject = getattr(about, limit.per) if limit.per else "-"
    if isinstance(limit.window, Period):  # without bounds that a run could come across
        counter = Counter(limit.key(subject, "2026-11"), end=ENDLESS)
    else:
        counter = limit.counter(subject, time.time(), UTC)
    return Charge(counter, 1 if limit.metric is Metric.REQUESTS else amount, limit.of(subject).cap)


def charges(about: Attribution, amount: int, cap: int) -> tuple[Charge, ...]:
    """What an attempt of someone charges in addition to the plain budget."""
    return tuple(charge(limit, about, amount) for limit in limits(cap))


def _subjects(limit: Limit) -> Sequence[str]:
    if limit.per == "session":
        return [f"s{number}" for number in range(SESSIONS)]
    return TENANTS if limit.per == "tenant" else ["-"]


async def excess(store: Store, cap: int) -> int:
    """By how much the fullest counter is above its cap; below 0 while none is."""
    wanted = [
        charge(limit, Attribution(tenant=subject, session=subject), 0)
        for limit in limits(cap)
        for subject in _subjects(limit)
    ]
    readings = await store.read(wanted)
    return max(
        reading.used - (each.cap or 0)
        for each, reading in zip(wanted, readings, strict=True)
        if reading is not None
    )


def wrongs(rows: Iterable[LedgerEntry], balances: Iterable[Balance], cap: int) -> list[str]:
    """What should not be, by the ledger alone: each session and tenant within its own cap, and its
    counter the sum of its entries."""
    spent: dict[CounterKey, int] = {}
    for row in rows:
        for key in row.keys:
            spent[key] = spent.get(key, 0) + row.cost
    shown = {balance.key: balance for balance in balances}
    caps = {limit.name: limit for limit in limits(cap) if limit.is_budget}
    wrong = []
    for key, amount in spent.items():
        limit = caps.get(key.name)
        if limit is None:
            continue
        most = limit.of(key.subject).cap or 0
        if amount > most:
            wrong.append(f"{key} has {amount} of {most}")
        if key not in shown or (shown[key].spent, shown[key].held) != (amount, 0):
            wrong.append(f"{key} shows {shown.get(key)}, its entries add up to {amount}")
    return wrong
