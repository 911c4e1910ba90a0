"""The models that limits in shadow would exclude, without a second decision.

Most limits exclude none, and a limit that is used up excludes all that it covers: both are found
faster than by deciding the request again.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from policy_router.decision.abilities import HOSTED_TOOLS
from policy_router.decision.bitset import bits
from policy_router.decision.limits.amounts import largest_amount
from policy_router.decision.limits.readings import kept_back, read_limit
from policy_router.domain.limits import Metric, WhenExhausted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.decision.limits.limit_index import LimitIndex
    from policy_router.domain.limits import Limit, Reading
    from policy_router.domain.models import Model
    from policy_router.domain.situation import Situation
    from policy_router.domain.snapshot import Snapshot


class ShadowExclusions:
    """The candidates of one decision, compared with limits in shadow.

    Sets of models are ints: bit i is model i of the policy.
    """

    def __init__(
        self,
        models: Sequence[Model],
        left: int,
        situation: Situation,
        snapshot: Snapshot,
        longest: float,
    ) -> None:
        """Prepare the comparison.

        Args:
            models: The models of the policy.
            left: The models that the decision leaves.
            situation: The request and its facts.
            snapshot: The state of the world of the decision.
            longest: Seconds after its reservation within which an attempt is sent.
        """
        self._models = models
        self._left = left
        self._situation = situation
        self._snapshot = snapshot
        self._during = snapshot.now, longest
        self._costs: dict[int, int] = {}
        self._highest_cost = 0
        self._hosted = HOSTED_TOOLS in situation.request.needs

    def refused(self, limit: Limit, enforced: LimitIndex) -> tuple[int, ...]:
        """The models that a limit would exclude, by the reasons that a decision would give.

        Args:
            limit: The limit in shadow.
            enforced: An index in which it refuses, and no other does.

        Returns:
            A set for each reason, in the order in which reasons are given: the price is unknown,
            the cost of hosted tools is, there is no room, a threshold narrows the choice.
        """
        facts, request, left = self._situation.facts, self._situation.request, self._left
        unpriced = unbounded = full = 0
        narrowed: list[int] = []
        if limit.metric is Metric.USD and self._some_unpriced:
            unpriced, _ = enforced.unpaid(left, facts)
            left &= ~unpriced
        if self._hosted:
            unbounded, _ = enforced.unbounded(left, facts)
            left &= ~unbounded
        shown = read_limit(limit, facts, request, self._snapshot)
        if shown is not None:
            own, _, reading = shown
            full = self._full(own, reading, left)
            left &= ~full
            narrowed = [models for _, models in kept_back(own, reading, left)]
        return unpriced, unbounded, full, *narrowed

    @cached_property
    def _some_unpriced(self) -> bool:
        models = self._models
        return any(models[i].price is None and not models[i].free for i in bits(self._left))

    def _full(self, limit: Limit, reading: Reading | None, left: int) -> int:
        """The models among `left` for which a limit has no room."""
        if limit.then is WhenExhausted.WARN:
            return 0
        models = limit.models & left
        if limit.then is WhenExhausted.FREE_ONLY:
            models &= ~self._free
        if reading is None:
            return models if limit.is_budget else 0
        room = (limit.cap or 0) - reading.used
        if room < 1:
            return models  # an attempt uses at least 1
        if limit.metric is Metric.USD:
            return self._costlier_than(room, limit) & models
        if limit.metric is Metric.TOKENS:
            return sum(1 << i for i in bits(models) if self._most(limit, i) > room)
        return 0

    @cached_property
    def _free(self) -> int:
        return sum(1 << i for i in bits(self._left) if self._models[i].free)

    def _costlier_than(self, room: int, budget: Limit) -> int:
        """The models with which an attempt may cost more, in nano-USD."""
        costs = self._costs
        if not costs:  # they are the same for every budget
            costs.update({i: self._most(budget, i) for i in bits(self._left)})
            self._highest_cost = max(costs.values())
        return sum(1 << i for i in costs if costs[i] > room) if self._highest_cost > room else 0

    def _most(self, limit: Limit, i: int) -> int:
        request = self._situation.request
        return largest_amount(limit, self._models[i], request, during=self._during)
