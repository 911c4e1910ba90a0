"""What outcomes can be grouped by, and the columns that say it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, get_args

from sqlalchemy import BigInteger, Integer, Text, case, cast, func, literal_column, true
from sqlalchemy.dialects.postgresql import JSONB

from policy_router.journal.days import SECONDS
from policy_router.journal.tables import OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import ColumnElement, FromClause

DayGrouping: TypeAlias = Literal["day", "model", "task", "band", "role"]
"""What the sums of days can be grouped by."""
Grouping: TypeAlias = Literal[
    "day", "model", "task", "band", "role", "hour", "provider", "tier", "key_env", "form", "kind",
    "tenant", "user", "team", "key", "session", "client", "prompt", "revision", "failure", "status",
    "ending", "rule", "experiment",
]  # fmt: skip
"""What outcomes can be grouped by. A day and an hour are numbers counted from 1970, in UTC. An
outcome counts for each rule that applied, and for each experiment, with its arm, that it was in."""

FACETS_OF: Final[dict[str, str]] = {
    "provider": "provider", "tier": "tier", "key_env": "key_env", "form": "form", "kind": "kind",
    "tenant": "tenant", "user": "user_id", "team": "team", "key": "key_id", "session": "session",
    "client": "client", "prompt": "prompt", "revision": "revision", "failure": "failure",
    "status": "status", "ending": "ending",
}  # fmt: skip
"""Facets that an outcome has one value of, and their columns."""
ListedGrouping: TypeAlias = Literal["rule", "experiment"]
"""What outcomes have any number of values of."""
LISTED: Final[tuple[ListedGrouping, ...]] = get_args(ListedGrouping)
FACET_NAMES: Final = ("hour", *FACETS_OF, *LISTED)
"""Everything that there are sums of days of, next to `DayGrouping`."""
NUMBERED: Final = frozenset({"day", "hour", "status"})
"""What has numbers for values; everything else has texts."""
HOUR: Final = 3_600
"""Seconds."""
_HOUR_MINUTES: Final = 60
_DAY_MINUTES: Final = 1_440


@dataclass(frozen=True, slots=True)
class LocalDays:
    """Days of a time zone, each of the hours in UTC that begin in it.

    A day is the number of days since 1970 in that zone.

    Attributes:
        offset: Minutes that the zone is ahead of UTC at first.
        changes: The hours, counted from 1970 in UTC, from which on it is ahead by other minutes,
            and those minutes; in order of time.
    """

    offset: int
    changes: tuple[tuple[int, int], ...] = ()

    def of(self, hour: ColumnElement[Any]) -> ColumnElement[Any]:
        """The day of an hour, in SQL."""
        ahead: Any = self.offset
        if self.changes:
            ends = zip(
                self.changes, (self.offset, *(each for _, each in self.changes)), strict=False
            )
            ahead = case(*((hour < start, before) for (start, _), before in ends),
                         else_=self.changes[-1][1])  # fmt: skip
        day: ColumnElement[Any] = (hour * _HOUR_MINUTES + ahead) // _DAY_MINUTES
        return day


class Dimensions:
    """The columns of one dialect of SQL.

    Args:
        dialect: Its name.
    """

    def __init__(self, dialect: str) -> None:
        self._on_postgresql = dialect == "postgresql"

    def column(self, name: str) -> ColumnElement[Any]:
        """The value of an outcome, which is NULL where it has none."""
        if name in ("day", "hour"):
            at: ColumnElement[Any] = OUTCOMES.c.at
            # SQLite cuts what PostgreSQL rounds. To divide before would round up before midnight.
            seconds = cast(func.floor(at) if self._on_postgresql else at, BigInteger)
            return cast(seconds // (SECONDS if name == "day" else HOUR), Integer)
        if name == "rule":
            return literal_column("rule.value", Text)
        if name == "experiment":
            arm = literal_column("experiment.key", Text)
            return arm + literal_column("': '", Text) + literal_column("experiment.value", Text)
        column = OUTCOMES.c[FACETS_OF.get(name, name)]
        return column if name in NUMBERED else func.nullif(column, "")

    def source(self, names: Collection[str]) -> FromClause:
        """The table of outcomes, with a row for each value of the lists among the names."""
        source: FromClause = OUTCOMES
        if "rule" in names:
            source = source.join(self._rules(), true())
        if "experiment" in names:
            source = source.join(self._arms(), true())
        return source

    def _rules(self) -> FromClause:
        if self._on_postgresql:
            names = func.jsonb_array_elements_text(cast(OUTCOMES.c.rules, JSONB))
            return names.table_valued("value").lateral("rule")
        return func.json_each(OUTCOMES.c.rules).table_valued("value", name="rule")

    def _arms(self) -> FromClause:
        if self._on_postgresql:
            arms = func.jsonb_each_text(cast(OUTCOMES.c.arms, JSONB))
            return arms.table_valued("key", "value").lateral("experiment")
        return func.json_each(OUTCOMES.c.arms).table_valued("key", "value", name="experiment")
