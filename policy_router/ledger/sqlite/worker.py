"""A thread that runs the verbs which event loops submit to a SQLite ledger, many in one go."""

from __future__ import annotations

import contextlib
import queue
import sqlite3
import threading
from abc import ABC, abstractmethod
from collections import defaultdict
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, TypeAlias, TypeVar

from policy_router.errors import OperationError, StoreError
from policy_router.ledger.engine import LedgerState
from policy_router.ledger.sqlite import clock as sqlite_clock
from policy_router.ledger.sqlite.codec import encode
from policy_router.ledger.sqlite.continuity import History
from policy_router.ledger.sqlite.health import load_health
from policy_router.ledger.sqlite.rows import LoadedState, load_counters
from policy_router.ledger.sqlite.sessions import load_sessions

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

    from policy_router.domain.limits import Charge
    from policy_router.ledger.continuity import SeenState
    from policy_router.ledger.sqlite.clock import LedgerClock
    from policy_router.ledger.sqlite.file import LedgerFile
    from policy_router.ledger.store import Hold
    from policy_router.ledger.tallies import TallyBatch

T = TypeVar("T")

BATCH: Final = 256
"""The most verbs of one transaction."""


class VerbRequest(Generic[T]):
    """A verb that waits for a thread.

    Attributes:
        run: The verb, called with the loaded state and the time.
        future: Gets the result, in its own event loop.
        loop: The loop of the future.
        ids: The holds that the verb touches.
        charges: The charges that the verb touches.
        sessions: The keys of the sessions that the verb touches.
        health: Whether it touches the health of models.
        tallies: Tallies that it adds.
        hold: The hold that it may take.
        body: The text of that hold.
        sent: When it was sent, in the time of its loop.
        begun: Whether a thread has taken it.
        withdrawn: Whether nothing waits for it any more.
        answer: The result, unless it failed.
        failure: The error, if it failed.
    """

    __slots__ = (
        "answer", "begun", "body", "charges", "failure", "future", "health", "hold", "ids", "loop",
        "run", "sent", "sessions", "tallies", "withdrawn",
    )  # fmt: skip

    def __init__(
        self,
        run: Callable[[LedgerState, float], T],
        future: asyncio.Future[T],
        ids: tuple[str, ...] = (),
        charges: Sequence[Charge] = (),
        hold: Hold | None = None,
        *,
        sessions: tuple[str, ...] = (),
        health: bool = False,
        tallies: TallyBatch | None = None,
    ) -> None:
        self.run = run
        self.future = future
        self.loop = future.get_loop()
        self.ids = ids
        self.charges = charges
        self.sessions = sessions
        self.health = health
        self.tallies = tallies
        self.hold = hold
        self.body = "" if hold is None else encode(hold)
        self.sent = 0.0
        self.begun = False
        self.withdrawn = False
        self.answer: T | None = None
        self.failure: Exception | None = None


Requests: TypeAlias = list[VerbRequest[Any]]


class Worker(ABC):
    """A thread with a connection of its own.

    It starts with the first request, and ends with the process at the latest.

    Attributes:
        name: The name of the thread.
        reads: Whether its connection only reads.
        gate: Held while SQLite works, so that a fork can wait for that.
        connection: None while there is none.
    """

    name: ClassVar[str]
    reads: ClassVar[bool]

    def __init__(self, file: LedgerFile, clock: LedgerClock, memory: SeenState) -> None:
        self.file = file
        self.time = clock
        self.memory = memory
        self.gate = threading.Lock()
        self.connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
        self._broken = self._suspect = False
        self._collected: dict[asyncio.AbstractEventLoop, Requests] = {}
        self._queue: queue.SimpleQueue[Requests | None] = queue.SimpleQueue()
        self._taking = threading.Lock()
        self._thread: threading.Thread | None = None

    # -- for callers ---------------------------------------------------------------------------

    def submit(self, request: VerbRequest[Any]) -> None:
        """Run a verb in the thread; called in the loop of its future."""
        # All that a loop submits in one iteration is sent at the end of it: a thread that the first
        # request woke would hold the ledger's lock and wait for Python's, which the loop needs.
        collected = self._collected.get(request.loop)
        if collected is not None:
            collected.append(request)
            return
        self._collected[request.loop] = [request]
        request.loop.call_soon(self._send, request.loop)

    def _send(self, loop: asyncio.AbstractEventLoop) -> None:
        requests = self._collected.pop(loop)
        now = loop.time()
        for request in requests:
            request.sent = now
        self._queue.put(requests)
        with self._taking:
            if self._thread is None:
                name = f"policy-router {self.name}"
                self._thread = threading.Thread(target=self._run, name=name, daemon=True)
                self._thread.start()

    def withdraw(self, request: VerbRequest[Any]) -> bool:
        """Take a verb back. Returns False when it has begun."""
        with self._taking:
            request.withdrawn = not request.begun
            return request.withdrawn

    def end(self, patience: float) -> None:
        """Run what was submitted so far, and end the thread.

        Args:
            patience: Seconds to wait for that; a thread that waits for the ledger's lock ends once
                it gets it.
        """
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join(patience)

    # -- the thread --------------------------------------------------------------------------------

    def _run(self) -> None:
        going = True
        while going:
            requests: Requests = []
            with contextlib.suppress(queue.Empty):  # woken by the clock
                going = _put(self._queue.get(timeout=self._idle_time()), requests)
            going = self._take_turn(requests) and going
        self._finish()

    def _idle_time(self) -> float | None:
        """Seconds to wait for a request; None waits without end."""
        return None

    def _finish(self) -> None:
        """Close everything, at the end of the thread."""
        self._disconnect()

    def _take_turn(self, requests: Requests) -> bool:
        """Run requests and those that arrived in the meantime. Returns whether to go on."""
        going = self._gather(requests)
        with self.gate:
            self._process(requests)
        if self._broken:
            self._disconnect()
        answer_all(requests)
        return going

    def _gather(self, requests: Requests) -> bool:
        going = True
        with contextlib.suppress(queue.Empty):
            while going and len(requests) < BATCH:
                going = _put(self._queue.get_nowait(), requests)
        with self._taking:
            requests[:] = [request for request in requests if not request.withdrawn]
            for request in requests:
                request.begun = True
        return going

    def _process(self, requests: Requests) -> None:
        """Run every verb, so that each has an answer or a failure."""
        if not requests:
            return
        try:
            self._do(self._connected(), requests)
        except Exception as error:  # noqa: BLE001  the thread must outlive whatever happens
            self._rollback()
            if environment(error):
                self._broken = True
            elif len(requests) > 1:
                for request in requests:  # one of them is at fault; the others are not
                    self._process([request])
                return
            for request in requests:
                request.failure = self._translated(error)

    @abstractmethod
    def _do(self, connection: sqlite3.Connection, requests: Requests) -> None:
        """Run the verbs in one transaction, so that every one gets its answer."""

    # -- the connection ------------------------------------------------------------------------

    def _connected(self) -> sqlite3.Connection:
        status = self.file.path.stat()
        identity = status.st_dev, status.st_ino
        if self.connection is None:
            self.connection = self.file.open(reads=self.reads, thorough=self._suspect)
            self._identity, self._suspect = identity, False
        elif identity != self._identity:
            self._broken = True
            raise self.file.unusable(
                "it was replaced while in use", "try again: it is opened again"
            )
        return self.connection

    def _rollback(self) -> None:
        if self.connection is not None:
            with contextlib.suppress(sqlite3.Error):  # the error before this one is reported
                self.connection.rollback()

    def _disconnect(self) -> None:
        """Close the connection; when this thread does not hold the lock."""
        with self.file.closing():
            self.drop()

    def drop(self) -> None:
        """Close the connection. The caller holds the lock, or knows that this is not the last
        connection."""
        with self.gate:
            self.shut()

    def shut(self) -> None:
        """Close the connection. The caller holds the lock and the gate."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None
        self._suspect = self._suspect or self._broken
        self._broken = False

    def _translated(self, error: Exception) -> StoreError:
        translated = self.file.translated(error)
        if not (environment(error) or isinstance(translated, OperationError)):
            translated = OperationError(*translated.args)
        translated.__cause__ = error
        return translated


class Reader(Worker):
    """The thread that reads counters."""

    name = "reader"
    reads = True

    def _do(self, connection: sqlite3.Connection, requests: Requests) -> None:
        loaded = LoadedState(LedgerState())
        seen = self.memory.mark
        connection.execute("BEGIN")
        stored = sqlite_clock.load(connection, self.time.machine)
        now = self.time.look(stored).now
        history = History(connection, self.memory, seen, lambda _: now)
        counters = {c.counter.id: c.counter for request in requests for c in request.charges}
        load_counters(connection, loaded, counters.values(), now)
        sessions = [key for request in requests for key in request.sessions]
        if sessions:
            loaded.ledger.sessions = load_sessions(connection, sessions, now)
        if any(request.health for request in requests):
            loaded.ledger.health = load_health(connection, now)
        connection.execute("COMMIT")
        history.end()
        for request in requests:
            request.answer = request.run(loaded.ledger, now)


def environment(error: Exception) -> bool:
    """Whether the file or the machine is the cause of an error, rather than one verb."""
    if isinstance(error, sqlite3.DatabaseError):
        return type(error) in (sqlite3.DatabaseError, sqlite3.OperationalError)
    return isinstance(error, (OSError, StoreError))


def answer_all(requests: Requests) -> None:
    """Set the results of verbs, each in the loop of its future."""
    loops: dict[asyncio.AbstractEventLoop, Requests] = defaultdict(list)
    for request in requests:
        loops[request.loop].append(request)
    for loop, theirs in loops.items():
        with contextlib.suppress(RuntimeError):  # in a closed loop nothing waits
            loop.call_soon_threadsafe(_answer, theirs)


def _answer(requests: Requests) -> None:
    for request in requests:
        if not request.future.done():
            if request.failure is not None:
                request.future.set_exception(request.failure)
            else:
                request.future.set_result(request.answer)


def _put(some: Requests | None, requests: Requests) -> bool:
    if some is not None:
        requests += some
    return some is not None
