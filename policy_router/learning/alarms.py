"""Notices that the answers of a model have become worse: cumulative sums of its verdicts (CUSUM).

For each size of a rise in the share of flagged answers there is a sum. A verdict adds to it what it
is evidence for such a rise, as a logarithm of odds, and the sum never falls below zero, so that a
good month does not hide a bad hour. A sum that passes its threshold raises the alarm. From then on
a sum of the opposite evidence runs, and ends the alarm.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from enum import StrEnum
from math import log
from typing import Final

RISES: Final = ((0.075, 5.85), (0.22, 8.1))
"""Rises of the share of flagged answers, each with its threshold where about a third is flagged."""
FURTHER: Final = (
    (0.01, 0.60), (0.05, 0.52), (0.10, 0.33), (0.20, 0.12), (0.30, 0.0), (0.50, 0.0), (0.60, 0.07),
    (0.70, 0.38), (0.80, 0.70), (0.90, 0.90),
)  # fmt: skip
"""What is added to the thresholds where another share is usual. One verdict then moves a sum
further beyond its threshold, so that the same threshold gives more false alarms. With this there is
at most one in 20,000 verdicts, whatever is usual (`benchmarks/learning.py --alarms`)."""
CALM: Final = 6.0
"""The evidence, as a logarithm of odds, that the answers are as before."""
FEWEST: Final = 100
"""Verdicts from which a usual share is known well enough to tell a rise."""
_LEAST, _MOST = 0.01, 0.95
"""The usual share is taken as at least, and at most: a first flagged answer is not an alarm."""


class AlarmChange(StrEnum):
    """What a verdict has changed."""

    RAISED = "raised"
    ENDED = "ended"


@dataclass(slots=True)
class Alarm:
    """Watches the verdicts on one model's answers to requests of one form.

    Attributes:
        usual: The share of answers that is flagged in the long run, 0..1.
        raised: Whether the alarm is on.
        verdicts: Verdicts since the alarm was raised or ended.
    """

    usual: float
    raised: bool = False
    verdicts: int = 0
    _sums: list[float] = field(default_factory=lambda: [0.0] * len(RISES))
    _calm: float = 0.0
    _known: float = -1.0
    _steps: tuple[tuple[float, float, float], ...] = ()

    def note(self, *, flagged: bool) -> AlarmChange | None:
        """Counts a verdict.

        Args:
            flagged: Whether the answer was found bad.

        Returns:
            What it has changed; None for nothing.
        """
        self.verdicts += 1
        if self.usual != self._known:
            self._known, self._steps = self.usual, _steps(self.usual)
        if self.raised:
            self._calm = max(0.0, self._calm - self._steps[0][not flagged])
            if self._calm <= CALM:
                return None
            return self._turn(AlarmChange.ENDED)
        passed = False
        for number, step in enumerate(self._steps):
            total = max(0.0, self._sums[number] + step[not flagged])
            self._sums[number] = total
            passed = passed or total > step[2]
        return self._turn(AlarmChange.RAISED) if passed else None

    def _turn(self, change: AlarmChange) -> AlarmChange:
        self.raised = change is AlarmChange.RAISED
        self.verdicts = 0
        self._sums = [0.0] * len(RISES)
        self._calm = 0.0
        return change


def _steps(usual: float) -> tuple[tuple[float, float, float], ...]:
    """For each rise: how much a flagged answer speaks for it, and another one; its threshold."""
    share, further = min(_MOST, max(_LEAST, usual)), _further(usual)
    return tuple(
        (log(risen / share), log((1 - risen) / (1 - share)), threshold + further)
        for rise, threshold in RISES
        for risen in (min(0.99, share + rise),)
    )


def _further(usual: float) -> float:
    """What is added to the thresholds, between the shares that it is known for in proportion."""
    after = bisect_left(FURTHER, (usual,))
    if after in {0, len(FURTHER)}:
        return FURTHER[min(after, len(FURTHER) - 1)][1]
    (share, low), (next_share, high) = FURTHER[after - 1 : after + 1]
    return low + (high - low) * (usual - share) / (next_share - share)
