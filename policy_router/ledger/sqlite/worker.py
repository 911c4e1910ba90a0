"""A thread that does what event loops ask of a SQLite ledger, all that waits at once."""

from __future__ import annotations

import contextlib
import queue
import sqlite3
import threading
from abc import ABC, abstractmethod
from collections import defaultdict
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, TypeAlias, TypeVar

from policy_router.errors import StoreError, VerbError
from policy_router.ledger.engine import LedgerState
from policy_router.ledger.sqlite import clock as sqlite_clock
from policy_router.ledger.sqlite.codec import encode
from policy_router.ledger.sqlite.continuity import History
from policy_router.ledger.sqlite.rows import LoadedState, load_counters

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

    from policy_router.domain.limits import Charge
    from policy_router.ledger.continuity import SeenState
    from policy_router.ledger.sqlite.clock import LedgerClock
    from policy_router.ledger.sqlite.file import LedgerFile
    from policy_router.ledger.store import Hold

T = TypeVar("T")

TOGETHER: Final = 256
"""Verbs of one transaction, at most."""


class VerbRequest(Generic[T]):
    """A verb that waits for a thread.

    run: the verb, on what was loaded. ids, charges: what it touches. hold: a new one; body: the
    same as text. sent: when, in its loop's time. begun: a thread has taken it. withdrawn: nobody
    waits for it any more.
    """

    __slots__ = (
        "answer", "begun", "body", "charges", "failure", "future", "hold", "ids", "loop", "run",
        "sent", "withdrawn",
    )  # fmt: skip

    def __init__(
        self,
        run: Callable[[LedgerState, float], T],
        future: asyncio.Future[T],
        ids: tuple[str, ...] = (),
        charges: Sequence[Charge] = (),
        hold: Hold | None = None,
    ) -> None:
        self.run = run
        self.future = future
        self.loop = future.get_loop()
        self.ids = ids
        self.charges = charges
        self.hold = hold
        self.body = "" if hold is None else encode(hold)
        self.sent = 0.0
        self.begun = False
        self.withdrawn = False
        self.answer: T | None = None
        self.failure: Exception | None = None


Asks: TypeAlias = list[VerbRequest[Any]]


class Worker(ABC):
    """A thread with a connection of its own. It starts when it is first asked, and ends with the
    process at the latest.

    gate: held while SQLite is at work, so that a fork can wait for that.
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
        self._spoiled = self._doubted = False
        self._collected: dict[asyncio.AbstractEventLoop, Asks] = {}
        self._queue: queue.SimpleQueue[Asks | None] = queue.SimpleQueue()
        self._taking = threading.Lock()
        self._thread: threading.Thread | None = None

    # -- for those who ask -----------------------------------------------------------------------

    def ask(self, ask: VerbRequest[Any]) -> None:
        """Have a verb done and its future answered; on the thread of its loop."""
        # All that a loop asks in one go is sent at its end: a thread that was woken by the first
        # would have the ledger's lock and wait for Python's, which the loop still needs.
        collected = self._collected.get(ask.loop)
        if collected is not None:
            collected.append(ask)
            return
        self._collected[ask.loop] = [ask]
        ask.loop.call_soon(self._send, ask.loop)

    def _send(self, loop: asyncio.AbstractEventLoop) -> None:
        asks = self._collected.pop(loop)
        now = loop.time()
        for ask in asks:
            ask.sent = now
        self._queue.put(asks)
        with self._taking:
            if self._thread is None:
                name = f"policy-router {self.name}"
                self._thread = threading.Thread(target=self._live, name=name, daemon=True)
                self._thread.start()

    def withdraw(self, ask: VerbRequest[Any]) -> bool:
        """Take a verb back; False when it has begun."""
        with self._taking:
            ask.withdrawn = not ask.begun
            return ask.withdrawn

    def end(self, patience: float) -> None:
        """Do what was asked so far and end. Waits for that, but not for ever: a thread that waits
        for the ledger's lock ends when it gets it."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join(patience)

    # -- the thread --------------------------------------------------------------------------------

    def _live(self) -> None:
        going = True
        while going:
            asks: Asks = []
            with contextlib.suppress(queue.Empty):  # woken by the clock
                going = _put(self._queue.get(timeout=self._rest()), asks)
            going = self._round(asks) and going
        self._leave()

    def _rest(self) -> float | None:
        """Seconds to wait for something to do; None is without end."""
        return None

    def _leave(self) -> None:
        """Lets go of everything, at the end."""
        self._part()

    def _round(self, asks: Asks) -> bool:
        """Does what is asked, and what was asked meanwhile; whether to go on."""
        going = self._gather(asks)
        with self.gate:
            self._serve(asks)
        if self._spoiled:
            self._part()
        deliver(asks)
        return going

    def _gather(self, asks: Asks) -> bool:
        going = True
        with contextlib.suppress(queue.Empty):
            while going and len(asks) < TOGETHER:
                going = _put(self._queue.get_nowait(), asks)
        with self._taking:
            asks[:] = [ask for ask in asks if not ask.withdrawn]
            for ask in asks:
                ask.begun = True
        return going

    def _serve(self, asks: Asks) -> None:
        """Has every verb answered or failed."""
        if not asks:
            return
        try:
            self._do(self._connected(), asks)
        except Exception as error:  # noqa: BLE001  the thread must outlive whatever happens
            self._undo()
            if environment(error):
                self._spoiled = True
            elif len(asks) > 1:
                for ask in asks:  # one of them cannot be done; the others can
                    self._serve([ask])
                return
            for ask in asks:
                ask.failure = self._worded(error)

    @abstractmethod
    def _do(self, connection: sqlite3.Connection, asks: Asks) -> None:
        """Do it in one transaction: every verb gets its answer."""

    # -- the connection ------------------------------------------------------------------------

    def _connected(self) -> sqlite3.Connection:
        status = self.file.path.stat()
        identity = status.st_dev, status.st_ino
        if self.connection is None:
            self.connection = self.file.open(reads=self.reads, thorough=self._doubted)
            self._identity, self._doubted = identity, False
        elif identity != self._identity:
            self._spoiled = True
            raise self.file.unusable(
                "it was replaced while in use", "it is opened anew when it is asked again"
            )
        return self.connection

    def _undo(self) -> None:
        if self.connection is not None:
            with contextlib.suppress(sqlite3.Error):  # the error before this one is told
                self.connection.rollback()

    def _part(self) -> None:
        """Closes the connection, when this thread does not have the lock."""
        with self.file.closing():
            self.drop()

    def drop(self) -> None:
        """Close the connection. Who calls has the lock, or knows that this is not the last one."""
        with self.gate:
            self.shut()

    def shut(self) -> None:
        """The same, for who has the gate."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None
        self._doubted = self._doubted or self._spoiled
        self._spoiled = False

    def _worded(self, error: Exception) -> StoreError:
        found = self.file.translated(error)
        if not (environment(error) or isinstance(found, VerbError)):
            found = VerbError(*found.args)
        found.__cause__ = error
        return found


class Reader(Worker):
    """Answers what counters show."""

    name = "reader"
    reads = True

    def _do(self, connection: sqlite3.Connection, asks: Asks) -> None:
        page = LoadedState(LedgerState())
        seen = self.memory.mark
        connection.execute("BEGIN")
        stored = sqlite_clock.load(connection, self.time.machine)
        now = self.time.look(stored).now
        history = History(connection, self.memory, seen, lambda _: now)
        counters = {c.counter.id: c.counter for ask in asks for c in ask.charges}
        load_counters(connection, page, counters.values(), now)
        connection.execute("COMMIT")
        history.end()
        for ask in asks:
            ask.answer = ask.run(page.tables, now)


def environment(error: Exception) -> bool:
    """Whether an error lies in the file or the machine, not in one verb."""
    if isinstance(error, sqlite3.DatabaseError):
        return type(error) in (sqlite3.DatabaseError, sqlite3.OperationalError)
    return isinstance(error, (OSError, StoreError))


def deliver(asks: Asks) -> None:
    """Has every loop tell its callers what came of their verbs."""
    loops: dict[asyncio.AbstractEventLoop, Asks] = defaultdict(list)
    for ask in asks:
        loops[ask.loop].append(ask)
    for loop, theirs in loops.items():
        with contextlib.suppress(RuntimeError):  # a loop that was closed waits for nothing
            loop.call_soon_threadsafe(_answer, theirs)


def _answer(asks: Asks) -> None:
    for ask in asks:
        if not ask.future.done():
            if ask.failure is not None:
                ask.future.set_exception(ask.failure)
            else:
                ask.future.set_result(ask.answer)


def _put(some: Asks | None, asks: Asks) -> bool:
    if some is not None:
        asks += some
    return some is not None
