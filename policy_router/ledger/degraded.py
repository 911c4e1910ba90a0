"""What happens to requests while the store is out of reach.

Budgets that refuse stay closed: nobody spends what nobody counts. Limits and seats are kept by
this process alone, on its share of them. What comes to an end meanwhile is remembered and
written down when the store is back. A store that fails is soon asked no more, but by one probe
at a time, for which the request that sent it waits: its event loop may live no longer than it does.

What this process takes from the store it counts for itself as well, so that its share of a limit is
not granted anew when the store goes out of reach.

A store that lost data answers, but no longer knows what was spent: it keeps budgets closed until an
operator accepts that. Limits go on in the store, and none is granted here beyond what this process
itself remembers of it. Holds that the store lost are written down again when they are renewed or
settled, so that what they come to counts.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeVar
from weakref import WeakSet

from policy_router.domain.limits import Charge
from policy_router.errors import StoreError, VerbError
from policy_router.ledger.arithmetic import caps_money
from policy_router.ledger.continuity import REMEDY
from policy_router.ledger.engine import REMEMBERED
from policy_router.ledger.memory import MemoryStore, Retention
from policy_router.ledger.store import (
    Continuous,
    Ended,
    Ending,
    Granted,
    Hold,
    Refused,
    Settled,
    Stale,
    Unavailable,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from policy_router.domain.limits import Reading
    from policy_router.ledger.continuity import Loss
    from policy_router.ledger.store import Crossing, Settlement, Store

T = TypeVar("T")

_log: Final = logging.getLogger(__name__)

FAILURES: Final = 3
WITHIN: Final = 5.0
"""So many failures within so many seconds, and the store is not asked any more."""
SLOW: Final = 0.2
"""A failure that took so many seconds is enough: requests would wait as long for the next."""
PAUSE: Final = 1.0
"""Seconds until it is tried again; twice as many after every trial that fails."""
LONGEST: Final = 30.0
"""Seconds of the longest pause."""
OWED: Final = 10_000
"""Endings that are remembered. The holds of older ones run out, and are charged in full."""
TRIES: Final = 10
"""Times that one of them is tried: it may be at fault itself, and others wait behind it."""
BRIEF: Final = Retention(rows=0, ended=0.0, periods=0.0, tidying=60.0)
"""What this process counts for itself is kept for as long as it can refuse anything."""
HELD: Final = 100_000
"""Holds under way that are remembered, in case the store loses them."""
NOBODY: Final = "policy-router:probe"
"""The id of no hold. Releasing it changes nothing, and works only where writing works."""


class Breaker:
    """Whether the store may be asked. now: monotonic seconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failures: deque[float] = deque(maxlen=FAILURES)
        self._pause = PAUSE
        self._until: float | None = None

    @property
    def closed(self) -> bool:
        """Everyone may ask."""
        return self._until is None

    def wait(self, now: float) -> float:
        """Seconds until it may be tried again."""
        return 0.0 if self._until is None else max(0.0, self._until - now)

    def failed(self, now: float, took: float) -> bool:
        """Note a failure that took so many seconds. True when that was one too many."""
        with self._lock:
            self._failures.append(now)
            often = len(self._failures) == FAILURES and now - self._failures[0] <= WITHIN
            tripped = often or took >= SLOW
            if self._until is not None or not tripped:
                return False
            self._until = now + self._pause
            return True

    def refused(self, now: float) -> None:
        """Note that a trial failed."""
        with self._lock:
            self._pause = min(2 * self._pause, LONGEST)
            self._until = now + self._pause

    def recovered(self) -> None:
        """Note that a trial succeeded."""
        with self._lock:
            self._failures.clear()
            self._pause = PAUSE
            self._until = None


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """How a guarded store is, in numbers that a gauge can show.

    detail: why it is not up. owed: endings to be written down. lost: those that were not, and will
    never be. failures: verbs that failed so far; outages: times that it was given up. loss: what
    data the store lost, "" for none; budgets are closed until an operator accepts it. losses: times
    that it lost data. restored: holds written down again that the store did not know.
    """

    up: bool
    detail: str
    owed: int
    lost: int
    failures: int = 0
    outages: int = 0
    loss: str = ""
    losses: int = 0
    restored: int = 0


@dataclass(frozen=True, slots=True)
class _Owed:
    """What the store is to be told. hold: one that it may never have heard of. ending: None for a
    hold that nobody ended. tried: times that failed."""

    hold: Hold | None
    ending: Ending | None
    tried: int = 0


@dataclass(frozen=True, slots=True)
class _Taken:
    """A hold that the store took. until: Unix time up to which the store knows it, whatever became
    of it."""

    hold: Hold
    until: float


@dataclass(slots=True)
class _Alone:
    """A hold that this process took on its own. expires: Unix time."""

    hold: Hold
    expires: float


class DegradableStore:
    """A Store around a Store that may be out of reach. Raises nothing; answers Unavailable.

    instances: processes that share the limits. clock: Unix time. monotonic: seconds. on_change:
    told when the store is given up (False, why) and when it is back (True, ""). on_loss: told when
    the store has lost data (True, what) and when that was accepted or undone (False, "").
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
        self._instances = instances
        self._clock = clock
        self._monotonic = monotonic
        self._on_change = on_change
        self._on_loss = on_loss
        self._begin()
        _GUARDS.add(self)

    def _begin(self) -> None:
        self._breaker = Breaker()
        self._detail = ""
        self._local = MemoryStore(self._clock, BRIEF)
        self._alone: dict[str, _Alone] = {}
        self._owed: deque[_Owed] = deque()
        self._taken: dict[str, _Taken] = {}
        self._loss: Loss | None = None
        self._lost = self._failures = self._outages = self._losses = self._restored = 0
        self._crossed: tuple[Crossing, ...] = ()
        self._errand: asyncio.Task[None] | None = None

    def after_fork_in_child(self) -> None:
        """Begin anew: tasks and locks are the parent's, and what it owes it will tell itself."""
        self._begin()

    @property
    def status(self) -> StoreStatus:
        """How the store is now."""
        up = self._breaker.closed
        detail = "" if up else self._detail
        owed = len(self._owed)
        return StoreStatus(
            up, detail, owed, self._lost, self._failures, self._outages,
            "" if self._loss is None else self._loss.text, self._losses, self._restored,
        )  # fmt: skip

    # -- verbs -------------------------------------------------------------------------------

    async def read(self, charges: Sequence[Charge]) -> tuple[Reading | None, ...]:
        """See Store. What this process counts alone is no reading of what all use. A store that
        lost data shows what is left; `reserve` says why it is not enough."""
        try:
            return await self._ask(lambda: self._store.read(charges))
        except StoreError:
            return (None,) * len(charges)

    async def reserve(
        self, hold: Hold, after: Ending | None = None
    ) -> Granted | Refused | Stale | Unavailable:
        """See Store."""
        if after is not None and after.id in self._alone:
            await self._end_alone(after)
            after = None
        asked = False

        async def verb() -> Granted | Refused | Stale | Unavailable:
            nonlocal asked
            asked = True
            return await self._store.reserve(hold, after)

        recalled = self._loss is not None
        if recalled:
            refused = await self._recall(hold, after)
            if refused is not None:
                return self._telling(refused)
        try:
            answer = await self._ask(verb)
        except VerbError as error:
            asked = False
            problem: StoreError = error
        except StoreError as error:
            problem = error
        else:
            if recalled and not isinstance(answer, Granted):
                await self._local.release(hold.id)
            await self._follow(answer, hold, after)
            return self._telling(await self._keep(answer, hold, after))
        if recalled:
            await self._local.release(hold.id)
        if after is not None:
            await _finish(self._local, after)
            self._owe(_Owed(None, after))
        own = await self._reserve_alone(hold, str(problem))
        if asked and not isinstance(own, Granted):
            self._owe(_Owed(None, Ending(hold.id, None)))  # it may have been taken after all
        return own

    async def renew(self, hold_id: str, lease: float) -> bool | None:
        """See Store. True also when that cannot be known: a hold that runs out meanwhile is
        charged in full, and corrected when it is settled."""
        live = await self._local.renew(hold_id, lease)
        alone = self._alone.get(hold_id)
        if alone is not None:
            alone.expires = max(alone.expires, self._clock() + lease)
            return live
        try:
            renewed = await self._ask(lambda: self._store.renew(hold_id, lease))
            hold = self._remembered(hold_id)
            if renewed is None and hold is not None:
                lost = hold
                await self._ask(lambda: self._restore(lost, lease))
                renewed = True
        except StoreError:
            return True
        if renewed and hold is not None and hold_id in self._taken:  # it may have ended meanwhile
            self._remember(hold, lease)
        return renewed

    async def settle(self, hold_id: str, actual: Settlement) -> Settled:
        """See Store."""
        return await self._end(Ending(hold_id, actual))

    async def release(self, hold_id: str) -> Settled:
        """See Store."""
        return await self._end(Ending(hold_id, None))

    async def aclose(self) -> None:
        """See Store. What is owed is written down if that works at once."""
        errand = self._under_way()
        if errand is not None and errand.get_loop() is asyncio.get_running_loop():
            await errand
        elif self._owed and self._breaker.closed:
            await self._pay_all()
        await self._store.aclose()

    # -- asking ------------------------------------------------------------------------------

    async def _ask(self, verb: Callable[[], Awaitable[T]]) -> T:
        """What the store answers. Raises StoreError, at once while it is not asked."""
        if not self._breaker.wait(self._monotonic()) and self._under_way() is None:
            self._lapse()
            if self._owed or not self._breaker.closed:
                await self._set_out()
        if not self._breaker.closed:
            raise StoreError(self._detail)
        now = self._monotonic()
        try:
            answer = await verb()
        except VerbError:
            raise
        except StoreError as error:
            self._failed(error, now)
            await asyncio.sleep(0)  # others fail in the same moment: they count before anyone asks
            raise
        self._watch()
        return answer

    def _watch(self) -> None:
        """See whether the store has lost data, by its last answer."""
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

    def _failed(self, error: StoreError, began: float) -> None:
        self._detail = str(error)
        self._failures += 1
        now = self._monotonic()
        if self._breaker.failed(now, now - began):
            self._outages += 1
            self._on_change(False, self._detail)

    def _telling(self, answer: T) -> T:
        """The answer, with the thresholds that were passed while something owed was written."""
        if self._crossed and isinstance(answer, Granted | Refused | Settled | Unavailable):
            crossed, self._crossed = self._crossed, ()
            return replace(answer, crossed=crossed + answer.crossed)
        return answer

    async def _end(self, ending: Ending) -> Settled:
        if ending.id in self._alone:
            return await self._end_alone(ending)
        await _finish(self._local, ending)
        try:
            return self._telling(await self._ask(lambda: self._conclude(ending)))
        except StoreError:
            self._owe(_Owed(None, ending))
            return Settled(Ended.DEFERRED)

    # -- what the store may lose ---------------------------------------------------------------

    async def _keep(
        self, answer: Granted | Refused | Stale | Unavailable, hold: Hold, after: Ending | None
    ) -> Granted | Refused | Stale | Unavailable:
        """Remember a hold that the store took, and see to it that the one before has ended."""
        if after is not None and not isinstance(answer, Stale):
            if not answer.missed:
                self._taken.pop(after.id, None)
            elif self._remembered(after.id) is not None:
                crossed = (await self._end(after)).crossed
                answer = replace(answer, crossed=answer.crossed + crossed, missed=False)
        if isinstance(answer, Granted):
            self._remember(hold, hold.lease)
        return answer

    def _remember(self, hold: Hold, lease: float) -> None:
        self._taken[hold.id] = _Taken(hold, self._clock() + lease + REMEMBERED)
        if len(self._taken) > HELD:
            del self._taken[next(iter(self._taken))]

    def _remembered(self, hold_id: str) -> Hold | None:
        """A hold that the store took and has no reason to have forgotten."""
        taken = self._taken.get(hold_id)
        return taken.hold if taken is not None and self._clock() < taken.until else None

    async def _conclude(self, ending: Ending) -> Settled:
        """End a hold in the store; one that the store lost is written down first."""
        done = await _finish(self._store, ending)
        hold = self._remembered(ending.id)
        if done.ended is Ended.UNKNOWN and hold is not None and ending.actual is not None:
            await self._restore(hold, hold.lease)
            again = await _finish(self._store, ending)
            done = replace(again, crossed=done.crossed + again.crossed)
        self._taken.pop(ending.id, None)
        return done

    async def _restore(self, hold: Hold, lease: float) -> None:
        """Write a hold down again that the store does not know."""
        await self._record(hold, hold.charges, lease)
        self._restored += 1
        _log.warning("the store had lost the hold %s: it was written down again", hold.id)

    async def _recall(self, hold: Hold, after: Ending | None) -> Refused | None:
        """Take the limits of a hold by what this process itself remembers; what they refuse."""
        charges = tuple(replace(c, warn_at=()) for c in hold.charges if not c.counter.key.is_budget)
        own = await self._local.reserve(replace(hold, charges=charges), after)
        if not isinstance(own, Refused):
            return None  # where the clocks are of different days, the store decides
        if after is None:
            return own
        return replace(own, crossed=(await self._end(after)).crossed)

    # -- beside the store --------------------------------------------------------------------

    async def _follow(
        self, answer: Granted | Refused | Stale | Unavailable, hold: Hold, after: Ending | None
    ) -> None:
        """Count here what the store counted."""
        charges: tuple[Charge, ...] = ()
        if isinstance(answer, Granted):
            charges = tuple(
                [
                    Charge(c.counter, c.amount, None)
                    for c in hold.charges
                    if not c.counter.key.is_budget
                ]
            )
        if charges:
            await self._local.reserve(Hold(hold.id, charges, hold.lease, hold.about), after)
        elif after is not None and not isinstance(answer, Stale):
            await _finish(self._local, after)

    # -- alone -------------------------------------------------------------------------------

    async def _reserve_alone(
        self, hold: Hold, detail: str
    ) -> Granted | Refused | Stale | Unavailable:
        if caps_money(hold.charges):
            wait = self._breaker.wait(self._monotonic())
            return Unavailable(detail, wait or PAUSE)
        charges = tuple(self._share(c) for c in hold.charges if not c.counter.key.is_budget)
        answer = await self._local.reserve(replace(hold, charges=charges))
        if isinstance(answer, Granted):
            self._alone[hold.id] = _Alone(hold, answer.expires)
            return replace(answer, alone=True)
        return answer

    def _share(self, charge: Charge) -> Charge:
        """The charge against this process's part of the limit: at least one of something."""
        limit = charge.cap
        if limit:
            limit = max(1, limit // self._instances)
        return replace(charge, cap=limit, warn_at=())

    async def _end_alone(self, ending: Ending) -> Settled:
        alone = self._alone.pop(ending.id)
        await _finish(self._local, ending)
        self._owe(_Owed(alone.hold if ending.actual is not None else None, ending))
        return Settled(Ended.DEFERRED)

    def _lapse(self) -> None:
        """Charge holds taken alone that nobody ended, as the store does with its own."""
        now = self._clock()
        for hold_id in [name for name, alone in self._alone.items() if alone.expires <= now]:
            self._owe(_Owed(self._alone.pop(hold_id).hold, None))

    # -- writing down ------------------------------------------------------------------------

    def _owe(self, owed: _Owed) -> None:
        self._owed.append(owed)
        if len(self._owed) > OWED:
            self._owed.popleft()
            self._lost += 1

    def _under_way(self) -> asyncio.Task[None] | None:
        """The errand that somebody is on. One whose loop does not run gets nowhere."""
        errand = self._errand
        if errand is None or errand.done() or not errand.get_loop().is_running():
            return None
        return errand

    async def _set_out(self) -> None:
        """See whether the store is back, and have it told what it missed. Waits for the first, no
        longer than the store's patience; the second goes on by itself."""
        loop = asyncio.get_running_loop()
        probe = None if self._breaker.closed else loop.create_task(self._try_again())
        self._errand = loop.create_task(self._run_errand(probe))
        if probe is not None:
            await asyncio.shield(probe)

    async def _run_errand(self, probe: asyncio.Task[None] | None) -> None:
        if probe is not None:
            await probe
        await self._pay_all()

    async def _pay_all(self) -> None:
        while self._breaker.closed and self._owed:
            await self._pay()

    async def _try_again(self) -> None:
        try:
            await self._store.release(NOBODY)
        except StoreError as error:
            self._detail = str(error)
            self._breaker.refused(self._monotonic())
        else:
            self._breaker.recovered()
            self._on_change(True, "")
            self._watch()

    async def _pay(self) -> None:
        owed, began = self._owed.popleft(), self._monotonic()
        try:
            if owed.hold is not None:
                charges = tuple(c for c in owed.hold.charges if c.counter.calendar)
                lease = 0.0 if owed.ending is None else owed.hold.lease
                await self._record(owed.hold, charges, lease)
            if owed.ending is not None:
                self._crossed += (await self._conclude(owed.ending)).crossed
            self._watch()
        except VerbError:
            self._lost += 1
        except StoreError as error:
            if owed.tried + 1 < TRIES:
                self._owed.appendleft(replace(owed, tried=owed.tried + 1))
            else:
                self._lost += 1
            self._failed(error, began)
        except BaseException:
            self._owed.appendleft(owed)  # doing it twice is doing it once
            raise

    async def _record(self, hold: Hold, charges: tuple[Charge, ...], lease: float) -> None:
        """Take a hold in the books, of which it has been decided already: nothing refuses it.
        Counters of periods that are over by now stay as they are."""
        charges = tuple(replace(c, refuses=False) for c in charges)
        while True:
            answer = await self._store.reserve(replace(hold, charges=charges, lease=lease))
            if not isinstance(answer, Stale):
                return
            now = answer.now
            charges = tuple(
                c
                for c in charges
                if not c.counter.calendar or c.counter.start <= now < c.counter.end
            )


_GUARDS: Final[WeakSet[DegradableStore]] = WeakSet()


def _after_fork_in_child() -> None:
    for guard in list(_GUARDS):
        guard.after_fork_in_child()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_after_fork_in_child)


async def _finish(store: Store, ending: Ending) -> Settled:
    if ending.actual is None:
        return await store.release(ending.id)
    return await store.settle(ending.id, ending.actual)
