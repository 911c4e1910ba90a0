"""What limits and budgets in shadow would have done to a request, without deciding it for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.decision.limits.shadow_exclusions import ShadowExclusions
from policy_router.decision.shadow import limit_effect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.decision.index import Index
    from policy_router.decision.remaining import Remaining
    from policy_router.domain.shadow import ShadowEffect
    from policy_router.domain.situation import Situation
    from policy_router.domain.snapshot import Snapshot


def limit_effects(
    index: Index, remaining: Remaining, situation: Situation, snapshot: Snapshot
) -> Iterator[ShadowEffect]:
    """What each limit and budget in shadow would have done, for those that change the candidates.

    Args:
        index: The index of the policy that decided.
        remaining: The candidates without these limits.
        situation: The request and its facts.
        snapshot: The state of the world that it was decided on.
    """
    before, limits = remaining.names, index.limits
    exclusions = ShadowExclusions(index.models, remaining.left, situation, snapshot, limits.longest)
    for limit, enforced in limits.shadowing if before else ():
        refused = exclusions.refused(limit, enforced)
        after = remaining.without(sum(refused)) if any(refused) else before
        if after == before:
            continue
        gone = index.mask([name for name in before if name not in after])
        # Others may have to go where a model that no candidate was made of orders them again.
        found = next((models & gone for models in refused if models & gone), max(refused))
        lowest = found & -found  # words for one model alone: they take longer than all the rest
        _, skips = enforced.excluded(lowest, situation.facts, situation.request, snapshot)
        yield limit_effect(limit, before, after, skips[0].detail)
