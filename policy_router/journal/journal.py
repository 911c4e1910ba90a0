"""Keeps the outcome of every call, in batches and off the path of requests.

    router = Router.open("policies/", journal="sqlite:///journal.db")
    for sums in router.journal.reader().sums(by=["model"]):
        ...

A thread writes as soon as a hundred items wait, or after a fifth of a second. A process that is
killed loses what was not written yet; a journal that is unreachable costs no request.
"""

from __future__ import annotations

import asyncio
import atexit
import threading
import time
from collections import deque
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final, Protocol, Self

from policy_router.domain.feedback import from_someone
from policy_router.errors import StoreError
from policy_router.events import (
    Answered,
    BreakerChanged,
    EstimatedComplexity,
    Exhausted,
    JudgedAnswer,
)
from policy_router.ids import Ids
from policy_router.journal.address import JournalAddress
from policy_router.journal.file import prepare_file
from policy_router.journal.writing import FeedbackCall, JournalWriter, WriterHooks
from policy_router.resilience import forks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from policy_router.domain.facts import Vocabulary
    from policy_router.domain.feedback import Feedback, GivenFeedback
    from policy_router.domain.models import Model
    from policy_router.domain.outcome import Outcome
    from policy_router.events import Event
    from policy_router.journal.reader import JournalReader
    from policy_router.journal.writing import Item

GATHERING: Final = 0.2
"""Seconds for which outcomes are gathered before they are written, at most."""
GATHERED: Final = 100
"""Items that are written without waiting for more. What waits is alive while Python looks for
garbage, which stops every thread: with some hundred objects it does so often, and for long."""
WAITING: Final = 20_000
"""The most requests whose outcomes wait to be written; beyond it, new ones are dropped and
counted."""
PATIENCE: Final = 2.0
"""Seconds for which feedback waits until its request has ended and is written."""
_OPENED: Final = "opened"
"""The step of a breaker with which a cooldown begins."""
_KINDS: Final = frozenset({Answered, Exhausted, JudgedAnswer, EstimatedComplexity})


class JournalEvents(Protocol):
    """Gets what happens to a journal, such as the events of a router."""

    def journal_changed(self, up: bool, detail: str) -> None:
        """The journal became unreachable (not `up`), or is back."""

    def outcomes_dropped(self, number: int, detail: str) -> None:
        """It did not keep some outcomes."""


class Journal:
    """An observer of events that keeps outcomes in a database.

    Several processes may write to one journal. Close it to write what waits; a router closes the
    one that it was opened with.

    Attributes:
        address: Where it is; as text it has no password.
        dropped: How many outcomes were not written: too many waited, or the journal was out of
            reach when it was closed.
    """

    def __init__(
        self,
        address: JournalAddress | str,
        *,
        clock: Callable[[], float] = time.time,
        keep: Callable[[], float | None] = lambda: None,
        on_change: Callable[[bool, str], None] = lambda _up, _detail: None,
        on_drop: Callable[[int, str], None] = lambda _number, _why: None,
        waiting: int = WAITING,
        patience: float = PATIENCE,
    ) -> None:
        """Prepare a journal; the database is opened when the first row is written.

        Args:
            address: Where it is; see `policy_router.journal.address`.
            clock: Gives Unix time.
            keep: Gives the seconds for which rows are kept; None deletes none.
            on_change: Gets whether the journal can be reached, and why not, when that changes.
            on_drop: Gets how many outcomes were not written, and why.
            waiting: The most requests whose outcomes wait to be written.
            patience: Seconds for which feedback waits until its request has ended and is written.

        Raises:
            UsageError: It is not an address.
            StoreError: A package is missing, or the file cannot be created.
        """
        self.address = JournalAddress.parse(address) if isinstance(address, str) else address
        if self.address.file is not None:
            file = self.address.file.absolute()  # the same wherever the program goes later
            self.address = replace(self.address, file=file)
            prepare_file(file)
        elif find_spec("psycopg") is None:
            raise StoreError(
                "the package `psycopg` is not installed: `pip install policy-router[postgres]`"
            )
        self.dropped = 0
        self._clock = clock
        self._keep = keep
        self._models: Callable[[], Mapping[str, Model] | None] = lambda: None
        self._vocabulary: Callable[[], Vocabulary | None] = lambda: None
        self._on_change = on_change
        self._on_drop = on_drop
        self._new_id = Ids(clock)
        self._most = waiting
        self._patience = patience
        self._begin()
        forks.follow(self)

    def _begin(self) -> None:
        self._waiting: deque[Item] = deque()
        self._changed = threading.Condition(threading.Lock())
        self._thread: threading.Thread | None = None
        self._closed = False
        self._idle = True
        self._hurry = 0
        self._taken = 0
        self._settled = 0
        self._refused = 0
        self._writer = JournalWriter(
            self.address,
            self._clock,
            self._new_id,
            WriterHooks(self._seconds_kept, self._compared, self._declared, self._say, self._drop),
        )

    def report_to(
        self,
        events: JournalEvents,
        keep: Callable[[], float],
        models: Callable[[], Mapping[str, Model] | None] = lambda: None,
        vocabulary: Callable[[], Vocabulary | None] = lambda: None,
    ) -> None:
        """Report to the router that the journal belongs to.

        Args:
            events: Gets what happens to the journal.
            keep: Gives the seconds for which rows are kept.
            models: Gives the models of the policy, by name, where answers are compared with the
                cheapest one that fits; else None.
            vocabulary: Gives the facts that the policy declares, which are kept of requests.
        """
        self._on_change, self._on_drop = events.journal_changed, events.outcomes_dropped
        self._keep, self._models, self._vocabulary = keep, models, vocabulary

    # -- writing -----------------------------------------------------------------------------

    def __call__(self, event: Event) -> None:
        """Take a request that has ended, a call that is none of its attempts, or a cooldown."""
        if type(event) in _KINDS or (type(event) is BreakerChanged and event.step == _OPENED):
            self._put(event)  # type: ignore[arg-type]  # one of these kinds

    def add(self, outcome: Outcome) -> None:
        """Take the outcome of a call that was made elsewhere."""
        self._put(outcome)

    async def feedback(
        self, feedback: Feedback, tenants: Sequence[str | None] | None = None
    ) -> None:
        """Write what somebody says about an answer, and wait until it is written.

        Args:
            feedback: What is said. It gets an id and, where it has none, the present time.
            tenants: The tenants whose decisions it may be about; None for any.

        Raises:
            UnknownDecisionError: The journal has no such decision of such a tenant.
            StoreError: The journal cannot be reached.
            UsageError: Its source is that of the policy's own checks, or the journal is closed.
        """
        from_someone(feedback)
        feedback = replace(feedback, id=self._new_id(), at=feedback.at or self._clock())
        call = FeedbackCall(feedback, tenants, time.monotonic() + self._patience)
        self._put(call)
        await asyncio.wrap_future(call.done)

    def flush(self) -> None:
        """Wait until everything that was taken before is written or dropped."""
        with self._changed:
            wanted = self._taken
            self._hurry += 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._settled >= wanted)
            self._hurry -= 1

    def close(self) -> None:
        """Write what waits and close the database; may be called twice."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join()
            atexit.unregister(self.close)

    async def aclose(self) -> None:
        """Do what `close` does, without blocking the event loop."""
        await asyncio.to_thread(self.close)

    async def prepare(self) -> None:
        """Import what writes to the database, in a thread; the first outcome would do it else."""
        await asyncio.to_thread(self._import)

    def _import(self) -> None:
        from policy_router.journal.database import JournalDatabase  # noqa: PLC0415  SQLAlchemy is slow to import

        JournalDatabase(self.address)  # imports the driver, and connects only when it writes

    def reader(self) -> JournalReader:
        """Read the journal, from any thread. What waits to be written is not seen; see `flush`.

        Raises:
            StoreError: It cannot be read.
        """
        from policy_router.journal.reader import JournalReader  # noqa: PLC0415  SQLAlchemy is slow to import

        return JournalReader(self.address)

    def feedback_since(self, since: float) -> Sequence[GivenFeedback]:
        """What people and programs said of answers from a Unix time on, by any process.

        Raises:
            StoreError: It cannot be read.
        """
        with self.reader() as reader:
            return reader.feedback_since(since)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def after_fork_in_child(self) -> None:
        """Start again: what waits is written by the parent, whose thread does not run here."""
        self._writer.abandon()
        self._begin()

    # -- the thread --------------------------------------------------------------------------

    def _put(self, item: Item) -> None:
        with self._changed:
            if self._closed or len(self._waiting) >= self._most:
                self._refuse(item)
                return
            self._waiting.append(item)
            self._taken += 1
            if self._idle:
                self._idle = False
                if self._thread is None:
                    self._start()
                self._changed.notify_all()
            elif len(self._waiting) == GATHERED:
                self._changed.notify_all()

    def _refuse(self, item: Item) -> None:
        if isinstance(item, FeedbackCall):
            item.done.set_exception(StoreError("the journal is closed, or too much waits for it"))
        else:
            self.dropped += 1
            self._refused += 1

    def _start(self) -> None:
        self._thread = threading.Thread(
            target=self._serve, name="policy-router-journal", daemon=True
        )
        self._thread.start()
        atexit.register(self.close)

    def _serve(self) -> None:
        while True:
            with self._changed:
                self._idle = not self._waiting
                self._changed.wait_for(lambda: self._waiting or self._closed, self._writer.pause)
                self._idle = False
                self._changed.wait_for(self._is_due, GATHERING)
                items = list(self._waiting)
                self._waiting.clear()
                refused, self._refused = self._refused, 0
                last = self._closed
            if refused:
                self._on_drop(refused, "too many wait to be written")
            self._writer.step(items, last=last)
            with self._changed:
                self._settled += len(items)
                self._changed.notify_all()
            if last:
                self._writer.close()
                return

    def _is_due(self) -> bool:
        return len(self._waiting) >= GATHERED or self._hurry > 0 or self._closed

    def _seconds_kept(self) -> float | None:
        return self._keep()

    def _compared(self) -> Mapping[str, Model] | None:
        return self._models()

    def _declared(self) -> Vocabulary | None:
        return self._vocabulary()

    def _say(self, up: bool, detail: str) -> None:
        self._on_change(up, detail)

    def _drop(self, number: int, why: str) -> None:
        self.dropped += number
        self._on_drop(number, why)
