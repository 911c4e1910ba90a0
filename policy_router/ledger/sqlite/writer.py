"""The thread of a SQLite store that writes.

It waits for the ledger's lock, takes all verbs that were submitted in the meantime, runs them in
one transaction, and then answers: under load one commit serves many verbs, and processes take
turns. Synchronizing the log to the disk takes long, so another thread does that.
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
from policy_router.ledger.sqlite.health import load_health, save_health
from policy_router.ledger.sqlite.rows import forget, load, save
from policy_router.ledger.sqlite.sessions import load_sessions, save_sessions
from policy_router.ledger.sqlite.tallies import add_tallies
from policy_router.ledger.sqlite.worker import Worker, answer_all
from policy_router.ledger.store import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from policy_router.ledger.continuity import SeenState
    from policy_router.ledger.engine import LedgerState
    from policy_router.ledger.sqlite.clock import LedgerClock
    from policy_router.ledger.sqlite.file import LedgerFile
    from policy_router.ledger.sqlite.lock import Lock
    from policy_router.ledger.sqlite.worker import Requests
    from policy_router.ledger.store import Hold

KNOWN: Final = 4096
"""The most holds that a writer keeps decoded."""


class Syncer:
    """A thread that synchronizes the log to the disk.

    Args:
        file: The file of the ledger.
        done: Called in the thread after each synchronization.
    """

    def __init__(self, file: LedgerFile, done: Callable[[], None]) -> None:
        self._file = file
        self._done = done
        self._queue: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def request(self) -> None:
        """Synchronize the log; returns at once."""
        if self._thread is None:
            name = "policy-router syncer"
            self._thread = threading.Thread(target=self._run, name=name, daemon=True)
            self._thread.start()
        self._queue.put(True)

    def end(self) -> None:
        """End the thread after what was requested."""
        self._queue.put(False)

    def _run(self) -> None:
        while self._queue.get():
            with contextlib.suppress(OSError):  # the next checkpoint meets the same error
                self._file.sync()
            self._done()


class Writer(Worker):
    """The thread that runs verbs which change something, under the ledger's lock."""

    name = "writer"
    reads = False

    def __init__(self, file: LedgerFile, clock: LedgerClock, memory: SeenState) -> None:
        super().__init__(file, clock, memory)
        self.lock: Lock = file.lock()
        self._cache: dict[str, Hold] = {}
        self._forgotten = ""
        self._syncer = Syncer(file, self._synced)
        self._syncing = self._has_synced = False
        self._dirty: float | None = None  # since when a commit has not been synchronized
        self._sent = self._synced_version = 0  # versions that are being, and were, synchronized

    def _idle_time(self) -> float | None:
        if self._dirty is None or self._syncing:
            return None
        return max(self._dirty + self.file.timing.sync - time.monotonic(), 0.0)

    def _take_turn(self, requests: Requests) -> bool:
        going = self._write(requests) if requests else True
        self._maintain()
        return going

    def _finish(self) -> None:
        if self._dirty is not None or self._syncing:
            with contextlib.suppress(OSError):
                self.file.sync()
        self._syncer.end()
        self._disconnect()
        self.lock.close()

    def shut(self) -> None:
        """Close the connection and drop what was read through it: the next one may be to another
        file in the same place."""
        super().shut()
        self._cache.clear()

    # -- verbs -------------------------------------------------------------------------------

    def _write(self, requests: Requests) -> bool:
        try:
            self.lock.acquire()
        except OSError as error:
            going = self._gather(requests)
            for request in requests:
                request.failure = self._translated(error)
        else:
            try:
                going = self._gather(requests)
                with self.gate:
                    self._process(requests)
                if self._broken:
                    self.drop()
            finally:
                self.lock.release()
        answer_all(requests)
        return going

    def _do(self, connection: sqlite3.Connection, requests: Requests) -> None:
        seen = self.memory.mark
        connection.execute("BEGIN IMMEDIATE")
        stored = sqlite_clock.load(connection, self.time.machine)
        moment = self.time.tick(stored)
        now = moment.now
        history = History(connection, self.memory, seen, lambda _: now)
        ids = [hold_id for request in requests for hold_id in request.ids]
        charges = [charge for request in requests for charge in request.charges]
        loaded = load(connection, ids, charges, now, self._cache)
        if history.loss is not None:
            loaded.ledger.closed = Unavailable(self.file.lost(history.loss), PAUSE)
        keys = [key for request in requests for key in request.sessions]
        sessions = load_sessions(connection, keys, now) if keys else {}
        loaded.ledger.sessions = dict(sessions)
        touches_health = any(request.health for request in requests)
        health = load_health(connection, now) if touches_health else {}
        loaded.ledger.health = dict(health)
        answers = [request.run(loaded.ledger, now) for request in requests]
        bodies = {id(request.hold): request.body for request in requests}
        remembers = save_sessions(connection, sessions, loaded.ledger.sessions)
        remembers = save_health(connection, health, loaded.ledger.health) or remembers
        for request in requests:
            if request.tallies is not None:
                remembers = add_tallies(connection, request.tallies, now) or remembers
        if history.write(changed=save(connection, loaded, bodies, now)) or remembers:
            if moment.anchor is not None and moment.anchor != stored.anchor:
                sqlite_clock.save(connection, self.time.machine, moment.anchor)
            connection.execute("COMMIT")
            history.end()
            self._remember(loaded.ledger)
            self._committed(history)
        else:
            connection.execute("ROLLBACK")
            history.end()
        for request, answer in zip(requests, answers, strict=True):
            request.answer = answer

    def _remember(self, ledger: LedgerState) -> None:
        """Keep the open holds: the process that takes a hold usually ends it, too."""
        for hold_id, held in ledger.holds.items():
            if held.state == OPEN:
                self._cache[hold_id] = held.hold
            else:
                self._cache.pop(hold_id, None)
        while len(self._cache) > KNOWN:
            del self._cache[next(iter(self._cache))]

    def _committed(self, history: History) -> None:
        if self._dirty is None:
            self._dirty = time.monotonic()
        with contextlib.suppress(OSError):  # it only affects when the next checkpoint is
            at, commits = self.lock.last_checkpoint() or (0.0, 0)
            self.lock.record_checkpoint(at, commits + 1)
        if history.loss is None:
            version = history.mark.version
            synced = version if self.file.durability == "strict" else self._synced_version
            with contextlib.suppress(OSError):  # running processes remember it, too
                write_high_water(self.lock.fd, history.mark, synced)

    # -- upkeep ------------------------------------------------------------------------------

    def _synced(self) -> None:
        self._has_synced = True
        self._queue.put([])  # wakes this thread

    def _maintain(self) -> None:
        """Synchronize the log in time. A checkpoint follows right after that, when there is little
        left that it has to wait for."""
        if self._has_synced:
            self._syncing = self._has_synced = False
            self._synced_version = self._sent
            self._checkpoint()
        if self._idle_time() == 0:
            self._dirty, self._syncing = None, True
            self._sent = 0 if self.memory.mark is None else self.memory.mark.version
            self._syncer.request()

    def _checkpoint(self) -> None:
        try:
            if not self._is_due():
                return
            self.lock.acquire()
        except OSError:  # the next verb meets and reports it
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
        except (sqlite3.Error, OSError, StoreError):  # as above
            self._broken = True
            self.drop()
        finally:
            self.lock.release()

    def _is_due(self) -> bool:
        at, commits = self.lock.last_checkpoint() or (0.0, 0)
        timing = self.file.timing
        # A time in the future was recorded before the host restarted.
        return commits >= timing.commits or not at <= time.monotonic() < at + timing.checkpoint
