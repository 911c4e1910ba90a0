"""Daily sums by facet, such as by user, so that reports need not read every row.

It happens after the rows are written, some thousand at a time and in the database, because it
would take the process that serves requests longer than to write them. `progress` says up to which
row it is done; a report reads the later ones one by one.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import (
    BigInteger,
    Text,
    and_,
    bindparam,
    cast,
    delete,
    func,
    literal_column,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from policy_router.journal.days import SECONDS
from policy_router.journal.dimensions import FACET_NAMES, FACETS_OF, HOUR, NUMBERED, Dimensions
from policy_router.journal.row_sums import sums_of_rows
from policy_router.journal.tables import (
    FACET_FIRST_TOKENS,
    FACET_KEY,
    FACET_LATENCIES,
    FACETS,
    OUTCOMES,
    PROGRESS,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection, Table

_WRITERS: Final = 0x706F6C6A
"""The number of the lock that those who write rows share, where rows are written side by side."""
_HISTOGRAMS: Final[tuple[tuple[Table, ColumnElement[Any]], ...]] = (
    (FACET_LATENCIES, OUTCOMES.c.latency_bucket),
    (FACET_FIRST_TOKENS, OUTCOMES.c.first_token_bucket),
)


class FacetSums:
    """Writes the sums of facets, within transactions of the caller.

    Args:
        dialect: The name of the dialect of SQL.
    """

    def __init__(self, dialect: str) -> None:
        self._on_postgresql = dialect == "postgresql"
        self._dimensions = Dimensions(dialect)
        self._add: list[Any] = []

    def write_beside_others(self, connection: Connection) -> None:
        """Say that this transaction writes rows: `last_row` waits for its end."""
        if self._on_postgresql:
            connection.execute(text("SELECT pg_advisory_xact_lock_shared(:id)"), {"id": _WRITERS})

    def last_row(self, connection: Connection) -> int:
        """The id of the last row; every row up to it is written. Needs its own transaction."""
        if self._on_postgresql:
            connection.execute(text("SELECT pg_advisory_xact_lock(:id)"), {"id": _WRITERS})
        return int(connection.execute(select(func.max(OUTCOMES.c.id))).scalar_one() or 0)

    def add(self, connection: Connection, last: int, most: int, at_least: int = 1) -> int:
        """Add up rows that are not in the sums yet.

        Args:
            connection: In a transaction.
            last: The id that `last_row` gave.
            most: How many rows at most.
            at_least: Nothing is done where fewer rows wait for it.

        Returns:
            How many rows are left.
        """
        summed, whole_from = self._progress(connection, update=True)
        upto = min(last, summed + most)
        if last - summed < at_least:
            return max(0, last - summed)
        # The statements are made once, as that takes longer than to run them.
        self._add = self._add or self._statements()
        values = {"summed": summed, "upto": upto, "since": whole_from * SECONDS}
        for statement in self._add:
            connection.execute(statement, values)
        connection.execute(update(PROGRESS).values(summed=upto))
        return last - upto

    def rate(self, connection: Connection, row: Mapping[str, Any], change: dict[str, int]) -> None:
        """Add feedback on a row to the sums that the row is in.

        Args:
            connection: In a transaction that has changed the row.
            row: The row, with its id.
            change: What to add to `rated` and `rating`.
        """
        summed, whole_from = self._progress(connection, update=False)
        day = int(row["at"] // SECONDS)
        if row["id"] > summed or day < whole_from:
            return
        more = {name: FACETS.c[name] + number for name, number in change.items()}
        for facet, values in _values_of(row).items():
            here = and_(
                FACETS.c.facet == facet,
                FACETS.c.day == day,
                FACETS.c.value.in_(values),
                FACETS.c.model == row["model"],
                FACETS.c.role == row["role"],
            )
            connection.execute(update(FACETS).where(here).values(more))

    def forget(self, connection: Connection, before: float) -> None:
        """Delete sums with rows that are being deleted.

        Args:
            connection: In a transaction that has deleted rows.
            before: The Unix time before which they are deleted.
        """
        summed, whole_from = self._progress(connection, update=True)
        whole_from = max(whole_from, int(before // SECONDS) + 1)
        for table in (FACETS, FACET_LATENCIES, FACET_FIRST_TOKENS):
            connection.execute(delete(table).where(table.c.day < whole_from))
        # SQLite gives the ids of deleted rows again where they were the last.
        last = connection.execute(select(func.max(OUTCOMES.c.id))).scalar_one() or 0
        values = {"summed": min(summed, last), "whole_from": whole_from}
        connection.execute(update(PROGRESS).values(values))

    def _progress(self, connection: Connection, *, update: bool) -> tuple[int, int]:
        row = connection.execute(select(PROGRESS).with_for_update(read=not update)).one()
        return row.summed, row.whole_from

    def _statements(self) -> list[Any]:
        return [
            statement
            for facet in FACET_NAMES
            for statement in (
                self._upsert(FACETS, facet, sums_of_rows(), None),
                *(
                    self._upsert(table, facet, [func.count().label("calls")], bucket)
                    for table, bucket in _HISTOGRAMS
                ),
            )
        ]

    def _upsert(
        self, table: Table, facet: str, sums: Sequence[Any], bucket: ColumnElement[Any] | None
    ) -> Any:
        """The statement that adds rows to one table of one facet."""
        value: Any = self._dimensions.column(facet)
        value = func.coalesce(cast(value, Text) if facet in NUMBERED else value, "")
        key = [self._dimensions.column("day"), value, OUTCOMES.c.model, OUTCOMES.c.role]
        if bucket is not None:
            key.append(bucket)
        names = [*FACET_KEY, *(["bucket"] if bucket is not None else [])]
        wanted = select(literal_column(f"'{facet}'"), *key, *sums)
        wanted = wanted.select_from(self._dimensions.source([facet])).where(
            OUTCOMES.c.id > bindparam("summed", type_=BigInteger),
            OUTCOMES.c.id <= bindparam("upto", type_=BigInteger),
            # Whatever is added keeps the database from looking for these rows by their time.
            OUTCOMES.c.at + 0 >= bindparam("since", type_=BigInteger),
        )
        if bucket is not None:
            wanted = wanted.where(bucket.is_not(None))
        # By number, as the same expression with other parameters is another one to PostgreSQL.
        wanted = wanted.group_by(*(literal_column(str(2 + n)) for n in range(len(key))))
        added = [each.name for each in sums]
        upserting: Any = (postgresql if self._on_postgresql else sqlite).insert
        new = upserting(table).from_select([*names, *added], wanted)
        return new.on_conflict_do_update(
            index_elements=names,
            set_={name: table.c[name] + new.excluded[name] for name in added},
        )


def _values_of(row: Mapping[str, Any]) -> dict[str, list[str]]:
    """The values of each facet that a row of `outcomes` has."""
    values = {
        facet: ["" if row[column] is None else str(row[column])]
        for facet, column in FACETS_OF.items()
    }
    values["hour"] = [str(int(row["at"] // HOUR))]
    values["rule"] = json.loads(row["rules"] or "[]")
    arms = json.loads(row["arms"] or "{}")
    values["experiment"] = [f"{name}: {arm}" for name, arm in arms.items()]
    return values
