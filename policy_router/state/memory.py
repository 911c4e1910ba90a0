"""Counters in the memory of one process: for tests, for trying out, for one worker alone."""

from __future__ import annotations

import heapq
import threading
import time
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from policy_router.meter import ROLLING, Metric, Reading
from policy_router.state.counting import (
    comes_to,
    crossings,
    differences,
    part_of,
    refusal,
)
from policy_router.state.store import (
    Actual,
    Bucket,
    Crossing,
    Difference,
    Ended,
    Entry,
    Granted,
    Refusal,
    Refused,
    Row,
    Settled,
    Stale,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from policy_router.meter import Charge
    from policy_router.state.store import Ending, Hold

REMEMBERED: Final = 86_400.0
"""Seconds an ended hold is known, so that ending it again changes nothing."""
ROWS: Final = 10_000
"""Rows of the ledger that are kept; older ones live on in the counters' opening balances."""
KEPT: Final = 62 * 86_400.0
"""Seconds a calendar counter is kept after its period: this month and the last can be looked at."""
TIDYING: Final = 3600.0
"""Seconds between two looks for what nobody will ask for again."""

OPEN: Final = "open"
SETTLED: Final = "settled"
RELEASED: Final = "released"
EXPIRED: Final = "expired"
CORRECTED: Final = "corrected"


@dataclass(slots=True)
class _Held:
    """A hold and its state. slots: by counter key, the slot that was charged."""

    hold: Hold
    state: str
    expires: float
    slots: dict[str, int]


@dataclass(slots=True)
class _Count:
    """A calendar counter. end: of its period. opening: what rows that are no longer kept had spent.
    told: the highest threshold that was told, in thousandths."""

    end: float
    spent: int = 0
    held: int = 0
    opening: int = 0
    told: int = 0


class MemoryStore:
    """A Store and its Books in one process, for any number of threads and event loops.

    clock: Unix time; when it is set back, the store's time stands still.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._now = 0.0
        self._holds: dict[str, _Held] = {}
        self._expiring: list[tuple[float, str]] = []
        self._ended: deque[tuple[float, str]] = deque()
        self._rolling: dict[str, dict[int, int]] = {}
        self._counts: dict[str, _Count] = {}
        self._seats: dict[str, set[str]] = {}
        self._rows: deque[Row] = deque()
        self._seq = 0
        self._tidied = 0.0

    # -- verbs -------------------------------------------------------------------------------

    async def read(self, charges: Sequence[Charge]) -> tuple[Reading, ...]:
        """See Store."""
        with self._lock:
            now = max(self._now, self._clock())
            return tuple(self._reading(charge, now) for charge in charges)

    async def reserve(self, hold: Hold, after: Ending | None = None) -> Granted | Refused | Stale:
        """See Store."""
        with self._lock:
            now = self._tick()
            known = self._holds.get(hold.id)
            if known is None and _stale(hold, now):
                return Stale(now)
            crossed = self._sweep(now)
            if after is not None:
                crossed += self._end(after.id, after.actual, now).crossed
            if known is not None:
                return Granted(hold.id, known.expires, crossed)
            refusals = tuple(r for c in hold.charges if (r := self._refuses(c, now)) is not None)
            if refusals:
                return Refused(refusals, crossed)
            return Granted(hold.id, self._take(hold, now), crossed)

    async def renew(self, hold_id: str, lease: float) -> bool:
        """See Store."""
        with self._lock:
            now = self._tick()
            held = self._holds.get(hold_id)
            if held is None or held.state != OPEN or held.expires <= now:
                return False
            held.expires = max(held.expires, now + lease)
            heapq.heappush(self._expiring, (held.expires, hold_id))
            return True

    async def settle(self, hold_id: str, actual: Actual) -> Settled:
        """See Store."""
        with self._lock:
            return self._end(hold_id, actual, self._tick())

    async def release(self, hold_id: str) -> Settled:
        """See Store."""
        with self._lock:
            return self._end(hold_id, None, self._tick())

    async def aclose(self) -> None:
        """Nothing to let go of."""

    # -- books -------------------------------------------------------------------------------

    async def rows(self, since: float = 0.0) -> AsyncIterator[Row]:
        """See Books."""
        with self._lock:
            found = [row for row in self._rows if row.ts >= since]
        for row in found:
            yield row

    async def buckets(self) -> tuple[Bucket, ...]:
        """See Books."""
        with self._lock:
            return tuple(
                Bucket(key, count.spent, count.held) for key, count in sorted(self._counts.items())
            )

    async def audit(self) -> tuple[Difference, ...]:
        """See Books."""
        with self._lock:
            kept = [
                Bucket(key, count.spent - count.opening, count.held)
                for key, count in self._counts.items()
            ]
            held = [
                (charge.counter.key, charge.amount)
                for each in self._holds.values()
                if each.state == OPEN
                for charge in each.hold.charges
                if charge.counter.calendar
            ]
            rows = (
                replace(row, keys=tuple(k for k in row.keys if k in self._counts))
                for row in self._rows
            )
            return tuple(differences(kept, rows, held))

    # -- one step each, under the lock ---------------------------------------------------------

    def _tick(self) -> float:
        self._now = now = max(self._now, self._clock())
        while self._ended and self._ended[0][0] <= now:
            self._holds.pop(self._ended.popleft()[1], None)
        if now >= self._tidied + TIDYING:
            self._tidied = now
            self._tidy(now)
        return now

    def _tidy(self, now: float) -> None:
        """Forgets windows that are over and counters of periods long past."""
        day = now - REMEMBERED  # no window is longer
        for key, window in list(self._rolling.items()):
            width = ROLLING[key.split("|", 3)[2]].width
            if all(slot * width < day for slot in window):
                del self._rolling[key]
        for key, count in list(self._counts.items()):
            if count.end + KEPT < now and not count.held:
                del self._counts[key]
        for key in [key for key, seats in self._seats.items() if not seats]:
            del self._seats[key]

    def _used(self, charge: Charge, now: float) -> int:
        counter = charge.counter
        if counter.rolling:
            oldest = counter.oldest(now)
            slots = self._rolling.get(counter.key, {})
            return sum(n for slot, n in slots.items() if slot >= oldest)
        if counter.calendar:
            count = self._counts.get(counter.key)
            return count.spent + count.held if count else 0
        return len(self._seats.get(counter.key, ()))

    def _refuses(self, charge: Charge, now: float) -> Refusal | None:
        used = self._used(charge, now)
        if not charge.exceeds(used):
            return None
        return refusal(charge, used, self._rolling.get(charge.counter.key, {}), now)

    def _reading(self, charge: Charge, now: float) -> Reading:
        refused = self._refuses(charge, now)
        return Reading(self._used(charge, now), refused.opens if refused else None)

    def _take(self, hold: Hold, now: float) -> float:
        slots = {}
        for charge in hold.charges:
            counter = charge.counter
            if counter.rolling:
                slot = slots[counter.key] = counter.slot(now)
                window = self._rolling.setdefault(counter.key, {})
                for old in [s for s in window if s < counter.oldest(now)]:
                    del window[old]
                window[slot] = window.get(slot, 0) + charge.amount
            elif counter.calendar:
                self._counts.setdefault(counter.key, _Count(counter.end)).held += charge.amount
            else:
                self._seats.setdefault(counter.key, set()).add(hold.id)
        expires = now + hold.lease
        self._holds[hold.id] = _Held(hold, OPEN, expires, slots)
        heapq.heappush(self._expiring, (expires, hold.id))
        return expires

    def _sweep(self, now: float) -> tuple[Crossing, ...]:
        """Charges every hold whose lease has run out with all it holds."""
        crossed: tuple[Crossing, ...] = ()
        while self._expiring and self._expiring[0][0] <= now:
            held = self._holds.get(heapq.heappop(self._expiring)[1])
            if held is not None and held.state == OPEN and held.expires <= now:
                amounts = {c.counter.metric: c.amount for c in held.hold.charges}
                whole = Actual(
                    amounts.get(Metric.USD, 0), amounts.get(Metric.TOKENS, 0), estimated=True
                )
                held.state = EXPIRED
                crossed += self._charge(held, whole, Entry.EXPIRE, now)
        return crossed

    def _end(self, hold_id: str, actual: Actual | None, now: float) -> Settled:
        crossed = self._sweep(now)
        held = self._holds.get(hold_id)
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
            crossed += self._charge(held, actual, Entry.SETTLE, now)
        return Settled(Ended.DONE, crossed)

    def _charge(self, held: _Held, actual: Actual, kind: Entry, now: float) -> tuple[Crossing, ...]:
        crossed: tuple[Crossing, ...] = ()
        for charge in held.hold.charges:
            counter = charge.counter
            amount = comes_to(counter.metric, charge.amount, actual)
            if counter.calendar:
                count = self._counts[counter.key]
                count.held -= charge.amount
                count.spent += amount
                found, count.told = crossings(charge, count.spent, count.told)
                crossed += found
            elif counter.rolling:
                self._correct(held, charge, amount - charge.amount)
        self._leave(held, now)
        self._write(held, kind, actual, 1, now)
        return crossed

    def _adjust(self, held: _Held, actual: Actual | None, now: float) -> tuple[Crossing, ...]:
        """Brings an expired hold, charged in full, to what it really came to."""
        crossed: tuple[Crossing, ...] = ()
        nothing = actual is None
        real = Actual() if actual is None else actual
        for charge in held.hold.charges:
            counter = charge.counter
            amount = 0 if nothing else comes_to(counter.metric, charge.amount, real)
            if counter.calendar:
                count = self._counts[counter.key]
                count.spent += amount - charge.amount
                found, count.told = crossings(charge, count.spent, count.told)
                crossed += found
            elif counter.rolling:
                self._correct(held, charge, amount - charge.amount)
        amounts = {c.counter.metric: c.amount for c in held.hold.charges}
        delta = Actual(
            real.cost - amounts.get(Metric.USD, 0),
            real.tokens_in - amounts.get(Metric.TOKENS, 0),
            real.tokens_out,
            real.estimated,
        )
        self._write(held, Entry.ADJUST, delta, -1 if nothing else 0, now)
        return crossed

    def _give_back(self, held: _Held, now: float) -> None:
        for charge in held.hold.charges:
            if charge.counter.calendar:
                self._counts[charge.counter.key].held -= charge.amount
            elif charge.counter.rolling:
                self._correct(held, charge, -charge.amount)
        self._leave(held, now)

    def _correct(self, held: _Held, charge: Charge, by: int) -> None:
        """Corrects the slot that was charged, if it is still of interest."""
        window = self._rolling.get(charge.counter.key, {})
        slot = held.slots[charge.counter.key]
        if slot in window:
            window[slot] += by

    def _leave(self, held: _Held, now: float) -> None:
        """Frees the seats; the hold itself is remembered for a while."""
        for charge in held.hold.charges:
            seats = self._seats.get(charge.counter.key)
            if seats is not None:
                seats.discard(held.hold.id)
        self._ended.append((now + REMEMBERED, held.hold.id))

    def _write(self, held: _Held, kind: Entry, actual: Actual, requests: int, now: float) -> None:
        keys = tuple(c.counter.key for c in held.hold.charges if c.counter.calendar)
        self._seq += 1
        row = Row(
            self._seq, held.hold.id, kind, now, held.hold.about, actual.cost, actual.tokens_in,
            actual.tokens_out, requests, actual.estimated, keys,
        )  # fmt: skip
        self._rows.append(row)
        if len(self._rows) > ROWS:
            old = self._rows.popleft()
            for key in old.keys:
                if key in self._counts:
                    self._counts[key].opening += part_of(old, key)


def _stale(hold: Hold, now: float) -> bool:
    """Whether a calendar counter of the hold is of another period than `now`."""
    return any(
        c.counter.calendar and not c.counter.start <= now < c.counter.end for c in hold.charges
    )
