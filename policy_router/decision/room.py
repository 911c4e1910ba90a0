"""Whether a limit in shadow would leave every candidate of a decision as it is.

Most limits do so for most requests, and a second decision for each of them would take much longer
than the first.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from policy_router.decision.abilities import HOSTED_TOOLS
from policy_router.decision.amounts import largest_amount
from policy_router.decision.readings import read_limit
from policy_router.domain.limits import Metric, WhenExhausted
from policy_router.ledger.arithmetic import threshold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.domain.decision import Decision
    from policy_router.domain.limits import Limit
    from policy_router.domain.models import Model
    from policy_router.domain.situation import Situation
    from policy_router.domain.snapshot import Snapshot


class Room:
    """What the candidates of one decision can use, held against limits."""

    def __init__(
        self,
        models: Sequence[Model],
        decision: Decision,
        situation: Situation,
        snapshot: Snapshot,
        longest: float,
    ) -> None:
        """Prepare the comparison.

        Args:
            models: The models of the policy.
            decision: The decision without the limits.
            situation: The request and its facts.
            snapshot: What the decision was made on.
            longest: Seconds after its reservation within which an attempt is sent.
        """
        names = {candidate.name for candidate in decision.candidates}
        self._models = [(1 << i, m) for i, m in enumerate(models) if m.name in names]
        self._situation = situation
        self._snapshot = snapshot
        self._during = snapshot.now, longest
        self._costs: dict[int, int] = {}
        # What cannot be told from the candidates alone is left to a second decision: models beyond
        # `max_candidates` could take the place of others, and hosted tools have no known cost.
        request = situation.request
        self._untold = request.max_candidates is not None or HOSTED_TOOLS in request.needs

    def may_lack(self, limit: Limit) -> bool:
        """Whether a limit might exclude a candidate if it refused; no is certain."""
        if self._untold or (limit.metric is Metric.USD and self._some_unpriced):
            return True
        facts, request = self._situation.facts, self._situation.request
        shown = read_limit(limit, facts, request, self._snapshot)
        if shown is None:
            return False
        own, _, reading = shown
        if reading is None:
            return True
        cap = own.cap or 0
        if own.narrow_at and reading.used >= threshold(own.narrow_at[0].share, cap):
            return True
        room = cap - reading.used
        return any(most > room for most in self._amounts(own))

    @cached_property
    def _some_unpriced(self) -> bool:
        return any(model.price is None and not model.free for _, model in self._models)

    def _amounts(self, limit: Limit) -> list[int]:
        """The most that an attempt can use, and at least 1, of each candidate that the limit can
        refuse."""
        if limit.then is WhenExhausted.WARN:
            return []
        keeps_free = limit.then is WhenExhausted.FREE_ONLY
        chosen = [
            (bit, model)
            for bit, model in self._models
            if limit.models & bit and not (keeps_free and model.free)
        ]
        if limit.metric is Metric.USD:  # which is the same for every such limit
            costs = self._costs = self._costs or self._most(limit, self._models)
            return [costs[bit] for bit, _ in chosen]
        return list(self._most(limit, chosen).values())

    def _most(self, limit: Limit, models: Sequence[tuple[int, Model]]) -> dict[int, int]:
        request = self._situation.request
        return {
            bit: max(largest_amount(limit, model, request, during=self._during), 1)
            for bit, model in models
        }
