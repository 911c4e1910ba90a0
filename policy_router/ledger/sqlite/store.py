"""A store in a SQLite file, for the processes of one host."""

from __future__ import annotations

import asyncio
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from policy_router.ledger.arithmetic import clamped, clamped_hold
from policy_router.ledger.continuity import SeenState
from policy_router.ledger.health import swapped, texts
from policy_router.ledger.sqlite import clock as sqlite_clock
from policy_router.ledger.sqlite.clock import LedgerClock
from policy_router.ledger.sqlite.continuity import accept
from policy_router.ledger.sqlite.file import LedgerFile
from policy_router.ledger.sqlite.reports import SqliteReader
from policy_router.ledger.sqlite.tallies import read_tallies
from policy_router.ledger.sqlite.timing import TIMING, Timing
from policy_router.ledger.sqlite.worker import Reader, VerbRequest
from policy_router.ledger.sqlite.writer import Writer
from policy_router.ledger.uptime import source
from policy_router.resilience import forks

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from policy_router.domain.limits import Charge, Reading
    from policy_router.errors import StoreError
    from policy_router.ledger.clock import Source
    from policy_router.ledger.continuity import Loss
    from policy_router.ledger.sessions import SessionRecord
    from policy_router.ledger.sqlite.connection import Durability
    from policy_router.ledger.sqlite.worker import Worker
    from policy_router.ledger.store import (
        Ending,
        Granted,
        Hold,
        Refused,
        Settled,
        Settlement,
        Stale,
        Unavailable,
    )
    from policy_router.ledger.tallies import DayTallies, TallyBatch

T = TypeVar("T")

_LOST: list[object] = []
"""What a forked child must neither use nor close."""


class SqliteStore(SqliteReader):
    """A store in a file, for any number of processes, threads and event loops.

    Around a fork its threads pause; both sides then open connections of their own.

    Args:
        path: The path of the database; missing folders are created.
        clock: Unix time in seconds. When it is set back, the ledger's time stands still. The
            machine's own clock is compared with the machine's uptime (see `ledger.clock`); any
            other clock is trusted when it goes forward.
        durability: What survives a loss of power: all but the last second (`normal`), or every
            commit (`strict`, slower by one write to the disk for each commit).
        timing: How long things may take.
        sight: A source of clock readings to use in place of `clock`.

    Raises:
        StoreError: The ledger cannot be created, or must not be used.
    """

    def __init__(
        self,
        path: str | Path,
        clock: Callable[[], float] = time.time,
        durability: Durability = "normal",
        timing: Timing = TIMING,
        sight: Source | None = None,
    ) -> None:
        self._file = LedgerFile.at(path, durability, timing)
        self._time = LedgerClock(sight or source(clock))
        note = self._file.prepare(self._time.sight())
        self._memory = SeenState(None if note is None else note.expected)
        self._closed: StoreError | None = None
        self._consulted: set[object] = set()
        self._paused: list[Worker] = []
        self._begin()
        forks.pause(self)

    def _begin(self) -> None:
        self._writer = Writer(self._file, self._time, self._memory)
        self._reader = Reader(self._file, self._time, self._memory)

    # -- verbs -------------------------------------------------------------------------------

    async def read(self, charges: Sequence[Charge]) -> tuple[Reading, ...]:
        """See Store."""
        wanted = clamped(charges)
        return await self._submit(
            self._reader,
            lambda ledger, now: tuple(ledger.reading(charge, now) for charge in wanted),
            charges=wanted,
        )

    async def reserve(
        self, hold: Hold, after: Ending | None = None
    ) -> Granted | Refused | Stale | Unavailable:
        """See Store."""
        hold = clamped_hold(hold)
        loop = asyncio.get_running_loop()
        request: VerbRequest[Granted | Refused | Stale | Unavailable] = VerbRequest(
            lambda ledger, now: ledger.reserve(hold, after, now),
            loop.create_future(),
            (hold.id,) if after is None else (hold.id, after.id),
            hold.charges,
            hold,
        )
        try:
            return await self._answer(self._writer, request)
        except asyncio.CancelledError:
            # It may have been taken, and nothing would end it.
            if not self._writer.withdraw(request):
                self._give_back(hold.id)
            raise

    async def renew(self, hold_id: str, lease: float) -> bool | None:
        """See Store."""
        return await self._submit(
            self._writer, lambda ledger, now: ledger.renew(hold_id, lease, now), (hold_id,)
        )

    async def settle(self, hold_id: str, actual: Settlement) -> Settled:
        """See Store."""
        return await self._submit(
            self._writer, lambda ledger, now: ledger.end(hold_id, actual, now), (hold_id,)
        )

    async def release(self, hold_id: str) -> Settled:
        """See Store."""
        return await self._submit(
            self._writer, lambda ledger, now: ledger.end(hold_id, None, now), (hold_id,)
        )

    async def read_session(self, key: str) -> SessionRecord | None:
        """See SessionStore."""
        return await self._submit(
            self._reader, lambda ledger, now: ledger.session(key, now), sessions=(key,)
        )

    async def write_session(self, key: str, record: SessionRecord, lasts: float) -> None:
        """See SessionStore."""
        await self._submit(
            self._writer,
            lambda ledger, now: ledger.keep_session(key, record, lasts, now),
            sessions=(key,),
        )

    async def read_health(self) -> dict[str, str]:
        """See HealthStore."""
        return await self._submit(
            self._reader, lambda ledger, now: texts(ledger.health, now), health=True
        )

    async def swap_health(
        self, key: str, before: str | None, after: str, lasts: float
    ) -> str | None:
        """See HealthStore."""
        return await self._submit(
            self._writer,
            lambda ledger, now: swapped(ledger.health, key, before, after, lasts, now),
            health=True,
        )

    async def add_tallies(self, batch: TallyBatch) -> None:
        """See TallyStore."""
        await self._submit(self._writer, lambda _ledger, _now: None, tallies=batch)

    async def read_tallies(self, topic: str, known: Mapping[int, int]) -> dict[int, DayTallies]:
        """See TallyStore."""
        return await self._consult(read_tallies, topic, known)

    async def aclose(self) -> None:
        """See Store. What was submitted before is done first."""
        if self._closed is None:
            self._closed = self._file.unusable("it was closed", "open it again")
            await asyncio.sleep(0)  # what this loop submitted is sent first
            for worker in (self._writer, self._reader):
                await asyncio.to_thread(worker.end, self._file.timing.patience)

    async def _submit(
        self,
        worker: Worker,
        run: Callable[..., T],
        ids: tuple[str, ...] = (),
        charges: Sequence[Charge] = (),
        sessions: tuple[str, ...] = (),
        *,
        health: bool = False,
        tallies: TallyBatch | None = None,
    ) -> T:
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        request = VerbRequest(
            run, future, ids, charges, sessions=sessions, health=health, tallies=tallies
        )
        return await self._answer(worker, request)

    async def _answer(self, worker: Worker, request: VerbRequest[T]) -> T:
        if self._closed is not None:
            raise self._file.translated(self._closed)
        worker.submit(request)
        overdue = request.loop.call_later(
            self._file.timing.patience, self._overdue, worker, request
        )
        try:
            return await request.future
        finally:
            overdue.cancel()

    def _give_back(self, hold_id: str) -> None:
        """Release a hold without waiting for that. If it fails, the hold expires."""
        future: asyncio.Future[Settled] = asyncio.get_running_loop().create_future()
        future.add_done_callback(_ignore)
        self._writer.submit(
            VerbRequest(lambda ledger, now: ledger.end(hold_id, None, now), future, (hold_id,))
        )

    def _overdue(self, worker: Worker, request: VerbRequest[Any]) -> None:
        """End a wait that takes too long: for the lock, or for a disk that hangs."""
        patience, waited = self._file.timing.patience, request.loop.time() - request.sent
        if request.future.done():
            return
        if waited < patience:  # it was this loop that was late
            request.loop.call_later(patience - waited, self._overdue, worker, request)
        elif worker.withdraw(request):
            request.future.set_exception(self._file.lock_timeout())
        elif waited < 2 * patience:
            request.loop.call_later(2 * patience - waited, self._overdue, worker, request)
        else:
            cause = f"it has not answered for {2 * patience:g} s"
            request.future.set_exception(self._file.unusable(cause, "check the disk"))

    # -- continuity --------------------------------------------------------------------------

    @property
    def loss(self) -> Loss | None:
        """See Continuous."""
        return self._memory.loss

    async def accept_loss(self) -> Loss | None:
        """See Continuous."""
        if self._closed is not None:
            raise self._file.translated(self._closed)
        return await asyncio.to_thread(self._accept)

    def _accept(self) -> Loss | None:
        with (
            self._reading(),
            self._file.locked(),
            self._file.translating(),
            closing(self._file.connect()) as connection,
        ):
            return accept(connection, self._memory.mark)

    # -- reports and audits ------------------------------------------------------------------

    def _now(self, connection: sqlite3.Connection) -> float:
        return self._time.look(sqlite_clock.load(connection, self._time.machine)).now

    async def _consult(self, look: Callable[..., T], *about: object) -> T:
        if self._closed is not None:
            raise self._file.translated(self._closed)
        return await asyncio.to_thread(self._look, look, *about)

    def _look(self, look: Callable[..., T], *about: object) -> T:
        with self._reading(), self._file.reading() as connection:
            return look(connection, *about)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Note that a thread has a connection which a fork cannot close."""
        reading = object()
        self._consulted.add(reading)
        try:
            yield
        finally:
            self._consulted.discard(reading)

    # -- forks -------------------------------------------------------------------------------

    def before_fork(self) -> None:
        """Close the connections and keep them closed. SQLite keeps locks in the memory of a
        process, so that a child could neither use these connections nor open others."""
        with self._file.closing():
            workers = self._writer, self._reader
            self._paused = [
                worker
                for worker in workers
                if worker.gate.acquire(timeout=self._file.timing.patience)
            ]
            for worker in self._paused:
                worker.shut()

    def after_fork_in_parent(self) -> None:
        """Go on. Connections are opened when they are needed."""
        for worker in self._paused:
            worker.gate.release()

    def after_fork_in_child(self) -> None:
        """Start over, with other threads and connections."""
        whole = len(self._paused) == 2 and not self._consulted
        self._writer.lock.close()  # or the parent's lock would live as long as this process
        if not whole:
            _LOST.extend((self._writer, self._reader))
            cause = "this process was forked while its parent was using it"
            self._closed = self._file.unusable(cause, "open it again in a new process")
        self._consulted = set()
        self._begin()


def _ignore(future: asyncio.Future[Any]) -> None:
    """Retrieve an error that does not matter, so that asyncio does not warn of it."""
    if not future.cancelled():
        future.exception()
