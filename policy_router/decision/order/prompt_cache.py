"""What the prompt caches of providers take off the cost of a request of a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policy_router.decision.index import Index
    from policy_router.domain.request import Request
    from policy_router.domain.sessions import CachedPrompt


def saved_by_caches(
    index: Index, request: Request, cached: Sequence[CachedPrompt], now: float | None
) -> Mapping[int, float]:
    """What each model costs less because its provider holds a part of the prompt.

    Args:
        index: The index of the policy.
        request: The request of a session.
        cached: What providers hold of the session.
        now: Unix time; None when it is unknown, so that nothing is known to be held still.

    Returns:
        By the position of the model, in the unit of `sort_value`.
    """
    saved: dict[int, float] = {}
    if now is None or not index.sessions.remember(request):
        return saved
    for prompt in cached:
        model = index.by_name.get(prompt.model)
        price = None if model is None or model.price is None else model.price.at(now)
        if price is not None and price.cached is not None and now < prompt.until:
            tokens = min(prompt.tokens, request.tokens)
            saved[index.at[prompt.model]] = tokens * (price.input - price.cached)
    return saved
