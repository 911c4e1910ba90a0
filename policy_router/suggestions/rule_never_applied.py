"""rule-never-applied: a rule that applied to none of many requests may be wrong or not needed.

Only requests that the present revision of the policy decided count, because an earlier one may have
had another rule of that name, and they must span a week: some rules are for weekends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.suggestions.suggestion import Suggestion, SuggestionEvidence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.suggestions.observed import Observed

KIND: Final = "rule-never-applied"
REQUESTS: Final = 1_000
"""Requests that are needed: a rule for one in 300 applies to one of them with 96 %."""
DAYS: Final = 7
"""Days that they must span."""


def suggestions(observed: Observed) -> Iterator[Suggestion]:
    """Yield one suggestion for each rule that never applied."""
    use = observed.rules
    if use is None or use.requests < REQUESTS or use.days < DAYS:
        return
    for rule in observed.policy.rules:
        if rule.name not in use.applied and not rule.shadow:
            share = 3 / use.requests
            evidence = SuggestionEvidence(
                f"it applied to none of {use.requests:,} requests in {use.days:.0f} days "
                f"(with 95 % confidence to less than {share:.2%})",
                use.requests,
            )
            yield Suggestion(KIND, f"correct or remove rule `{rule.name}`", evidence)
