"""Where the sums over some outcomes are read from: rows, sums of days, or sums of facets.

Sums of whole days are in tables of their own; see `days` and `facets`. Rows are read for the parts
of days at both ends of the time that is asked for, for those that are not in the sums of facets
yet, and for whatever there are no sums of: a grouping by two facets, such as by user and client,
or a condition such as `rated`. The result is the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING, Any, Final, TypeAlias, get_args

from sqlalchemy import Integer, cast, func, literal_column, or_, select, union_all

from policy_router.journal.days import NAMES, SECONDS
from policy_router.journal.dimensions import (
    LISTED,
    NUMBERED,
    DayGrouping,
    Dimensions,
    LocalDays,
)
from policy_router.journal.query import OutcomeFilter, conditions, wanted_values
from policy_router.journal.row_sums import sums_of_rows
from policy_router.journal.tables import (
    DAY_FIRST_TOKENS,
    DAY_LATENCIES,
    DAYS,
    FACET_FIRST_TOKENS,
    FACET_LATENCIES,
    FACETS,
    OUTCOMES,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import ColumnElement, CompoundSelect, Select, Table

GroupKey: TypeAlias = "str | LocalDays"
"""What outcomes are grouped by: the name of a dimension, or days of a time zone."""
_DAY_DIMENSIONS: Final = frozenset(get_args(DayGrouping))
_FACET_DIMENSIONS: Final = frozenset({"day", "model", "role"})
"""What the sums of any facet can be grouped by as well."""
_LOOKED_UP: Final = 20_000
"""Rows of sums that are looked up one by one; from there on it is faster to read all of them."""


@dataclass(frozen=True, slots=True)
class SumsQuestion:
    """Which sums are asked for.

    Attributes:
        by: What outcomes are grouped by.
        where: Which outcomes.
        over: What outcomes have any number of values of, and count once for each, without being
            grouped by it: `rule` or `experiment`.
        among: The values of the first of `by` that are wanted; None for all.
    """

    by: Sequence[GroupKey]
    where: OutcomeFilter
    over: Sequence[str] = ()
    among: Collection[str | int | None] | None = None

    @property
    def names(self) -> list[str]:
        """The names of the dimensions that outcomes are counted by."""
        return [*(key if isinstance(key, str) else "hour" for key in self.by), *self.over]


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of sums, and where it is.

    Attributes:
        days: The table of those of days.
        facets: The table of those of facets.
        bucket: The column of rows that it is counted by; None for sums of rows.
    """

    days: Table
    facets: Table
    bucket: ColumnElement[Any] | None = None


_SUMS: Final = _Kind(DAYS, FACETS)
_LATENCIES: Final = _Kind(DAY_LATENCIES, FACET_LATENCIES, OUTCOMES.c.latency_bucket)
_FIRST_TOKENS: Final = _Kind(DAY_FIRST_TOKENS, FACET_FIRST_TOKENS, OUTCOMES.c.first_token_bucket)


class SumsSources:
    """Chooses where sums are read from.

    Every query gives the columns `by_0`, `by_1` and so on of a group first, and is in parts that
    add up.

    Args:
        dialect: The name of the dialect of SQL.
        summed: The id up to which rows are in the sums of facets.
        whole_from: The first day whose sums are those of its rows.
    """

    def __init__(self, dialect: str, summed: int, whole_from: int) -> None:
        self._dimensions = Dimensions(dialect)
        self._summed = summed
        self._whole_from = whole_from

    def sums(self, question: SumsQuestion, names: Collection[str] = NAMES) -> CompoundSelect[Any]:
        """The query that gives sums by their names.

        Args:
            question: Which sums are asked for.
            names: Which of `days.NAMES`.
        """
        return self._query(question, _SUMS, names)

    def latencies(self, question: SumsQuestion) -> CompoundSelect[Any]:
        """The query that gives `bucket` and `calls` of latencies."""
        return self._query(question, _LATENCIES)

    def first_tokens(self, question: SumsQuestion) -> CompoundSelect[Any]:
        """The query that gives `bucket` and `calls` of times to the first token."""
        return self._query(question, _FIRST_TOKENS)

    def _query(
        self, question: SumsQuestion, kind: _Kind, names: Collection[str] = NAMES
    ) -> CompoundSelect[Any]:
        return union_all(*self._parts(question, kind, names))

    def _parts(
        self, question: SumsQuestion, kind: _Kind, names: Collection[str]
    ) -> list[Select[Any]]:
        where = question.where
        first, last = self._days(where)
        wanted = wanted_values(where)
        facet = None if wanted is None else _facet_of(question, wanted)
        if wanted is None or facet is None or (last is not None and first >= last):
            return [self._of_rows(question, kind, names)]
        # Each part has one bound on either side: of several, a database may look for the wide one.
        begin, end = first * SECONDS, None if last is None else last * SECONDS
        ends = [replace(where, until=begin)]
        if end is not None:
            ends.append(replace(where, since=end))
        parts = [_of_sums(question, (wanted, facet), (first, last), kind, names)]
        parts += [self._of_rows(replace(question, where=each), kind, names) for each in ends]
        if facet:
            # Whatever is added keeps the database from looking for these rows by their time.
            new = [OUTCOMES.c.id > self._summed, OUTCOMES.c.at + 0 >= begin]
            if end is not None:
                new.append(OUTCOMES.c.at + 0 < end)
            timeless = replace(question, where=replace(where, since=None, until=None))
            parts.append(self._of_rows(timeless, kind, names, *new))
        return parts

    def _days(self, where: OutcomeFilter) -> tuple[int, int | None]:
        """The first day that sums can be read of, and the first one after that they cannot."""
        first = self._whole_from
        if where.since is not None:
            first = max(first, ceil(where.since / SECONDS))
        return first, None if where.until is None else int(where.until // SECONDS)

    def _of_rows(
        self,
        question: SumsQuestion,
        kind: _Kind,
        names: Collection[str],
        *more: ColumnElement[bool],
    ) -> Select[Any]:
        groups = [self._column(key) for key in question.by]
        sums = (
            [each for each in sums_of_rows() if each.name in names]
            if kind.bucket is None
            else [func.count().label("calls")]
        )
        query = _grouped(groups, kind.bucket, sums)
        query = query.select_from(self._dimensions.source(question.names))
        if question.among is not None:
            query = query.where(_is_among(groups[0], question.among))
        return query.where(*conditions(question.where), *more)

    def _column(self, key: GroupKey) -> ColumnElement[Any]:
        if isinstance(key, LocalDays):
            return key.of(self._dimensions.column("hour"))
        return self._dimensions.column(key)


def queries_of_days(
    by: Sequence[str], first: int | None, last: int | None
) -> tuple[Select[Any], ...]:
    """The queries for sums, latencies and times to the first token of days from the first to before
    the last one."""
    question, days = SumsQuestion(by, OutcomeFilter()), (first, last)
    kinds = (_SUMS, _LATENCIES, _FIRST_TOKENS)
    return tuple(_of_sums(question, ({}, ""), days, kind, NAMES) for kind in kinds)


def _facet_of(question: SumsQuestion, wanted: dict[str, list[str]]) -> str | None:
    """The facet whose sums answer a question; empty where the sums of days do, None where neither
    does."""
    counted = question.names
    names = {*counted, *wanted}
    if names <= _DAY_DIMENSIONS:
        return ""
    if any(name in LISTED and name in counted for name in wanted):
        return None  # of the rows with a rule, those of the other rules are wanted too
    facets = names - _FACET_DIMENSIONS
    return facets.pop() if len(facets) == 1 and not facets & _DAY_DIMENSIONS else None


def _of_sums(
    question: SumsQuestion,
    of: tuple[dict[str, list[str]], str],
    days: tuple[int | None, int | None],
    kind: _Kind,
    names: Collection[str],
) -> Select[Any]:
    """The query for sums of whole days.

    Args:
        question: Which sums are asked for.
        of: The values that are wanted of dimensions, and the facet; see `_facet_of`.
        days: The first day, and the one after the last.
        kind: What is added up.
        names: Which sums.
    """
    wanted, facet = of
    table = kind.facets if facet else kind.days
    groups = [_column_of(table, key, facet) for key in question.by]
    where = [table.c.facet == facet] if facet else []
    where += _on_days(table, days, 0 if question.among is None else len(question.among))
    if question.among is not None:
        where.append(_kept_among(table, question.by[0], facet, question.among))
    for name, values in wanted.items():
        where.append(table.c["value" if name == facet else name].in_(values))
    sums = [name for name in NAMES if name in names] if kind.bucket is None else ["calls"]
    query = _grouped(
        groups, table.c.get("bucket"), [func.sum(table.c[name]).label(name) for name in sums]
    )
    return query.select_from(table).where(*where)


def _on_days(
    table: Table, days: tuple[int | None, int | None], values: int
) -> list[ColumnElement[bool]]:
    """The conditions for sums of some days.

    Args:
        table: The sums.
        days: The first day, and the one after the last.
        values: How many values of a group are looked up on each day; 0 for all that there are.
    """
    first, last = days
    if values and first is not None and last is not None and values * (last - first) < _LOOKED_UP:
        # One by one, so that the database goes from each day to the values.
        return [table.c.day.in_(range(first, last))]
    bounds = []
    if first is not None:
        bounds.append(table.c.day >= first)
    if last is not None:
        bounds.append(table.c.day < last)
    return bounds


def _kept_among(
    table: Table, key: GroupKey, facet: str, values: Collection[str | int | None]
) -> ColumnElement[bool]:
    """Whether a row of sums is one of the values; see `_column_of`."""
    if not isinstance(key, str) or key == "day":
        return _is_among(_column_of(table, key, facet), values)
    column = table.c["value" if key == facet else key]
    return column.in_(["" if value is None else str(value) for value in values])


def _is_among(
    column: ColumnElement[Any], values: Collection[str | int | None]
) -> ColumnElement[bool]:
    among = column.in_([value for value in values if value is not None])
    return or_(among, column.is_(None)) if None in values else among


def _column_of(table: Table, key: GroupKey, facet: str) -> ColumnElement[Any]:
    """How a column of a table of sums is read: as that of `outcomes`, with NULL for absent."""
    if isinstance(key, LocalDays):
        return key.of(_column_of(table, "hour", facet))
    if key == "day":
        return table.c.day
    value = func.nullif(table.c["value" if key == facet else key], "")
    return cast(value, Integer) if key in NUMBERED else value


def _grouped(
    groups: list[ColumnElement[Any]], bucket: ColumnElement[Any] | None, sums: Sequence[Any]
) -> Select[Any]:
    named: list[Any] = [group.label(f"by_{number}") for number, group in enumerate(groups)]
    if bucket is not None:
        named.append(bucket.label("bucket"))
    query = select(*named, *sums)
    # By number, as the same expression with other parameters is another one to PostgreSQL.
    query = query.group_by(*(literal_column(str(1 + number)) for number in range(len(named))))
    return query if bucket is None else query.where(bucket.is_not(None))
