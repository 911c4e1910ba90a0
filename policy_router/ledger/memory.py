"""A store in the memory of one process, for tests, for trials and for a single worker."""

from __future__ import annotations

import logging
import time
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from policy_router.domain.limits import CounterKey
from policy_router.domain.windows import rolling
from policy_router.ledger.arithmetic import clamped, clamped_hold, contribution, differences
from policy_router.ledger.clock import doubt, moment
from policy_router.ledger.engine import (
    CORRECTED,
    EXPIRED,
    OPEN,
    RELEASED,
    REMEMBERED,
    SETTLED,
    LedgerState,
)
from policy_router.ledger.health import swapped, texts
from policy_router.ledger.reader import Balance
from policy_router.ledger.sessions import MOST_SESSIONS
from policy_router.ledger.store import Attribution, Hold
from policy_router.ledger.tallies import TallyBoard
from policy_router.ledger.uptime import source
from policy_router.resilience import forks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from policy_router.domain.limits import Charge, Reading
    from policy_router.ledger.clock import Anchor, Moment, Source
    from policy_router.ledger.reader import Difference, LedgerEntry
    from policy_router.ledger.sessions import SessionRecord
    from policy_router.ledger.store import (
        Ending,
        Granted,
        Refused,
        Settled,
        Settlement,
        Stale,
        Unavailable,
    )
    from policy_router.ledger.tallies import DayTallies, TallyBatch

LOG: Final = logging.getLogger(__name__)

ROWS: Final = 10_000
"""Entries of the ledger that are kept; older ones become the opening balances of counters."""
HOLDS: Final = 10_000
"""Holds that were ended by their requests and are still known; older ones are forgotten early."""
KEPT: Final = 62 * 86_400.0
"""Seconds for which a calendar counter is kept after its period, so that last month is visible."""
ENDED: Final = 10_000
"""The most calendar counters that are kept after their periods: the latest ones."""
TIDYING: Final = 3600.0
"""The longest time in seconds between two cleanups."""
FEW: Final = 1000
"""This many new windows and counters cause no earlier cleanup."""
NOTHING: Final = Hold("", (), 0.0, Attribution())
"""What is stored about a hold that nothing can change any more."""


_OVER: Final = frozenset({SETTLED, RELEASED, CORRECTED})


@dataclass(frozen=True, slots=True)
class Retention:
    """How long a store in memory keeps things.

    Attributes:
        rows: The number of entries of the ledger.
        holds: The number of holds ended by their requests. One that expired is known for its whole
            time, since its request may still correct it.
        ended: Seconds for which an ended hold is known.
        periods: Seconds for which a calendar counter is kept after its period, while there are
            few.
        tidying: Seconds between two cleanups, unless many counters are new.
    """

    rows: int = ROWS
    holds: int = HOLDS
    ended: float = REMEMBERED
    periods: float = KEPT
    tidying: float = TIDYING


LONG: Final = Retention()


class MemoryStore:
    """A store in one process, for any number of threads and event loops.

    Args:
        clock: Unix time in seconds. When it is set back, the store's time stands still. The
            machine's own clock is compared with the machine's uptime (see `ledger.clock`); any
            other clock is trusted when it goes forward.
        keep: How long things are kept.
        sight: A source of clock readings to use in place of `clock`.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.time,
        keep: Retention = LONG,
        sight: Source | None = None,
    ) -> None:
        self._sight = source(clock) if sight is None else sight
        self._keep = keep
        self._lock = forks.lock()
        self._now = 0.0
        self._anchor: Anchor | None = None
        # What the clocks show now is what they are compared with later.
        self._anchor = self._look().anchor
        self._doubted = False
        self._ledger = LedgerState(keep.ended)
        self._tallies = TallyBoard()
        self._expired: deque[tuple[float, str]] = deque()
        self._tidied = 0.0
        self._left = 0  # windows and counters after that

    # -- verbs -------------------------------------------------------------------------------

    async def read(self, charges: Sequence[Charge]) -> tuple[Reading, ...]:
        """See Store."""
        with self._lock:
            now = self._look().now
            return tuple([self._ledger.reading(charge, now) for charge in clamped(charges)])

    async def reserve(
        self, hold: Hold, after: Ending | None = None
    ) -> Granted | Refused | Stale | Unavailable:
        """See Store."""
        with self._lock:
            answer = self._ledger.reserve(clamped_hold(hold), after, self._tick())
            if after is not None:
                self._lighten(after.id)
            return answer

    async def renew(self, hold_id: str, lease: float) -> bool | None:
        """See Store."""
        with self._lock:
            return self._ledger.renew(hold_id, lease, self._tick())

    async def settle(self, hold_id: str, actual: Settlement) -> Settled:
        """See Store."""
        with self._lock:
            settled = self._ledger.end(hold_id, actual, self._tick())
            self._lighten(hold_id)
            return settled

    async def release(self, hold_id: str) -> Settled:
        """See Store."""
        with self._lock:
            settled = self._ledger.end(hold_id, None, self._tick())
            self._lighten(hold_id)
            return settled

    async def read_session(self, key: str) -> SessionRecord | None:
        """See SessionStore."""
        with self._lock:
            return self._ledger.session(key, self._look().now)

    async def write_session(self, key: str, record: SessionRecord, lasts: float) -> None:
        """See SessionStore."""
        with self._lock:
            self._ledger.keep_session(key, record, lasts, self._tick())
            sessions = self._ledger.sessions
            while len(sessions) > MOST_SESSIONS:
                del sessions[next(iter(sessions))]

    async def read_health(self) -> dict[str, str]:
        """See HealthStore."""
        with self._lock:
            return texts(self._ledger.health, self._look().now)

    async def swap_health(
        self, key: str, before: str | None, after: str, lasts: float
    ) -> str | None:
        """See HealthStore."""
        with self._lock:
            return swapped(self._ledger.health, key, before, after, lasts, self._tick())

    async def add_tallies(self, batch: TallyBatch) -> None:
        """See TallyStore."""
        with self._lock:
            self._tallies.add(batch, self._look().now)

    async def read_tallies(self, topic: str, known: Mapping[int, int]) -> dict[int, DayTallies]:
        """See TallyStore."""
        with self._lock:
            return self._tallies.read(topic, known)

    async def aclose(self) -> None:
        """Do nothing: there is nothing to close."""

    # -- reports and audits ------------------------------------------------------------------

    async def rows(self, since: float = 0.0) -> AsyncIterator[LedgerEntry]:
        """See LedgerReader."""
        with self._lock:
            self._trim()
            rows = [row for row in self._ledger.rows if row.ts >= since]
        for row in rows:
            yield row

    async def balances(self) -> tuple[Balance, ...]:
        """See LedgerReader."""
        with self._lock:
            counts = sorted(self._ledger.counts.items())
            return tuple(
                Balance(CounterKey.parse(key), count.spent - count.forgotten, count.held)
                for key, count in counts
            )

    async def audit(self) -> tuple[Difference, ...]:
        """See LedgerReader."""
        with self._lock:
            self._trim()
            counts = self._ledger.counts
            kept = [
                Balance(CounterKey.parse(key), count.spent - count.opening_balance, count.held)
                for key, count in counts.items()
            ]
            held = [
                (charge.counter.key, charge.amount)
                for record in self._ledger.holds.values()
                if record.state == OPEN
                for charge in record.hold.charges
                if charge.counter.calendar
            ]
            rows = (
                replace(row, keys=tuple(k for k in row.keys if str(k) in counts))
                for row in self._ledger.rows
            )
            return tuple(differences(kept, rows, held))

    # -- time and cleanup, under the lock ------------------------------------------------------

    def _look(self) -> Moment:
        return moment(self._now, self._anchor, self._sight())

    def _tick(self) -> float:
        current = self._look()
        self._now, self._anchor = now, _ = current.now, current.anchor
        if current.doubted and not self._doubted:
            LOG.warning("%s", doubt(current.offset, "restart the process"))
        self._doubted = current.doubted
        self._forget(now)
        self._trim()
        kept = len(self._ledger.rolling) + len(self._ledger.counts)
        if now >= self._tidied + self._keep.tidying or kept > 2 * self._left + FEW:
            self._tidied = now
            self._tidy(now)
            self._left = len(self._ledger.rolling) + len(self._ledger.counts)
        return now

    def _forget(self, now: float) -> None:
        """Drop ended holds whose time is over, and the oldest of too many."""
        ended, holds = self._ledger.ended, self._ledger.holds
        while ended and (ended[0][0] <= now or len(ended) > self._keep.holds):
            due, hold_id = ended.popleft()
            held = holds.get(hold_id)
            if due > now and held is not None and held.state == EXPIRED:
                self._expired.append((due, hold_id))
            else:
                holds.pop(hold_id, None)
        while self._expired and self._expired[0][0] <= now:
            holds.pop(self._expired.popleft()[1], None)

    def _lighten(self, hold_id: str) -> None:
        """Reduce a hold that ended to the fact that it did."""
        held = self._ledger.holds.get(hold_id)
        if held is not None and held.state in _OVER:
            held.hold, held.slots = NOTHING, {}

    def _trim(self) -> None:
        """Move the oldest entries of a long ledger into the opening balances."""
        rows, counts = self._ledger.rows, self._ledger.counts
        while len(rows) > self._keep.rows:
            old = rows.popleft()
            for key in old.keys:
                count = counts.get(str(key))
                if count is not None:
                    count.opening_balance += contribution(old, key)

    def _tidy(self, now: float) -> None:
        """Drop windows that are over, and counters of past periods that no hold can change."""
        ledger = self._ledger
        for key, window in list(ledger.rolling.items()):
            over = rolling(CounterKey.parse(key).window)
            if all((slot + over.slots + 1) * over.width <= now for slot in window):
                del ledger.rolling[key]
        named = {c.counter.id for held in ledger.holds.values() for c in held.hold.charges}
        # A session may start again, and the audit would then miss what its entries had spent.
        named |= {str(key) for row in ledger.rows for key in row.keys if not key.period}
        ended = [
            (count.end, key)
            for key, count in ledger.counts.items()
            if count.end + min(REMEMBERED, self._keep.periods) < now and key not in named
        ]
        ended.sort(reverse=True)
        for place, (end, key) in enumerate(ended):
            if place >= ENDED or end + self._keep.periods < now:
                del ledger.counts[key]
        for key in [key for key, kept in ledger.sessions.items() if kept.expires <= now]:
            del ledger.sessions[key]
        for key in [key for key, health in ledger.health.items() if health.expires <= now]:
            del ledger.health[key]
        for key in [key for key, holds in ledger.concurrent.items() if not holds]:
            del ledger.concurrent[key]
