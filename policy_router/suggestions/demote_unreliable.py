"""demote-unreliable: another model of a task is significantly more reliable than the first one.

Both need enough outcomes of the task, and the interval of the difference must be on one side of 0:
of the calls that gave an answer which no check rejected, or of the verdicts and feedback. Requests
of one form, kind and band are compared with each other, and the more comparisons there are, the
wider are their intervals, so that seldom any of them is wrong. Many policies call a cheap model
first and a better one only if that fails. So a model that would make requests more expensive than
this is suggested only if it is significantly better, by ten points.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.domain.money import spell_usd
from policy_router.domain.outcome import Role
from policy_router.experience.counts import OutcomeCounts, total
from policy_router.suggestions.alike import alike_costs, alike_shares
from policy_router.suggestions.put_first import put_first
from policy_router.suggestions.suggestion import Suggestion, SuggestionEvidence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.domain.rules import Task
    from policy_router.suggestions.alike import Counted, Measure
    from policy_router.suggestions.observed import Observed

KIND: Final = "demote-unreliable"
WORTH_PAYING: Final = 0.1
"""How much better a model must be for sure where it makes requests more expensive."""


def suggestions(observed: Observed) -> Iterator[Suggestion]:
    """Yield at most one suggestion for each task."""
    orders = [(task, observed.order(task.name)) for task in observed.policy.tasks]
    comparisons = sum(_known(observed, task, order) for task, order in orders)
    for task, order in orders:
        leader, *others = order or ("",)
        compared = (_compared(observed, task, leader, name, comparisons) for name in others)
        found = [each for each in compared if each is not None]
        if found:
            model, evidence, effect = max(found, key=lambda each: _surely(each[1]))
            sentence = f"for task `{task.name}`, put `{model}` before `{leader}`"
            edits = put_first(observed, task, model)
            yield Suggestion(KIND, sentence, evidence, effect, edits)


def _surely(evidence: SuggestionEvidence) -> float:
    return 0.0 if evidence.difference is None else evidence.difference.low


def _known(observed: Observed, task: Task, order: tuple[str, ...]) -> int:
    """How many models of a task have enough outcomes to be compared with the leader."""
    leader, *others = order or ("",)
    first = observed.by_node(task.name, leader, {Role.FIRST})
    shares = (
        alike_shares(observed.by_node(task.name, name), first, OutcomeCounts.success)
        for name in others
    )
    least = observed.policy.learning.min_samples
    return sum(each is not None and each.samples >= least for each in shares)


def _compared(
    observed: Observed, task: Task, leader: str, name: str, comparisons: int
) -> tuple[str, SuggestionEvidence, str | None] | None:
    """A model, why it should go before the leader, and to what effect; None where it should not."""
    first = observed.by_node(task.name, leader, {Role.FIRST})
    other = observed.by_node(task.name, name)
    sources, least = observed.policy.learning.quality, observed.policy.learning.min_samples
    measures: tuple[tuple[str, str, Measure], ...] = (
        ("gave an answer that passed in", "calls", OutcomeCounts.success),
        ("was accepted in", "verdicts", lambda counts: counts.quality(sources)),
    )
    gaps = []
    for verb, noun, measure in measures:
        shares = alike_shares(other, first, measure, comparisons)
        if shares is None or shares.samples < least:
            continue
        if shares.gap.high < 0:
            return None
        text = (
            f"`{name}` {verb} {shares.one:.1%} of {shares.one_samples:,} {noun}, "
            f"`{leader}` in {shares.other:.1%} of {shares.other_samples:,} {noun} ({shares.gap})"
        )
        gaps.append(SuggestionEvidence(text, shares.samples, shares.gap))
    best = max(gaps, key=_surely, default=None)
    needed = WORTH_PAYING if _costs_more(first, other) else 0.0
    if best is None or _surely(best) <= needed:
        return None
    return name, best, _effect(name, leader, other, first)


def _costs_more(first: Counted, other: Counted) -> bool:
    """Whether a model costs more than to ask the other one first, and it only after failures."""
    cheap, expensive = alike_costs(first, other) or (0.0, 0.0)
    success = total(first.values()).success()
    return success is not None and expensive > cheap + (1 - success.value) * expensive


def _effect(name: str, leader: str, other: Counted, first: Counted) -> str | None:
    means = alike_costs(other, first)
    if means is None:
        return None
    costs = spell_usd(round(means[0])), spell_usd(round(means[1]))
    return f"a call of `{name}` costs {costs[0]} on average, one of `{leader}` {costs[1]}"
