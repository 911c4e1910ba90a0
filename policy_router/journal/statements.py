"""Statements that write rows. They are made once: that takes longer than to run them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, Self

from sqlalchemy.dialects import postgresql, sqlite

from policy_router.journal.encoding import COLUMNS
from policy_router.journal.tables import COOLDOWNS, FEEDBACK, RATINGS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Dialect

    from policy_router.journal.encoding import OutcomeRow

SLICE: Final = 16
"""Rows that one statement writes to SQLite. Python runs other threads while the database works on
it, and the thread that serves requests needs some time to wake up: while one row is written, it
would not, and would wait for as long as the interpreter lets one thread run, which is 5 ms."""
SENT: Final = 50
"""Rows that PostgreSQL is sent at once, one statement after the other: it takes longer to read one
with many rows."""
PAUSE: Final = 5e-5
"""Seconds that other threads get after that."""


class OutcomesInsert:
    """Adds rows to `outcomes`, as the driver takes them.

    SQLAlchemy's own way from a row to the driver takes longer than the database, and Python runs
    nothing else in the meantime.

    Args:
        dialect: The dialect of SQL.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._on_postgresql = dialect.name == "postgresql"
        mark = "%s" if self._on_postgresql else "?"
        self._row = f"({', '.join([mark] * len(COLUMNS))})"
        self._sql: dict[int, str] = {}

    def run(self, connection: Connection, rows: Sequence[OutcomeRow]) -> None:
        """Write rows.

        Args:
            connection: In a transaction.
            rows: As `encoding` makes them.
        """
        start, size = 0, SENT if self._on_postgresql else SLICE
        while start < len(rows):
            while size > len(rows) - start:
                size //= 2  # so that there are few statements, which the driver keeps
            part = rows[start : start + size]
            if self._on_postgresql:
                connection.exec_driver_sql(self._of(1), list(part))
            else:
                connection.exec_driver_sql(self._of(size), tuple(chain.from_iterable(part)))
            start += size
            time.sleep(PAUSE)

    def _of(self, size: int) -> str:
        """The statement that inserts `size` rows."""
        if size not in self._sql:
            rows = ", ".join([self._row] * size)
            self._sql[size] = f"INSERT INTO outcomes ({', '.join(COLUMNS)}) VALUES {rows}"  # noqa: S608  names of columns
        return self._sql[size]


@dataclass(frozen=True, slots=True)
class JournalStatements:
    """The statements of one dialect of SQL.

    Attributes:
        outcomes: Adds rows.
        feedback: Adds to the history of feedback.
        ratings: Replaces what counts of a source by what it said later.
        cooldowns: Adds to the cooldowns.
    """

    outcomes: OutcomesInsert
    feedback: Any
    ratings: Any
    cooldowns: Any

    @classmethod
    def of(cls, dialect: Dialect) -> Self:
        """The statements of a dialect of SQL."""
        insert = insertion(dialect)
        return cls(
            OutcomesInsert(dialect),
            insert(FEEDBACK).on_conflict_do_nothing(),
            later_counts(insert(RATINGS)),
            insert(COOLDOWNS).on_conflict_do_nothing(),
        )


def insertion(dialect: Dialect) -> Any:
    """What makes an insertion into a table that says what to do about rows that are there."""
    return (postgresql if dialect.name == "postgresql" else sqlite).insert


def later_counts(ratings: Any) -> Any:
    """The statement that replaces what counts of a source by what it said later.

    Args:
        ratings: An insertion of ratings.
    """
    new, kept = ratings.excluded, RATINGS.c
    return ratings.on_conflict_do_update(
        index_elements=["decision", "source"],
        set_={"at": new.at, "id": new.id, "rating": new.rating},
        where=(new.at > kept.at) | ((new.at == kept.at) & (new.id > kept.id)),
    )
