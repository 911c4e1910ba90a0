"""Compares a policy with what its sources offer, as the cache has it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from policy_router.catalog.table import catalog
from policy_router.discovery.changes import changes_of, new_models
from policy_router.discovery.source_places import is_called_at

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policy_router.decision.policy import Policy
    from policy_router.discovery.cache import DiscoveryCache
    from policy_router.discovery.changes import ModelChange
    from policy_router.discovery.query_sources import SourceListing
    from policy_router.domain.models import Model

MONTH: Final = 30 * 86_400.0
"""Seconds for which a model at a source counts as new."""


def compare(
    policy: Policy,
    listings: Sequence[SourceListing],
    cache: DiscoveryCache,
    environ: Mapping[str, str],
    now: float,
    *,
    everything: bool = False,
) -> list[ModelChange]:
    """Return how a policy differs from what is offered.

    Args:
        policy: The policy.
        listings: What its sources answered.
        cache: Since when each model is known.
        environ: The environment variables, with addresses.
        now: Unix time.
        everything: Whether every model that the policy does not have counts as new.
    """

    def called_at(model: Model, listing: SourceListing) -> bool:
        return is_called_at(model, listing, environ)

    table, today = catalog(), datetime.fromtimestamp(now, UTC).date()
    entries = {m.name: table.find(m.provider_model, m.api_base) for m in policy.models}
    changes = changes_of(policy.models, listings, today, is_called_at=called_at, entries=entries)
    for listing in listings:
        names = {each.name for each in listing.models}
        changes += new_models(
            policy.models,
            listing,
            policy.discovery.only,
            names if everything else cache.recent_names(listing.place, now - MONTH),
            is_called_at=called_at,
        )
    return changes
