"""What a new policy would decide for the latest requests of the policy before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from policy_router.decision.decide import decide

if TYPE_CHECKING:
    from collections.abc import Iterable

    from policy_router.decision.policy import Policy
    from policy_router.domain.decision import Decision


@dataclass(frozen=True, slots=True)
class MovedRequests:
    """Requests that were decided again.

    Attributes:
        compared: How many.
        moved: For how many of them another model comes first, or none where there was one.
        before: What the first models were expected to cost for those whose price is known both
            times, in nano-USD.
        after: The same by the new policy.
    """

    compared: int
    moved: int
    before: int
    after: int

    def __add__(self, other: MovedRequests) -> MovedRequests:
        """Return the sums of both."""
        return MovedRequests(
            self.compared + other.compared,
            self.moved + other.moved,
            self.before + other.before,
            self.after + other.after,
        )


def moved(decisions: Iterable[Decision], new: Policy) -> MovedRequests:
    """Decide requests again, in the state of the world in which they were decided.

    Args:
        decisions: What the policy before decided; those without a snapshot are left out.
        new: The new policy.
    """
    compared = others = before = after = 0
    for old in decisions:
        if old.snapshot is None or old.invalid:
            continue
        again = decide(new, old.request, old.snapshot)
        compared += 1
        others += _first(old) != _first(again)
        costs = _estimate(old), _estimate(again)
        if costs[0] is not None and costs[1] is not None:
            before += costs[0]
            after += costs[1]
    return MovedRequests(compared, others, before, after)


def _first(decision: Decision) -> str | None:
    return decision.candidates[0].name if decision.candidates else None


def _estimate(decision: Decision) -> int | None:
    if not decision.candidates:
        return 0
    return decision.candidates[0].model.estimate(decision.request, decision.now)
