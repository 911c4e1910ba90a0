"""The judgements of judges and people about answers, without checks of their form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.experience.counts import OutcomeCounts
from policy_router.experience.intervals import wilson
from policy_router.experience.rated_answers import SCORE
from policy_router.suggestions.alike import alike_shares

if TYPE_CHECKING:
    from policy_router.experience.intervals import IntervalEstimate
    from policy_router.suggestions.alike import AlikeShares, Counted

MARGIN: Final = 0.02
"""How much worse answers may be that count as good as others."""


def judged(counts: OutcomeCounts) -> IntervalEstimate | None:
    """The share of answers that judges and people accepted; None where they said nothing."""
    samples = counts.good + counts.bad + counts.feedback
    return wilson(counts.good + counts.feedback_sum / SCORE, samples)


def as_good(one: Counted, other: Counted, least: int, comparisons: int = 1) -> AlikeShares | None:
    """Whether answers are as good as others: at most `MARGIN` worse, with 95 % confidence.

    Calls without a good answer must not be surely more frequent either.

    Args:
        one: The answers.
        other: The others.
        least: How many verdicts each needs.
        comparisons: How many such comparisons are looked at together.

    Returns:
        The shares of both that were accepted, at requests that are alike; None where it is not
        shown.
    """
    shares = alike_shares(one, other, judged, comparisons)
    calls = alike_shares(one, other, OutcomeCounts.success, comparisons)
    if shares is None or calls is None or calls.gap.high < 0:
        return None
    shown = shares.samples >= least and shares.gap.low > -MARGIN and shares.gap.high >= 0
    return shares if shown else None
