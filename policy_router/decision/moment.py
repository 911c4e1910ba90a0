"""The values of sort keys that depend on the moment: on the request, or on the state of the world.

A key that is not given values here sorts by what the policy says of the models.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from policy_router.decision.draws import draws
from policy_router.decision.prompt_cache import saved_by_caches
from policy_router.decision.sort_keys import sort_value
from policy_router.domain.models import TYPICAL_OUTPUT
from policy_router.domain.ordering import SortKey

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policy_router.decision.index import Index
    from policy_router.domain.situation import Situation
    from policy_router.domain.snapshot import Snapshot
OF_THE_MOMENT: Final = frozenset({SortKey.HEADROOM, SortKey.SPREAD})
_NONE: Final[Mapping[SortKey, Sequence[float]]] = MappingProxyType({})


def values_of_the_moment(
    index: Index, situation: Situation, snapshot: Snapshot, prefer: tuple[SortKey, ...]
) -> Mapping[SortKey, Sequence[float]]:
    """The values of the keys of `prefer` that depend on the moment.

    Args:
        index: The index of the policy.
        situation: The request as the policy sees it.
        snapshot: The state of the world.
        prefer: The sort keys.

    Returns:
        For each of those keys one number for each model; smaller comes first. It is empty where
        the order depends on the policy and the numbers of tokens alone.
    """
    session = snapshot.session
    cached = () if session is None else session.cached
    if OF_THE_MOMENT.isdisjoint(prefer) and not cached:
        return _NONE
    values: dict[SortKey, Sequence[float]] = {}
    if snapshot.used and SortKey.HEADROOM in prefer:
        left = index.limits.headroom(situation.facts, situation.request, snapshot)
        values[SortKey.HEADROOM] = [-share for share in left]
    if SortKey.SPREAD in prefer:
        seed = situation.request.session or snapshot.seed
        if seed is not None:
            values[SortKey.SPREAD] = draws(seed, [m.name for m in index.models])
    if cached and SortKey.CHEAPEST in prefer:
        saved = saved_by_caches(index, situation.request, cached, snapshot.now)
        if saved:
            tokens, output = situation.request.tokens, situation.request.max_tokens
            output = TYPICAL_OUTPUT if output is None else output
            values[SortKey.CHEAPEST] = [
                sort_value(SortKey.CHEAPEST, model, tokens, output) - saved.get(i, 0)
                for i, model in enumerate(index.models)
            ]
    return values
