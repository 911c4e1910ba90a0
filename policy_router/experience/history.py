"""Statistics of models from past requests, for programs: `router.experience`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from policy_router.base_errors import UsageError
from policy_router.domain.outcome import Role
from policy_router.experience.performance import Performance, performance_of, ranked
from policy_router.quoting import quoted, unknown

if TYPE_CHECKING:
    from collections.abc import Callable

    from policy_router.decision.policy import Policy
    from policy_router.domain.attempt import Attempt
    from policy_router.domain.decision import Decision
    from policy_router.experience.counts import OutcomeCounts
    from policy_router.experience.keeper import ExperienceKeeper
    from policy_router.experience.nodes import OutcomeKey
    from policy_router.experience.recorder import OutcomeRecorder


class Experience:
    """The performance of models on past requests, across all processes that share the store.

        await router.experience.refresh()
        router.experience.performance("small", task="extract").success
        router.experience.best("extract")

    The values are those that were read last: a few seconds ago, or by `refresh`. Outcomes are
    counted while the policy's `learning` is on, and kept for 92 days.
    """

    def __init__(
        self,
        keeper: ExperienceKeeper,
        recorder: OutcomeRecorder,
        policy: Callable[[], Policy],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Give access to what a keeper has read.

        Args:
            keeper: Reads the counts.
            recorder: Counts the outcomes of this process.
            policy: The active policy.
            clock: Gives Unix time.
        """
        self._keeper = keeper
        self._recorder = recorder
        self._policy = policy
        self._clock = clock

    async def refresh(self) -> None:
        """Store what this process counted, and read what all processes counted.

        Raises:
            StoreError: The store cannot be reached.
        """
        await self._keeper.exchange()

    def performance(
        self, model: str, *, task: str | None = None, since: float | None = None
    ) -> Performance:
        """Return the performance of a model.

        Args:
            model: Name of a model of the active policy.
            task: Only requests of this task; None for all.
            since: Only days from this Unix time on; None for all that are kept.

        Raises:
            UsageError: The policy has no such model or task, or `since` is no time.
        """
        policy = self._policy()
        if model not in policy.models_by_name:
            raise UsageError(unknown("model", model, policy.models_by_name))
        _check(policy, task, since)
        counted = self._keeper.counted(since)
        return performance_of(counted, model, task, policy.learning.quality)

    def ranking(
        self,
        task: str | None = None,
        *,
        min_samples: int | None = None,
        since: float | None = None,
    ) -> tuple[Performance, ...]:
        """Rank the models of the active policy by their performance, the best first.

        They are sorted by the lower bound of their quality where each has enough verdicts and
        feedback, else by that of their success.

        Args:
            task: Only requests of this task; None for all.
            min_samples: Calls that a model needs to be among them; None for `min_samples` of the
                policy's `learning`.
            since: Only days from this Unix time on; None for all that are kept.

        Raises:
            UsageError: The policy has no such task, or `since` is no time.
        """
        policy = self._policy()
        _check(policy, task, since)
        counted = self._keeper.counted(since)
        least = policy.learning.min_samples if min_samples is None else min_samples
        sources = policy.learning.quality
        return ranked(
            (performance_of(counted, model.name, task, sources) for model in policy.models), least
        )

    def best(
        self,
        task: str | None = None,
        *,
        min_samples: int | None = None,
        since: float | None = None,
    ) -> Performance | None:
        """Return the first model of `ranking`; None where no model has enough samples."""
        return next(iter(self.ranking(task, min_samples=min_samples, since=since)), None)

    def counts(self, since: float | None = None) -> dict[OutcomeKey, OutcomeCounts]:
        """Return all counts by key.

        Args:
            since: Only days from this Unix time on; None for all that are kept.
        """
        return self._keeper.counted(since)

    @property
    def dropped(self) -> int:
        """How many rows of counts this process could not store, and calls it could not count."""
        return self._keeper.dropped + self._recorder.dropped

    def add_feedback(self, decision_id: str, score: float, *, by: str = "user") -> bool:
        """Count what someone says about an answer; the last score of each source counts.

        Args:
            decision_id: Id of the decision that the answer carries.
            score: How good the answer is, 0..1.
            by: The source: who or what judged the answer.

        Returns:
            Whether it was counted: this process gave the answer, and it is among the last 20,000.

        Raises:
            UsageError: The score is not from 0 to 1.
        """
        if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1:
            raise UsageError(f"`score` must be a number from 0 to 1, not `{quoted(score)}`")
        return self._recorder.add_feedback(decision_id, float(score), by, self._clock())

    def add_call(self, decision: Decision, attempt: Attempt, *, again: bool = False) -> None:
        """Count a call that the program made itself, where the policy learns.

        Args:
            decision: The decision that it was made for.
            attempt: The call, as it ended.
            again: Whether the program rejected an answer of this decision before.
        """
        served = attempt.model if attempt.failure is None else None
        role = Role.AFTER_REJECTION if again else Role.FIRST
        self._recorder.count(decision, (attempt,), served, self._clock(), role)


def _check(policy: Policy, task: str | None, since: object) -> None:
    if task is not None and policy.task(task) is None:
        raise UsageError(unknown("task", task, [each.name for each in policy.tasks]))
    if since is not None and (isinstance(since, bool) or not isinstance(since, int | float)):
        raise UsageError(f"`since` must be a Unix time in seconds, not `{quoted(since)}`")
