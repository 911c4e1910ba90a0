"""Keeps the holds of one request in the store of counters, one at a time.

A fallback ends the last hold and takes the next one in one step. A hold has a lease, which is
renewed while its attempt runs, so that the holds of a dead process expire.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from policy_router.domain.limits import LEASE
from policy_router.errors import StoreError
from policy_router.frozen import maker
from policy_router.ledger.store import Ended, Ending, Granted, Hold, Stale, Unavailable, finish
from policy_router.resilience.time_limit import TimeLimit

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from policy_router.domain.limits import Charge
    from policy_router.ledger.store import Attribution, Crossing, Refused, Settlement, Store

_log: Final = logging.getLogger(__name__)
_new_hold: Final = maker(Hold)
_new_ending: Final = maker(Ending)
_TRIES: Final = 3
"""How often a reservation is rebuilt because a period, such as a day, ended in the meantime."""


GRACE: Final = 0.1
"""Seconds after the deadline of a request for which it still waits for its settlement."""
LONGEST_SETTLEMENT: Final = 5.0
"""Seconds for which an answer waits for its settlement at most. A store that takes longer is out of
reach by its own standards; the settlement continues in the background."""


async def settled_within(seconds: float, settling: Awaitable[None]) -> None:
    """Waits for a settlement that goes on in the background when the wait is over.

    Args:
        seconds: Until the deadline of the request. The wait ends then, but not at once, so that a
            request which used all of its time is settled when it ends.
        settling: Continues when it is cancelled (see `AccountContext.finish`).
    """
    limit = TimeLimit(min(max(seconds, GRACE), LONGEST_SETTLEMENT))
    with contextlib.suppress(TimeoutError), limit:
        await settling


OnCrossing: TypeAlias = "Callable[[Crossing, str | None, str], None]"
"""Gets a threshold that was passed, the id of the decision whose request passed it or None, and the
revision of the policy."""


class Cancellable(Protocol):
    """Something that will happen unless it is cancelled."""

    def cancel(self) -> object:
        """Keep it from happening."""


Later: TypeAlias = "Callable[[float, Callable[[], None]], Cancellable]"
"""Calls a function after a number of seconds."""


@dataclass(frozen=True, slots=True)
class AccountContext:
    """What the accounts of all requests share.

    Attributes:
        store: Where the counters are.
        clock: Unix time in seconds.
        later: Calls a function after a number of seconds, unless what it returns is cancelled.
        new_id: Names holds. Names of about the same time are neighbours in the index of a store, so
            that a commit touches few pages.
        on_crossing: Gets every threshold of a budget that was passed.
        finish: Finishes a piece of work even when its caller is cancelled in the meantime.
        at_once: Whether the store never waits for anything, so that it needs no deadline.
    """

    store: Store
    clock: Callable[[], float]
    later: Later
    new_id: Callable[[], str]
    on_crossing: OnCrossing
    finish: Callable[[Awaitable[None]], Awaitable[None]]
    at_once: bool = False


class Holds:
    """The holds of one request. Not shared between tasks."""

    def __init__(self, context: AccountContext, request_id: str | None, revision: str) -> None:
        """Begins without a hold.

        Args:
            context: What the accounts share.
            request_id: Id of the decision; None without one.
            revision: The revision of the policy.
        """
        self._context = context
        self._request_id = request_id
        self._revision = revision
        self._name = context.new_id()
        self._count = 0
        self._open: str | None = None
        self._pending: Ending | None = None
        self._timer: Cancellable | None = None
        self._renewal: asyncio.Task[None] | None = None

    async def reserve(
        self,
        charges: tuple[Charge, ...],
        charges_at: Callable[[float], tuple[Charge, ...]],
        about: Attribution,
        seconds: float,
    ) -> Granted | Refused | Unavailable:
        """Takes a hold, and settles the one before it in the same step.

        Args:
            charges: What to reserve.
            charges_at: The same at another Unix time, where a period ended in the meantime.
            about: What the hold is for.
            seconds: The longest to wait for the store; after that it counts as unreachable.
        """
        reserving = self._reserve(charges, charges_at, about)
        if self._context.at_once:
            answer = await reserving
        else:
            try:
                async with asyncio.timeout(None if seconds == math.inf else seconds):
                    answer = await reserving
            except TimeoutError:
                answer = Unavailable(f"the store did not answer within {seconds:.3g} s", 1.0)
        self._report(answer.crossed)
        if isinstance(answer, Granted):
            self._open = answer.id
            if self._timer is None:
                self._timer = self._context.later(LEASE / 3, self._begin_renewal)
        return answer

    def end(self, charge: Settlement | None) -> None:
        """Notes what the open hold is charged; None when nothing was sent."""
        if self._open is not None:
            self._pending = _new_ending(self._open, charge)
            self._open = None

    async def settle(self, seconds: float) -> None:
        """Settles the hold that ended, if it is not settled yet, also when the request is
        cancelled. Never raises: what cannot be settled expires.

        Args:
            seconds: Until the deadline of the request (see `settled_within`).
        """
        if self._pending is None:
            return
        if self._context.at_once:
            await self._settle()
        else:
            await settled_within(seconds, self._context.finish(self._settle()))

    async def close(self, seconds: float) -> None:
        """Ends the renewal of the lease, and does what `settle` does."""
        for ending in (self._timer, self._renewal):
            if ending is not None:
                ending.cancel()
        self._timer = self._renewal = None
        await self.settle(seconds)

    async def _settle(self) -> None:
        pending, self._pending = self._pending, None
        if pending is None:
            return
        try:
            done = await finish(self._context.store, pending)
        except StoreError as error:
            _log.warning("an attempt could not be settled; its hold expires: %s", error)
            return
        if done.ended is Ended.UNKNOWN:
            _log.warning("the store does not know the hold %s", pending.id)
        self._report(done.crossed)

    async def _reserve(
        self,
        charges: tuple[Charge, ...],
        charges_at: Callable[[float], tuple[Charge, ...]],
        about: Attribution,
    ) -> Granted | Refused | Unavailable:
        self._count += 1
        hold = _new_hold(f"{self._name}#{self._count}", charges, LEASE, about)
        after, self._pending = self._pending, None
        try:
            for _ in range(_TRIES):
                answer = await self._context.store.reserve(hold, after)
                if not isinstance(answer, Stale):
                    return answer
                hold = Hold(hold.id, charges_at(answer.now), LEASE, about)
        except asyncio.CancelledError:
            self._pending = after  # ending a hold twice has the same effect as once
            raise
        except StoreError as error:
            self._pending = after
            return Unavailable(str(error), 1.0)
        self._pending = after
        return Unavailable("the clock of the store jumps from period to period", 1.0)

    def _begin_renewal(self) -> None:
        self._renewal = asyncio.ensure_future(self._renew())

    async def _renew(self) -> None:
        if self._open is not None:
            with contextlib.suppress(StoreError):  # the next renewal tries again
                await self._context.store.renew(self._open, LEASE)
        self._timer = self._context.later(LEASE / 3, self._begin_renewal)

    def _report(self, crossed: tuple[Crossing, ...]) -> None:
        for crossing in crossed:
            self._context.on_crossing(crossing, self._request_id, self._revision)
