"""Counters in a SQLite file: for the processes of one host."""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakSet

from policy_router.state import sqlite_books as books
from policy_router.state.sqlite_file import PATIENCE, File
from policy_router.state.sqlite_threads import Ask, Reader, Time, Writer

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

    from policy_router.errors import StoreError
    from policy_router.meter import Charge, Reading
    from policy_router.state.sqlite_file import Durability
    from policy_router.state.sqlite_threads import Worker
    from policy_router.state.store import (
        Actual,
        Bucket,
        Difference,
        Ending,
        Granted,
        Hold,
        Refused,
        Row,
        Settled,
        Stale,
    )

T = TypeVar("T")

_STORES: WeakSet[SqliteStore] = WeakSet()


class SqliteStore:
    """A Store and its Books in a file, for any number of processes, threads and event loops.

    path: of the database; folders are made. clock: Unix time; when it is set back, the ledger's
    time stands still. durability: what survives a loss of power, all but the last second
    ("normal") or every commit ("strict", and slower by a write to the disk for each).

    Opening it makes the ledger, or checks that it can be trusted. Raises StoreError.
    """

    def __init__(
        self,
        path: str | Path,
        clock: Callable[[], float] = time.time,
        durability: Durability = "normal",
    ) -> None:
        self._file = File.at(path, durability)
        self._file.prepare()
        self._time = Time(clock)
        self._closed: StoreError | None = None
        self._consulted: set[sqlite3.Connection] = set()
        self._begin()
        _STORES.add(self)

    def _begin(self) -> None:
        self._writer = Writer(self._file, self._time)
        self._reader = Reader(self._file, self._time)

    # -- verbs -------------------------------------------------------------------------------

    async def read(self, charges: Sequence[Charge]) -> tuple[Reading, ...]:
        """See Store."""
        wanted = tuple(charges)
        return await self._ask(
            self._reader,
            lambda tables, now: tuple(tables.reading(charge, now) for charge in wanted),
            charges=wanted,
        )

    async def reserve(self, hold: Hold, after: Ending | None = None) -> Granted | Refused | Stale:
        """See Store."""
        return await self._ask(
            self._writer,
            lambda tables, now: tables.reserve(hold, after, now),
            (hold.id,) if after is None else (hold.id, after.id),
            hold.charges,
            hold,
        )

    async def renew(self, hold_id: str, lease: float) -> bool:
        """See Store."""
        return await self._ask(
            self._writer, lambda tables, now: tables.renew(hold_id, lease, now), (hold_id,)
        )

    async def settle(self, hold_id: str, actual: Actual) -> Settled:
        """See Store."""
        return await self._ask(
            self._writer, lambda tables, now: tables.end(hold_id, actual, now), (hold_id,)
        )

    async def release(self, hold_id: str) -> Settled:
        """See Store."""
        return await self._ask(
            self._writer, lambda tables, now: tables.end(hold_id, None, now), (hold_id,)
        )

    async def aclose(self) -> None:
        """See Store. What was asked before is done first."""
        if self._closed is None:
            self._closed = self._file.trouble("it was closed", "open it again")
            for worker in (self._writer, self._reader):
                await asyncio.to_thread(worker.end, PATIENCE)

    async def _ask(
        self,
        worker: Worker,
        run: Callable[..., T],
        ids: tuple[str, ...] = (),
        charges: Sequence[Charge] = (),
        hold: Hold | None = None,
    ) -> T:
        if self._closed is not None:
            raise self._file.worded(self._closed)
        loop = asyncio.get_running_loop()
        ask: Ask[T] = Ask(run, loop.create_future(), ids, charges, hold)
        worker.ask(ask)
        overdue = loop.call_later(PATIENCE, self._overdue, worker, ask)
        try:
            return await ask.future
        finally:
            overdue.cancel()

    def _overdue(self, worker: Worker, ask: Ask[Any]) -> None:
        """Nobody waits for ever: not for the lock, and not for a disk that hangs."""
        if ask.future.done():
            return
        if worker.withdraw(ask):
            ask.future.set_exception(self._file.held_up())
        else:
            ask.loop.call_later(PATIENCE, self._hangs, ask)

    def _hangs(self, ask: Ask[Any]) -> None:
        if not ask.future.done():
            why = f"it has not answered for {2 * PATIENCE:g} s"
            ask.future.set_exception(self._file.trouble(why, "look at the disk"))

    # -- books -------------------------------------------------------------------------------

    async def rows(self, since: float = 0.0) -> AsyncIterator[Row]:
        """See Books."""
        first, last = await self._consult(books.span, since)
        while first <= last:
            found = await self._consult(books.page, first, last)
            for row in found:
                yield row
            first = found[-1].seq + 1

    async def buckets(self) -> tuple[Bucket, ...]:
        """See Books."""
        return await self._consult(books.buckets, self._time.look(0.0))

    async def audit(self) -> tuple[Difference, ...]:
        """See Books."""
        return await self._consult(books.audit)

    async def _consult(self, look: Callable[..., T], *about: object) -> T:
        if self._closed is not None:
            raise self._file.worded(self._closed)
        return await asyncio.to_thread(self._look, look, *about)

    def _look(self, look: Callable[..., T], *about: object) -> T:
        """Reads in one transaction of its own, however long it takes."""
        with self._file.spoken():
            connection = self._file.connect(reads=True)
            self._consulted.add(connection)
            try:
                connection.execute("BEGIN")
                return look(connection, *about)
            finally:
                with self._file.closing():
                    connection.close()
                self._consulted.discard(connection)
