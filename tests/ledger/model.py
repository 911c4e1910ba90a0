"""What a store should answer and show, worked out anew from all that ever happened.

The model counts nothing up or down. It keeps every attempt, with what became of it, and the
ledger; each reading is a sum over the attempts, so it cannot drift. Slow, short and plain, it
shares the values of the protocol with the stores and none of their code.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum, auto
from fractions import Fraction
from typing import TYPE_CHECKING

from policy_router.domain.limits import CounterKey, Metric, Reading
from policy_router.ledger.reader import EntryKind, LedgerEntry
from policy_router.ledger.store import (
    Crossing,
    Ended,
    Granted,
    Refusal,
    Refused,
    Settled,
    Settlement,
    Stale,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from policy_router.domain.limits import Charge, Counter
    from policy_router.ledger.store import Ending, Hold

NOTHING = Settlement()


class Fate(Enum):
    """What became of an attempt."""

    OPEN = auto()
    SETTLED = auto()
    RELEASED = auto()
    EXPIRED = auto()
    CORRECTED = auto()


@dataclass
class Attempt:
    """A hold that was granted. actual: what it was settled to, or corrected to; None before that,
    and when it was given back. ended: Unix time of its first end."""

    hold: Hold
    taken: float
    expires: float
    fate: Fate = Fate.OPEN
    actual: Settlement | None = None
    ended: float = math.inf

    def __post_init__(self) -> None:
        self.charges = {c.counter.key: c for c in self.hold.charges}

    def amount(self, metric: Metric) -> int:
        """What it holds of a metric."""
        return next((c.amount for c in self.hold.charges if c.counter.metric is metric), 0)

    def worth(self, charge: Charge) -> int:
        """The amount of one of its charges, as far as is known now."""
        if self.fate in (Fate.OPEN, Fate.EXPIRED):
            return charge.amount
        if self.actual is None:
            return 0
        return {
            Metric.USD: self.actual.cost,
            Metric.TOKENS: self.actual.tokens_in + self.actual.tokens_out,
            Metric.REQUESTS: charge.amount,
        }.get(charge.counter.metric, 0)

    def whole(self) -> Settlement:
        """Everything it holds, as if it had been used."""
        return Settlement(self.amount(Metric.USD), self.amount(Metric.TOKENS), estimated=True)


def leaves(counter: Counter, taken: float) -> float:
    """When a charge leaves its rolling window: one window after the end of its slot."""
    end_of_slot = (math.floor(taken / counter.width) + 1) * counter.width
    return float(end_of_slot + counter.slots * counter.width)


def fits(charge: Charge, used: int) -> bool:
    """Whether there is room. A charge of nothing asks for room of one unit."""
    limit = charge.cap if charge.refuses else None
    return limit is None or used + max(charge.amount, 1) <= limit


class Model:
    """A Store and its Books as they should be. Verbs take the clock's time."""

    def __init__(self) -> None:
        self.now = 0.0
        self.attempts: dict[str, Attempt] = {}
        self.rows: list[LedgerEntry] = []
        self.told: dict[CounterKey, int] = {}
        self.forgotten: dict[CounterKey, int] = {}

    # -- what it shows -------------------------------------------------------------------------

    def on(self, key: CounterKey) -> Iterator[tuple[Attempt, Charge]]:
        """Every attempt that charged a counter."""
        for attempt in self.attempts.values():
            if key in attempt.charges:
                yield attempt, attempt.charges[key]

    def spent(self, key: CounterKey) -> int:
        """What ended holds used; of a session, what was not forgotten when it began anew."""
        used = sum(a.worth(c) for a, c in self.on(key) if a.fate is not Fate.OPEN)
        return used - self.forgotten.get(key, 0)

    def held(self, key: CounterKey) -> int:
        return sum(c.amount for a, c in self.on(key) if a.fate is Fate.OPEN)

    def last_use(self, key: CounterKey) -> float:
        """When a counter was last charged: a hold was taken, settled or lost."""
        return max(
            (
                a.taken if a.fate in (Fate.OPEN, Fate.RELEASED) else max(a.taken, a.ended)
                for a, _ in self.on(key)
            ),
            default=-math.inf,
        )

    def over(self, counter: Counter, now: float) -> bool:
        """Whether a session has ended: it was not used for long, and nothing of it is held."""
        rested = now >= self.last_use(counter.key) + counter.idle
        return counter.idle > 0 and rested and self.held(counter.key) == 0

    def used(self, counter: Counter, now: float) -> int:
        if self.over(counter, now):
            return 0
        if counter.metric is Metric.CONCURRENT:
            charged = self.on(counter.key)
            return sum(a.fate is Fate.OPEN and now < a.expires for a, _ in charged)
        if counter.rolling:
            charged = self.on(counter.key)
            return sum(a.worth(c) for a, c in charged if now < leaves(counter, a.taken))
        return self.spent(counter.key) + self.held(counter.key)

    def refusal(self, charge: Charge, now: float) -> Refusal | None:
        counter, used = charge.counter, self.used(charge.counter, now)
        if fits(charge, used):
            return None
        opens = None
        if fits(charge, 0) and counter.rolling:
            moments = sorted(leaves(counter, a.taken) for a, _ in self.on(counter.key))
            opens = next(t for t in moments if t > now and fits(charge, self.used(counter, t)))
        elif fits(charge, 0) and counter.metric is not Metric.CONCURRENT and not counter.idle:
            opens = counter.end
        return Refusal(counter.key, charge.cap or 0, used, charge.amount, opens)

    def read(self, charges: Sequence[Charge], clock: float) -> tuple[Reading, ...]:
        now = max(self.now, clock)
        found = []
        for charge in charges:
            refusal = self.refusal(charge, now)
            found.append(
                Reading(self.used(charge.counter, now), refusal.opens if refusal else None)
            )
        return tuple(found)

    def balances(self) -> dict[CounterKey, tuple[int, int]]:
        """Spent and held of every calendar counter that was ever charged."""
        keys = {
            c.counter.key for a in self.attempts.values() for c in a.hold.charges if c.counter.end
        }
        return {key: (self.spent(key), self.held(key)) for key in keys}

    # -- what it does --------------------------------------------------------------------------

    def reserve(self, hold: Hold, after: Ending | None, clock: float) -> Granted | Refused | Stale:
        self.now = now = max(self.now, clock)
        known = self.attempts.get(hold.id)
        periods = [(c.counter.start, c.counter.end) for c in hold.charges if c.counter.end]
        if known is None and not all(start <= now < end for start, end in periods):
            return Stale(now)
        crossed, missed = self._sweep(), False
        if after is not None:
            missed = after.id not in self.attempts
            crossed += self._end(after.id, after.actual).crossed
        if known is None:
            refusals = [r for c in hold.charges if (r := self.refusal(c, now))]
            if refusals:
                return Refused(tuple(refusals), crossed, missed)
            self._begin_anew(hold)
            known = self.attempts[hold.id] = Attempt(hold, now, now + hold.lease)
        return Granted(hold.id, known.expires, crossed, missed=missed)

    def renew(self, hold_id: str, lease: float, clock: float) -> bool:
        self.now = max(self.now, clock)
        attempt = self.attempts.get(hold_id)
        if attempt is None or attempt.fate is not Fate.OPEN or attempt.expires <= self.now:
            return False
        attempt.expires = max(attempt.expires, self.now + lease)
        return True

    def end(self, hold_id: str, actual: Settlement | None, clock: float) -> Settled:
        """Settle, or release when there is no actual."""
        self.now = max(self.now, clock)
        crossed = self._sweep()
        ended = self._end(hold_id, actual)
        return Settled(ended.ended, crossed + ended.crossed)

    def _sweep(self) -> tuple[Crossing, ...]:
        lost = [a for a in self.attempts.values() if a.fate is Fate.OPEN and a.expires <= self.now]
        crossed: tuple[Crossing, ...] = ()
        for attempt in sorted(lost, key=lambda a: (a.expires, a.hold.id)):
            self._begin_anew(attempt.hold)
            attempt.fate = Fate.EXPIRED
            attempt.ended = self.now
            self._write(attempt, EntryKind.EXPIRE, attempt.whole(), 1)
            crossed += self._tell(attempt)
        return crossed

    def _begin_anew(self, hold: Hold) -> None:
        """Before a hold is taken, settled or lost: sessions that were over forget."""
        for counter in (c.counter for c in hold.charges):
            if self.over(counter, self.now):
                earlier = self.forgotten.get(counter.key, 0)
                self.forgotten[counter.key] = earlier + self.spent(counter.key)
                self.told.pop(counter.key, None)

    def _end(self, hold_id: str, actual: Settlement | None) -> Settled:
        attempt = self.attempts.get(hold_id)
        if attempt is None:
            return Settled(Ended.UNKNOWN)
        if attempt.fate not in (Fate.OPEN, Fate.EXPIRED):
            return Settled(Ended.AGAIN)
        late = attempt.fate is Fate.EXPIRED
        attempt.actual = actual
        if late:
            attempt.fate = Fate.CORRECTED
            real, whole = actual or NOTHING, attempt.whole()
            self._write(
                attempt,
                EntryKind.ADJUST,
                Settlement(
                    real.cost - whole.cost,
                    real.tokens_in - whole.tokens_in,
                    real.tokens_out,
                    real.estimated,
                ),
                0 if actual else -1,
            )
        elif actual:
            self._begin_anew(attempt.hold)
            attempt.fate = Fate.SETTLED
            attempt.ended = self.now
            self._write(attempt, EntryKind.SETTLE, actual, 1)
        else:
            attempt.fate = Fate.RELEASED
            attempt.ended = self.now
            return Settled(Ended.DONE)
        return Settled(Ended.ADJUSTED if late else Ended.DONE, self._tell(attempt))

    def _write(self, attempt: Attempt, kind: EntryKind, adds: Settlement, requests: int) -> None:
        keys = tuple(c.counter.key for c in attempt.hold.charges if c.counter.end)
        self.rows.append(
            LedgerEntry(
                len(self.rows) + 1, attempt.hold.id, kind, self.now, attempt.hold.about, adds.cost,
                adds.tokens_in, adds.tokens_out, requests, adds.estimated, keys,
            )
        )  # fmt: skip

    def _tell(self, attempt: Attempt) -> tuple[Crossing, ...]:
        """The thresholds passed now: each amount once for a counter, none below it later."""
        found = []
        for charge in attempt.hold.charges:
            key, limit, spent = charge.counter.key, charge.cap, self.spent(charge.counter.key)
            told = self.told.get(key, 0)
            for share in charge.warn_at if charge.counter.end and limit else ():
                amount = math.ceil(Fraction(round(share * 1000), 1000) * (limit or 0))
                if told < amount <= spent:
                    self.told[key] = amount
                    found.append(Crossing(key, share, spent, limit or 0))
        return tuple(found)
