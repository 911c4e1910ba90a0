"""Cascades of models: which model to ask first, and which next where the check finds the answer
bad.

What a cascade would have achieved is worked out from the outcomes of its models alone, so one set
of answers compares all cascades. No IO.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from statistics import fmean
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

LONGEST: Final = 3
"""Models of a cascade, at most."""


@dataclass(frozen=True, slots=True)
class GradedAnswer:
    """The result of one model's answer to one prompt.

    Attributes:
        quality: How good it is, 0..1.
        cost: What it cost, in nano-USD.
        passed: The probability that the check passes it, 0..1; None without a check.
        kept: The mean of: its quality where the check passes it, and zero elsewhere.
        check_cost: What the check of it costs, in nano-USD.
    """

    quality: float
    cost: float
    passed: float | None = None
    kept: float = 0.0
    check_cost: float = 0.0

    @classmethod
    def checked(
        cls, quality: float, cost: float, *, passed: bool, check_cost: float = 0.0
    ) -> GradedAnswer:
        """An answer with the verdict of a real check."""
        return cls(quality, cost, float(passed), quality if passed else 0.0, check_cost)

    @classmethod
    def supposed(cls, quality: float, cost: float, caught: float, spurious: float) -> GradedAnswer:
        """An answer with the mean of the verdicts of a check that there could be.

        Args:
            quality: How good it is, 0..1, as the probability that it is right.
            cost: What it cost, in nano-USD.
            caught: The share of the wrong answers that the check finds, 0..1.
            spurious: The share of the right answers that it rejects, 0..1.
        """
        kept = quality * (1 - spurious)
        return cls(quality, cost, kept + (1 - quality) * (1 - caught), kept)


@dataclass(frozen=True, slots=True)
class GradedPrompt:
    """A prompt, by its id alone, with the answers of the models.

    Attributes:
        id: What tells it from others.
        path: The kinds of request that it belongs to, from the widest to the narrowest.
        answers: The answers by the names of the models.
    """

    id: str
    path: tuple[str, ...]
    answers: Mapping[str, GradedAnswer]


@dataclass(frozen=True, slots=True)
class Cascade:
    """Models that are asked one after another until the check passes an answer.

    Attributes:
        models: Their names. One name: the check does not matter.
    """

    models: tuple[str, ...]

    def achieved(self, prompt: GradedPrompt) -> tuple[float, float]:
        """Its quality and its cost, in nano-USD, for a prompt."""
        quality = cost = 0.0
        reached = 1.0
        for name in self.models[:-1]:
            answer = prompt.answers[name]
            quality += reached * answer.kept
            cost += reached * (answer.cost + answer.check_cost)
            reached *= 1 - (1.0 if answer.passed is None else answer.passed)
        last = prompt.answers[self.models[-1]]
        return quality + reached * last.quality, cost + reached * last.cost

    def __str__(self) -> str:
        return " > ".join(self.models)


def cascades(prompts: Sequence[GradedPrompt], models: Sequence[str]) -> Iterator[Cascade]:
    """The cascades that are worth a comparison.

    Each model alone; and, where every answer has a verdict, each two and three models from the
    worse to the better one, by their mean quality.

    Args:
        prompts: Prompts that every model answered; at least one.
        models: Names of the models.
    """
    mean = {name: fmean(each.answers[name].quality for each in prompts) for name in models}
    ranked = sorted(models, key=lambda name: (mean[name], name))
    has_verdicts = all(each.answers[name].passed is not None for each in prompts for name in models)
    for length in range(1, LONGEST + 1 if has_verdicts else 2):
        for chosen in combinations(ranked, length):
            yield Cascade(chosen)
