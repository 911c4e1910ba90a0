"""All kinds of suggestions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from policy_router.suggestions import (
    band_too_high,
    band_too_low,
    cap_too_tight,
    cheaper_as_good,
    demote_unreliable,
    free_quota_unused,
    model_going_away,
    prompt_helps,
    rule_never_applied,
)
from policy_router.suggestions.effects import measured_effect

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
        band_too_high,
        cheaper_as_good,
        free_quota_unused,
        cap_too_tight,
        prompt_helps,
        model_going_away,
    )
}
"""Finds the suggestions of a kind, by its name."""


def all_suggestions(observed: Observed) -> tuple[Suggestion, ...]:
    """Return the suggestions of all kinds, in the order of the kinds."""
    return tuple(
        replace(each, measured=measured_effect(observed, each.edits))
        for find in KINDS.values()
        for each in find(observed)
    )
