"""model-going-away: a model in use will be shut down within 30 days.

The date is from LiteLLM's table, as in the rule `deprecated-model` of `check`; here it is said how
many calls would have no answer. Self-hosted models are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.catalog.table import catalog
from policy_router.suggestions.suggestion import Suggestion, SuggestionEvidence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.suggestions.observed import Observed

KIND: Final = "model-going-away"
AHEAD: Final = 30
"""Days before the date from which it is suggested."""


def suggestions(observed: Observed) -> Iterator[Suggestion]:
    """Yield one suggestion for each model that was called and will be shut down soon."""
    today = observed.today
    if today is None:
        return
    for model in observed.policy.models:
        calls = observed.calls_of(model.name)
        if not calls or model.has_own_address:
            continue
        entry = catalog().find(model.provider_model, model.api_base)
        day = None if entry is None else entry.last_day
        if day is not None and (day - today).days <= AHEAD:
            evidence = SuggestionEvidence(
                f"`{model.provider_model}` ends on {day}, and {calls:,} calls went to it",
                calls,
            )
            yield Suggestion(KIND, f"replace model `{model.name}` by its successor", evidence)
