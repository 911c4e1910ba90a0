"""What was used: of every limit and budget in its running period, and by every model.

Counters are read as they stand; what models took is added up from the ledger. Nothing is written.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from policy_router.decision.limits import subject_of
from policy_router.domain.limits import ANYONE, Charge
from policy_router.domain.periods import Period, calendar
from policy_router.errors import StoreError
from policy_router.ledger.reader import EntryKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from policy_router.decision.policy import Policy
    from policy_router.domain.limits import Limit, Reading
    from policy_router.ledger.reader import AuditableStore, Balance, LedgerEntry, LedgerReader
    from policy_router.ledger.store import Store

RECENT: Final = 2 * 3600.0
"""Seconds back to look for who asked: no rolling window is longer."""
AT_ONCE: Final = 500
"""Counters that are read in one step."""


@dataclass(frozen=True, slots=True)
class CounterUsage:
    """What one counter of a meter shows.

    subject: whose, ANYONE when it is everybody's. used: spent and held together. held: what
    attempts under way may still come to; None where that is not told apart. resets: Unix time at
    which the period ends; None when it rolls. opens: Unix time from which there is room again, when
    there is none now.
    """

    meter: Limit
    subject: str
    used: int
    held: int | None = None
    resets: float | None = None
    opens: float | None = None

    @property
    def share(self) -> float | None:
        """Of the limit, 0..1 and beyond; None without a limit."""
        return self.used / self.meter.cap if self.meter.cap else None


@dataclass(frozen=True, slots=True)
class Tally:
    """Attempts added up.

    requests: those that were sent. answers: those that brought tokens. cost: nano-USD.
    """

    requests: int = 0
    answers: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.requests + other.requests,
            self.answers + other.answers,
            self.tokens_in + other.tokens_in,
            self.tokens_out + other.tokens_out,
            self.cost + other.cost,
        )


@dataclass(frozen=True, slots=True)
class PeriodUsage:
    """What models took in one calendar period, the dearest first, then the busiest.

    label: `2026-11-18` or `2026-11`.
    """

    label: str
    models: tuple[tuple[str, Tally], ...]

    def total(self, names: Iterable[str] | None = None) -> Tally:
        """All models together, or those named."""
        wanted = None if names is None else set(names)
        found = (t for name, t in self.models if wanted is None or name in wanted)
        return sum(found, Tally())


@dataclass(frozen=True, slots=True)
class UsageReport:
    """What was used, at `now` (Unix time).

    scopes: in the order of the policy, and within a meter the largest first. today, month: in the
    policy's time zone. since: when the ledger begins, where its older rows are no longer kept.
    """

    now: float
    scopes: tuple[CounterUsage, ...]
    today: PeriodUsage
    month: PeriodUsage
    since: float | None = None


async def usage(policy: Policy, store: AuditableStore, now: float) -> UsageReport:
    """What the store says of a policy's meters and models. Raises StoreError.

    A meter that counts by user, tenant, team or key has a scope for each that took something:
    in its calendar period; for a rolling window or seats, among those with an attempt that ended
    in the last two hours.
    """
    zone = policy.timezone
    day_label, day, _ = calendar(Period.DAY, zone, now)
    month_label, month, _ = calendar(Period.MONTH, zone, now)
    rows = [row async for row in store.rows(min(month, now - RECENT))]
    recent = [row for row in rows if row.ts >= now - RECENT]
    balances = await store.balances()
    scopes: list[CounterUsage] = []
    for meter in policy.limits:
        found = (
            _counted(meter, policy, balances, now)
            if isinstance(meter.window, Period)
            else await _read(meter, policy, store, recent, now)
        )
        scopes += sorted(found, key=lambda scope: (-scope.used, scope.subject))
    return UsageReport(
        now,
        tuple(scopes),
        PeriodUsage(day_label, _by_model(row for row in rows if row.ts >= day)),
        PeriodUsage(month_label, _by_model(row for row in rows if row.ts >= month)),
        await _begins(store, month) if rows and rows[0].seq > 1 else None,
    )


def _counted(
    meter: Limit, policy: Policy, balances: Sequence[Balance], now: float
) -> list[CounterUsage]:
    """The calendar counters of a meter in the running period."""
    counter = meter.counter(ANYONE, now, policy.timezone)
    running = {b.key: b for b in balances if b.key._replace(subject=ANYONE) == counter.key}
    usages = []
    for key in running if meter.per else (counter.key,):
        bucket = running.get(key)
        spent, held = (bucket.spent, bucket.held) if bucket else (0, 0)
        usages.append(CounterUsage(meter, key.subject, spent + held, held, counter.end))
    return usages


async def _read(
    meter: Limit, policy: Policy, store: Store, recent: Sequence[LedgerEntry], now: float
) -> list[CounterUsage]:
    """The counters of a meter whose window rolls, or that counts seats."""
    subjects = sorted({subject_of(meter, row.about) for row in recent}) if meter.per else [ANYONE]
    charges = [
        Charge(meter.counter(subject, now, policy.timezone), 1, meter.cap) for subject in subjects
    ]
    readings: list[Reading | None] = []
    for start in range(0, len(charges), AT_ONCE):
        readings += await store.read(charges[start : start + AT_ONCE])
    found = []
    for subject, reading in zip(subjects, readings, strict=True):
        if reading is None:
            raise StoreError(f"the counter of `{meter.name}` cannot be read now")
        if reading.used or not meter.per:
            found.append(CounterUsage(meter, subject, reading.used, opens=reading.opens))
    return found


def _by_model(rows: Iterable[LedgerEntry]) -> tuple[tuple[str, Tally], ...]:
    found: defaultdict[str, Tally] = defaultdict(Tally)
    for row in rows:
        # Whether a hold that expired brought an answer, its late settle tells.
        answers = int(row.kind is not EntryKind.EXPIRE and row.requests >= 0 and row.tokens_out > 0)
        found[row.about.model] += Tally(
            row.requests, answers, row.tokens_in, row.tokens_out, row.cost
        )
    items = sorted(found.items(), key=lambda item: (-item[1].cost, -item[1].requests, item[0]))
    return tuple(items)


async def _begins(store: LedgerReader, since: float) -> float | None:
    """When the ledger begins, if rows from `since` on are no longer kept."""
    async for row in store.rows():
        return row.ts if row.seq > 1 and row.ts > since else None
    return None
