"""The difference of two shares, with its interval."""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from policy_router.experience.intervals import IntervalEstimate


@dataclass(frozen=True, slots=True)
class ShareDifference:
    """How much larger one share is than another.

    Attributes:
        value: The difference, -1..1.
        low: Lower end of its 95 % interval.
        high: Upper end.
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """The difference in points, with its interval."""
        value, low, high = (100 * each for each in (self.value, self.low, self.high))
        return f"{value:+.1f} points, 95 % interval {low:+.1f} to {high:+.1f}"


def difference(one: IntervalEstimate, other: IntervalEstimate) -> ShareDifference:
    """How much larger a share is than another that was estimated from other requests.

    This is Newcombe's interval, made from the intervals of both shares: it holds for few samples,
    and for shares near 0 and 1.

    Args:
        one: The share that is larger where the difference is above 0.
        other: The share that it is compared with.
    """
    value = one.value - other.value
    below = hypot(one.value - one.low, other.high - other.value)
    above = hypot(one.high - one.value, other.value - other.low)
    return ShareDifference(value, max(value - below, -1.0), min(value + above, 1.0))
