"""Confidence intervals of shares and means that are estimated from samples."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import Final

CONFIDENCE: Final = 0.95
"""The default confidence level."""


@dataclass(frozen=True, slots=True)
class IntervalEstimate:
    """A value that was estimated, with its interval.

    Attributes:
        value: The value.
        low: Lower end of the interval.
        high: Upper end of the interval.
        samples: The number of outcomes behind it.
    """

    value: float
    low: float
    high: float
    samples: int


def wilson(
    sum_of_scores: float, samples: float, confidence: float = CONFIDENCE
) -> IntervalEstimate | None:
    """Estimate a share, or the mean of scores from 0 to 1, by Wilson's interval.

    For scores between 0 and 1 the interval is wider than necessary, never narrower: no scores of
    one mean vary more than zeros and ones.

    Args:
        sum_of_scores: How many succeeded, or the sum of the scores.
        samples: How many there are; a weight, where some count for less than one.
        confidence: The confidence level, above 0 and below 1; each end on its own is exceeded half
            as often as the interval is missed.

    Returns:
        The estimate; None without samples.
    """
    if samples <= 0:
        return None
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share = min(max(sum_of_scores / samples, 0.0), 1.0)
    spread = z * z / samples
    middle = (share + spread / 2) / (1 + spread)
    half = z * sqrt(share * (1 - share) / samples + spread / (4 * samples)) / (1 + spread)
    low, high = max(middle - half, 0.0), min(middle + half, 1.0)
    return IntervalEstimate(share, min(low, share), max(high, share), int(samples))
