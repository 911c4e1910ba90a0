"""Counters and holds as plain tables, and the verbs on them at a given time.

A store in memory keeps these tables whole; one on disk loads the rows that its verbs touch, lets
the verbs run, and saves what changed. Nothing here reads a clock or does IO; who calls sees to it
that one verb runs at a time.

What a counter counts over is asked dozens of times a verb, so it is read off its fields: a calendar
period when it has an `end`, a rolling window when it has a `width`.
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from policy_router.domain.limits import Metric, Reading
from policy_router.ledger.arithmetic import bounded_actual, caps_money, comes_to, crossings, refusal
from policy_router.ledger.store import (
    Crossing,
    Ended,
    EntryKind,
    Granted,
    LedgerEntry,
    Refusal,
    Refused,
    Settled,
    Settlement,
    Stale,
    Unavailable,
)

if TYPE_CHECKING:
    from policy_router.domain.limits import Charge
    from policy_router.ledger.store import Ending, Hold

REMEMBERED: Final = 86_400.0
"""Seconds an ended hold is known, so that ending it again changes nothing."""

OPEN: Final = "open"
SETTLED: Final = "settled"
RELEASED: Final = "released"
EXPIRED: Final = "expired"
CORRECTED: Final = "corrected"


@dataclass(slots=True)
class Held:
    """A hold and its state. slots: by counter key, the slot that was charged."""

    hold: Hold
    state: str
    expires: float
    slots: dict[str, int]


@dataclass(slots=True)
class Count:
    """A calendar counter. end: of its period. told: the highest amount that somebody was told
    of. opening: what rows that are no longer kept had spent."""

    end: float
    spent: int = 0
    held: int = 0
    notified: int = 0
    opening: int = 0


class LedgerState:
    """holds, counts, rolling windows and seats by id or key; leases as a heap of (when, id).

    ended: (when it may be forgotten, id), oldest first. rows: of the ledger, in order. Both grow
    until who keeps the tables takes from them. remembered: seconds an ended hold is known. closed:
    the answer to who asks for money, while data is lost.
    """

    __slots__ = (
        "closed", "counts", "ended", "holds", "leases", "remembered", "rolling", "rows", "seats",
        "seq",
    )  # fmt: skip

    def __init__(self, remembered: float = REMEMBERED) -> None:
        self.remembered = remembered
        self.holds: dict[str, Held] = {}
        self.leases: list[tuple[float, str]] = []
        self.ended: deque[tuple[float, str]] = deque()
        self.rolling: dict[str, dict[int, int]] = {}
        self.counts: dict[str, Count] = {}
        self.seats: dict[str, set[str]] = {}
        self.rows: deque[LedgerEntry] = deque()
        self.seq = 0
        self.closed: Unavailable | None = None

    # -- verbs -------------------------------------------------------------------------------

    def reading(self, charge: Charge, now: float) -> Reading:
        """What a counter shows."""
        refused = self._refuses(charge, now)
        return Reading(self._used(charge, now), refused.opens if refused else None)

    def reserve(
        self, hold: Hold, after: Ending | None, now: float
    ) -> Granted | Refused | Stale | Unavailable:
        """See Store."""
        known = self.holds.get(hold.id)
        if known is None and _stale(hold, now):
            return Stale(now)
        crossed, missed = self._sweep(now), False
        if after is not None:
            ended = self.end(after.id, after.actual, now)
            crossed += ended.crossed
            missed = ended.ended is Ended.UNKNOWN
        if known is not None:
            return Granted(hold.id, known.expires, crossed, missed=missed)
        if self.closed is not None and caps_money(hold.charges):
            return replace(self.closed, crossed=crossed, missed=missed)
        refusals = [r for c in hold.charges if (r := self._refuses(c, now)) is not None]
        if refusals:
            return Refused(tuple(refusals), crossed, missed)
        return Granted(hold.id, self._take(hold, now), crossed, missed=missed)

    def renew(self, hold_id: str, lease: float, now: float) -> bool | None:
        """See Store."""
        held = self.holds.get(hold_id)
        if held is None:
            return None
        if held.state != OPEN or held.expires <= now:
            return False
        held.expires = max(held.expires, now + lease)
        heapq.heappush(self.leases, (held.expires, hold_id))
        return True

    def end(self, hold_id: str, actual: Settlement | None, now: float) -> Settled:
        """Settle, or release when there is no `actual`. See Store."""
        actual = None if actual is None else bounded_actual(actual)
        crossed = self._sweep(now)
        held = self.holds.get(hold_id)
        if held is None:
            return Settled(Ended.UNKNOWN, crossed)
        if held.state == EXPIRED:
            held.state = CORRECTED
            return Settled(Ended.ADJUSTED, crossed + self._adjust(held, actual, now))
        if held.state != OPEN:
            return Settled(Ended.AGAIN, crossed)
        if actual is None:
            held.state = RELEASED
            self._give_back(held, now)
        else:
            held.state = SETTLED
            crossed += self._charge(held, actual, EntryKind.SETTLE, now)
        return Settled(Ended.DONE, crossed)

    # -- what verbs are made of ----------------------------------------------------------------

    def _used(self, charge: Charge, now: float) -> int:
        counter = charge.counter
        if counter.end:
            count = self.counts.get(counter.id)
            return 0 if count is None else count.spent + count.held
        if counter.width:
            slots = self.rolling.get(counter.id)
            if slots is None:
                return 0
            oldest = counter.oldest(now)
            return sum([n for slot, n in slots.items() if slot >= oldest])
        seated = self.seats.get(counter.id, ())
        if self.leases and self.leases[0][0] <= now:  # a reading sweeps nothing
            return sum([self.holds[hold_id].expires > now for hold_id in seated])
        return len(seated)

    def _refuses(self, charge: Charge, now: float) -> Refusal | None:
        used = self._used(charge, now)
        if not charge.exceeds(used):
            return None
        return refusal(charge, used, self.rolling.get(charge.counter.id, {}), now)

    def _take(self, hold: Hold, now: float) -> float:
        slots = {}
        for charge in hold.charges:
            counter, key = charge.counter, charge.counter.id
            if counter.end:
                count = self.counts.get(key)
                if count is None:
                    count = self.counts[key] = Count(counter.end)
                count.held += charge.amount
            elif counter.width:
                slot = slots[key] = counter.slot(now)
                window = self.rolling.setdefault(key, {})
                for old in [s for s in window if s < slot - counter.slots]:
                    del window[old]
                window[slot] = window.get(slot, 0) + charge.amount
            else:
                self.seats.setdefault(key, set()).add(hold.id)
        expires = now + hold.lease
        self.holds[hold.id] = Held(hold, OPEN, expires, slots)
        heapq.heappush(self.leases, (expires, hold.id))
        return expires

    def _sweep(self, now: float) -> tuple[Crossing, ...]:
        """Charges every hold whose lease has run out with all it holds."""
        crossed: tuple[Crossing, ...] = ()
        while self.leases and self.leases[0][0] <= now:
            expires, hold_id = heapq.heappop(self.leases)
            held = self.holds.get(hold_id)
            if held is not None and held.state == OPEN and held.expires == expires:
                amounts = {c.counter.metric: c.amount for c in held.hold.charges}
                whole = Settlement(
                    amounts.get(Metric.USD, 0), amounts.get(Metric.TOKENS, 0), estimated=True
                )
                held.state = EXPIRED
                crossed += self._charge(held, whole, EntryKind.EXPIRE, now)
        return crossed

    def _charge(
        self, held: Held, actual: Settlement, kind: EntryKind, now: float
    ) -> tuple[Crossing, ...]:
        crossed: tuple[Crossing, ...] = ()
        for charge in held.hold.charges:
            counter = charge.counter
            amount = comes_to(counter.metric, charge.amount, actual)
            if counter.end:
                count = self.counts[counter.id]
                count.held -= charge.amount
                count.spent += amount
                if charge.warn_at:
                    found, count.notified = crossings(charge, count.spent, count.notified)
                    crossed += found
            elif counter.width:
                self._correct(held, charge, amount - charge.amount)
            else:
                self._stand_up(held, charge)
        self.ended.append((now + self.remembered, held.hold.id))
        self._write(held, kind, actual, 1, now)
        return crossed

    def _adjust(self, held: Held, actual: Settlement | None, now: float) -> tuple[Crossing, ...]:
        """Brings an expired hold, charged in full, to what it really came to."""
        crossed: tuple[Crossing, ...] = ()
        nothing = actual is None
        real = Settlement() if actual is None else actual
        for charge in held.hold.charges:
            counter = charge.counter
            amount = 0 if nothing else comes_to(counter.metric, charge.amount, real)
            if counter.end:
                count = self.counts[counter.id]
                count.spent += amount - charge.amount
                if charge.warn_at:
                    found, count.notified = crossings(charge, count.spent, count.notified)
                    crossed += found
            elif counter.width:
                self._correct(held, charge, amount - charge.amount)
        amounts = {c.counter.metric: c.amount for c in held.hold.charges}
        delta = Settlement(
            real.cost - amounts.get(Metric.USD, 0),
            real.tokens_in - amounts.get(Metric.TOKENS, 0),
            real.tokens_out,
            real.estimated,
        )
        self._write(held, EntryKind.ADJUST, delta, -1 if nothing else 0, now)
        return crossed

    def _give_back(self, held: Held, now: float) -> None:
        for charge in held.hold.charges:
            if charge.counter.end:
                self.counts[charge.counter.id].held -= charge.amount
            elif charge.counter.width:
                self._correct(held, charge, -charge.amount)
            else:
                self._stand_up(held, charge)
        self.ended.append((now + self.remembered, held.hold.id))

    def _correct(self, held: Held, charge: Charge, by: int) -> None:
        """Corrects the slot that was charged, if it is still of interest."""
        key = charge.counter.id
        window, slot = self.rolling.get(key, {}), held.slots[key]
        if slot in window:
            window[slot] += by

    def _stand_up(self, held: Held, charge: Charge) -> None:
        self.seats.get(charge.counter.id, set()).discard(held.hold.id)

    def _write(
        self, held: Held, kind: EntryKind, actual: Settlement, requests: int, now: float
    ) -> None:
        keys = tuple([c.counter.key for c in held.hold.charges if c.counter.end])
        self.seq += 1
        row = LedgerEntry(
            self.seq, held.hold.id, kind, now, held.hold.about, actual.cost, actual.tokens_in,
            actual.tokens_out, requests, actual.estimated, keys,
        )  # fmt: skip
        self.rows.append(row)


def _stale(hold: Hold, now: float) -> bool:
    """Whether a calendar counter of the hold is of another period than `now`."""
    for charge in hold.charges:
        counter = charge.counter
        if counter.end and not counter.start <= now < counter.end:
            return True
    return False
