"""Tests on numbers that are always or never true, and what was most likely meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.domain.condition import SCORE
from policy_router.domain.facts import FactType

if TYPE_CHECKING:
    from policy_router.decision.space import Space
    from policy_router.domain.condition import Condition, Test
    from policy_router.domain.facts import Vocabulary


def constant(test: Test, space: Space, vocabulary: Vocabulary) -> bool | None:
    """Return whether a test on a number is always (True) or never (False) true.

    None when it depends on the number, or when the fact is not a number.
    """
    if vocabulary.facts[test.fact].kind is not FactType.NUMBER:
        return None
    dimension, cells = space.cells(test)
    if not cells:
        return False
    return True if cells == space.dimensions[dimension].live else None


def extent(test: Test, vocabulary: Vocabulary) -> str:
    """Describe the range of a number; for a score written as a percentage, also the fraction."""
    fact = vocabulary.facts[test.fact]
    low = "" if fact.low is None else f"{fact.low:g}"
    high = "" if fact.high is None else f"{fact.high:g}"
    text = f"`{fact.name}` goes from {low}" + (f" to {high}" if high else " up")
    value = test.values[0]
    if test.fact == SCORE and isinstance(value, int | float) and 1 < value <= 100:
        text += f"; {value:g} of 100 is {value / 100:g}"
    return text


def out_of_range(condition: Condition, space: Space, vocabulary: Vocabulary) -> str:
    """Describe the range of the first fact in a condition that can never have the value it is
    compared with; empty when there is none."""
    for test, _ in condition.places:
        if constant(test, space, vocabulary) is False:
            return extent(test, vocabulary)
    return ""
