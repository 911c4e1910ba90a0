"""Counters in the memory of one process: for tests, for trying out, for one worker alone."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from policy_router.domain.limits import ROLLING, CounterKey
from policy_router.ledger.arithmetic import bounded, bounded_hold, differences, part_of
from policy_router.ledger.clock import doubt, moment
from policy_router.ledger.engine import CORRECTED, OPEN, RELEASED, REMEMBERED, SETTLED, LedgerState
from policy_router.ledger.store import Attribution, Bucket, Hold
from policy_router.ledger.uptime import source
from policy_router.resilience import forks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from policy_router.domain.limits import Charge, Reading
    from policy_router.ledger.clock import Anchor, Moment, Source
    from policy_router.ledger.store import (
        Difference,
        Ending,
        Granted,
        LedgerEntry,
        Refused,
        Settled,
        Settlement,
        Stale,
        Unavailable,
    )

LOG: Final = logging.getLogger(__name__)

ROWS: Final = 10_000
"""Rows of the ledger that are kept; older ones live on in the counters' opening balances."""
KEPT: Final = 62 * 86_400.0
"""Seconds a calendar counter is kept after its period: this month and the last can be looked at."""
ENDED: Final = 10_000
"""Calendar counters that are kept after their period, at most: the latest."""
TIDYING: Final = 3600.0
"""Seconds between two looks for what nobody will ask for again, at most."""
FEW: Final = 1000
"""So many windows and counters are no reason to look sooner."""
NOTHING: Final = Hold("", (), 0.0, Attribution())
"""What is kept of a hold that nothing can change any more."""


_OVER: Final = frozenset({SETTLED, RELEASED, CORRECTED})


@dataclass(frozen=True, slots=True)
class Retention:
    """How long things are kept. rows: of the ledger. ended: seconds that an ended hold is known.
    periods: seconds that a calendar counter outlives its period, while there are few. tidying:
    seconds between two looks for what is over, unless much has come since."""

    rows: int = ROWS
    ended: float = REMEMBERED
    periods: float = KEPT
    tidying: float = TIDYING


LONG: Final = Retention()


class MemoryStore:
    """A Store and its Books in one process, for any number of threads and event loops.

    clock: Unix time; when it is set back, the store's time stands still. The machine's own clock
    is held against the machine's uptime (see `clock.py`), any other is believed when it goes
    forward. keep: how long things are kept. sight: what clocks show, in place of `clock`.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.time,
        keep: Retention = LONG,
        sight: Source | None = None,
    ) -> None:
        self._clock = clock
        self._given = sight
        self._keep = keep
        self._lock = forks.lock()
        self._now = 0.0
        self._anchor: Anchor | None = None
        # What the clocks show now is what they are held against later.
        self._anchor = self._look().anchor
        self._doubted = False
        self._tables = LedgerState(keep.ended)
        self._tidied = 0.0
        self._left = 0  # windows and counters after that

    # -- verbs -------------------------------------------------------------------------------

    async def read(self, charges: Sequence[Charge]) -> tuple[Reading, ...]:
        """See Store."""
        with self._lock:
            now = self._look().now
            return tuple(self._tables.reading(charge, now) for charge in bounded(charges))

    async def reserve(
        self, hold: Hold, after: Ending | None = None
    ) -> Granted | Refused | Stale | Unavailable:
        """See Store."""
        with self._lock:
            answer = self._tables.reserve(bounded_hold(hold), after, self._tick())
            if after is not None:
                self._lighten(after.id)
            return answer

    async def renew(self, hold_id: str, lease: float) -> bool | None:
        """See Store."""
        with self._lock:
            return self._tables.renew(hold_id, lease, self._tick())

    async def settle(self, hold_id: str, actual: Settlement) -> Settled:
        """See Store."""
        with self._lock:
            settled = self._tables.end(hold_id, actual, self._tick())
            self._lighten(hold_id)
            return settled

    async def release(self, hold_id: str) -> Settled:
        """See Store."""
        with self._lock:
            settled = self._tables.end(hold_id, None, self._tick())
            self._lighten(hold_id)
            return settled

    async def aclose(self) -> None:
        """Nothing to let go of."""

    # -- books -------------------------------------------------------------------------------

    async def rows(self, since: float = 0.0) -> AsyncIterator[LedgerEntry]:
        """See Books."""
        with self._lock:
            self._trim()
            found = [row for row in self._tables.rows if row.ts >= since]
        for row in found:
            yield row

    async def buckets(self) -> tuple[Bucket, ...]:
        """See Books."""
        with self._lock:
            counts = sorted(self._tables.counts.items())
            return tuple(
                Bucket(CounterKey.parse(key), count.spent, count.held) for key, count in counts
            )

    async def audit(self) -> tuple[Difference, ...]:
        """See Books."""
        with self._lock:
            self._trim()
            counts = self._tables.counts
            kept = [
                Bucket(CounterKey.parse(key), count.spent - count.opening, count.held)
                for key, count in counts.items()
            ]
            held = [
                (charge.counter.key, charge.amount)
                for each in self._tables.holds.values()
                if each.state == OPEN
                for charge in each.hold.charges
                if charge.counter.calendar
            ]
            rows = (
                replace(row, keys=tuple(k for k in row.keys if str(k) in counts))
                for row in self._tables.rows
            )
            return tuple(differences(kept, rows, held))

    # -- forgetting, under the lock --------------------------------------------------------------

    def _look(self) -> Moment:
        sight = self._given or source(self._clock)
        return moment(self._now, self._anchor, sight())

    def _tick(self) -> float:
        found = self._look()
        self._now, self._anchor = now, _ = found.now, found.anchor
        if found.doubted and not self._doubted:
            LOG.warning("%s", doubt(found.offset, "start the process anew"))
        self._doubted = found.doubted
        ended = self._tables.ended
        while ended and ended[0][0] <= now:
            self._tables.holds.pop(ended.popleft()[1], None)
        self._trim()
        kept = len(self._tables.rolling) + len(self._tables.counts)
        if now >= self._tidied + self._keep.tidying or kept > 2 * self._left + FEW:
            self._tidied = now
            self._tidy(now)
            self._left = len(self._tables.rolling) + len(self._tables.counts)
        return now

    def _lighten(self, hold_id: str) -> None:
        """Keeps no more of a hold that has ended than that it has."""
        held = self._tables.holds.get(hold_id)
        if held is not None and held.state in _OVER:
            held.hold, held.slots = NOTHING, {}

    def _trim(self) -> None:
        """Folds the oldest rows of a long ledger into the opening balances."""
        rows, counts = self._tables.rows, self._tables.counts
        while len(rows) > self._keep.rows:
            old = rows.popleft()
            for key in old.keys:
                count = counts.get(str(key))
                if count is not None:
                    count.opening += part_of(old, key)

    def _tidy(self, now: float) -> None:
        """Forgets windows that are over, and counters of periods long past that no hold can still
        change."""
        tables = self._tables
        for key, window in list(tables.rolling.items()):
            rolling = ROLLING[CounterKey.parse(key).window]
            if all((slot + rolling.slots + 1) * rolling.width <= now for slot in window):
                del tables.rolling[key]
        named = {c.counter.id for held in tables.holds.values() for c in held.hold.charges}
        ended = [
            (count.end, key)
            for key, count in tables.counts.items()
            if count.end + min(REMEMBERED, self._keep.periods) < now and key not in named
        ]
        ended.sort(reverse=True)
        for place, (end, key) in enumerate(ended):
            if place >= ENDED or end + self._keep.periods < now:
                del tables.counts[key]
        for key in [key for key, seats in tables.seats.items() if not seats]:
            del tables.seats[key]
