"""What the thread of a journal does: it writes batches, tries again, and deletes what is old."""

from __future__ import annotations

import logging
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

from policy_router.domain.outcome import Outcome
from policy_router.errors import StoreError, UnknownDecisionError
from policy_router.events import BreakerChanged
from policy_router.journal.causes import cause_of
from policy_router.journal.encoding import cooldown_row, row_of
from policy_router.journal.rows import Kept, outcomes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from policy_router.domain.facts import Vocabulary
    from policy_router.domain.feedback import Feedback
    from policy_router.domain.models import Model
    from policy_router.journal.address import JournalAddress
    from policy_router.journal.database import JournalDatabase
    from policy_router.journal.encoding import OutcomeRow

_log: Final = logging.getLogger(__name__)

BATCH: Final = 1_000
"""Rows of one transaction, at most."""
SLICE: Final = 4
"""Requests whose rows are made before other threads of the process get their turn."""
PAUSE: Final = 5e-5
"""Seconds of that turn; see `statements`."""
KEPT: Final = 50_000
"""Rows that are kept while the journal is unreachable; beyond it, new ones are dropped."""
PAUSES: Final = (1.0, 30.0)
"""Seconds between two tries to reach a journal: at first, and at most."""
LOOKS: Final = 0.05
"""Seconds between two looks for the request that some feedback is about."""
CLEANING: Final = 600.0
"""Seconds between two deletions of old rows."""
SUMMED: Final = 10_000
"""Rows that are added to the sums of facets in one transaction, as soon as so many are not."""
QUIET: Final = 1_000
"""Requests that end in a second; while there are more, these sums wait."""
LATE: Final = 100_000
"""Rows that are not in these sums, from which on they do not wait."""
SUMMING: Final = 1.0
"""Seconds until these sums go on, where no request ends."""
_COOLDOWNS: Final = 1_000
"""Cooldowns that are kept while the journal is unreachable; of more, the latest."""
_OLD: Final = 2_000
"""Rows that are deleted in one transaction."""


@dataclass(slots=True)
class FeedbackCall:
    """Feedback whose caller waits until it is written.

    Attributes:
        feedback: What is said.
        tenants: The tenants whose decisions it may be about; None for any.
        until: Until when it waits for its request to end, by `time.monotonic`.
        done: Ends when it is written.
    """

    feedback: Feedback
    tenants: Sequence[str | None] | None
    until: float
    done: Future[None] = field(default_factory=Future)


Item: TypeAlias = Kept | Outcome | FeedbackCall | BreakerChanged
"""What a journal takes."""


@dataclass(frozen=True, slots=True)
class WriterHooks:
    """What a writer asks and tells.

    Attributes:
        keep: Gives the seconds for which rows are kept; None deletes none.
        models: Gives the models of the policy, by name, where answers are compared with the
            cheapest one that fits; else None.
        vocabulary: Gives the facts that the policy declares; None keeps none of them.
        on_change: Gets whether the journal can be reached, and why not, when that changes.
        on_drop: Gets how many outcomes were not written, and why.
    """

    keep: Callable[[], float | None]
    models: Callable[[], Mapping[str, Model] | None]
    vocabulary: Callable[[], Vocabulary | None]
    on_change: Callable[[bool, str], None]
    on_drop: Callable[[int, str], None]


class JournalWriter:
    """Writes to a journal, in one thread.

    Args:
        address: Where it is.
        clock: Gives Unix time.
        new_id: Makes the ids of batches.
        hooks: What it asks and tells.
    """

    def __init__(
        self,
        address: JournalAddress,
        clock: Callable[[], float],
        new_id: Callable[[], str],
        hooks: WriterHooks,
    ) -> None:
        self.hooks = hooks
        self._address = address
        self._clock = clock
        self._new_id = new_id
        self._database: JournalDatabase | None = None
        self._unwritten: deque[tuple[str, list[OutcomeRow]]] = deque()
        self._kept = 0
        self._cooldowns: deque[dict[str, object]] = deque(maxlen=_COOLDOWNS)
        self._asked: list[FeedbackCall] = []
        self._up = True
        self._again = 0.0
        self._pause = PAUSES[0]
        self._cleaned = -CLEANING
        self._stepped = time.monotonic()
        self._unsummed = SUMMED  # as far as is known: a process may have left some

    @property
    def pause(self) -> float | None:
        """Seconds after which there is something to do without new items; None for never."""
        if self._asked:
            return LOOKS
        if self._unwritten or self._cooldowns:
            return max(0.0, self._again - time.monotonic())
        return SUMMING if self._up and self._database and self._unsummed >= SUMMED else None

    def step(self, items: Sequence[Item], *, last: bool = False) -> None:
        """Write items, and what could not be written before.

        Args:
            items: What was taken since.
            last: Whether there is no further step, so that what cannot be written is dropped.
        """
        quiet = self._is_quiet(len(items))
        self._gather(items)
        if last or time.monotonic() >= self._again:
            self._write()
        self._rate(last=last)
        if last and self._unwritten:
            self._forget_unwritten()
        elif self._up and time.monotonic() - self._cleaned >= CLEANING:
            self._clean()
        elif self._up and self._unsummed >= (SUMMED if quiet else LATE):
            self._sum_up()

    def _is_quiet(self, number: int) -> bool:
        """Whether few requests ended since the last step, of which there are `number` items."""
        last, self._stepped = self._stepped, time.monotonic()
        return number <= QUIET * (self._stepped - last)

    def close(self) -> None:
        """Close the database."""
        if self._database is not None:
            self._database.close()

    def abandon(self) -> None:
        """Leave the database as it is: in a forked child it is the parent's."""
        if self._database is not None:
            self._database.abandon()

    def _gather(self, items: Iterable[Item]) -> None:
        """Make rows of items, and batches of rows."""
        rows: list[OutcomeRow] = []
        models = self.hooks.models()
        vocabulary = self.hooks.vocabulary()
        for number, item in enumerate(items):
            if isinstance(item, FeedbackCall):
                if item.done.set_running_or_notify_cancel():
                    self._asked.append(item)
                continue
            if isinstance(item, BreakerChanged):
                self._cooldowns.append(cooldown_row(item))
                continue
            try:
                outcomes = (
                    [item] if isinstance(item, Outcome) else outcomes_of(item, models, vocabulary)
                )
                rows += [row_of(outcome) for outcome in outcomes]
            except Exception as error:  # noqa: BLE001  one of them must not end the thread
                self.hooks.on_drop(1, f"it cannot be read: {type(error).__name__}")
            if number % SLICE == SLICE - 1:
                time.sleep(PAUSE)
        room = max(0, KEPT - self._kept)
        if len(rows) > room:
            self.hooks.on_drop(len(rows) - room, "too many wait for the journal to be reached")
            del rows[room:]
        for start in range(0, len(rows), BATCH):
            self._unwritten.append((self._new_id(), rows[start : start + BATCH]))
        self._kept += len(rows)

    def _write(self) -> None:
        while self._unwritten:
            batch, rows = self._unwritten[0]
            try:
                self._opened().write(batch, rows, self._clock())
            except Exception as error:  # noqa: BLE001  whatever it is, no request may suffer from it
                if not self._drops(error, batch, rows):
                    self._down(error)
                    return
            else:
                self._reached()
                self._unsummed += len(rows)
            self._unwritten.popleft()
            self._kept -= len(rows)
        if self._cooldowns:
            self._suspend()

    def _suspend(self) -> None:
        """Write cooldowns."""
        try:
            self._opened().suspend(list(self._cooldowns))
        except Exception as error:  # noqa: BLE001  as above
            self._down(error)
        else:
            self._reached()
            self._cooldowns.clear()

    def _drops(self, error: Exception, batch: str, rows: list[OutcomeRow]) -> bool:
        """Write the rows of a batch that the database refuses one by one, and drop those that it
        refuses again. False where the database itself cannot be used."""
        if not _is_about_values(error):
            return False
        refused = 0
        for number, row in enumerate(rows):
            try:
                self._opened().write(f"{batch}-{number}", [row], self._clock())
            except Exception as problem:  # noqa: BLE001  as above
                if not _is_about_values(problem):
                    return False  # what is written by now is skipped the next time
                refused += 1
        if refused:
            self.hooks.on_drop(refused, "the database refuses a value")
        return True

    def _rate(self, *, last: bool) -> None:
        """Write feedback; what is about a request that may be under way waits."""
        asked, self._asked = self._asked, []
        for call in asked:
            if not self._up:
                away = StoreError(f"the journal `{self._address}` cannot be reached")
                call.done.set_exception(away)
                continue
            try:
                known = self._opened().rate(call.feedback, call.tenants)
            except StoreError as error:
                call.done.set_exception(error)
            except Exception as error:  # noqa: BLE001  whatever it is, the caller is told
                if not _is_about_values(error):
                    self._down(error)
                call.done.set_exception(
                    StoreError(f"the feedback was not written: {cause_of(error)}")
                )
            else:
                if known:
                    call.done.set_result(None)
                elif last or time.monotonic() >= call.until:
                    call.done.set_exception(UnknownDecisionError(call.feedback.decision))
                else:
                    self._asked.append(call)

    def _clean(self) -> None:
        """Delete rows that are older than the policy keeps them, a part at a time."""
        now, keep = self._clock(), self.hooks.keep()
        if keep is None:
            self._cleaned = time.monotonic()
            return
        try:
            number = self._opened().forget(now - keep, _OLD, now)
        except Exception as error:  # noqa: BLE001  as above
            self._down(error)
            return
        if number < _OLD:
            self._cleaned = time.monotonic()

    def _sum_up(self) -> None:
        """Add rows to the sums of facets, where there are enough of them."""
        try:
            self._unsummed = self._opened().sum_up(SUMMED, at_least=SUMMED)
        except Exception as error:  # noqa: BLE001  as above
            self._down(error)

    def _forget_unwritten(self) -> None:
        self.hooks.on_drop(self._kept, "the journal could not be reached when it was closed")
        self._unwritten.clear()
        self._kept = 0

    def _opened(self) -> JournalDatabase:
        if self._database is None:
            from policy_router.journal.database import JournalDatabase  # noqa: PLC0415  SQLAlchemy is slow to import

            self._database = JournalDatabase(self._address)
        return self._database

    def _down(self, error: Exception) -> None:
        self._again = time.monotonic() + self._pause
        self._pause = min(self._pause * 2, PAUSES[1])
        if self._up:
            self._up = False
            why = cause_of(error)
            _log.error("the journal `%s` cannot be reached: %s", self._address, why)
            self.hooks.on_change(False, why)

    def _reached(self) -> None:
        self._pause = PAUSES[0]
        if not self._up:
            self._up = True
            _log.warning("the journal `%s` can be reached again", self._address)
            self.hooks.on_change(True, "")


def _is_about_values(error: Exception) -> bool:
    """Whether the database refuses what it was given, and works."""
    from sqlalchemy.exc import (  # noqa: PLC0415  SQLAlchemy is slow to import
        DataError,
        DBAPIError,
        IntegrityError,
        InterfaceError,
        ProgrammingError,
    )

    if isinstance(error, DBAPIError):
        about = isinstance(error, DataError | IntegrityError | InterfaceError | ProgrammingError)
        # A sum that SQLite cannot hold is an error of its operation.
        about = about or "integer overflow" in str(error.orig)
        return about and not error.connection_invalidated
    return isinstance(error, OverflowError | TypeError | ValueError)
