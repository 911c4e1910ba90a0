"""demote-unreliable: another model of a task is surely more reliable than the one that goes first.

Both need enough outcomes of the task, and the interval of the difference must be on one side of 0:
of the calls that gave an answer which no check rejected, or of the verdicts and feedback. Many
policies ask a cheap model first and a better one only where that fails. So a model that makes
requests more expensive than this is only suggested where it is better by ten points for sure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.domain.money import spell_usd
from policy_router.domain.outcome import Role
from policy_router.suggestions.differences import difference
from policy_router.suggestions.put_first import put_first
from policy_router.suggestions.suggestion import Suggestion, SuggestionEvidence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.domain.rules import Task
    from policy_router.experience.counts import OutcomeCounts
    from policy_router.experience.intervals import IntervalEstimate
    from policy_router.suggestions.observed import Observed

KIND: Final = "demote-unreliable"
WORTH_PAYING: Final = 0.1
"""How much better a model must be for sure where it makes requests more expensive."""


def suggestions(observed: Observed) -> Iterator[Suggestion]:
    """Yield at most one suggestion for each task."""
    for task in observed.policy.tasks:
        leader, *others = observed.order(task.name) or ("",)
        found = [each for name in others if (each := _compared(observed, task, leader, name))]
        if found:
            model, evidence, effect = max(found, key=lambda each: _surely(each[1]))
            sentence = f"for task `{task.name}`, put `{model}` before `{leader}`"
            edits = put_first(observed, task, model)
            yield Suggestion(KIND, sentence, evidence, effect, edits)


def _surely(evidence: SuggestionEvidence) -> float:
    return 0.0 if evidence.difference is None else evidence.difference.low


def _compared(
    observed: Observed, task: Task, leader: str, name: str
) -> tuple[str, SuggestionEvidence, str | None] | None:
    """A model, why it should go before the leader, and to what effect; None where it should not."""
    first = observed.counts(task.name, leader, {Role.FIRST})
    other = observed.counts(task.name, name)
    sources, least = observed.policy.learning.quality, observed.policy.learning.min_samples
    measures = [
        ("gave an answer that passed in", "calls", other.success(), first.success()),
        ("was accepted in", "verdicts", other.quality(sources), first.quality(sources)),
    ]
    gaps = []
    for verb, noun, better, worse in measures:
        if better is None or worse is None or min(better.samples, worse.samples) < least:
            continue
        gap = difference(better, worse)
        if gap.high < 0:
            return None
        shares = f"{_share(better, noun)}, `{leader}` in {_share(worse, noun)}"
        text = f"`{name}` {verb} {shares} ({gap})"
        gaps.append(SuggestionEvidence(text, min(better.samples, worse.samples), gap))
    best = max(gaps, key=_surely, default=None)
    needed = WORTH_PAYING if _costs_more(first, other) else 0.0
    if best is None or _surely(best) <= needed:
        return None
    return name, best, _effect(name, leader, other, first)


def _share(estimate: IntervalEstimate, noun: str) -> str:
    return f"{estimate.value:.1%} of {estimate.samples:,} {noun}"


def _costs_more(first: OutcomeCounts, other: OutcomeCounts) -> bool:
    """Whether a model costs more than to ask the other one first, and it only after failures."""
    success, cheap, dear = first.success(), first.mean_cost() or 0.0, other.mean_cost() or 0.0
    return success is not None and dear > cheap + (1 - success.value) * dear


def _effect(name: str, leader: str, other: OutcomeCounts, first: OutcomeCounts) -> str | None:
    then, now = other.mean_cost(), first.mean_cost()
    if then is None or now is None:
        return None
    costs = spell_usd(round(then)), spell_usd(round(now))
    return f"a call of `{name}` costs {costs[0]} on average, one of `{leader}` {costs[1]}"
