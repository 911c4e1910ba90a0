"""What the database itself works out from rows that were just written: see `DerivedRows`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import BigInteger, Float, and_, bindparam, cast, func, literal_column, null, select

from policy_router.domain.feedback import OF_CHECKS
from policy_router.journal.dimensions import Dimensions
from policy_router.journal.row_sums import sums_of_rows
from policy_router.journal.statements import insertion, later_counts
from policy_router.journal.tables import (
    DAY_FIRST_TOKENS,
    DAY_KEY,
    DAY_LATENCIES,
    DAYS,
    FEEDBACK,
    OUTCOMES,
    RATINGS,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Connection, Dialect, Table

_LAST: Final = select(func.coalesce(func.max(OUTCOMES.c.id), 0))
_HISTOGRAMS: Final[tuple[tuple[Table, ColumnElement[Any]], ...]] = (
    (DAY_LATENCIES, OUTCOMES.c.latency_bucket),
    (DAY_FIRST_TOKENS, OUTCOMES.c.first_token_bucket),
)


class DerivedRows:
    """Adds to the sums of days, and to feedback, what follows from rows of `outcomes`.

    The database does it, because Python would keep requests of the same process waiting for it.

    Args:
        dialect: The dialect of SQL.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._on_postgresql = dialect.name == "postgresql"
        self._insert = insertion(dialect)
        self._day = Dimensions(dialect.name).column("day")
        statements = [
            self._feedback(),
            self._ratings(),
            self._sums(DAYS, sums_of_rows(), None),
            *(
                self._sums(table, [func.count().label("calls")], bucket)
                for table, bucket in _HISTOGRAMS
            ),
        ]
        # They are made once: that takes longer than to run them.
        self._compiled = [statement.compile(dialect=dialect) for statement in statements]

    def last_row(self, connection: Connection) -> int:
        """The id of the last row that this transaction sees; rows that it writes come after it."""
        return int(connection.execute(_LAST).scalar_one())

    def add(self, connection: Connection, after: int) -> None:
        """Add what follows from the rows that this transaction has written.

        Args:
            connection: In the transaction.
            after: What `last_row` gave before they were written.
        """
        for compiled in self._compiled:
            values = compiled.construct_params({"after": after})
            in_order = compiled.positiontup
            given = values if in_order is None else tuple(values[name] for name in in_order)
            connection.exec_driver_sql(compiled.string, given)

    def _written(self) -> ColumnElement[bool]:
        """Whether this transaction has written a row."""
        later = OUTCOMES.c.id > bindparam("after", type_=BigInteger)
        if not self._on_postgresql:
            return later
        # Others write at the same time, and what they have written may be visible by now.
        return and_(later, literal_column("outcomes.xmin = pg_current_xact_id()::xid"))

    def _sums(self, table: Table, sums: Sequence[Any], bucket: ColumnElement[Any] | None) -> Any:
        """The statement that adds to one table of days."""
        texts = [func.coalesce(OUTCOMES.c[name], "") for name in DAY_KEY[1:]]
        key = [self._day, *texts, *([] if bucket is None else [bucket])]
        names = [*DAY_KEY, *([] if bucket is None else ["bucket"])]
        wanted = select(*key, *sums).where(self._written())
        if bucket is not None:
            wanted = wanted.where(bucket.is_not(None))
        # By number, as the same expression with other parameters is another one to PostgreSQL;
        # in order, so that two processes cannot wait for each other.
        numbers: list[Any] = [literal_column(str(1 + n)) for n in range(len(key))]
        added = [each.name for each in sums]
        new = self._insert(table).from_select(
            [*names, *added], wanted.group_by(*numbers).order_by(*numbers)
        )
        return new.on_conflict_do_update(
            index_elements=names,
            set_={name: table.c[name] + new.excluded[name] for name in added},
        )

    def _verdicts(self, *columns: Any) -> Any:
        """What the checks say of answers that were served."""
        rows = OUTCOMES.c
        judged = and_(self._written(), rows.served == 1, rows.accepted.is_not(None))
        return select(*columns).where(judged).order_by(rows.decision)

    def _feedback(self) -> Any:
        rows = OUTCOMES.c
        said = self._verdicts(
            rows.decision + f"-{OF_CHECKS}", rows.decision, literal_column(f"'{OF_CHECKS}'"),
            null(), rows.at + rows.seconds, cast(rows.accepted, Float),
        )  # fmt: skip
        names = ["id", "decision", "source", "label", "at", "score"]
        return self._insert(FEEDBACK).from_select(names, said).on_conflict_do_nothing()

    def _ratings(self) -> Any:
        rows = OUTCOMES.c
        said = self._verdicts(
            rows.decision, literal_column(f"'{OF_CHECKS}'"), rows.at + rows.seconds,
            rows.decision + f"-{OF_CHECKS}", rows.rating,
        )  # fmt: skip
        names = ["decision", "source", "at", "id", "rating"]
        return later_counts(self._insert(RATINGS).from_select(names, said))
