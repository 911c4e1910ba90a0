"""Tests on numbers that can only come out one way, and what was most likely meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.domain.condition import SCORE
from policy_router.domain.facts import FactType

if TYPE_CHECKING:
    from policy_router.decision.space import Space
    from policy_router.domain.condition import Condition, Test
    from policy_router.domain.facts import Vocabulary


def constant(test: Test, space: Space, vocabulary: Vocabulary) -> bool | None:
    """Whether a test on a number is always or never true where the number is known; None when it
    depends on it."""
    if vocabulary.facts[test.fact].kind is not FactType.NUMBER:
        return None
    dimension, cells = space.cells(test)
    if not cells:
        return False
    return True if cells == space.dimensions[dimension].live else None


def extent(test: Test, vocabulary: Vocabulary) -> str:
    """From where to where the number goes; for a score out of 100, the same out of 1."""
    fact = vocabulary.facts[test.fact]
    low = "" if fact.low is None else f"{fact.low:g}"
    high = "" if fact.high is None else f"{fact.high:g}"
    text = f"`{fact.name}` goes from {low}" + (f" to {high}" if high else " up")
    value = test.values[0]
    if test.fact == SCORE and isinstance(value, int | float) and 1 < value <= 100:
        text += f"; {value:g} of 100 is {value / 100:g}"
    return text


def out_of_range(condition: Condition, space: Space, vocabulary: Vocabulary) -> str:
    """Of the first number in a condition that its fact can never reach, the fact's extent; empty
    when there is none."""
    for test, _ in condition.places:
        if constant(test, space, vocabulary) is False:
            return extent(test, vocabulary)
    return ""
