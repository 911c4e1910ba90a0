"""What verdicts on answers tell about the quality of the answers.

A check is not the truth: it misses bad answers and flags good ones. `answers_of` turns the verdicts
of a check into as many good and bad answers as they are worth. A check that is right no more often
than a coin is worth none; one that is always right is worth as many as it has judged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class CheckRates:
    """How often a check flags answers.

    Attributes:
        caught: Share of the bad answers that it flags, 0..1.
        spurious: Share of the good answers that it flags, 0..1; less than `caught`.
    """

    caught: float
    spurious: float

    @property
    def power(self) -> float:
        """How much more often bad answers are flagged than good ones, 0..1 (Youden's index)."""
        return self.caught - self.spurious

    def flagged(self, good: float) -> float:
        """The share of answers that is flagged, where a share `good` of them is good."""
        return good * self.spurious + (1 - good) * self.caught


JUDGE: Final = CheckRates(caught=0.8, spurious=0.2)
"""A model that judges answers."""
STRUCTURAL: Final = CheckRates(caught=0.3, spurious=0.02)
"""Checks of the form of an answer: JSON, length, a pattern."""
TRUTH: Final = CheckRates(caught=1.0, spurious=0.0)
"""Feedback of people, and the labels of a bake-off."""


@dataclass(frozen=True, slots=True)
class Answers:
    """Evidence about some answers, as numbers of good and bad ones.

    Attributes:
        good: Good answers.
        bad: Bad answers.
        verdicts: Verdicts that count.
        truths: Those of them that are more than the verdict of a structural check.
        checked: Answers that something gave a verdict on, also where only one verdict of a
            conversation counts.
        answers: All answers, with and without a verdict.
    """

    good: float = 0.0
    bad: float = 0.0
    verdicts: int = 0
    truths: int = 0
    checked: int = 0
    answers: int = 0

    def __add__(self, other: Answers) -> Answers:
        return Answers(
            self.good + other.good,
            self.bad + other.bad,
            self.verdicts + other.verdicts,
            self.truths + other.truths,
            self.checked + other.checked,
            self.answers + other.answers,
        )


def answers_of(passed: int, flagged: int, check: CheckRates) -> tuple[float, float]:
    """What the verdicts of a check are worth.

    Args:
        passed: Answers that it passed.
        flagged: Answers that it flagged.
        check: How often it is right.

    Returns:
        Good and bad answers: as many as would tell as much about the share of good ones.
    """
    judged = passed + flagged
    if not judged:
        return 0.0, 0.0
    worth = judged * check.power**2
    share = (check.caught - flagged / judged) / check.power
    good = worth * min(1.0, max(0.0, share))
    return good, worth - good
