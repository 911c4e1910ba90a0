"""cheaper-as-good: a cheaper model of a task is as good as the one that goes first.

Only judges and feedback count, because checks of the form say little of what is good. As good means
that with 95 % confidence it is at most 2 points worse, and not worse for sure, which takes some
thousand verdicts. Costs are those that were charged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.domain.money import spell_usd
from policy_router.domain.outcome import Role
from policy_router.suggestions.alike import alike_costs
from policy_router.suggestions.judged import as_good
from policy_router.suggestions.put_first import put_first
from policy_router.suggestions.suggestion import Suggestion, SuggestionEvidence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.suggestions.alike import Counted
    from policy_router.suggestions.observed import Observed

KIND: Final = "cheaper-as-good"


def suggestions(observed: Observed) -> Iterator[Suggestion]:
    """Yield at most one suggestion for each task: the cheapest model that is as good."""
    for task in observed.policy.tasks:
        leader, *others = observed.order(task.name) or ("",)
        first = observed.by_node(task.name, leader, {Role.FIRST})
        saved = {
            name: saving
            for name in others
            if (saving := _saving(first, observed.by_node(task.name, name))) is not None
        }
        for name in sorted(saved, key=lambda each: -saved[each]):
            evidence = _compared(observed, task.name, leader, name, len(saved))
            if evidence is not None:
                sentence = (
                    f"for task `{task.name}`, put `{name}` before `{leader}`, as it is cheaper"
                )
                effect = f"saves about {spell_usd(round(saved[name]))} per request"
                yield Suggestion(KIND, sentence, evidence, effect, put_first(observed, task, name))
                break


def _saving(first: Counted, other: Counted) -> float | None:
    """How much less a call costs, in nano-USD; None where it does not, or is not known."""
    now, then = alike_costs(first, other) or (None, None)
    return now - then if now is not None and then is not None and then < now else None


def _compared(
    observed: Observed, task: str, leader: str, name: str, comparisons: int
) -> SuggestionEvidence | None:
    """Why a model is as good as the leader; None where that is not shown."""
    first, other = observed.by_node(task, leader, {Role.FIRST}), observed.by_node(task, name)
    shown = as_good(other, first, observed.policy.learning.min_samples, comparisons)
    if shown is None:
        return None
    return SuggestionEvidence(
        f"judges and people accepted {shown.one:.1%} of {shown.one_samples:,} answers of `{name}`, "
        f"{shown.other:.1%} of {shown.other_samples:,} of `{leader}` ({shown.gap})",
        shown.samples,
        shown.gap,
    )
