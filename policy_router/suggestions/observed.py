"""What suggestions are made from: a policy, and what its requests were seen to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from policy_router.decision.decide import decide
from policy_router.domain.outcome import Role
from policy_router.domain.request import Request
from policy_router.experience.counts import total

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import date

    from policy_router.decision.policy import Policy
    from policy_router.experience.counts import OutcomeCounts
    from policy_router.experience.nodes import OutcomeKey

ANSWERS = frozenset({Role.FIRST, Role.AFTER_FAILURE, Role.AFTER_REJECTION})
"""The calls that answer a request. After a rejected answer requests are harder than most, so a
model does there no better than elsewhere."""


@dataclass(frozen=True, slots=True)
class RuleUse:
    """How often the rules of one revision of the policy applied.

    Attributes:
        requests: Requests that were decided by the revision.
        days: Days from the first of them to the last.
        applied: Names of the rules that applied to any of them.
    """

    requests: int
    days: float
    applied: frozenset[str]


@dataclass(frozen=True, slots=True)
class Observed:
    """A policy, and what its requests were seen to do.

    Attributes:
        policy: The policy.
        sources: The text of each of its files, by its name.
        counted: The counts of outcomes.
        rules: How often its rules applied; None where there is no journal.
        today: The day on which it is looked at; None leaves out what depends on it.
    """

    policy: Policy
    sources: Mapping[str, str]
    counted: Mapping[OutcomeKey, OutcomeCounts]
    rules: RuleUse | None = None
    today: date | None = None

    def order(self, task: str, policy: Policy | None = None) -> tuple[str, ...]:
        """The models that a request of a task may use, in written order.

        Args:
            task: Name of the task.
            policy: The policy to decide by, in place of this one.
        """
        decision = decide(policy or self.policy, Request(task=task))
        return tuple(candidate.name for candidate in decision.candidates)

    def counts(self, task: str, model: str, roles: Collection[Role] = ANSWERS) -> OutcomeCounts:
        """The counts of a model at a task, over all kinds of its requests."""
        return total(
            row
            for key, row in self.counted.items()
            if key.model == model and key.node.task == task and key.role in roles
        )

    def in_band(
        self, band: str, models: Collection[str], roles: Collection[Role] = ANSWERS
    ) -> OutcomeCounts:
        """The counts of models at requests of a band of complexity."""
        return total(
            row
            for key, row in self.counted.items()
            if key.model in models and key.node.band == band and key.role in roles
        )

    def calls_of(self, model: str) -> int:
        """How often a model was called, for whatever task."""
        return sum(row.calls for key, row in self.counted.items() if key.model == model)
