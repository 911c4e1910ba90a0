"""Writes to the database of a journal, each within one transaction."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from policy_router.domain.feedback import OF_CHECKS, Feedback
from policy_router.journal.days import NAMES, DaySums, key_of
from policy_router.journal.encoding import millionths
from policy_router.journal.engine import engine_of
from policy_router.journal.migrations import migrate
from policy_router.journal.tables import (
    BATCHES,
    DAY_KEY,
    DAY_LATENCIES,
    DAYS,
    FEEDBACK,
    OUTCOMES,
    RATINGS,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import BindParameter, Connection, Dialect, Insert, Table

    from policy_router.journal.address import JournalAddress

SLICE: Final = 10
"""Rows that are written before other threads of the process get their turn."""
PAUSE: Final = 5e-5
"""Seconds of that turn: without a pause, the thread that serves requests waits for Python's
interpreter for as long as the interpreter lets one thread run, which is 5 ms."""
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
        self._engine = engine_of(address, writes=True)
        self._statements = UpsertStatements.of(self._engine.dialect.name)
        self._insert = OutcomeInsert(self._engine.dialect)
        self._connection: Connection | None = None

    def prepare(self) -> None:
        """Bring it to the newest version, without writing anything else.

        Raises:
            StoreError: A newer version of the program has written it.
        """
        with self._transaction():
            pass
        self.close()

    def write(self, batch: str, rows: Sequence[dict[str, Any]], now: float) -> None:
        """Write rows, what the checks say of them, and the sums of their days.

        Args:
            batch: Identifies them; a batch that was written before is left as it is.
            rows: As `encoding` makes them.
            now: Unix time.
        """
        verdicts = [verdict for row in rows if (verdict := _verdict(row)) is not None]
        days = DaySums()
        with self._transaction() as connection:
            if connection.execute(select(BATCHES.c.id).where(BATCHES.c.id == batch)).first():
                return
            connection.execute(insert(BATCHES), {"id": batch, "at": now})
            for start in range(0, len(rows), SLICE):
                part = rows[start : start + SLICE]
                connection.exec_driver_sql(self._insert.sql, self._insert.parameters(part))
                for row in part:
                    days.add(row)
                time.sleep(PAUSE)
            self._remember(connection, verdicts)
            self._add(connection, days)

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
            if known is None or (tenants is not None and known.tenant not in tenants):
                return False
            served = connection.execute(answer).mappings().first()
            self._remember(connection, [feedback])
            if served is not None:
                self._rate(connection, dict(served))
        return True

    def forget(self, before: float, most: int, now: float) -> int:
        """Delete what is older than a Unix time; the sums of days stay.

        Args:
            before: The Unix time.
            most: How many rows to delete at most.
            now: Unix time.

        Returns:
            How many rows of outcomes were deleted.
        """
        with self._transaction() as connection:
            for table in (FEEDBACK, RATINGS):
                connection.execute(delete(table).where(table.c.at < before))
            connection.execute(delete(BATCHES).where(BATCHES.c.at < now - REMEMBERED))
            old = select(OUTCOMES.c.id).where(OUTCOMES.c.at < before).limit(most)
            return int(connection.execute(delete(OUTCOMES).where(OUTCOMES.c.id.in_(old))).rowcount)

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
        connection = self._connection
        if connection is None:
            connection = self._engine.connect()
            try:
                with connection.begin():
                    migrate(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        try:
            with connection.begin():
                yield connection
        except BaseException:
            self.close()
            raise

    def _remember(self, connection: Connection, feedback: Sequence[Feedback]) -> None:
        """Add feedback to the history, and to what counts unless its source has said more since."""
        if not feedback:
            return
        rows = [
            {
                "id": each.id,
                "decision": each.decision,
                "source": each.source,
                "label": each.label,
                "at": each.at,
                "score": each.score,
                "rating": millionths(each.score),
            }
            for each in feedback
        ]
        connection.execute(self._statements.feedback, rows)
        connection.execute(self._statements.ratings, rows)

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
        days = DaySums()
        days.sums[key_of(served)] = dict.fromkeys(NAMES, 0) | change
        self._add(connection, days)

    def _add(self, connection: Connection, days: DaySums) -> None:
        """Add to the sums of days. Sorted, so that two processes cannot wait for each other."""
        sums = [dict(zip(DAY_KEY, key, strict=True)) | days.sums[key] for key in sorted(days.sums)]
        latencies = [
            dict(zip(DAY_KEY, key, strict=True)) | {"bucket": bucket, "calls": calls}
            for (key, bucket), calls in sorted(days.latencies.items())
        ]
        if sums:
            connection.execute(self._statements.days, sums)
        if latencies:
            connection.execute(self._statements.latencies, latencies)


class OutcomeInsert:
    """The statement that adds outcomes, as the driver takes it: SQLAlchemy's own way from a row to
    the driver takes longer than the database.

    Attributes:
        sql: The statement.
    """

    def __init__(self, dialect: Dialect) -> None:
        names = [column.name for column in OUTCOMES.columns if column.name != "id"]
        compiled = insert(OUTCOMES).compile(dialect=dialect, column_keys=names)
        self.sql = str(compiled)
        self._in_order = itemgetter(*compiled.positiontup) if compiled.positiontup else None

    def parameters(self, rows: Sequence[dict[str, Any]]) -> Any:
        """The values of rows."""
        if self._in_order is None:
            return list(rows)
        return [self._in_order(row) for row in rows]


@dataclass(frozen=True, slots=True)
class UpsertStatements:
    """Statements that add to what is there, made once: that takes longer than to run them.

    Attributes:
        feedback: Adds to the history of feedback.
        ratings: Replaces what counts of a source by what it said later.
        days: Adds to the sums of days.
        latencies: Adds to the latencies of days.
    """

    feedback: Insert
    ratings: Insert
    days: Insert
    latencies: Insert

    @classmethod
    def of(cls, dialect: str) -> UpsertStatements:
        """The statements of a dialect of SQL."""
        upserting: Any = (postgresql if dialect == "postgresql" else sqlite).insert
        feedback = upserting(FEEDBACK).values(_parameters(FEEDBACK)).on_conflict_do_nothing()
        ratings = upserting(RATINGS).values(_parameters(RATINGS))
        new = ratings.excluded
        later = or_(new.at > RATINGS.c.at, (new.at == RATINGS.c.at) & (new.id > RATINGS.c.id))
        ratings = ratings.on_conflict_do_update(
            index_elements=["decision", "source"],
            set_={"at": new.at, "id": new.id, "rating": new.rating},
            where=later,
        )
        days = upserting(DAYS)
        days = days.on_conflict_do_update(
            index_elements=DAY_KEY,
            set_={name: DAYS.c[name] + days.excluded[name] for name in NAMES},
        )
        latencies = upserting(DAY_LATENCIES)
        latencies = latencies.on_conflict_do_update(
            index_elements=(*DAY_KEY, "bucket"),
            set_={"calls": DAY_LATENCIES.c.calls + latencies.excluded.calls},
        )
        return cls(feedback, ratings, days, latencies)


def _parameters(table: Table) -> dict[str, BindParameter[Any]]:
    """A parameter for each column, so that rows may have more values than the table has columns."""
    return {column.name: bindparam(column.name) for column in table.columns}


_ABANDONED: Final[list[Any]] = []
"""Connections of the parent, which a forked child must neither use nor close."""


def _verdict(row: dict[str, Any]) -> Feedback | None:
    """What the checks say of an answer that was served; noted on its row too."""
    if not row["served"] or row["accepted"] is None:
        return None
    score = float(row["accepted"])
    row["rated"], row["rating"] = 1, millionths(score)
    decision, at = row["decision"], row["at"] + row["seconds"]
    return Feedback(decision, score, OF_CHECKS, at=at, id=f"{decision}-{OF_CHECKS}")
