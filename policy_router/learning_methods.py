"""What a router learns from the outcomes of its requests."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from policy_router.experience.history import Experience
from policy_router.experience.keeper import ExperienceKeeper
from policy_router.experience.recorder import OutcomeRecorder
from policy_router.experience.watch import QualityWatch
from policy_router.observe.router_events import RouterEvents

if TYPE_CHECKING:
    from collections.abc import Callable

    from policy_router.decision.policy import Policy
    from policy_router.events import EventSource


class LearningMethods(ABC):
    """The methods of a router that are about outcomes.

    Attributes:
        experience: How models did at past requests.
    """

    experience: Experience

    @property
    @abstractmethod
    def policy(self) -> Policy:
        """The active policy."""

    def _begin_experience(
        self, store: object, events: EventSource, clock: Callable[[], float]
    ) -> ExperienceKeeper:
        """Count outcomes from the events of the router."""
        watch = QualityWatch(RouterEvents(events).quality_changed)
        recorder = OutcomeRecorder(
            lambda: self.policy,
            lambda model, form, rejected: watch.note(model, form, rejected=rejected),
        )
        events.add(recorder)
        keeper = ExperienceKeeper(store, recorder, lambda: self.policy, watch=watch, clock=clock)
        self.experience = Experience(keeper, recorder, lambda: self.policy, clock)
        return keeper
