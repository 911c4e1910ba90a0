"""cheaper-as-good: a cheaper model of a task is as good as the one that goes first.

Only judges and feedback count, because checks of the form say little of what is good. As good means
that with 95 % confidence it is at most 2 points worse, and not worse for sure, which takes some
thousand verdicts. Costs are those that were charged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.domain.money import spell_usd
from policy_router.domain.outcome import Role
from policy_router.experience.counts import SCORE
from policy_router.experience.intervals import wilson
from policy_router.suggestions.differences import difference
from policy_router.suggestions.put_first import put_first
from policy_router.suggestions.suggestion import Suggestion, SuggestionEvidence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.experience.counts import OutcomeCounts
    from policy_router.experience.intervals import IntervalEstimate
    from policy_router.suggestions.observed import Observed

KIND: Final = "cheaper-as-good"
MARGIN: Final = 0.02
"""How much worse an answer may be."""


def suggestions(observed: Observed) -> Iterator[Suggestion]:
    """Yield at most one suggestion for each task: the cheapest model that is as good."""
    for task in observed.policy.tasks:
        leader, *others = observed.order(task.name) or ("",)
        first = observed.counts(task.name, leader, {Role.FIRST})
        saved = {
            name: saving
            for name in others
            if (saving := _saving(first, observed.counts(task.name, name))) is not None
        }
        for name in sorted(saved, key=lambda each: -saved[each]):
            evidence = _compared(observed, task.name, leader, name)
            if evidence is not None:
                sentence = (
                    f"for task `{task.name}`, put `{name}` before `{leader}`, as it is cheaper"
                )
                effect = f"saves about {spell_usd(round(saved[name]))} per request"
                yield Suggestion(KIND, sentence, evidence, effect, put_first(observed, task, name))
                break


def _saving(first: OutcomeCounts, other: OutcomeCounts) -> float | None:
    """How much less a call costs, in nano-USD; None where it does not, or is not known."""
    now, then = first.mean_cost(), other.mean_cost()
    return now - then if now is not None and then is not None and then < now else None


def _compared(observed: Observed, task: str, leader: str, name: str) -> SuggestionEvidence | None:
    """Why a model is as good as the leader; None where that is not shown."""
    first = observed.counts(task, leader, {Role.FIRST})
    other = observed.counts(task, name)
    worse, better = _judged(other), _judged(first)
    calls, usual = other.success(), first.success()
    if worse is None or better is None or calls is None or usual is None:
        return None
    samples, gap = min(worse.samples, better.samples), difference(worse, better)
    if samples < observed.policy.learning.min_samples or gap.low <= -MARGIN or gap.high < 0:
        return None
    if difference(calls, usual).high < 0:
        return None
    return SuggestionEvidence(
        f"judges and people accepted {worse.value:.1%} of {worse.samples:,} answers of `{name}`, "
        f"{better.value:.1%} of {better.samples:,} of `{leader}` ({gap})",
        samples,
        gap,
    )


def _judged(counts: OutcomeCounts) -> IntervalEstimate | None:
    """What judges and people say of answers, without checks of their form."""
    samples = counts.good + counts.bad + counts.feedback
    return wilson(counts.good + counts.feedback_sum / SCORE, samples)
