"""The basis of suggestions: a policy, and the observed outcomes of its requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from policy_router.decision.decide import decide
from policy_router.domain.outcome import Role
from policy_router.domain.request import Request
from policy_router.experience.counts import OutcomeCounts, total

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from datetime import date

    from policy_router.decision.policy import Policy
    from policy_router.domain.outcome import Outcome
    from policy_router.experience.nodes import Node, OutcomeKey
    from policy_router.suggestions.traffic import Traffic

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
    """A policy, and the observed outcomes of its requests.

    Attributes:
        policy: The policy.
        sources: The text of each of its files, by its name.
        counted: The counts of outcomes.
        rules: How often its rules applied; None where there is no journal.
        traffic: How many requests there were, and why some had no model; None without a journal.
        recent: The latest first calls of requests in the journal, in any order.
        today: The day on which it is looked at; None leaves out what depends on it.
    """

    policy: Policy
    sources: Mapping[str, str]
    counted: Mapping[OutcomeKey, OutcomeCounts]
    rules: RuleUse | None = None
    traffic: Traffic | None = None
    recent: tuple[Outcome, ...] = ()
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
        return total(self.by_node(task, model, roles).values())

    def by_node(
        self, task: str, model: str, roles: Collection[Role] = ANSWERS
    ) -> dict[Node, OutcomeCounts]:
        """The counts of a model at a task, by the kind of request."""
        return self._by_node(
            lambda key: key.model == model and key.node.task == task and key.role in roles
        )

    def by_prompt(
        self, task: str, model: str, roles: Collection[Role] = ANSWERS
    ) -> dict[str, dict[Node, OutcomeCounts]]:
        """The counts of a model at a task by the prompt that it got, which is empty for none, and
        the kind of request."""
        by_prompt: dict[str, dict[Node, OutcomeCounts]] = {}
        for key, row in self.counted.items():
            if key.model == model and key.node.task == task and key.role in roles:
                counted = by_prompt.setdefault(key.prompt, {})
                counted[key.node] = counted.get(key.node, OutcomeCounts()).merge(row)
        return by_prompt

    def in_band(
        self, band: str, models: Collection[str], roles: Collection[Role] = ANSWERS
    ) -> dict[Node, OutcomeCounts]:
        """The counts of models at requests of a band of complexity, by the kind of request."""
        return self._by_node(
            lambda key: key.model in models and key.node.band == band and key.role in roles
        )

    def _by_node(self, wanted: Callable[[OutcomeKey], bool]) -> dict[Node, OutcomeCounts]:
        rows: dict[Node, list[OutcomeCounts]] = {}
        for key, row in self.counted.items():
            if wanted(key):
                rows.setdefault(key.node, []).append(row)
        return {node: total(found) for node, found in rows.items()}

    def calls_of(self, model: str) -> int:
        """How often a model was called, for whatever task."""
        return sum(row.calls for key, row in self.counted.items() if key.model == model)
