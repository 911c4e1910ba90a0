"""Writes to the database of a journal, each within one transaction."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, func, insert, select, update

from policy_router.domain.identity import bounded_id
from policy_router.journal.days import SECONDS
from policy_router.journal.derived import DerivedRows
from policy_router.journal.encoding import millionths
from policy_router.journal.engine import engine_of
from policy_router.journal.facets import FacetSums
from policy_router.journal.file import file_id, prepare_file
from policy_router.journal.migrations import migrate
from policy_router.journal.statements import JournalStatements
from policy_router.journal.tables import (
    BATCHES,
    COOLDOWNS,
    DAYS,
    FEEDBACK,
    OUTCOMES,
    RATINGS,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection

    from policy_router.domain.feedback import Feedback
    from policy_router.journal.address import JournalAddress
    from policy_router.journal.encoding import OutcomeRow

_log: Final = logging.getLogger(__name__)

REMEMBERED: Final = 86_400.0
"""Seconds for which batches are remembered: longer than a writer keeps trying to write one."""


class JournalDatabase:
    """The database of one journal, for one thread.

    Errors of the database are those of SQLAlchemy.

    Args:
        address: Where it is.

    Raises:
        UsageError: It is not an address.
        StoreError: A package is missing, or the file must not be used.
    """

    def __init__(self, address: JournalAddress) -> None:
        self._address = address
        self._file: tuple[int, int] | None = None
        self._engine = engine_of(address, writes=True)
        self._statements = JournalStatements.of(self._engine.dialect)
        self._derived = DerivedRows(self._engine.dialect)
        self._facets = FacetSums(self._engine.dialect.name)
        self._connection: Connection | None = None

    def prepare(self) -> None:
        """Bring it to the newest version, without writing anything else.

        Raises:
            StoreError: A newer version of the program has written it.
        """
        with self._transaction():
            pass
        self.close()

    def write(self, batch: str, rows: Sequence[OutcomeRow], now: float) -> None:
        """Write rows, what the checks say about them, and the sums of their days.

        Args:
            batch: Identifies them; a batch that was written before is left as it is.
            rows: As `encoding` makes them.
            now: Unix time.
        """
        with self._transaction() as connection:
            self._facets.write_beside_others(connection)
            if connection.execute(select(BATCHES.c.id).where(BATCHES.c.id == batch)).first():
                return
            connection.execute(insert(BATCHES), {"id": batch, "at": now})
            last = self._derived.last_row(connection)
            self._statements.outcomes.run(connection, rows)
            self._derived.add(connection, last)

    def rate(self, feedback: Feedback, tenants: Sequence[str | None] | None = None) -> bool:
        """Write feedback.

        Args:
            feedback: What was said.
            tenants: The tenants whose decisions it may be about; None for any.

        Returns:
            Whether the journal knows such a decision, and that its request has ended.
        """
        last = select(OUTCOMES.c.tenant).where(
            OUTCOMES.c.decision == feedback.decision, OUTCOMES.c.ending.is_not(None)
        )
        answer = (
            select(OUTCOMES)
            .where(OUTCOMES.c.decision == feedback.decision, OUTCOMES.c.served == 1)
            .order_by(OUTCOMES.c.id.desc())
            .limit(1)
            .with_for_update()
        )
        with self._transaction() as connection:
            known = connection.execute(last).first()
            if known is None or not _may_rate(known.tenant, tenants):
                return False
            served = connection.execute(answer).mappings().first()
            self._remember(connection, feedback)
            if served is not None:
                self._rate(connection, dict(served))
        return True

    def suspend(self, cooldowns: Sequence[dict[str, object]]) -> None:
        """Write cooldowns; one that was written before is left as it is.

        Args:
            cooldowns: Their rows, as `encoding` makes them.
        """
        with self._transaction() as connection:
            connection.execute(self._statements.cooldowns, list(cooldowns))

    def sum_up(self, most: int, *, at_least: int = 1) -> int:
        """Add rows that were written to the sums of facets; see `facets`.

        Args:
            most: How many rows at most.
            at_least: Nothing is done where fewer rows wait for it.

        Returns:
            How many rows are left.
        """
        with self._transaction() as connection:
            last = self._facets.last_row(connection)
        with self._transaction() as connection:
            return self._facets.add(connection, last, most, at_least)

    def forget(self, before: float, most: int, now: float) -> int:
        """Delete what is older than a Unix time; the sums of days by model and task stay.

        Args:
            before: The Unix time.
            most: How many rows to delete at most.
            now: Unix time.

        Returns:
            How many rows of outcomes were deleted.
        """
        with self._transaction() as connection:
            for table in (FEEDBACK, RATINGS, COOLDOWNS):
                connection.execute(delete(table).where(table.c.at < before))
            connection.execute(delete(BATCHES).where(BATCHES.c.at < now - REMEMBERED))
            old = select(OUTCOMES.c.id).where(OUTCOMES.c.at < before).limit(most)
            deleted = connection.execute(delete(OUTCOMES).where(OUTCOMES.c.id.in_(old))).rowcount
            if deleted:
                self._facets.forget(connection, before)
            return int(deleted)

    def close(self) -> None:
        """Close the connection; the next use opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def abandon(self) -> None:
        """Forget the connection without closing it: in a forked child it is the parent's."""
        if self._connection is not None:
            self._connection.detach()
            _ABANDONED.append(self._connection)
            self._connection = None

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        if self._connection is not None and self._file != file_id(self._address):
            _log.warning("the journal `%s` was replaced and is opened again", self._address)
            self.close()
        connection = self._connection
        if connection is None:
            if self._address.file is not None:
                prepare_file(self._address.file.absolute())
            connection = self._engine.connect()
            try:
                with connection.begin():
                    migrate(connection)
            except BaseException:
                connection.close()
                raise
            self._connection, self._file = connection, file_id(self._address)
        try:
            with connection.begin():
                yield connection
        except BaseException:
            self.close()
            raise

    def _remember(self, connection: Connection, feedback: Feedback) -> None:
        """Add feedback to the history, and to what counts unless its source has said more since."""
        said = {name: getattr(feedback, name) for name in ("id", "decision", "source", "at")}
        history = said | {"label": feedback.label, "score": feedback.score}
        connection.execute(self._statements.feedback, history)
        counted = said | {"rating": millionths(feedback.score)}
        connection.execute(self._statements.ratings, counted)

    def _rate(self, connection: Connection, served: dict[str, Any]) -> None:
        """Add up what counts for the answer of a decision, on its row and in its day."""
        of_decision = RATINGS.c.decision == served["decision"]
        sums = select(func.count(), func.coalesce(func.sum(RATINGS.c.rating), 0))
        rated, rating = connection.execute(sums.where(of_decision)).one()
        change = {"rated": rated - served["rated"], "rating": int(rating) - served["rating"]}
        if not any(change.values()):
            return
        row = update(OUTCOMES).where(OUTCOMES.c.id == served["id"])
        connection.execute(row.values(rated=rated, rating=int(rating)))
        of_day = {
            "day": int(served["at"] // SECONDS),
            "task": served["task"] or "",
            "band": served["band"] or "",
            "model": served["model"],
            "role": served["role"],
        }
        more = {name: DAYS.c[name] + number for name, number in change.items()}
        connection.execute(update(DAYS).filter_by(**of_day).values(more))
        self._facets.rate(connection, served, change)


def _may_rate(tenant: str | None, tenants: Sequence[str | None] | None) -> bool:
    """Whether a decision of a tenant, as its row has it, is one of those that may be rated."""
    return tenants is None or tenant in {None if t is None else bounded_id(t) for t in tenants}


_ABANDONED: Final[list[Any]] = []
"""Connections of the parent, which a forked child must neither use nor close."""
