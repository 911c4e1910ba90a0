"""Bounds the concurrent calls of one server, so that a slow server delays no other.

A call beyond the bound waits briefly, in the order of arrival, and then goes to another model.
That is no failure: nothing was sent, and the server may be in perfect health.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from policy_router.providers.failures.failure import FailureScope
from policy_router.providers.failures.fault_domain import fault_domain

if TYPE_CHECKING:
    from policy_router.domain.models import Model
    from policy_router.providers.failures.fault_domain import FaultDomain


class Bulkheads:
    """The calls under way, by server. Each event loop has its own, as it has its own connections.

    Models share a server when they have the same provider and address. A model waits while its
    server has `Model.max_connections` calls, of whichever models.
    """

    def __init__(self) -> None:
        """Begins without calls."""
        self._by_loop: WeakKeyDictionary[
            asyncio.AbstractEventLoop, dict[FaultDomain, _Bulkhead]
        ] = WeakKeyDictionary()

    async def enter(self, model: Model, seconds: float) -> Place | None:
        """Waits for a place among the calls of the model's server.

        Args:
            model: The model to call.
            seconds: The longest to wait; 0 does not wait.

        Returns:
            The place, to be left after the call; None when no place became free in time.
        """
        servers = self._by_loop.setdefault(asyncio.get_running_loop(), {})
        server = fault_domain(model, FailureScope.PROVIDER)
        bulkhead = servers.get(server)
        if bulkhead is None:
            bulkhead = servers[server] = _Bulkhead()
        if not await bulkhead.enter(model.max_connections, seconds):
            return None
        return Place(bulkhead)


class Place:
    """A place among the calls of a server."""

    __slots__ = ("_bulkhead",)

    def __init__(self, bulkhead: _Bulkhead) -> None:
        self._bulkhead: _Bulkhead | None = bulkhead

    def leave(self) -> None:
        """Gives the place to the next one. Does nothing the second time."""
        bulkhead, self._bulkhead = self._bulkhead, None
        if bulkhead is not None:
            bulkhead.leave()


class _Bulkhead:
    """The calls of one server.

    Attributes:
        calls: How many are under way.
    """

    __slots__ = ("_waiting", "calls")

    def __init__(self) -> None:
        self.calls = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def enter(self, most: int, seconds: float) -> bool:
        """Waits until fewer than `most` calls are under way. Returns whether that happened in
        time; then one more is."""
        if self.calls < most:
            self.calls += 1
            return True
        if seconds <= 0:
            return False
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((most, turn))
        try:
            async with asyncio.timeout(seconds):
                await turn
        except TimeoutError:
            return self._was_admitted(turn)
        except asyncio.CancelledError:
            if self._was_admitted(turn):
                self.leave()
            raise
        return True

    def _was_admitted(self, turn: asyncio.Future[None]) -> bool:
        """Whether a wait that was cancelled had just been admitted."""
        return turn.done() and not turn.cancelled()

    def leave(self) -> None:
        """Ends a call, and lets the first one in that has waited for it."""
        self.calls -= 1
        while self._waiting and self._waiting[0][1].done():
            self._waiting.popleft()  # it gave up
        for most, turn in self._waiting:
            if self.calls < most and not turn.done():
                self.calls += 1
                turn.set_result(None)
                break
