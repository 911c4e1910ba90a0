"""What a router learns from the outcomes of its requests."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from policy_router.experience.followed import read_experiments
from policy_router.experience.history import Experience
from policy_router.experience.keeper import ExperienceKeeper
from policy_router.experience.recorder import OutcomeRecorder
from policy_router.experience.watch import QualityWatch
from policy_router.observe.router_events import RouterEvents

if TYPE_CHECKING:
    from collections.abc import Callable

    from policy_router.decision.policy import Policy
    from policy_router.event_source import EventSource
    from policy_router.experience.counted_feedback import FeedbackSource
    from policy_router.experience.verdicts import ExperimentReport
    from policy_router.ledger.store import Store


class LearningMethods(ABC):
    """The methods of a router for experience and experiments.

    Attributes:
        experience: How models did at past requests.
    """

    experience: Experience
    _store: Store
    _time: Callable[[], float]

    @property
    @abstractmethod
    def policy(self) -> Policy:
        """The active policy."""

    def _begin_experience(
        self,
        store: object,
        events: EventSource,
        clock: Callable[[], float],
        feedback: FeedbackSource | None = None,
    ) -> ExperienceKeeper:
        """Count outcomes from the events of the router, and the feedback that a journal has."""
        watch = QualityWatch(RouterEvents(events).quality_changed)
        recorder = OutcomeRecorder(
            lambda: self.policy,
            lambda model, form, rejected: watch.note(model, form, rejected=rejected),
        )
        events.add(recorder)
        keeper = ExperienceKeeper(
            store, recorder, lambda: self.policy, watch=watch, feedback=feedback, clock=clock
        )
        self.experience = Experience(keeper, recorder, lambda: self.policy, clock)
        return keeper

    async def experiments(self) -> list[ExperimentReport]:
        """Report what the experiments of the active policy say, over all processes.

        Raises:
            StoreError: The store cannot be reached.
        """
        return await read_experiments(self.policy.experiments, self._store, self._time())
