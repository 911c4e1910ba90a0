"""Requests whose band or outcomes are known, and the scores that settings give them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from policy_router.classification.complexity import CRITICAL, curve

if TYPE_CHECKING:
    from policy_router.domain.complexity import Weights


@dataclass(frozen=True, slots=True)
class Example:
    """A request with its known band or outcomes.

    Attributes:
        values: Values of the factors, 0..1, in the order of `Weights`.
        criticality: The criticality of its task, 0..1.
        prompt: A digest of its prompt.
        band: Index of its band, 0 for the easiest; None when the outcomes are known instead.
        light: Score of a light model, 0..1.
        strong: Score of a strong model, 0..1.
    """

    values: tuple[float, ...]
    criticality: float
    prompt: int
    band: int | None = None
    light: float = 0.0
    strong: float = 0.0

    @property
    def half(self) -> bool:
        """Which half it is in; examples of one prompt are in the same."""
        return bool(self.prompt & 1)


class ScoredExamples(NamedTuple):
    """Examples with the score and the index of the band that some settings give to each."""

    examples: Sequence[Example]
    scores: Sequence[float]
    bands: Sequence[int]


Measure: TypeAlias = Callable[[ScoredExamples], float]


def distinct(examples: Iterable[Example]) -> int:
    """Return the number of distinct prompts."""
    return len({example.prompt for example in examples})


def scores_of(examples: Sequence[Example], weights: Weights) -> list[float]:
    """Return the scores of the heuristic with these weights."""
    factors = astuple(weights)
    scores = []
    for example in examples:
        pairs = zip(example.values, factors, strict=True)
        score = curve(sum(value * weight for value, weight in pairs))
        scores.append(score + (1 - score) * CRITICAL * example.criticality)
    return scores


def evaluate(
    examples: Sequence[Example], weights: Weights, starts: Sequence[float]
) -> ScoredExamples:
    """Return the examples with the scores and bands that these settings give them."""
    scores = scores_of(examples, weights)
    return ScoredExamples(examples, scores, [max(0, bisect_right(starts, s) - 1) for s in scores])


def mean(values: Sequence[float]) -> float:
    """Return the mean. The one of `statistics` would slow down the start of every command."""
    return sum(values) / len(values)
