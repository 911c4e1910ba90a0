"""Compares two groups of calls on similar requests: of the same task, form, kind and band.

A rule that sends the easy requests to one model makes that model look better than it is. So each
kind of request is compared with itself, and counts as much as the outcomes of both at it can say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from policy_router.experience.intervals import CONFIDENCE, wilson
from policy_router.suggestions.differences import ShareDifference, difference

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from policy_router.experience.counts import OutcomeCounts
    from policy_router.experience.intervals import IntervalEstimate
    from policy_router.experience.nodes import Node

Counted: TypeAlias = "Mapping[Node, OutcomeCounts]"
"""The counts of a group of calls, by the kind of request."""
Measure: TypeAlias = "Callable[[OutcomeCounts], IntervalEstimate | None]"
"""Reads a share from counts; None where there is nothing to read it from."""


@dataclass(frozen=True, slots=True)
class AlikeShares:
    """A share in two groups of calls, at requests that are alike.

    Attributes:
        one: The share in the first group.
        other: The share in the second one.
        one_samples: Outcomes of the first group that it rests on.
        other_samples: The same of the second one.
        gap: How much larger the first one is.
    """

    one: float
    other: float
    one_samples: int
    other_samples: int
    gap: ShareDifference

    @property
    def samples(self) -> int:
        """Outcomes of the group that has fewer."""
        return min(self.one_samples, self.other_samples)


def alike_shares(
    one: Counted, other: Counted, measure: Measure, comparisons: int = 1
) -> AlikeShares | None:
    """Compare a share in two groups of calls.

    Args:
        one: The first group.
        other: The second one.
        measure: Reads the share.
        comparisons: How many comparisons are looked at together, of which the intervals of 95 % are
            all to hold at once.

    Returns:
        Both shares; None where no kind of request has outcomes of both groups.
    """
    pairs = []
    for node, counts in one.items():
        first = measure(counts)
        second = measure(other[node]) if node in other else None
        if first is not None and second is not None and first.samples and second.samples:
            pairs.append((first, second))
    if not pairs:
        return None
    weights = [a.samples * b.samples / (a.samples + b.samples) for a, b in pairs]
    confidence = 1 - (1 - CONFIDENCE) / max(comparisons, 1)
    shares = [_weighted([pair[side] for pair in pairs], weights, confidence) for side in (0, 1)]
    return AlikeShares(
        shares[0].value,
        shares[1].value,
        sum(a.samples for a, _ in pairs),
        sum(b.samples for _, b in pairs),
        difference(shares[0], shares[1]),
    )


def alike_costs(one: Counted, other: Counted) -> tuple[float, float] | None:
    """The mean cost of a call in two groups of calls, in nano-USD.

    Args:
        one: The first group.
        other: The second one.

    Returns:
        Both means; None where the cost is not known of any kind of request that both have.
    """
    total = sums = usual = 0.0
    for node, counts in one.items():
        costs = counts.mean_cost(), other[node].mean_cost() if node in other else None
        if costs[0] is not None and costs[1] is not None:
            weight = counts.calls * other[node].calls / (counts.calls + other[node].calls)
            total, sums, usual = total + weight, sums + weight * costs[0], usual + weight * costs[1]
    return (sums / total, usual / total) if total else None


def _weighted(
    shares: list[IntervalEstimate], weights: list[float], confidence: float
) -> IntervalEstimate:
    """The weighted mean of shares, as certain as outcomes of equal weight that vary as much."""
    total = sum(weights)
    value = sum(w * each.value for w, each in zip(weights, shares, strict=True)) / total
    samples = total**2 / sum(w**2 / each.samples for w, each in zip(weights, shares, strict=True))
    estimate = wilson(value * samples, samples, confidence)
    assert estimate is not None  # noqa: S101  there are samples
    return estimate
