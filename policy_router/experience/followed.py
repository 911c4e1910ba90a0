"""One experiment as a process knows it: counts that all processes added to a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.experience.tallying import end_key, ended_in, topic_of, values_of
from policy_router.experience.verdicts import judge
from policy_router.ledger.tallies import TallyStore

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from policy_router.domain.experiments import Experiment
    from policy_router.experience.verdicts import ExperimentReport
    from policy_router.ledger.tallies import Counts


async def read_experiments(
    experiments: Sequence[Experiment], store: object, now: float | None
) -> list[ExperimentReport]:
    """Read what experiments say at a Unix time.

    Args:
        experiments: The experiments.
        store: Where their counts are kept; in one that keeps no tallies there are none.
        now: The time; None without a clock.

    Raises:
        StoreError: The store cannot be reached.
    """
    reports = []
    for experiment in experiments:
        followed = FollowedExperiment(experiment)
        if isinstance(store, TallyStore):
            await followed.read(store)
        reports.append(followed.report(now))
    return reports


def ended_arms(reports: Iterable[ExperimentReport]) -> frozenset[tuple[str, str]]:
    """The arms that get no more requests, as names of the experiment and the arm."""
    return frozenset(
        (report.experiment.name, arm.arm.name)
        for report in reports
        for arm in report.arms
        if arm.ended is not None
    )


class FollowedExperiment:
    """The counts of an experiment, brought up to date by `read`.

    Attributes:
        experiment: The experiment.
        topic: The name under which stores keep its counts.
    """

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        self.topic = topic_of(experiment)
        self._known: dict[int, int] = {}
        self._days: dict[int, Mapping[str, Counts]] = {}
        self._totals: dict[str, dict[str, int]] = {}

    async def read(self, store: TallyStore) -> None:
        """Read what was added since the last time.

        Raises:
            StoreError: The store cannot be reached.
        """
        found = await store.read_tallies(self.topic, dict(self._known))
        for day, tallies in (found or {}).items():
            self._add(self._days.get(day, {}), -1)
            self._add(tallies.counts, 1)
            self._known[day], self._days[day] = tallies.version, tallies.counts

    def _add(self, counts: Mapping[str, Counts], times: int) -> None:
        for key, row in counts.items():
            totals = self._totals.setdefault(key, {})
            for name, count in row.items():
                totals[name] = totals.get(name, 0) + times * count

    def report(self, now: float | None) -> ExperimentReport:
        """What the experiment says at a Unix time."""
        ended = ended_in(self.experiment, self._totals)
        return judge(self.experiment, values_of(self._totals), ended, now)

    def noted(self, arm: str) -> int | None:
        """The last day on which it was written down that an arm ended; None if it never was."""
        key = end_key(self.experiment, arm)
        return max((day for day, counts in self._days.items() if key in counts), default=None)
