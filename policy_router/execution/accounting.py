"""Reads the counters of a policy, and opens an account for each request.

accounting = Accounting(store)
used = await accounting.readings(policy, situation)
account = accounting.account(policy, situation)
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Final

from policy_router.errors import StoreError
from policy_router.execution.accounts.account import RequestAccount
from policy_router.execution.accounts.holds import LONGEST_SETTLEMENT, AccountContext
from policy_router.execution.sessions import SessionMemory
from policy_router.ids import Ids
from policy_router.ledger.steady import answers_at_once

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from policy_router.decision.policy import Policy
    from policy_router.domain.limits import CounterKey, Reading
    from policy_router.domain.situation import Situation
    from policy_router.execution.accounts.holds import Cancellable, Later, OnCrossing
    from policy_router.ledger.store import Store

_log: Final = logging.getLogger(__name__)


def _call_later(seconds: float, call: Callable[[], None]) -> Cancellable:
    return asyncio.get_running_loop().call_later(seconds, call)


class Accounting:
    """The counters of policies, kept in a store.

    Attributes:
        store: Where the counters are.
        clock: Gives Unix time in seconds.
        sessions: What the same store remembers of sessions.
    """

    def __init__(
        self,
        store: Store,
        *,
        clock: Callable[[], float] = time.time,
        on_crossing: OnCrossing = lambda _crossing, _request_id, _revision: None,
        later: Later = _call_later,
    ) -> None:
        """Counts in a store.

        Args:
            store: Where the counters are.
            clock: Unix time in seconds.
            on_crossing: Gets every threshold of a budget that was passed.
            later: Calls a function after a number of seconds, to renew what is reserved.
        """
        self.store = store
        self.clock = clock
        self._at_once = answers_at_once(store)
        self._context = AccountContext(
            store, clock, later, Ids(clock), on_crossing, self._finish, self._at_once
        )
        self.sessions = SessionMemory(store, clock, self._finish)
        # Settling continues when its request is cancelled; the loop keeps only weak references.
        self._settling: set[asyncio.Task[None]] = set()

    async def readings(
        self, policy: Policy, situation: Situation, seconds: float | None = None
    ) -> Mapping[CounterKey, Reading | None]:
        """Reads the counters that matter to a request, for `Snapshot.used`. Never raises.

        Args:
            policy: Decides the request.
            situation: The request as the policy sees it.
            seconds: The longest to wait for the store. Default: as long as it takes.

        Returns:
            Each counter with what it shows; None where it cannot be read.
        """
        if situation.problem is not None or not policy.limits:
            return {}
        uses = policy.limit_index.counters_to_read(
            situation.facts, situation.request, self.clock(), policy.timezone
        )
        if not uses:
            return {}
        reading = self.store.read([charge for _, charge in uses])
        try:
            if self._at_once:
                readings = await reading
            else:
                async with asyncio.timeout(seconds):
                    readings = await reading
        except (StoreError, TimeoutError) as error:
            reason = str(error) or f"the store did not answer within {seconds:.3g} s"
            _log.warning("the counters cannot be read: %s", reason)
            return dict.fromkeys(key for key, _ in uses)
        return {key: reading for (key, _), reading in zip(uses, readings, strict=True)}

    def account(
        self, policy: Policy, situation: Situation, *, request_id: str | None = None
    ) -> RequestAccount:
        """Opens the account of one request.

        Args:
            policy: Decides the request.
            situation: The request as it was decided.
            request_id: Id of the decision, for the events of crossed thresholds.
        """
        counted = situation.problem is None and policy.limits
        facts = situation.facts if counted else None
        return RequestAccount(
            self._context, policy, situation.request, facts, request_id=request_id
        )

    async def _finish(self, work: Awaitable[None]) -> None:
        """Finishes a piece of work even when its caller is cancelled in the meantime."""
        if self._at_once:  # it cannot be
            await work
            return
        task = asyncio.ensure_future(work)
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)
        await asyncio.shield(task)

    async def aclose(self) -> None:
        """Closes the store, after what is being settled in this event loop; what a store does not
        settle in time expires."""
        loop = asyncio.get_running_loop()
        settling = [task for task in self._settling if task.get_loop() is loop]
        if settling:
            _, late = await asyncio.wait(settling, timeout=LONGEST_SETTLEMENT)
            for task in late:
                task.cancel()
        await self.store.aclose()
