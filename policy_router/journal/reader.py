"""Reads a journal: rows one by one, sums over rows, and the sums of days.

    reader = router.journal.reader()
    for outcome in reader.outcomes(OutcomeFilter(models=["haiku"], since=time.time() - 3600)):
        ...
    for sums in reader.sums(["model", "task"]):
        print(sums.by, sums.calls, sums.cost, sums.percentile(0.95))

Everything runs in the calling thread; an event loop calls it through `asyncio.to_thread`.
"""

from __future__ import annotations

from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TypeAlias, get_args

from sqlalchemy import Integer, Text, case, cast, func, literal_column, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import SQLAlchemyError

from policy_router.base_errors import UsageError
from policy_router.domain.feedback import Feedback
from policy_router.domain.outcome import RequestEnding, Role
from policy_router.errors import StoreError
from policy_router.journal.database import JournalDatabase
from policy_router.journal.days import NAMES, SECONDS
from policy_router.journal.encoding import MILLIONTHS, outcome_of
from policy_router.journal.engine import engine_of
from policy_router.journal.migrations import NEWEST, version_of
from policy_router.journal.query import NUMBERS, OutcomeFilter, OutcomeSums, conditions
from policy_router.journal.tables import DAY_LATENCIES, DAYS, FEEDBACK, OUTCOMES
from policy_router.quoting import quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from sqlalchemy import ColumnElement, Connection, FromClause, Label, Select

    from policy_router.domain.outcome import Outcome
    from policy_router.journal.address import JournalAddress

Grouping: TypeAlias = Literal[
    "day", "model", "provider", "tier", "key_env", "task", "band", "role", "form", "kind", "tenant",
    "user", "team", "key", "session", "client", "prompt", "revision", "failure", "status", "ending",
    "rule",
]  # fmt: skip
"""What outcomes can be grouped by. An outcome counts for each rule that applied."""
DayGrouping: TypeAlias = Literal["day", "model", "task", "band", "role"]
"""What the sums of days can be grouped by."""
_RENAMED: Final = {"user": "user_id", "key": "key_id"}
_PAGE: Final = 1_000
"""Rows that are in memory at a time."""
EVERYTHING: Final = OutcomeFilter()


class JournalReader:
    """Reads one journal. Nothing is written.

    Args:
        address: Where it is.

    Raises:
        StoreError: A package is missing, or the file must not be used.
    """

    def __init__(self, address: JournalAddress) -> None:
        self._address = address
        if address.file is not None and not address.file.exists():
            raise StoreError(f"there is no journal at `{address}`")
        self._engine = engine_of(address, writes=False)
        self._on_postgresql = self._engine.dialect.name == "postgresql"

    def outcomes(
        self, where: OutcomeFilter = EVERYTHING, *, newest_first: bool = False
    ) -> Iterator[Outcome]:
        """Yield outcomes in the order in which their calls were sent.

        Whatever their number, only a thousand are in memory at a time.

        Args:
            where: Which outcomes.
            newest_first: Begin with the latest.

        Raises:
            StoreError: The journal cannot be read.
        """
        order = (OUTCOMES.c.at, OUTCOMES.c.id)
        wanted = select(OUTCOMES).where(*conditions(where))
        wanted = wanted.order_by(*(column.desc() if newest_first else column for column in order))
        with self._reading() as connection:
            if connection is None:
                return
            with connection.execution_options(yield_per=_PAGE).execute(wanted) as result:
                for row in result.mappings():
                    yield outcome_of(dict(row))

    def count(self, where: OutcomeFilter = EVERYTHING) -> int:
        """The number of outcomes.

        Raises:
            StoreError: The journal cannot be read.
        """
        wanted = select(func.count()).select_from(OUTCOMES)
        wanted = wanted.where(*conditions(where))
        with self._reading() as connection:
            return 0 if connection is None else int(connection.execute(wanted).scalar_one())

    def sums(
        self, by: Sequence[Grouping] = ("model",), where: OutcomeFilter = EVERYTHING
    ) -> list[OutcomeSums]:
        """Add up outcomes in the database.

        Args:
            by: What they are grouped by; empty for one sum of all.
            where: Which outcomes.

        Returns:
            The groups, with the most calls first.

        Raises:
            UsageError: It cannot be grouped by that.
            StoreError: The journal cannot be read.
        """
        _require(by, get_args(Grouping))
        groups = [self._group(name).label(f"by_{number}") for number, name in enumerate(by)]
        bucket = OUTCOMES.c.latency_bucket.label("bucket")
        wanted: Select[Any] = select(*groups, bucket, *_sums_of_rows())
        if "rule" in by:
            wanted = wanted.select_from(OUTCOMES).join(self._rules(), literal_column("1=1"))
        wanted = wanted.where(*conditions(where))
        return self._added(wanted.group_by(*groups, bucket), len(groups))

    def days(
        self,
        by: Sequence[DayGrouping] = ("day",),
        *,
        since: float | None = None,
        until: float | None = None,
    ) -> list[OutcomeSums]:
        """Add up the sums of days, which are kept when rows are deleted.

        Args:
            by: What they are grouped by; empty for one sum of all.
            since: Unix time; the day in UTC that it lies in is the first.
            until: Unix time; the day in UTC that it lies in is the last.

        Returns:
            The groups, with the most calls first. A day is a number counted from 1970; an absent
            task or band is the empty text.

        Raises:
            UsageError: It cannot be grouped by that.
            StoreError: The journal cannot be read.
        """
        _require(by, get_args(DayGrouping))
        queries: list[Select[Any]] = []
        for table, sums in (
            (DAYS, _sums_of_days()),
            (DAY_LATENCIES, [func.sum(DAY_LATENCIES.c.calls).label("answers")]),
        ):
            groups = [table.c[name].label(f"by_{number}") for number, name in enumerate(by)]
            if table is DAY_LATENCIES:
                groups.append(DAY_LATENCIES.c.bucket.label("bucket"))
            wanted: Select[Any] = select(*groups, *sums)
            if since is not None:
                wanted = wanted.where(table.c.day >= int(since // SECONDS))
            if until is not None:
                wanted = wanted.where(table.c.day <= int(until // SECONDS))
            queries.append(wanted.group_by(*groups) if groups else wanted)
        return self._added(queries[0], len(by), queries[1])

    def feedback(self, decision: str) -> list[Feedback]:
        """Everything that was said of a decision's answer, in that order.

        Raises:
            StoreError: The journal cannot be read.
        """
        wanted = select(FEEDBACK).where(FEEDBACK.c.decision == decision)
        wanted = wanted.order_by(FEEDBACK.c.at, FEEDBACK.c.id)
        with self._reading() as connection:
            rows = [] if connection is None else connection.execute(wanted).mappings().all()
        return [Feedback(**row) for row in rows]

    def close(self) -> None:
        """Close what is open."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _reading(self) -> Iterator[Connection | None]:
        """A transaction; None where nothing was ever written."""
        try:
            with self._engine.connect() as connection, connection.begin():
                version = version_of(connection)
            if version not in (0, NEWEST):
                JournalDatabase(self._address).prepare()
            with self._engine.connect() as connection, connection.begin():
                yield connection if version else None
        except SQLAlchemyError as error:
            cause = getattr(error, "orig", None) or error
            raise StoreError(
                f"the journal `{self._address}` cannot be read: {type(cause).__name__}"
            ) from None

    def _group(self, name: str) -> ColumnElement[Any]:
        if name == "day":
            days = OUTCOMES.c.at / SECONDS  # SQLite cuts what PostgreSQL rounds
            return cast(func.floor(days) if self._on_postgresql else days, Integer)
        if name == "rule":
            return literal_column("rule.value", Text)
        return OUTCOMES.c[_RENAMED.get(name, name)]

    def _rules(self) -> FromClause:
        """The names of the rules that applied to a row, as a table `rule`."""
        if self._on_postgresql:
            names = func.jsonb_array_elements_text(cast(OUTCOMES.c.rules, JSONB))
            return names.table_valued("value").lateral("rule")
        return func.json_each(OUTCOMES.c.rules).table_valued("value", name="rule")

    def _added(
        self, wanted: Select[Any], width: int, answers: Select[Any] | None = None
    ) -> list[OutcomeSums]:
        """Run queries, and put the latencies of each group together.

        Args:
            wanted: Gives the sums of a group, or of a group and a bucket.
            width: How many columns the group has.
            answers: Gives the answers of a group and a bucket, where the first does not.
        """
        sums: dict[tuple[Any, ...], dict[str, Any]] = {}
        latencies: dict[tuple[Any, ...], dict[int, int]] = {}
        with self._reading() as connection:
            if connection is None:
                return []
            for row in connection.execute(wanted):
                by, numbers = tuple(row[:width]), row._mapping  # noqa: SLF001  a public name of SQLAlchemy
                group = sums.setdefault(by, dict.fromkeys(NUMBERS, 0))
                for name in NUMBERS:
                    value = numbers[name] or 0
                    group[name] += value if name in _FLOATS else int(value)
                bucket = numbers.get("bucket")
                if bucket is not None:
                    latencies.setdefault(by, {})[bucket] = int(numbers["answers"])
            for row in connection.execute(answers) if answers is not None else ():
                bucket, number = row[width:]
                if bucket is not None:
                    latencies.setdefault(tuple(row[:width]), {})[bucket] = int(number)
        found = [
            OutcomeSums(by=by, latencies=MappingProxyType(latencies.get(by, {})), **numbers)
            for by, numbers in sums.items()
        ]
        return sorted(found, key=lambda each: (-each.calls, -each.requests, str(each.by)))


_FLOATS: Final = frozenset({"seconds", "first_token_seconds"})


def _sums_of_rows() -> list[Label[Any]]:
    """The sums over rows of `outcomes`, by the names that `OutcomeSums` has."""
    rows = OUTCOMES.c
    call = rows.role != Role.REFUSED.value

    def count(condition: ColumnElement[bool]) -> ColumnElement[Any]:
        return func.sum(case((condition, 1), else_=0))

    def ended(ending: RequestEnding) -> ColumnElement[Any]:
        return count(rows.ending == ending.value)

    sums = {
        "calls": count(call),
        "failed": count(call & rows.latency_bucket.is_(None)),
        "accepted": count(rows.accepted == 1),
        "rejected": count(rows.accepted == 0),
        "requests": func.count(rows.ending),
        "denied": ended(RequestEnding.DENIED),
        "stopped": ended(RequestEnding.STOPPED),
        "exhausted": ended(RequestEnding.FAILED),
        "first_tokens": func.count(rows.first_token),
        "first_token_seconds": func.sum(rows.first_token),
        "answers": func.count(rows.latency_bucket),
    }
    plain = (
        "ok", "served", "cost", "unsure", "estimate", "tokens_in", "tokens_out", "tokens_cached",
        "seconds", "rated", "rating",
    )  # fmt: skip
    sums |= {name: func.sum(rows[name]) for name in plain}
    return [each.label(name) for name, each in sums.items()]


def _sums_of_days() -> list[Label[Any]]:
    """The sums over rows of `days`, by the names that `OutcomeSums` has."""
    durations = {"seconds": "micros", "first_token_seconds": "first_token_micros"}
    sums: list[Label[Any]] = [
        (func.sum(DAYS.c[column]) * 1.0 / MILLIONTHS).label(name)
        for name, column in durations.items()
    ]
    plain = [name for name in NAMES if name not in durations.values()]
    return sums + [func.sum(DAYS.c[name]).label(name) for name in plain]


def _require(by: Sequence[str], known: Collection[str]) -> None:
    for name in by:
        if name not in known:
            raise UsageError(
                f"outcomes cannot be grouped by `{quoted(name)}`: use one of {', '.join(known)}"
            )
