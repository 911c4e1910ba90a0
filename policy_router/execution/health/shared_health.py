"""The health of models, shared by all processes through the store of the counters.

Each process acts on its own copy, a `HealthBoard`, and never waits for the store to do so, with two
exceptions: the first request reads what is kept, so that a restart forgets nothing, and a probe is
confirmed by the store, so that there is one in all processes. Both wait for a moment at most; while
the store is away, each process goes by what it knows.

What a process changes is sent in the background, and what others changed is read once a second.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from policy_router.errors import StoreError
from policy_router.execution.health.health_board import HealthBoard
from policy_router.execution.health.service_health import (
    HEALTHY,
    LIFTED_FOR,
    ServiceHealth,
    from_text,
    to_text,
)
from policy_router.ledger.health import HealthStore
from policy_router.resilience import forks

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from policy_router.execution.health.health_board import Change

_INTERVAL: Final = 1.0
"""Seconds between two looks at what other processes changed."""
_PATIENCE: Final = 0.25
"""Seconds that a request waits for the store, at most."""
_TRIES: Final = 5
"""How often a change is tried again because another process changed the same."""
_TURN: Final = "turn"
"""The first word of the keys of turns; no scope is called so."""
_MEMORY: Final = 3600.0
"""Seconds for which the store keeps something after its last time has passed, so that a breaker
which opens again does so for longer."""


class SharedHealth:
    """The copy of one process, and its exchange with the store.

    Attributes:
        board: The copy.
    """

    def __init__(
        self,
        store: object,
        clock: Callable[[], float] = time.time,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Shares through a store; one that keeps no health shares nothing.

        Args:
            store: The store of the counters.
            clock: Unix time in seconds.
            monotonic: Seconds from any origin.
        """
        self._store = store if isinstance(store, HealthStore) else None
        self._clock = clock
        self._monotonic = monotonic
        self.board = HealthBoard(keeps_changes=self._store is not None)
        if self._store is not None:
            self.board.observers.append(lambda *_: self._start())
        self._begin()
        forks.follow(self)

    def _begin(self) -> None:
        self._texts: dict[str, str] = {}
        self._has_read = self._store is None
        self._next = 0.0
        self._exchanging: asyncio.Task[None] | None = None

    def after_fork_in_child(self) -> None:
        """Start over: tasks are the parent's."""
        self._begin()

    # -- for requests --------------------------------------------------------------------------

    async def look(self) -> None:
        """Starts an exchange where one is due, and waits only for the first."""
        if not self._has_read:
            self._has_read = True
            await self._briefly(self._exchange())
        elif self._monotonic() >= self._next:
            self._start()

    async def confirm(self, keys: tuple[str, ...]) -> tuple[str, ...]:
        """Makes sure that a call is the only probe, in all processes.

        Args:
            keys: What it probes, according to the board.

        Returns:
            Those keys that no other process probes, as far as that can be known now. Of the others
            the board shows until when they are probed.
        """
        return tuple([key for key in keys if await self._briefly(self._send(key)) is not False])

    async def claim(self, what: str, who: str, seconds: float) -> bool:
        """Takes or keeps the turn to do something that one process does for all.

        Args:
            what: Identifies what is done.
            who: Identifies this process.
            seconds: After which another process may take the turn, unless it is kept.

        Returns:
            Whether it is this process's turn. While the store is away, or keeps no health, it is.
        """
        return await self._briefly(self._claim(f"{_TURN} {what}", who, seconds)) is not False

    async def _claim(self, key: str, who: str, seconds: float) -> bool:
        store = self._store
        if store is None:
            return True
        kept = await store.swap_health(key, who, who, seconds)  # it is kept, or
        if kept is None:
            kept = await store.swap_health(key, None, who, seconds)  # it is free
        return kept in (who, None)  # None: the store is full

    async def exchange(self) -> None:
        """Sends what this process changed, and reads what others did.

        Raises:
            StoreError: The store cannot be reached; what is to be sent is kept.
        """
        store = self._store
        if store is None:
            return
        for key in self.board.unshared_keys():
            await self._send(key)
        kept = await store.read_health()
        if kept is not None:
            self._texts = dict(kept)
            now = self._clock()
            self.board.adopt(
                {key: from_text(text) for key, text in kept.items() if not key.startswith(_TURN)},
                lambda health: _end(health) + _MEMORY <= now,
            )

    async def aclose(self) -> None:
        """Sends what is left, if the store can be reached."""
        task, self._exchanging = self._exchanging, None
        if task is not None and task.get_loop() is asyncio.get_running_loop():
            await asyncio.wait([task], timeout=_PATIENCE)
            task.cancel()
        if self._store is not None and self.board.has_unshared:
            await self._briefly(self._exchange())

    # -- in the background ---------------------------------------------------------------------

    def _start(self) -> None:
        """Begins an exchange in the running event loop, unless one is under way."""
        task = self._exchanging
        if task is not None and not task.done() and task.get_loop().is_running():
            self._next = 0.0  # what changed in the meantime is sent after it
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._next = 0.0  # the next request does it
            return
        self._next = self._monotonic() + _INTERVAL
        self._exchanging = loop.create_task(self._exchange())

    async def _exchange(self) -> None:
        with suppress(StoreError):
            await self.exchange()

    async def _send(self, key: str) -> bool:
        """Makes the changes of this process to what the store keeps under a key.

        Returns:
            Whether the last of them changed anything there.

        Raises:
            StoreError: The store cannot be reached; the changes are kept.
        """
        store = self._store
        if store is None:
            return True
        changes = self.board.take_unshared(key)
        sent = not changes
        try:
            if sent:
                return True
            before = self._texts.get(key)
            for _ in range(_TRIES):
                text, effective = self._replaced(before, changes)
                if text is None:
                    kept = before
                    break
                # Kept for as long as any process may remember what it replaces.
                lasts = max(self._lasts(text), 0.0 if before is None else self._lasts(before))
                kept = await store.swap_health(key, before, text, lasts)
                if kept == text:
                    break
                if kept is None and before is None:
                    break  # the store is full
                before, effective = kept, False
            sent = True
        finally:
            if not sent:
                self.board.put_back(key, changes)
            self.board.arrived(key)
        if kept is None:
            self._texts.pop(key, None)
        else:
            self._texts[key] = kept
            self.board.adopt_one(key, from_text(kept))
        return effective

    def _replaced(self, before: str | None, changes: list[Change]) -> tuple[str | None, bool]:
        """The text after changes, None where they change nothing; and whether the last one did."""
        first = last = health = HEALTHY if before is None else from_text(before)
        for change in changes:
            last, health = health, change(health)
        return None if health == first else to_text(health), health != last

    def _lasts(self, text: str) -> float:
        return max(_end(from_text(text)) - self._clock(), 0.0) + _MEMORY

    async def _briefly(self, work: Coroutine[None, None, bool | None]) -> bool | None:
        """The result of a piece of work; None where the store does not give one soon."""
        try:
            async with asyncio.timeout(_PATIENCE):
                return await work
        except (TimeoutError, StoreError):
            return None


def _end(health: ServiceHealth) -> float:
    observed = health.lifted_at + LIFTED_FOR if health.lifted_at else 0.0
    return max(health.breaker.until, health.cooldown.until, observed)
