"""The candidates of a decision, and what remains of them with fewer models.

What is in shadow is worked out by this where it only takes models away, because a second decision
for each of its parts would take much longer. The models that are left nearly always keep their
order, so that it is enough to leave out the names of the others. They are put in order again where
it depends on which ones are left: by `same_model`, by the evidence of outcomes, and where a session
would stay with another model or in another tier.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.decision.arms import NO_EFFECT
from policy_router.decision.candidates import ordered
from policy_router.decision.floors import floor_of
from policy_router.decision.order.demotion import demote
from policy_router.decision.order.learned_order import by_evidence
from policy_router.decision.order.order_keys import order_keys
from policy_router.decision.sessions import session_step
from policy_router.decision.shadow import names_of
from policy_router.domain.decision import Reason
from policy_router.domain.ordering import SortKey

if TYPE_CHECKING:
    from policy_router.decision.index import Index
    from policy_router.decision.policy import Policy
    from policy_router.decision.rule_effects import Effect
    from policy_router.domain.decision import Decision
    from policy_router.domain.snapshot import Snapshot


class Remaining:
    """What remains of the candidates of one decision with fewer models.

    Attributes:
        names: Names of the candidates, in order.
        left: The models that may answer (bit i: model i), however many candidates are wanted.
    """

    def __init__(
        self,
        policy: Policy,
        index: Index,
        snapshot: Snapshot,
        effect: Effect,
        decision: Decision,
    ) -> None:
        """Prepare the comparison.

        Args:
            policy: The policy that decided.
            index: Its index, with the prompts that the models get.
            snapshot: The state of the world that it decided on.
            effect: What the rules that applied mean.
            decision: The decision.
        """
        self._policy = policy
        self._index = index
        self._snapshot = snapshot
        self._effect = effect
        self._decision = decision
        self._most = decision.request.max_candidates
        self.names = names_of(decision)
        beyond = [s.model for s in decision.further if s.reason is Reason.MAX_CANDIDATES]
        self._all = [*self.names, *beyond]
        self.left = index.mask(self._all)
        task = decision.situation.task
        self._own = None if task is None else index.task_effects.get(task.name)
        self._floor = floor_of(effect, task, decision.situation.band)
        keys = order_keys(policy, decision.request, effect, self._own)
        self._reordered = SortKey.SAME_MODEL in keys or snapshot.beliefs is not None
        self._found: dict[int, list[str]] = {}

    def with_rules(self, effect: Effect) -> list[str] | None:
        """The names of the candidates with other rules, in order.

        Args:
            effect: What those mean. They are the same as before, and one more.

        Returns:
            The names; None where the rule may do more than take models away.
        """
        if _but_for_models(effect) != _but_for_models(self._effect):
            return None
        if self._decision.request.one_space:  # which depends on the models that are left
            return None
        if self._snapshot.beliefs is not None:  # which ask for the checks of the answer too
            return None
        return self.without(self.left & ~effect.allowed)

    def without(self, excluded: int) -> list[str]:
        """The names of the candidates without some models, in order."""
        names = self._found.get(excluded)
        if names is None:
            names = self._found[excluded] = self._without(excluded)[: self._most]
        return names

    def _without(self, excluded: int) -> list[str]:
        policy, snapshot, decision = self._policy, self._snapshot, self._decision
        left = self.left & ~excluded
        step = decision.session
        if step is not None and step.before is not None:
            step = session_step(policy, decision.request, snapshot, left, *self._floor)
        if step == decision.session and not self._reordered:
            at = self._index.at
            return [name for name in self._all if left >> at[name] & 1]
        own, effect = self._own, self._effect
        first = effect.first if own is None else effect.first + own.first
        lead = self._index.arms.effect(snapshot.arms) if snapshot.arms else NO_EFFECT
        floor = self._floor[0]
        candidates = ordered(
            policy, self._index, decision.situation, snapshot, effect, own, step, left,
            floor, first, lead,
        )  # fmt: skip
        if snapshot.beliefs is not None:
            candidates, _ = by_evidence(
                policy, decision.situation, snapshot, candidates, floor, decision.accept
            )
        return [candidate.name for candidate in demote(candidates, snapshot.last)]


def _but_for_models(effect: Effect) -> tuple[object, ...]:
    """What rules do besides taking models away."""
    floor_by = effect.floor_by
    return (
        effect.first, effect.floor, None if floor_by is None else floor_by.name,
        effect.denied, effect.accept, effect.cost, effect.prefer,
    )  # fmt: skip
