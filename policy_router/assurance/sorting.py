"""What a policy sorts models by, anywhere in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.domain.ordering import SortKey

if TYPE_CHECKING:
    from policy_router.decision.policy import Policy


def sorts_by_cost(policy: Policy) -> bool:
    """Whether `cheapest` decides anything of the order of a policy."""
    keys = [policy.prefer, *(r.prefer for r in policy.rules), *(t.prefer for t in policy.tasks)]
    return any(SortKey.CHEAPEST in each for each in keys if each is not None)
