"""The usage of limits, budgets and models.

Counters are read as they are; the usage of models is added up from the ledger. Nothing is written.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from policy_router.decision.limits.subjects import subject_of
from policy_router.domain.limits import ANYONE, Charge
from policy_router.domain.periods import Period, calendar
from policy_router.domain.windows import Rolling, SessionLife
from policy_router.errors import StoreError
from policy_router.ledger.reader import EntryKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from policy_router.decision.policy import Policy
    from policy_router.domain.limits import Limit, Reading
    from policy_router.ledger.reader import AuditableStore, Balance, LedgerEntry, LedgerReader
    from policy_router.ledger.store import Store

RECENT: Final = 2 * 3600.0
"""How many seconds back subjects are looked for in the ledger, at least."""
AT_ONCE: Final = 500
"""Counters that are read at a time."""


@dataclass(frozen=True, slots=True)
class CounterUsage:
    """What one counter shows.

    Attributes:
        limit: The limit or budget.
        subject: The user, team, tenant, key or session that is counted, else ANYONE.
        used: What is spent and held together.
        held: What attempts under way reserve; None where it is not counted separately.
        resets: Unix time at which the period ends; None for other windows.
        opens: Unix time from which one more unit fits; None when it fits now, or is unknown.
    """

    limit: Limit
    subject: str
    used: int
    held: int | None = None
    resets: float | None = None
    opens: float | None = None

    @property
    def share(self) -> float | None:
        """The share of the cap that is used, 0..1 and above; None without a cap."""
        return self.used / self.limit.cap if self.limit.cap else None


@dataclass(frozen=True, slots=True)
class Tally:
    """Sums over attempts.

    Attributes:
        requests: Attempts that were sent.
        answers: Attempts that returned tokens.
        tokens_in: Tokens of prompts.
        tokens_out: Tokens of answers.
        cost: Nano-USD.
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
    """The usage of models in one calendar period.

    Attributes:
        label: Name of the period, such as `2026-11-18` or `2026-11`.
        models: Name and sums of each model, the most expensive first, then the most used.
    """

    label: str
    models: tuple[tuple[str, Tally], ...]

    def total(self, names: Iterable[str] | None = None) -> Tally:
        """The sums over models.

        Args:
            names: Names of the models; None for all.
        """
        wanted = None if names is None else set(names)
        tallies = (t for name, t in self.models if wanted is None or name in wanted)
        return sum(tallies, Tally())


@dataclass(frozen=True, slots=True)
class UsageReport:
    """The usage at one moment.

    Attributes:
        now: Unix time.
        counters: The counters in the order of the policy; those of one limit with the most used
            first.
        today: The usage of models today, in the time zone of the policy.
        month: The usage of models this month, likewise.
        since: Unix time at which the ledger begins, where older entries are no longer kept.
    """

    now: float
    counters: tuple[CounterUsage, ...]
    today: PeriodUsage
    month: PeriodUsage
    since: float | None = None


async def usage(policy: Policy, store: AuditableStore, now: float) -> UsageReport:
    """Read the usage of a policy's limits and models.

    A limit that counts by user, tenant, team, key or session has a counter for each of them that
    used it: in its calendar period; for a rolling window or concurrency, among those with an
    attempt that ended in the window or in the last two hours. The count of a session for its life
    is there until the session is over.

    Args:
        policy: The policy whose limits and models are reported.
        store: The store in which they are counted.
        now: Unix time.

    Raises:
        StoreError: The store cannot be read.
    """
    zone = policy.timezone
    day_label, day, _ = calendar(Period.DAY, zone, now)
    month_label, month, _ = calendar(Period.MONTH, zone, now)
    oldest = now - max(map(_lookback, policy.limits), default=RECENT)
    entries = [entry async for entry in store.rows(min(month, oldest))]
    return UsageReport(
        now,
        await _counters(policy, store, entries, now),
        PeriodUsage(day_label, _by_model(entry for entry in entries if entry.ts >= day)),
        PeriodUsage(month_label, _by_model(entry for entry in entries if entry.ts >= month)),
        await _begin(store, month) if entries and entries[0].seq > 1 else None,
    )


async def counter_usages(
    policy: Policy, store: AuditableStore, now: float
) -> tuple[CounterUsage, ...]:
    """Read the counters of a policy's limits, as `usage` does, without adding up the ledger.

    Args:
        policy: The policy whose limits are reported.
        store: The store in which they are counted.
        now: Unix time.

    Raises:
        StoreError: The store cannot be read.
    """
    searched = [each for each in policy.limits if each.per and not isinstance(each.window, Period)]
    entries = []
    if searched:
        oldest = now - max(map(_lookback, searched))
        entries = [entry async for entry in store.rows(oldest)]
    return await _counters(policy, store, entries, now)


async def _counters(
    policy: Policy, store: AuditableStore, entries: Sequence[LedgerEntry], now: float
) -> tuple[CounterUsage, ...]:
    """The counters of all limits; subjects of rolling windows are looked for in some entries."""
    balances = await store.balances()
    counters: list[CounterUsage] = []
    for limit in policy.limits:
        usages = (
            _calendar_usage(limit, policy, balances, now)
            if isinstance(limit.window, Period)
            else await _read(limit, policy, store, _subjects(limit, entries, balances, now), now)
        )
        counters += sorted(usages, key=lambda counter: (-counter.used, counter.subject))
    return tuple(counters)


def _calendar_usage(
    limit: Limit, policy: Policy, balances: Sequence[Balance], now: float
) -> list[CounterUsage]:
    """The counters of a limit in its current calendar period."""
    counter = limit.counter(ANYONE, now, policy.timezone)
    current = {b.key: b for b in balances if b.key._replace(subject=ANYONE) == counter.key}
    usages = []
    for key in current if limit.per else (counter.key,):
        balance = current.get(key)
        spent, held = (balance.spent, balance.held) if balance else (0, 0)
        usages.append(
            CounterUsage(limit.of(key.subject), key.subject, spent + held, held, counter.end)
        )
    return usages


def _lookback(limit: Limit) -> float:
    """How many seconds back the subjects of a limit are looked for in the ledger."""
    window = limit.window
    return max(RECENT, window.seconds + window.width if isinstance(window, Rolling) else 0)


def _subjects(
    limit: Limit, entries: Sequence[LedgerEntry], balances: Sequence[Balance], now: float
) -> list[str]:
    """Whose counters of a limit may show something."""
    if limit.per is None:
        return [ANYONE]
    if isinstance(limit.window, SessionLife):
        return sorted(b.key.subject for b in balances if b.key.scope == limit.key())
    since = now - _lookback(limit)
    return sorted({subject_of(limit, entry.about) for entry in entries if entry.ts >= since})


async def _read(
    limit: Limit, policy: Policy, store: Store, subjects: Sequence[str], now: float
) -> list[CounterUsage]:
    """The counters of a limit with a rolling window, on concurrency, or of sessions."""
    charges = [
        Charge(limit.counter(subject, now, policy.timezone), 1, limit.of(subject).cap)
        for subject in subjects
    ]
    readings: list[Reading | None] = []
    for start in range(0, len(charges), AT_ONCE):
        readings += await store.read(charges[start : start + AT_ONCE])
    usages = []
    for subject, reading in zip(subjects, readings, strict=True):
        if reading is None:
            raise StoreError(f"the counter of `{limit.name}` cannot be read now")
        if reading.used or not limit.per:
            usages.append(
                CounterUsage(limit.of(subject), subject, reading.used, opens=reading.opens)
            )
    return usages


def _by_model(entries: Iterable[LedgerEntry]) -> tuple[tuple[str, Tally], ...]:
    tallies: defaultdict[str, Tally] = defaultdict(Tally)
    for entry in entries:
        # Whether an expired hold had an answer is known once it is settled late.
        answered = entry.kind is not EntryKind.EXPIRE and entry.requests >= 0
        tallies[entry.about.model] += Tally(
            entry.requests, int(answered and entry.tokens_out > 0), entry.tokens_in,
            entry.tokens_out, entry.cost,
        )  # fmt: skip
    items = sorted(tallies.items(), key=lambda item: (-item[1].cost, -item[1].requests, item[0]))
    return tuple(items)


async def _begin(store: LedgerReader, since: float) -> float | None:
    """When the ledger begins, if entries from `since` on are no longer kept."""
    async for entry in store.rows():
        return entry.ts if entry.seq > 1 and entry.ts > since else None
    return None
