"""All kinds of suggestions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.suggestions import (
    band_too_low,
    cheaper_as_good,
    demote_unreliable,
    model_going_away,
    rule_never_applied,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from policy_router.suggestions.observed import Observed
    from policy_router.suggestions.suggestion import Suggestion

KINDS: Final[Mapping[str, Callable[[Observed], Iterator[Suggestion]]]] = {
    module.KIND: module.suggestions
    for module in (
        demote_unreliable,
        rule_never_applied,
        band_too_low,
        cheaper_as_good,
        model_going_away,
    )
}
"""Finds the suggestions of a kind, by its name."""


def all_suggestions(observed: Observed) -> tuple[Suggestion, ...]:
    """Return the suggestions of all kinds, in the order of the kinds."""
    return tuple(each for find in KINDS.values() for each in find(observed))
