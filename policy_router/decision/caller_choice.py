"""The choice of models by the caller: `only`, `avoid` and `min_tier` of a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.quoting import unknown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from policy_router.decision.policy import Policy
    from policy_router.domain.models import Model
    from policy_router.domain.request import Request


def words_of(model: Model) -> frozenset[str]:
    """Return every word that selects a model: its name, tier, tags, price and provider's name."""
    price = "free" if model.free else "paid"
    return frozenset({model.name, model.tier, model.provider_model, price, *model.tags})


def is_selected(model: Model, words: Iterable[str]) -> bool:
    """Return whether any of some words selects a model."""
    return not words_of(model).isdisjoint(words)


def unknown_choice(policy: Policy, request: Request) -> str | None:
    """Return what is wrong with the words of a caller; None when the policy knows them all."""
    if request.min_tier is not None and request.min_tier not in policy.tiers:
        return unknown("tier", request.min_tier, policy.tiers)
    stated = {*(request.only or ()), *request.avoid}
    if not stated:
        return None
    known = sorted({"free", "paid"}.union(*map(words_of, policy.models)))
    strange = stated.difference(known)
    return unknown("model, tier or tag", min(strange), known) if strange else None
