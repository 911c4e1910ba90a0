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
from typing import TYPE_CHECKING, Final, Literal, Self, TypeAlias, get_args

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from policy_router.base_errors import UsageError
from policy_router.domain.feedback import Feedback, GivenFeedback
from policy_router.errors import StoreError
from policy_router.journal import failure_counts
from policy_router.journal.adding import GroupAdder, added
from policy_router.journal.causes import cause_of
from policy_router.journal.database import JournalDatabase
from policy_router.journal.days import SECONDS
from policy_router.journal.dimensions import DayGrouping, Grouping
from policy_router.journal.encoding import outcome_of
from policy_router.journal.engine import engine_of
from policy_router.journal.given_feedback import given_feedback
from policy_router.journal.groups import GroupSums, TopGroups
from policy_router.journal.migrations import NEWEST, version_of
from policy_router.journal.query import OutcomeFilter, OutcomeSums, conditions
from policy_router.journal.sources import SumsQuestion, SumsSources, queries_of_days
from policy_router.journal.tables import FEEDBACK, OUTCOMES, PROGRESS
from policy_router.quoting import quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from sqlalchemy import Connection

    from policy_router.domain.outcome import Outcome
    from policy_router.journal.address import JournalAddress
    from policy_router.journal.dimensions import ListedGrouping, LocalDays

SumsOrder: TypeAlias = Literal["calls", "requests", "cost", "tokens_in", "tokens_out"]
"""What groups are put in order by."""
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
            raise StoreError(
                f"there is no journal at `{address}`: `policy-router serve` writes one, and so "
                "does a program that opens its router with `journal`"
            )
        self._engine = engine_of(address, writes=False)
        self._held: tuple[Connection | None, ...] = ()

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
        self,
        by: Sequence[Grouping] = ("model",),
        where: OutcomeFilter = EVERYTHING,
        *,
        limit: int | None = None,
        order: SumsOrder = "calls",
        durations: bool = True,
    ) -> list[OutcomeSums]:
        """Add up outcomes in the database.

        It reads sums of days where there are any (see `sources`), so that a million outcomes take
        less than a second: for groups by day, model, task, band and role together, or by day,
        model, role and one more, with conditions on no others. Anything else takes some seconds.

        Args:
            by: What they are grouped by; empty for one sum of all.
            where: Which outcomes.
            limit: How many groups to return at most; None for all.
            order: Which groups come first: those with the most of this.
            durations: Whether latencies are read, which takes longer than everything else.

        Returns:
            The groups, in that order. What an outcome does not have is None.

        Raises:
            UsageError: It cannot be grouped by that.
            StoreError: The journal cannot be read.
        """
        _require(by, get_args(Grouping))
        with self._reading() as connection:
            if connection is None:
                return []
            sources, question = self._sources(connection), SumsQuestion(by, where)
            queries = (
                sources.sums(question),
                sources.latencies(question),
                sources.first_tokens(question),
            )
            return added(connection, queries if durations else queries[:1], len(by), limit, order)

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
            task or band is None.

        Raises:
            UsageError: It cannot be grouped by that.
            StoreError: The journal cannot be read.
        """
        _require(by, get_args(DayGrouping))
        first = None if since is None else int(since // SECONDS)
        last = None if until is None else int(until // SECONDS) + 1
        with self._reading() as connection:
            if connection is None:
                return []
            return added(connection, queries_of_days(by, first, last), len(by))

    def whole(
        self,
        where: OutcomeFilter = EVERYTHING,
        parts: Sequence[Grouping] = ("model", "role"),
        *,
        over: ListedGrouping | None = None,
    ) -> GroupSums:
        """Add up outcomes as one group.

        Args:
            where: Which outcomes.
            parts: What the parts of the group are grouped by; the last two are model and role.
            over: What outcomes count once for each of; those without any are left out.

        Raises:
            StoreError: The journal cannot be read.
        """
        with self._reading() as connection:
            if connection is None:
                return GroupSums()
            adder = GroupAdder(connection, self._sources(connection), where)
            return adder.whole(parts, () if over is None else (over,))

    def groups(
        self, by: Grouping | LocalDays, where: OutcomeFilter = EVERYTHING
    ) -> tuple[GroupSums, ...]:
        """Add up outcomes in groups, in no order.

        Args:
            by: What they are grouped by.
            where: Which outcomes.

        Raises:
            StoreError: The journal cannot be read.
        """
        with self._reading() as connection:
            if connection is None:
                return ()
            return GroupAdder(connection, self._sources(connection), where).groups(by)

    def top_groups(
        self, by: Grouping, where: OutcomeFilter = EVERYTHING, *, most: int
    ) -> TopGroups:
        """Add up the groups of outcomes with the highest cost.

        However many there are, only these are in memory.

        Args:
            by: What outcomes are grouped by.
            where: Which outcomes.
            most: How many groups at most.

        Raises:
            StoreError: The journal cannot be read.
        """
        with self._reading() as connection:
            if connection is None:
                return TopGroups((), 0)
            return GroupAdder(connection, self._sources(connection), where).top(by, most)

    def begins(self, since: float) -> float | None:
        """When the first call was sent from a Unix time on; None without any.

        Raises:
            StoreError: The journal cannot be read.
        """
        wanted = select(func.min(OUTCOMES.c.at)).where(OUTCOMES.c.at >= since)
        with self._reading() as connection:
            return None if connection is None else connection.execute(wanted).scalar_one()

    def failures(self, where: OutcomeFilter = EVERYTHING) -> list[tuple[str, str | None, str, int]]:
        """Where requests went after attempts that failed or were rejected.

        Args:
            where: Which outcomes.

        Returns:
            The model, the model that was called next (None where none was), the class of the
            failure, and how often; the most frequent first.

        Raises:
            StoreError: The journal cannot be read.
        """
        with self._reading() as connection:
            return [] if connection is None else failure_counts.failures(connection, where)

    def denials(self, where: OutcomeFilter = EVERYTHING) -> list[tuple[str, int]]:
        """Why no model was called for requests.

        Args:
            where: Which outcomes.

        Returns:
            The reasons and how many requests each is of, the most frequent first.

        Raises:
            StoreError: The journal cannot be read.
        """
        with self._reading() as connection:
            return [] if connection is None else failure_counts.denials(connection, where)

    def cooldowns(self, since: float, until: float) -> list[tuple[str, str, str, int, float]]:
        """How often calls were suspended that kept failing.

        Args:
            since: Unix time from which on they were suspended.
            until: Unix time before which they were.

        Returns:
            The scope, the name, the class of the failure, how often, and for how many seconds
            together; the most frequent first.

        Raises:
            StoreError: The journal cannot be read.
        """
        with self._reading() as connection:
            return [] if connection is None else failure_counts.cooldowns(connection, since, until)

    def feedback(self, decision: str) -> list[Feedback]:
        """Everything that was said about a decision's answer, in that order.

        Raises:
            StoreError: The journal cannot be read.
        """
        wanted = select(FEEDBACK).where(FEEDBACK.c.decision == decision)
        wanted = wanted.order_by(FEEDBACK.c.at, FEEDBACK.c.id)
        with self._reading() as connection:
            rows = [] if connection is None else connection.execute(wanted).mappings().all()
        return [Feedback(**row) for row in rows]

    def feedback_since(self, since: float) -> list[GivenFeedback]:
        """What people and programs said of answers, in that order.

        Args:
            since: Unix time of the first.

        Raises:
            StoreError: The journal cannot be read.
        """
        with self._reading() as connection:
            return [] if connection is None else list(given_feedback(connection, since))

    def close(self) -> None:
        """Close what is open."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let everything that is read within the block be of the same moment.

        Raises:
            StoreError: The journal cannot be read.
        """
        with self._reading() as connection:
            self._held = (connection,)
            try:
                yield
            finally:
                self._held = ()

    @contextmanager
    def _reading(self) -> Iterator[Connection | None]:
        """A transaction; None where nothing was ever written."""
        if self._held:
            yield self._held[0]
            return
        try:
            with self._engine.connect() as connection, connection.begin():
                version = version_of(connection)
            if version not in (0, NEWEST):
                JournalDatabase(self._address).prepare()
            with self._engine.connect() as connection, connection.begin():
                yield connection if version else None
        except SQLAlchemyError as error:
            raise StoreError(
                f"the journal `{self._address}` cannot be read: {cause_of(error)}"
            ) from None

    def _sources(self, connection: Connection) -> SumsSources:
        summed, whole_from = connection.execute(select(PROGRESS)).one()
        return SumsSources(self._engine.dialect.name, summed, whole_from)


def _require(by: Sequence[str], known: Collection[str]) -> None:
    for name in by:
        if name not in known:
            raise UsageError(
                f"outcomes cannot be grouped by `{quoted(name)}`: use one of {', '.join(known)}"
            )
