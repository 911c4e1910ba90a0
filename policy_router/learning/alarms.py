"""Notices that the answers of a model have become worse: cumulative sums of its verdicts (CUSUM).

For each size of a rise in the share of flagged answers there is a sum. A verdict adds to it what it
is evidence for such a rise, as a logarithm of odds, and the sum never falls below zero, so that a
good month does not hide a bad hour. A sum that passes its threshold raises the alarm. From then on
a sum of the opposite evidence runs, and ends the alarm.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from math import log
from typing import Final

RISES: Final = ((0.08, 6.1), (0.25, 8.0))
"""Rises of the share of flagged answers, each with its threshold. Together: about one false alarm
in 20,000 verdicts (`benchmarks/learning.py --alarms`)."""
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

    def note(self, *, flagged: bool) -> AlarmChange | None:
        """Counts a verdict.

        Args:
            flagged: Whether the answer was found bad.

        Returns:
            What it has changed; None for nothing.
        """
        self.verdicts += 1
        if self.raised:
            self._calm = max(0.0, self._calm - self._weight(RISES[0][0], flagged))
            if self._calm <= CALM:
                return None
            return self._turn(AlarmChange.ENDED)
        passed = False
        for number, (rise, threshold) in enumerate(RISES):
            total = max(0.0, self._sums[number] + self._weight(rise, flagged))
            self._sums[number] = total
            passed = passed or total > threshold
        return self._turn(AlarmChange.RAISED) if passed else None

    def _weight(self, rise: float, flagged: bool) -> float:
        """How much a verdict speaks for a rise."""
        usual = min(_MOST, max(_LEAST, self.usual))
        risen = min(0.99, usual + rise)
        return log(risen / usual) if flagged else log((1 - risen) / (1 - usual))

    def _turn(self, change: AlarmChange) -> AlarmChange:
        self.raised = change is AlarmChange.RAISED
        self.verdicts = 0
        self._sums = [0.0] * len(RISES)
        self._calm = 0.0
        return change
