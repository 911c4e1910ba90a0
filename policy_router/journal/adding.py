"""Runs queries of sums and adds up their parts: see `sources`."""

from __future__ import annotations

import json
from collections import defaultdict
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import BigInteger, Text, cast, collate, desc, func, select

from policy_router.journal.days import NAMES
from policy_router.journal.encoding import MILLIONTHS
from policy_router.journal.groups import GroupSums, TopGroups
from policy_router.journal.query import OutcomeSums
from policy_router.journal.sources import SumsQuestion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, FromClause, SelectBase

    from policy_router.journal.query import OutcomeFilter
    from policy_router.journal.sources import GroupKey, SumsSources

_RANKED_BY: Final = ("cost", "requests", "calls")
_PARTS: Final = ("model", "role")


def added(
    connection: Connection,
    queries: Sequence[SelectBase],
    width: int,
    limit: int | None = None,
    order: str = "calls",
) -> list[OutcomeSums]:
    """Run queries and add up their parts.

    Args:
        connection: In a transaction.
        queries: Those of sums and, where they are wanted, of latencies and times to the first
            token.
        width: How many values a group has.
        limit: How many groups at most; None for all.
        order: Those with the most of this come first.
    """
    sums, *durations = (query.subquery() for query in queries)
    numbers_of = _numbers(connection, sums, width, limit, order)
    few = None if limit is None else list(numbers_of)
    counts = [_counts(connection, each, width, few) for each in durations] or [{}, {}]
    return [
        OutcomeSums(
            by=by,
            latencies=MappingProxyType(counts[0].get(by, {})),
            first_token_latencies=MappingProxyType(counts[1].get(by, {})),
            **_in_seconds(numbers),
        )
        for by, numbers in numbers_of.items()
    ]


def _numbers(
    connection: Connection,
    parts: FromClause,
    width: int,
    limit: int | None = None,
    order: str = "calls",
) -> dict[tuple[Any, ...], dict[str, int]]:
    """The sums of each group by their names, in order."""
    groups = [parts.c[f"by_{number}"] for number in range(width)]
    # As what they are: a database may add up integers to decimals, which take long to read.
    sums = [cast(func.sum(parts.c[name]), BigInteger).label(name) for name in NAMES]
    named = [group.nulls_first() for group in groups]
    wanted = select(*groups, *sums).group_by(*groups).order_by(desc(order), desc("requests"))
    return {
        tuple(row[:width]): dict(zip(NAMES, row[width:], strict=True))
        for row in connection.execute(wanted.order_by(*named).limit(limit))
        if row[width] is not None  # of no outcomes at all
    }


def _counts(
    connection: Connection,
    parts: FromClause,
    width: int,
    few: list[tuple[Any, ...]] | None = None,
) -> dict[tuple[Any, ...], dict[int, int]]:
    """The counts of each bucket of each group; of few groups, where only they are wanted.

    The database writes those of a group as one text: a row for each bucket takes longer to fetch
    than everything else.
    """
    groups = [parts.c[f"by_{number}"] for number in range(width)]
    calls = cast(func.sum(parts.c.calls), BigInteger).label("calls")
    wanted = select(*groups, parts.c.bucket, calls)
    if few is not None:
        for number, group in enumerate(groups):
            values = {by[number] for by in few}
            among = group.in_(values - {None})
            wanted = wanted.where(among | group.is_(None) if None in values else among)
    summed = wanted.group_by(*groups, parts.c.bucket).subquery()
    named = [summed.c[f"by_{number}"] for number in range(width)]
    together = (
        func.json_object_agg if connection.dialect.name == "postgresql" else func.json_group_object
    )
    text = cast(together(cast(summed.c.bucket, Text), summed.c.calls), Text)
    return {
        tuple(row[:width]): {int(bucket): calls for bucket, calls in json.loads(row[width]).items()}
        for row in connection.execute(select(*named, text).group_by(*named))
        if row[width] is not None  # of no outcomes at all
    }


def _in_seconds(numbers: dict[str, Any]) -> dict[str, Any]:
    """The same sums by the names that `OutcomeSums` has; the mapping itself changes."""
    for micros, seconds in _SECONDS.items():
        numbers[seconds] = numbers.pop(micros) / MILLIONTHS
    return numbers


_SECONDS: Final = {
    "micros": "seconds", "first_token_micros": "first_token_seconds",
    "answer_micros": "answer_seconds",
}  # fmt: skip


class GroupAdder:
    """Adds up groups for a report.

    Args:
        connection: In a transaction.
        sources: Where sums are read from.
        where: Which outcomes.
    """

    def __init__(self, connection: Connection, sources: SumsSources, where: OutcomeFilter) -> None:
        self._connection = connection
        self._sources = sources
        self._where = where

    def whole(self, parts: Sequence[GroupKey] = _PARTS, over: Sequence[str] = ()) -> GroupSums:
        """All outcomes as one group.

        Args:
            parts: What its parts are grouped by; the last two are model and role.
            over: What outcomes count once for each of: `rule` or `experiment`.
        """
        query = self._sources.sums(SumsQuestion(parts, self._where, over))
        sums = _numbers(self._connection, query.subquery(), len(parts))
        latencies, first_tokens = self._durations(SumsQuestion((), self._where, over))
        return GroupSums(
            None,
            tuple(OutcomeSums(by=by, **_in_seconds(each)) for by, each in sums.items()),
            MappingProxyType(latencies.get((), {})),
            MappingProxyType(first_tokens.get((), {})),
        )

    def groups(
        self, by: GroupKey, among: Sequence[str | int | None] | None = None
    ) -> tuple[GroupSums, ...]:
        """The groups of all values, or of some.

        Args:
            by: What outcomes are grouped by.
            among: The values, which give the order; None for all.
        """
        question = SumsQuestion((by, *_PARTS), self._where, among=among)
        parts: defaultdict[str | int | None, list[OutcomeSums]] = defaultdict(list)
        sums = self._sources.sums(question).subquery()
        for key, each in _numbers(self._connection, sums, 1 + len(_PARTS)).items():
            parts[key[0]].append(OutcomeSums(by=key[1:], **_in_seconds(each)))
        latencies, first_tokens = self._durations(SumsQuestion((by,), self._where, among=among))
        return tuple(
            GroupSums(
                value,
                tuple(parts[value]),
                MappingProxyType(latencies.get((value,), {})),
                MappingProxyType(first_tokens.get((value,), {})),
            )
            for value in (list(parts) if among is None else among)
        )

    def top(self, by: GroupKey, most: int) -> TopGroups:
        """The groups with the highest cost, then with the most requests and calls.

        Args:
            by: What outcomes are grouped by.
            most: How many groups at most.
        """
        question = SumsQuestion((by,), self._where)
        parts = self._sources.sums(question, _RANKED_BY).subquery()
        value = parts.c.by_0
        sums = [func.sum(parts.c[name]).label(name) for name in _RANKED_BY]
        ranked = select(value, *sums, func.count().over().label("number")).group_by(value)
        named = collate(value, "C") if self._collates(value) else value
        ranked = ranked.order_by(*map(desc, _RANKED_BY), named.asc().nulls_first()).limit(most)
        rows = self._connection.execute(ranked).all()
        values = [row[0] for row in rows]
        number = rows[0].number if rows else 0
        return TopGroups(self.groups(by, values) if values else (), number - len(values))

    def _collates(self, value: Any) -> bool:
        """Whether texts have an order other than that of their characters' numbers."""
        return self._connection.dialect.name == "postgresql" and isinstance(value.type, Text)

    def _durations(
        self, question: SumsQuestion
    ) -> tuple[dict[tuple[Any, ...], dict[int, int]], dict[tuple[Any, ...], dict[int, int]]]:
        """Latencies and times to the first token of each group."""
        latencies, first_tokens = (
            _counts(self._connection, query.subquery(), len(question.by))
            for query in (self._sources.latencies(question), self._sources.first_tokens(question))
        )
        return latencies, first_tokens
