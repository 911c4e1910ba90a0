"""The thread of a SQLite store that writes.

It waits for the ledger's lock, takes everything that was asked meanwhile, does it in one
transaction, and then answers: under load a commit serves many verbs, and processes take turns.
What takes the disk long, to have the log written for good, another thread does beside it.
"""

from __future__ import annotations

import contextlib
import queue
import sqlite3
import threading
import time
from typing import TYPE_CHECKING, Final

from policy_router.errors import StoreError
from policy_router.ledger.continuity import PAUSE
from policy_router.ledger.engine import OPEN
from policy_router.ledger.sqlite import clock as sqlite_clock
from policy_router.ledger.sqlite.continuity import History, record_synced, write_high_water
from policy_router.ledger.sqlite.rows import forget, load, save
from policy_router.ledger.sqlite.worker import Worker, deliver
from policy_router.ledger.store import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from policy_router.ledger.continuity import SeenState
    from policy_router.ledger.engine import LedgerState
    from policy_router.ledger.sqlite.clock import LedgerClock
    from policy_router.ledger.sqlite.file import LedgerFile
    from policy_router.ledger.sqlite.lock import Lock
    from policy_router.ledger.sqlite.worker import Asks
    from policy_router.ledger.store import Hold

KNOWN: Final = 4096
"""Holds that a writer keeps decoded, at most."""


class Syncer:
    """A thread that brings the log to the disk when asked, and says so when it is done."""

    def __init__(self, file: LedgerFile, done: Callable[[], None]) -> None:
        self._file = file
        self._done = done
        self._queue: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def ask(self) -> None:
        """Have it done."""
        if self._thread is None:
            name = "policy-router syncer"
            self._thread = threading.Thread(target=self._live, name=name, daemon=True)
            self._thread.start()
        self._queue.put(True)

    def end(self) -> None:
        """Do what was asked, and end."""
        self._queue.put(False)

    def _live(self) -> None:
        while self._queue.get():
            with contextlib.suppress(OSError):  # SQLite meets it at the next checkpoint
                self._file.sync()
            self._done()


class Writer(Worker):
    """Does the verbs that change something, under the ledger's lock."""

    name = "writer"
    reads = False

    def __init__(self, file: LedgerFile, clock: LedgerClock, memory: SeenState) -> None:
        super().__init__(file, clock, memory)
        self.lock: Lock = file.lock()
        self._known: dict[str, Hold] = {}
        self._forgotten = ""
        self._syncer = Syncer(file, self._synced)
        self._syncing = self._has_synced = False
        self._dirty: float | None = None  # since when a commit waits to be brought to the disk
        self._sent = self._synced_version = 0  # the version that is, or was, brought to the disk

    def _rest(self) -> float | None:
        if self._dirty is None or self._syncing:
            return None
        return max(self._dirty + self.file.timing.sync - time.monotonic(), 0.0)

    def _round(self, asks: Asks) -> bool:
        going = self._work(asks) if asks else True
        self._tend()
        return going

    def _leave(self) -> None:
        if self._dirty is not None or self._syncing:
            with contextlib.suppress(OSError):
                self.file.sync()
        self._syncer.end()
        self._part()
        self.lock.close()

    def shut(self) -> None:
        """Close the connection, and forget what was read through it: the next may be to another
        file in its place."""
        super().shut()
        self._known.clear()

    # -- verbs -------------------------------------------------------------------------------

    def _work(self, asks: Asks) -> bool:
        try:
            self.lock.acquire()
        except OSError as error:
            going = self._gather(asks)
            for ask in asks:
                ask.failure = self._worded(error)
        else:
            try:
                going = self._gather(asks)
                with self.gate:
                    self._serve(asks)
                if self._spoiled:
                    self.drop()
            finally:
                self.lock.release()
        deliver(asks)
        return going

    def _do(self, connection: sqlite3.Connection, asks: Asks) -> None:
        seen = self.memory.mark
        connection.execute("BEGIN IMMEDIATE")
        stored = sqlite_clock.load(connection, self.time.machine)
        moment = self.time.tick(stored)
        now = moment.now
        history = History(connection, self.memory, seen, lambda _: now)
        ids = [each for ask in asks for each in ask.ids]
        charges = [charge for ask in asks for charge in ask.charges]
        page = load(connection, ids, charges, now, self._known)
        if history.loss is not None:
            page.tables.closed = Unavailable(self.file.lost(history.loss), PAUSE)
        answers = [ask.run(page.tables, now) for ask in asks]
        bodies = {id(ask.hold): ask.body for ask in asks}
        if history.write(changed=save(connection, page, bodies, now)):
            if moment.anchor is not None and moment.anchor != stored.anchor:
                sqlite_clock.save(connection, self.time.machine, moment.anchor)
            connection.execute("COMMIT")
            history.end()
            self._remember(page.tables)
            self._committed(history)
        else:
            connection.execute("ROLLBACK")
            history.end()
        for ask, answer in zip(asks, answers, strict=True):
            ask.answer = answer

    def _remember(self, tables: LedgerState) -> None:
        """Keeps the open holds: who takes one mostly ends it as well."""
        for hold_id, held in tables.holds.items():
            if held.state == OPEN:
                self._known[hold_id] = held.hold
            else:
                self._known.pop(hold_id, None)
        while len(self._known) > KNOWN:
            del self._known[next(iter(self._known))]

    def _committed(self, history: History) -> None:
        if self._dirty is None:
            self._dirty = time.monotonic()
        with contextlib.suppress(OSError):  # it only says when to do the next checkpoint
            at, commits = self.lock.last_checkpoint() or (0.0, 0)
            self.lock.record_checkpoint(at, commits + 1)
        if history.loss is None:
            version = history.mark.version
            synced = version if self.file.durability == "strict" else self._synced_version
            with contextlib.suppress(OSError):  # the processes that run remember it as well
                write_high_water(self.lock.fd, history.mark, synced)

    # -- upkeep ------------------------------------------------------------------------------

    def _synced(self) -> None:
        self._has_synced = True
        self._queue.put([])  # wakes the thread

    def _tend(self) -> None:
        """Has the log brought to the disk in time. A checkpoint comes right after that, when there
        is little left that it has to wait for."""
        if self._has_synced:
            self._syncing = self._has_synced = False
            self._synced_version = self._sent
            self._checkpoint()
        if self._rest() == 0:
            self._dirty, self._syncing = None, True
            self._sent = 0 if self.memory.mark is None else self.memory.mark.version
            self._syncer.ask()

    def _checkpoint(self) -> None:
        try:
            if not self._is_due():
                return
            self.lock.acquire()
        except OSError:  # the next verb meets it and tells
            return
        try:
            if self._is_due():  # still, under the lock
                with self.gate:
                    connection = self._connected()
                    connection.execute("BEGIN IMMEDIATE")
                    stored = sqlite_clock.load(connection, self.time.machine)
                    now = self.time.look(stored).now
                    self._forgotten = forget(connection, now, self._forgotten)
                    connection.execute("COMMIT")
                    self.file.checkpoint(connection)
                self.lock.record_checkpoint(time.monotonic(), 0)
                record_synced(self.lock.fd, self._synced_version)
        except (sqlite3.Error, OSError, StoreError):  # likewise
            self._spoiled = True
            self.drop()
        finally:
            self.lock.release()

    def _is_due(self) -> bool:
        at, commits = self.lock.last_checkpoint() or (0.0, 0)
        timing = self.file.timing
        # A time to come is one before the host was started anew.
        return commits >= timing.commits or not at <= time.monotonic() < at + timing.checkpoint
