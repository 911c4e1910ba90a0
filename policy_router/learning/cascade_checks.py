"""How reliable the check of a bake-off is, and what its verdicts mean on average.

A single verdict is a matter of luck. The share of bad answers of a model that the check finds, and
the share of its good ones that it rejects, are known from all prompts together. With these in place
of the single verdicts, the same prompts tell cascades apart more surely.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from policy_router.learning.cascades import GradedAnswer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from policy_router.learning.cascades import GradedPrompt


def with_mean_verdicts(
    prompts: Sequence[GradedPrompt], models: Sequence[str]
) -> list[GradedPrompt]:
    """The prompts with the mean verdicts on their answers.

    It is assumed that the check errs with a model as often on one prompt as on another.

    Args:
        prompts: Prompts that every model answered.
        models: Names of the models. One without a verdict on each answer stays as it is.
    """
    rates = {}
    for name in models:
        answers = [each.answers[name] for each in prompts]
        if all(each.passed is not None for each in answers):
            rates[name] = _rates(answers)
    return [
        replace(
            each,
            answers={
                name: _mean(answer, *rates[name]) if name in rates else answer
                for name, answer in each.answers.items()
            },
        )
        for each in prompts
    ]


def _mean(answer: GradedAnswer, caught: float, spurious: float) -> GradedAnswer:
    mean = GradedAnswer.supposed(answer.quality, answer.cost, caught, spurious)
    return replace(mean, check_cost=answer.check_cost)


def _rates(answers: Iterable[GradedAnswer]) -> tuple[float, float]:
    """The shares of bad answers that are found and of good ones that are rejected, each as if two
    more answers had been seen, of which one was rejected."""
    caught = spurious = 1.0
    good = bad = 2.0
    for each in answers:
        rejected = 1 - (each.passed or 0.0)
        rejected_good = each.quality - each.kept
        good += each.quality
        bad += 1 - each.quality
        spurious += rejected_good
        caught += max(0.0, rejected - rejected_good)
    return min(1.0, caught / bad), min(1.0, spurious / good)
