"""Counters and holds as plain dictionaries, and the verbs on them at a given time.

A store in memory keeps a whole LedgerState; one on disk loads the part that its verbs touch, runs
the verbs, and saves what changed. Nothing here reads a clock or does IO, and the caller makes sure
that one verb runs at a time.

The kind of a counter matters dozens of times in a verb, so it is read from the fields directly: a
counter with an `end` counts over a calendar period, one with a `width` over a rolling window.
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from policy_router.domain.limits import Metric, Reading
from policy_router.frozen import maker
from policy_router.ledger.arithmetic import (
    clamped_settlement,
    crossings,
    has_capped_budget,
    refusal,
    settled_amount,
)
from policy_router.ledger.reader import EntryKind, LedgerEntry
from policy_router.ledger.sessions import KeptSession
from policy_router.ledger.store import (
    Crossing,
    Ended,
    Granted,
    Refusal,
    Refused,
    Settled,
    Settlement,
    Stale,
    Unavailable,
)

if TYPE_CHECKING:
    from policy_router.domain.limits import Charge
    from policy_router.ledger.health import KeptHealth
    from policy_router.ledger.sessions import SessionRecord
    from policy_router.ledger.store import Ending, Hold

REMEMBERED: Final = 86_400.0
"""Seconds for which an ended hold is known, so that ending it again changes nothing."""

_new_entry: Final = maker(LedgerEntry)
_new_granted: Final = maker(Granted)
_new_reading: Final = maker(Reading)
_new_settled: Final = maker(Settled)

OPEN: Final = "open"
SETTLED: Final = "settled"
RELEASED: Final = "released"
EXPIRED: Final = "expired"
CORRECTED: Final = "corrected"


@dataclass(slots=True)
class HoldRecord:
    """A hold and its state.

    Attributes:
        hold: The hold.
        state: OPEN, SETTLED, RELEASED, EXPIRED or CORRECTED.
        expires: Unix time.
        slots: By the id of each rolling counter, the number of the slot that was charged.
    """

    hold: Hold
    state: str
    expires: float
    slots: dict[str, int]


@dataclass(slots=True)
class CalendarCount:
    """What a calendar counter counted.

    Attributes:
        end: The end of its period, Unix time; of a session's count, when it is over unless it is
            used again.
        spent: What ended holds used.
        held: What open holds reserve.
        notified: The highest amount whose threshold was reported.
        forgotten: What was spent of a session's count before it was last over.
        opening_balance: What was spent by entries that the ledger no longer contains.
    """

    end: float
    spent: int = 0
    held: int = 0
    notified: int = 0
    forgotten: int = 0
    opening_balance: int = 0

    def over(self, now: float) -> bool:
        """Whether the session that it counts for is over: its next use starts again."""
        return self.end <= now and self.held == 0

    def use(self, now: float, idle: float) -> None:
        """Let the session last for its idle time from now on."""
        if self.over(now):
            self.forgotten, self.notified = self.spent, 0
        self.end = max(self.end, now + idle)


class LedgerState:
    """The state of a store, or a part of it.

    Args:
        remembered: Seconds for which an ended hold is known.

    Attributes:
        holds: Holds by id.
        leases: A heap of (when it expires, id); an entry whose time is not the hold's is outdated.
        ended: (when it may be forgotten, id) of ended holds, oldest first; the owner removes them.
        rolling: By counter id, what was charged to each slot.
        counts: Calendar counters by counter id.
        concurrent: By counter id, the ids of the open holds.
        rows: The entries of the ledger in order; the owner removes them.
        seq: The number of the last entry.
        closed: The answer to a hold on a capped budget while data is lost; None otherwise.
        sessions: What is stored about sessions, by their keys; the owner removes them.
        health: What is stored about the health of models, by its keys; the owner removes it.
    """

    __slots__ = (
        "closed",
        "concurrent",
        "counts",
        "ended",
        "health",
        "holds",
        "leases",
        "remembered",
        "rolling",
        "rows",
        "seq",
        "sessions",
    )  # fmt: skip

    def __init__(self, remembered: float = REMEMBERED) -> None:
        self.remembered = remembered
        self.holds: dict[str, HoldRecord] = {}
        self.leases: list[tuple[float, str]] = []
        self.ended: deque[tuple[float, str]] = deque()
        self.rolling: dict[str, dict[int, int]] = {}
        self.counts: dict[str, CalendarCount] = {}
        self.concurrent: dict[str, set[str]] = {}
        self.rows: deque[LedgerEntry] = deque()
        self.seq = 0
        self.closed: Unavailable | None = None
        self.sessions: dict[str, KeptSession] = {}
        self.health: dict[str, KeptHealth] = {}

    # -- verbs -------------------------------------------------------------------------------

    def reading(self, charge: Charge, now: float) -> Reading:
        """Read one counter. See Store.read."""
        used = self._used(charge, now)
        refused = self._refuses(charge, used, now)
        return _new_reading(used, refused.opens if refused else None)

    def reserve(
        self, hold: Hold, after: Ending | None, now: float
    ) -> Granted | Refused | Stale | Unavailable:
        """See Store.reserve."""
        existing = self.holds.get(hold.id)
        if existing is None and _stale(hold, now):
            return Stale(now)
        crossed, missed = self._sweep(now), False
        if after is not None:
            ended = self.end(after.id, after.actual, now)
            crossed += ended.crossed
            missed = ended.ended is Ended.UNKNOWN
        if existing is not None:
            return Granted(hold.id, existing.expires, crossed, missed=missed)
        if self.closed is not None and has_capped_budget(hold.charges):
            return replace(self.closed, crossed=crossed, missed=missed)
        refusals = [
            refused
            for charge in hold.charges
            if (refused := self._refuses(charge, self._used(charge, now), now)) is not None
        ]
        if refusals:
            return Refused(tuple(refusals), crossed, missed)
        return _new_granted(hold.id, self._take(hold, now), crossed, missed=missed)

    def renew(self, hold_id: str, lease: float, now: float) -> bool | None:
        """See Store.renew."""
        held = self.holds.get(hold_id)
        if held is None:
            return None
        if held.state != OPEN or held.expires <= now:
            return False
        held.expires = max(held.expires, now + lease)
        heapq.heappush(self.leases, (held.expires, hold_id))
        return True

    def end(self, hold_id: str, actual: Settlement | None, now: float) -> Settled:
        """Settle a hold, or release it when there is no `actual`. See Store."""
        actual = None if actual is None else clamped_settlement(actual)
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
        return _new_settled(Ended.DONE, crossed)

    def session(self, key: str, now: float) -> SessionRecord | None:
        """See SessionStore.read_session."""
        kept = self.sessions.get(key)
        return None if kept is None or kept.expires <= now else kept.record

    def keep_session(self, key: str, record: SessionRecord, lasts: float, now: float) -> None:
        """See SessionStore.write_session. The sessions are in the order in which they were written
        last."""
        before, kept = self.sessions.pop(key, None), KeptSession(record, now + lasts)
        if before is not None and before.expires > now:
            kept = before.followed_by(kept)
        self.sessions[key] = kept

    # -- counting ------------------------------------------------------------------------------

    def _used(self, charge: Charge, now: float) -> int:
        counter = charge.counter
        if counter.end:
            count = self.counts.get(counter.id)
            if count is None or (counter.idle and count.over(now)):
                return 0
            return count.spent - count.forgotten + count.held
        if counter.width:
            slots = self.rolling.get(counter.id)
            if slots is None:
                return 0
            oldest = counter.oldest(now)
            if slots and min(slots) >= oldest:  # true of all readings but the first in a slot
                return sum(slots.values())
            return sum([n for slot, n in slots.items() if slot >= oldest])
        under_way = self.concurrent.get(counter.id, ())
        if self.leases and self.leases[0][0] <= now:  # reading does not expire any hold
            return sum([self.holds[hold_id].expires > now for hold_id in under_way])
        return len(under_way)

    def _refuses(self, charge: Charge, used: int, now: float) -> Refusal | None:
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
                    count = self.counts[key] = CalendarCount(0.0 if counter.idle else counter.end)
                if counter.idle:
                    count.use(now, counter.idle)
                count.held += charge.amount
            elif counter.width:
                slot = slots[key] = counter.slot(now)
                window = self.rolling.setdefault(key, {})
                if slot not in window:
                    for old in [s for s in window if s < slot - counter.slots]:
                        del window[old]
                window[slot] = window.get(slot, 0) + charge.amount
            else:
                self.concurrent.setdefault(key, set()).add(hold.id)
        expires = now + hold.lease
        self.holds[hold.id] = HoldRecord(hold, OPEN, expires, slots)
        heapq.heappush(self.leases, (expires, hold.id))
        return expires

    def _sweep(self, now: float) -> tuple[Crossing, ...]:
        """Charge every hold whose lease ran out with all that it holds."""
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
        self, held: HoldRecord, actual: Settlement, entry_kind: EntryKind, now: float
    ) -> tuple[Crossing, ...]:
        crossed: tuple[Crossing, ...] = ()
        for charge in held.hold.charges:
            counter = charge.counter
            amount = settled_amount(counter.key.metric, charge.amount, actual)
            if counter.end:
                count = self.counts[counter.id]
                if counter.idle:
                    count.use(now, counter.idle)
                count.held -= charge.amount
                count.spent += amount
                if charge.warn_at:
                    shown = count.spent - count.forgotten
                    passed, count.notified = crossings(charge, shown, count.notified)
                    crossed += passed
            elif counter.width:
                self._correct(held, charge, amount - charge.amount)
            else:
                self._free_concurrency(held, charge)
        self.ended.append((now + self.remembered, held.hold.id))
        self._write(held, entry_kind, actual, 1, now)
        return crossed

    def _adjust(
        self, held: HoldRecord, actual: Settlement | None, now: float
    ) -> tuple[Crossing, ...]:
        """Correct an expired hold, which was charged in full, to what was really used."""
        crossed: tuple[Crossing, ...] = ()
        nothing = actual is None
        real = Settlement() if actual is None else actual
        for charge in held.hold.charges:
            counter = charge.counter
            amount = 0 if nothing else settled_amount(counter.key.metric, charge.amount, real)
            if counter.end:
                count = self.counts[counter.id]
                count.spent += amount - charge.amount
                if charge.warn_at:
                    shown = count.spent - count.forgotten
                    passed, count.notified = crossings(charge, shown, count.notified)
                    crossed += passed
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

    def _give_back(self, held: HoldRecord, now: float) -> None:
        for charge in held.hold.charges:
            if charge.counter.end:
                self.counts[charge.counter.id].held -= charge.amount
            elif charge.counter.width:
                self._correct(held, charge, -charge.amount)
            else:
                self._free_concurrency(held, charge)
        self.ended.append((now + self.remembered, held.hold.id))

    def _correct(self, held: HoldRecord, charge: Charge, by: int) -> None:
        """Correct the slot that was charged, if it is still in the window."""
        key = charge.counter.id
        window, slot = self.rolling.get(key, {}), held.slots[key]
        if slot in window:
            window[slot] += by

    def _free_concurrency(self, held: HoldRecord, charge: Charge) -> None:
        self.concurrent.get(charge.counter.id, set()).discard(held.hold.id)

    def _write(
        self, held: HoldRecord, kind: EntryKind, actual: Settlement, requests: int, now: float
    ) -> None:
        keys = tuple([c.counter.key for c in held.hold.charges if c.counter.end])
        self.seq += 1
        row = _new_entry(
            self.seq, held.hold.id, kind, now, held.hold.about, actual.cost, actual.tokens_in,
            actual.tokens_out, requests, actual.estimated, keys,
        )  # fmt: skip
        self.rows.append(row)


def _stale(hold: Hold, now: float) -> bool:
    """Whether a calendar counter of the hold is of another period than the one of `now`."""
    for charge in hold.charges:
        counter = charge.counter
        if counter.end and not counter.start <= now < counter.end:
            return True
    return False
