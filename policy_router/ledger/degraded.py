"""A store that keeps working in a degraded mode while the store that it wraps is unreachable.

Budgets that refuse stay closed: nothing is spent that nothing counts. Limits and concurrency are
kept by this process alone, on its share of them (`local_share`). Attempts that end in the meantime
are kept (`outbox`) and recorded when the store is back. A store that fails is soon called only by
one probe at a time (`resilience.breaker`); the request that sent the probe waits for it, because
its event loop may live no longer than the request.

A store that lost data answers, but no longer knows what was spent. Its budgets stay closed until an
operator accepts the loss. Its limits go on in the store, and none is granted here beyond what this
process itself remembers of it. Holds that the store lost (`granted_holds`) are recorded again when
they are renewed or settled, so that they are counted.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

from policy_router.domain.windows import HOUR
from policy_router.errors import OperationError, StoreError
from policy_router.ledger.arithmetic import has_capped_budget
from policy_router.ledger.continuity import REMEDY
from policy_router.ledger.degraded_tallies import DegradableTallies
from policy_router.ledger.granted_holds import GrantedHolds
from policy_router.ledger.health import HealthStore
from policy_router.ledger.local_share import LocalShare
from policy_router.ledger.outbox import Outbox, record
from policy_router.ledger.sessions import SessionStore
from policy_router.ledger.status import StoreStatus
from policy_router.ledger.store import (
    Continuous,
    Ended,
    Ending,
    Granted,
    Refused,
    Settled,
    Stale,
    Unavailable,
    finish,
)
from policy_router.ledger.tallies import TallyStore
from policy_router.resilience import forks
from policy_router.resilience.breaker import PAUSE, CircuitBreaker

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from policy_router.domain.limits import Charge, Reading
    from policy_router.ledger.continuity import Loss
    from policy_router.ledger.outbox import OutboxEntry
    from policy_router.ledger.store import Crossing, Hold, Settlement, Store

T = TypeVar("T")

_log: Final = logging.getLogger(__name__)

PROBE: Final = "policy-router:probe"
"""The id of no hold. Releasing it changes nothing, and works only where writing works."""


class DegradableStore(DegradableTallies):
    """A Store around a Store that may be unreachable. It raises nothing and answers Unavailable.

    In a forked child it starts over: tasks and locks are the parent's, which also records what is
    still owed.

    Args:
        store: The store, usually shared by several processes.
        instances: How many processes share the limits.
        clock: Unix time in seconds.
        monotonic: A clock that is never set, in seconds.
        on_change: Called when the store is given up (False, why) and when it is back (True, "").
        on_loss: Called when the store lost data (True, what) and when that was accepted or undone
            (False, "").
    """

    def __init__(
        self,
        store: Store,
        instances: int = 1,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        on_change: Callable[[bool, str], None] = lambda _up, _detail: None,
        *,
        on_loss: Callable[[bool, str], None] = lambda _lost, _detail: None,
    ) -> None:
        self._store = store
        self._continuous = store if isinstance(store, Continuous) else None
        self._sessions = store if isinstance(store, SessionStore) else None
        self._healths = store if isinstance(store, HealthStore) else None
        self._tallies = store if isinstance(store, TallyStore) else None
        self._instances = instances
        self._clock = clock
        self._monotonic = monotonic
        self._on_change = on_change
        self._on_loss = on_loss
        self._begin()
        forks.follow(self)

    def _begin(self) -> None:
        self._breaker = CircuitBreaker()
        self._detail = ""
        self._share = LocalShare(self._clock, self._instances)
        self._outbox = Outbox()
        self._granted = GrantedHolds(self._clock)
        self._loss: Loss | None = None
        self._failures = self._outages = self._losses = self._restored = 0
        self._crossed: tuple[Crossing, ...] = ()
        self._recovery: asyncio.Task[None] | None = None

    def after_fork_in_child(self) -> None:
        """Start over."""
        self._begin()

    @property
    def status(self) -> StoreStatus:
        """The state of the store now."""
        up = self._breaker.closed
        return StoreStatus(
            up, "" if up else self._detail, len(self._outbox), self._outbox.lost, self._failures,
            self._outages, "" if self._loss is None else self._loss.text, self._losses,
            self._restored,
        )  # fmt: skip

    # -- verbs -------------------------------------------------------------------------------

    async def read(self, charges: Sequence[Charge]) -> tuple[Reading | None, ...]:
        """See Store. Local counts are no readings, because other processes count elsewhere. A store
        that lost data shows what is left; `reserve` says why that is not enough."""
        failures = self._failures
        try:
            return await self._call(lambda: self._store.read(charges))
        except StoreError as error:
            if self._failures > failures:  # a store that is given up is not called, and not logged
                _log.warning("the counters cannot be read: %s", error)
            return (None,) * len(charges)

    async def reserve(
        self, hold: Hold, after: Ending | None = None
    ) -> Granted | Refused | Stale | Unavailable:
        """See Store."""
        if after is not None and self._share.granted(after.id):
            await self._end(after)
            after = None
        called = False

        async def verb() -> Granted | Refused | Stale | Unavailable:
            nonlocal called
            called = True
            return await self._store.reserve(hold, after)

        lossy = self._loss is not None
        if lossy:
            refused = await self._share.refused(hold, after)
            if refused is not None:
                crossed = () if after is None else (await self._end(after)).crossed
                return self._with_crossings(replace(refused, crossed=crossed))
        try:
            answer = await self._call(verb)
        except OperationError as error:
            called = False
            problem: StoreError = error
        except StoreError as error:
            problem = error
        else:
            if lossy and not isinstance(answer, Granted):
                await self._share.release(hold.id)
            await self._count(answer, hold, after)
            return self._with_crossings(await self._keep(answer, hold, after))
        if lossy:
            await self._share.release(hold.id)
        if after is not None:
            await self._share.end(after)
            self._outbox.add(None, after)
        local = await self._reserve_locally(hold, str(problem))
        if called and not isinstance(local, Granted):
            self._outbox.add(None, Ending(hold.id, None))  # the store may have taken it
        return local

    async def renew(self, hold_id: str, lease: float) -> bool | None:
        """See Store. True also while that cannot be known: a hold that expires in the meantime is
        charged in full, and corrected when it is settled.
        """
        local = self._share.granted(hold_id)
        live = await self._share.renew(hold_id, lease)
        if local:
            return live
        try:
            renewed = await self._call(lambda: self._store.renew(hold_id, lease))
            hold = self._granted.get(hold_id)
            if renewed is None and hold is not None:
                lost = hold
                await self._call(lambda: self._restore(lost, lease))
                renewed = True
        except StoreError:
            return True
        if renewed and hold is not None and hold_id in self._granted:  # or it ended
            self._granted.add(hold, lease)
        return renewed

    async def settle(self, hold_id: str, actual: Settlement) -> Settled:
        """See Store."""
        return await self._end(Ending(hold_id, actual))

    async def release(self, hold_id: str) -> Settled:
        """See Store."""
        return await self._end(Ending(hold_id, None))

    async def aclose(self) -> None:
        """See Store. What is owed is recorded if that works at once."""
        recovery = self._current_recovery()
        if recovery is not None and recovery.get_loop() is asyncio.get_running_loop():
            await recovery
        elif self._outbox and self._breaker.closed:
            await self._deliver_all()
        await self._store.aclose()

    # -- calling the store ---------------------------------------------------------------------

    async def _call(self, verb: Callable[[], Awaitable[T]]) -> T:
        """What the store answers. Raises StoreError, at once while the store is given up."""
        if not self._breaker.wait(self._monotonic()) and self._current_recovery() is None:
            for expired in self._share.pop_expired():
                self._outbox.add(expired, None)
            if self._outbox or not self._breaker.closed:
                await self._start_recovery()
        if not self._breaker.closed:
            raise StoreError(self._detail)
        began = self._monotonic()
        try:
            answer = await verb()
        except OperationError:
            raise
        except StoreError as error:
            self._record_failure(error, began)
            await asyncio.sleep(0)  # other calls fail at the same moment: they are counted first
            raise
        self._check_loss()
        return answer

    def _record_failure(self, error: StoreError, began: float) -> None:
        self._detail = str(error)
        self._failures += 1
        now = self._monotonic()
        if self._breaker.record_failure(now, now - began):
            self._outages += 1
            self._on_change(False, self._detail)

    def _check_loss(self) -> None:
        """Notice by the store's last answer whether it lost data."""
        if self._continuous is None:
            return
        loss, before = self._continuous.loss, self._loss
        if loss == before:
            return
        self._loss = loss
        if loss is None:
            _log.warning("the store's loss of data is over: budgets are open again")
            self._on_loss(False, "")
            return
        self._losses += before is None
        _log.error(
            "the store of counters lost data, budgets stay closed: %s; %s", loss.text, REMEDY
        )
        self._on_loss(True, loss.text)

    def _with_crossings(self, answer: T) -> T:
        """The answer, with the thresholds that were crossed while the outbox was written."""
        if self._crossed and isinstance(answer, Granted | Refused | Settled | Unavailable):
            crossed, self._crossed = self._crossed, ()
            return replace(answer, crossed=crossed + answer.crossed)
        return answer

    # -- what the store may lose ---------------------------------------------------------------

    async def _count(
        self, answer: Granted | Refused | Stale | Unavailable, hold: Hold, after: Ending | None
    ) -> None:
        """Count here what the store counted."""
        if isinstance(answer, Granted):
            await self._share.count(hold, after)
        elif after is not None and not isinstance(answer, Stale):
            await self._share.end(after)

    async def _keep(
        self, answer: Granted | Refused | Stale | Unavailable, hold: Hold, after: Ending | None
    ) -> Granted | Refused | Stale | Unavailable:
        """Remember a hold that the store granted, and make sure that the one before it ended."""
        if after is not None and not isinstance(answer, Stale):
            if not answer.missed:
                self._granted.discard(after.id)
            elif self._granted.get(after.id) is not None:
                crossed = (await self._end(after)).crossed
                answer = replace(answer, crossed=answer.crossed + crossed, missed=False)
        if isinstance(answer, Granted):
            self._granted.add(hold, hold.lease)
        return answer

    async def _end(self, ending: Ending) -> Settled:
        local = self._share.granted(ending.id)
        hold = await self._share.end(ending)
        if local:
            self._outbox.add(hold if ending.actual is not None else None, ending)
            return Settled(Ended.DEFERRED)
        try:
            return self._with_crossings(await self._call(lambda: self._end_in_store(ending)))
        except StoreError:
            self._outbox.add(None, ending)
            return Settled(Ended.DEFERRED)

    async def _end_in_store(self, ending: Ending) -> Settled:
        """End a hold in the store; one that the store lost is recorded first."""
        settled = await finish(self._store, ending)
        hold = self._granted.get(ending.id)
        if settled.ended is Ended.UNKNOWN and hold is not None and ending.actual is not None:
            await self._restore(hold, hold.lease)
            again = await finish(self._store, ending)
            settled = replace(again, crossed=settled.crossed + again.crossed)
        self._granted.discard(ending.id)
        return settled

    async def _restore(self, hold: Hold, lease: float) -> None:
        """Record again a hold that the store does not know."""
        await record(self._store, hold, hold.charges, lease)
        self._restored += 1
        _log.warning("the store had lost the hold %s: it was recorded again", hold.id)

    # -- without the store -----------------------------------------------------------------------

    async def _reserve_locally(
        self, hold: Hold, detail: str
    ) -> Granted | Refused | Stale | Unavailable:
        if has_capped_budget(hold.charges):
            wait = self._breaker.wait(self._monotonic())
            return Unavailable(detail, wait or PAUSE)
        return await self._share.reserve(hold)

    # -- recovery --------------------------------------------------------------------------------

    def _current_recovery(self) -> asyncio.Task[None] | None:
        """The recovery that is under way. One whose event loop has stopped gets nowhere."""
        recovery = self._recovery
        if recovery is None or recovery.done() or not recovery.get_loop().is_running():
            return None
        return recovery

    async def _start_recovery(self) -> None:
        """Probe a store that was given up, and record what is owed.

        Waits for the probe, no longer than the store's own patience; the rest continues in the
        background.
        """
        loop = asyncio.get_running_loop()
        probe = None if self._breaker.closed else loop.create_task(self._probe())
        self._recovery = loop.create_task(self._recover(probe))
        if probe is not None:
            await asyncio.shield(probe)

    async def _recover(self, probe: asyncio.Task[None] | None) -> None:
        if probe is not None:
            await probe
        await self._deliver_all()

    async def _probe(self) -> None:
        try:
            await self._store.release(PROBE)
        except StoreError as error:
            self._detail = str(error)
            self._breaker.record_failed_trial(self._monotonic())
        else:
            self._breaker.close()
            self._on_change(True, "")
            self._check_loss()

    async def _deliver_all(self) -> None:
        while self._breaker.closed and self._outbox:
            began = self._monotonic()
            try:
                await self._outbox.deliver(self._write)
            except StoreError as error:
                self._record_failure(error, began)

    async def _write(self, entry: OutboxEntry) -> None:
        if entry.hold is not None:
            # A short window will have passed; in a long one, it counts from now on.
            charges = tuple(
                c for c in entry.hold.charges if c.counter.calendar or c.counter.width > HOUR.width
            )
            lease = 0.0 if entry.ending is None else entry.hold.lease
            await record(self._store, entry.hold, charges, lease)
        if entry.ending is not None:
            self._crossed += (await self._end_in_store(entry.ending)).crossed
        self._check_loss()
