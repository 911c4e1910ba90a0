"""Reads a report from a journal: sums over the requests of a period."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from policy_router.base_errors import UsageError
from policy_router.journal.dimensions import LISTED, LocalDays
from policy_router.journal.groups import GroupSums
from policy_router.journal.query import OutcomeFilter, OutcomeSums
from policy_router.quoting import unknown
from policy_router.reports.figures import FigureMaker, tier_shares
from policy_router.reports.forecasts import forecasts
from policy_router.reports.gpu import gpu_hours
from policy_router.reports.local_time import HOUR, day_label, day_of, hour_label, local_days
from policy_router.reports.report import (
    GROUPINGS,
    MOST_GROUPS,
    TOP,
    CooldownCount,
    DenialCount,
    FailureFlow,
    Figures,
    TrafficReport,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from policy_router.decision.policy import Policy
    from policy_router.journal.dimensions import Grouping
    from policy_router.journal.reader import JournalReader
    from policy_router.reports.report import ReportGrouping
    from policy_router.reports.usage import CounterUsage


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportQuery:
    """What a report is about.

    Attributes:
        since: Unix time from which on calls are counted, by when they were sent.
        until: Unix time before which they were sent.
        by: What the figures are grouped by; None for no groups.
        top: How many groups are shown at most, those with the highest cost; from 1 to 10,000. Days
            and hours are all shown.
    """

    since: float
    until: float
    by: ReportGrouping | None = None
    top: int = TOP

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            UsageError: The grouping is unknown, the period ends before it begins, or the number of
                groups to show is out of range.
        """
        if self.by is not None and self.by not in GROUPINGS:
            raise UsageError(unknown("grouping of a report", self.by, GROUPINGS))
        if not self.since < self.until:
            raise UsageError("the period of a report ends before it begins")
        if not 1 <= self.top <= MOST_GROUPS:
            raise UsageError(f"a report shows from 1 to {MOST_GROUPS:,} groups, not {self.top:,}")


def read_report(
    reader: JournalReader,
    policy: Policy,
    query: ReportQuery,
    counters: Sequence[CounterUsage] = (),
    now: float | None = None,
) -> TrafficReport:
    """Read a report. It runs in the calling thread, for up to some seconds.

    Args:
        reader: Reads the journal.
        policy: The active policy: its models, their prices and its baselines.
        query: What the report is about.
        counters: What the counters of limits and budgets show; without any there are no forecasts.
        now: Unix time of the counters. Default: `query.until`.

    Raises:
        StoreError: The journal cannot be read.
    """
    period = _Period(reader, policy, query)
    # Everything is of one moment, so that the figures of all groups add up to those of the total.
    with reader.snapshot():
        begins = period.begins()
        # The total and the tiers are read together, as both are read from rows in part.
        whole = reader.whole(period.where, ["tier", "model", "role"])
        groups = _Groups() if begins is None else period.groups(whole, begins)
        failures, denials = reader.failures(period.where), reader.denials(period.where)
        cooldowns = reader.cooldowns(query.since, query.until)
    by_model: dict[str, OutcomeSums] = {}
    for each in whole.parts:
        name = str(each.by[1])
        by_model[name] = by_model.get(name, OutcomeSums()) + each
    return TrafficReport(
        policy=policy.name,
        revision=policy.revision,
        timezone=policy.timezone.key,
        since=query.since,
        until=query.until,
        begins=begins,
        by=query.by,
        total=period.maker.figures(None, whole),
        groups=groups.shown,
        omitted=groups.omitted,
        others=groups.others,
        tiers=tier_shares(whole.parts, policy.tiers),
        failures=tuple(
            FailureFlow(source, target, failure, times)
            for source, target, failure, times in failures
        ),
        denials=tuple(DenialCount(*row) for row in denials),
        cooldowns=tuple(CooldownCount(*row) for row in cooldowns),
        forecasts=forecasts(counters, query.until if now is None else now, policy.timezone),
        gpu=gpu_hours(by_model, policy.reports, policy.models_by_name),
    )


@dataclass(frozen=True, slots=True)
class _Groups:
    """The groups of a report.

    Attributes:
        shown: Their figures.
        omitted: How many others there are.
        others: What these come to together.
    """

    shown: tuple[Figures, ...] = ()
    omitted: int = 0
    others: Figures | None = None


class _Period:
    """Reads the groups of a report.

    Attributes:
        where: Which outcomes it is about.
        maker: Makes its figures.
    """

    def __init__(self, reader: JournalReader, policy: Policy, query: ReportQuery) -> None:
        self.where = OutcomeFilter(since=query.since, until=query.until)
        self.maker = FigureMaker(policy.models_by_name, policy.reports.baselines)
        self._reader = reader
        self._zone = policy.timezone
        self._query = query

    def begins(self) -> float | None:
        """When its first call was sent."""
        begins = self._reader.begins(self._query.since)
        return None if begins is None or begins >= self._query.until else begins

    def groups(self, whole: GroupSums, begins: float) -> _Groups:
        """The groups.

        Args:
            whole: All outcomes.
            begins: When the first call was sent.
        """
        by = self._query.by
        if by is None:
            return _Groups()
        if by == "hour":
            hours = self._hours(begins)
            labels = {hour: hour_label(hour, self._zone) for hour in hours}
            return _Groups(tuple(self._in_time(labels, "hour")))
        if by == "day":
            hours = self._hours(begins)
            first, last = (day_of(hour, self._zone) for hour in (hours[0], hours[-1]))
            labels = {day: day_label(day) for day in range(first, last + 1)}
            days = local_days(hours[0], hours[-1], self._zone)
            return _Groups(tuple(self._in_time(labels, "day" if days == _UTC else days)))
        top = self._reader.top_groups(by, self.where, most=self._query.top)
        shown = tuple(
            self.maker.figures(None if each.value is None else str(each.value), each)
            for each in top.groups
        )
        if not top.others:
            return _Groups(shown)
        if by in LISTED:
            whole = self._reader.whole(self.where, over=by)
        return _Groups(shown, top.others, self.maker.figures(None, whole.without(top.groups)))

    def _hours(self, begins: float) -> range:
        first = int(max(begins, self._query.since) // HOUR)
        last = int((self._query.until - 1e-6) // HOUR)
        return range(min(first, last), last + 1)

    def _in_time(self, labels: Mapping[int, str], key: Grouping | LocalDays) -> Iterator[Figures]:
        """The figures of days or hours. Those in which nothing happened are listed too, so that a
        curve of them is whole."""
        groups = {each.value: each for each in self._reader.groups(key, self.where)}
        for moment, label in labels.items():
            yield self.maker.figures(label, groups.get(moment, GroupSums()))


_UTC: Final = LocalDays(0)
