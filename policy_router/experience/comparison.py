"""Compares an arm of an experiment with the control; valid no matter how often it is evaluated."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import inf, sqrt
from typing import TYPE_CHECKING, Final

from policy_router.domain.experiments import Measure
from policy_router.experience.sequences import standard_errors, with_few_clusters

if TYPE_CHECKING:
    from policy_router.experience.moments import Moments

LEAST: Final = 30
"""Minimum number of values of an arm, and of the control, before drawing conclusions."""

_SHARES: Final = frozenset({Measure.SUCCESS, Measure.QUALITY})
"""Measures from 0 to 1, of which more is better. Of the others less is better."""


class ArmVerdict(StrEnum):
    """What the comparison of an arm with the control says.

    Attributes:
        KEEP: The arm is better.
        DROP: The arm is worse.
        GO_ON: Neither is shown.
    """

    KEEP = "keep"
    DROP = "drop"
    GO_ON = "go on"


@dataclass(frozen=True, slots=True)
class Comparison:
    """An arm and the control by one measure.

    Attributes:
        measure: What they are compared by: shares from 0 to 1, US dollars or seconds.
        arm: Mean of the arm.
        control: Mean of the control.
        arm_count: Requests of the arm with a known value.
        control_count: The same of the control.
        difference: The arm's mean minus the control's.
        low: Lower end of the difference's confidence interval, which is valid at any time.
        high: Its upper end.
        verdict: What follows.
    """

    measure: Measure
    arm: float
    control: float
    arm_count: int
    control_count: int
    difference: float
    low: float
    high: float
    verdict: ArmVerdict

    @property
    def change(self) -> float:
        """The difference as a share of the control's mean; infinite where that is zero."""
        if self.difference == 0:
            return 0.0
        return self.difference / self.control if self.control else inf * self.difference

    def breaks(self, limit: float) -> bool:
        """Return whether the arm is shown to be worse, and measured to be so beyond a limit.

        Args:
            limit: The change that is allowed, as a share: -0.03 is three percent less.
        """
        beyond = self.change < limit if self.measure in _SHARES else self.change > limit
        return self.verdict is ArmVerdict.DROP and beyond


def compare(
    measure: Measure, arm: Moments, control: Moments, *, error: float, planned: float
) -> Comparison:
    """Compare the values of an arm with those of the control.

    An arm with few values looks less variable than it is, so its variance is at least that of the
    control, and for success rates at least that of independent requests. If a few users have most
    of the values, the interval is wider.

    Args:
        measure: What the values are.
        arm: The values of the arm.
        control: The values of the control.
        error: The probability that the interval is wrong at any time.
        planned: The number of requests, of both together, for which the interval is to be
            narrowest.
    """
    difference = arm.mean - control.mean
    low, high = -inf, inf
    degrees = arm.effective_clusters + control.effective_clusters - 2
    if min(arm.count, control.count) >= LEAST and degrees >= 1:
        usual = _variance(measure, control)
        spread = max(usual, _variance(measure, arm)) / arm.count + usual / control.count
        both = arm.count + control.count
        if spread > 0:
            errors = with_few_clusters(standard_errors(both / planned, error), degrees)
            width = sqrt(spread) * errors
            low, high = difference - width, difference + width
    better, worse = (low > 0, high < 0) if measure in _SHARES else (high < 0, low > 0)
    verdict = ArmVerdict.KEEP if better else ArmVerdict.DROP if worse else ArmVerdict.GO_ON
    return Comparison(
        measure, arm.mean, control.mean, arm.count, control.count, difference, low, high, verdict
    )


def _variance(measure: Measure, values: Moments) -> float:
    if measure not in _SHARES:
        return values.variance
    share = (values.total + 1) / (values.count + 2)
    return max(values.variance, share * (1 - share))
