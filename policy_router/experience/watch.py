"""Watches for models whose answers get worse, based on the verdicts in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.learning.alarms import FEWEST, Alarm
from policy_router.resilience import forks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from policy_router.experience.counts import OutcomeCounts
    from policy_router.experience.nodes import OutcomeKey

WORSE: Final = "checks reject more of its answers than usual"
"""Why a model comes after all others while its alarm is on."""


class QualityWatch:
    """One alarm for each model and form of requests, once its usual verdicts are known.

    Attributes:
        alarmed: The models whose alarm is on: their names, with the form of the requests.
    """

    def __init__(self, tell: Callable[[str, str, bool, float], None]) -> None:
        """Watch from now on.

        Args:
            tell: Gets each change of an alarm: the name of the model, the form of the requests,
                whether the alarm is on, and the share of answers that is usually rejected.
        """
        self._tell = tell
        self._lock = forks.lock()
        self._alarms: dict[tuple[str, str], Alarm] = {}
        self.alarmed: frozenset[tuple[str, str]] = frozenset()

    def follow(self, usual: Mapping[tuple[str, str], float]) -> None:
        """Takes over what is usual.

        Args:
            usual: For the name of a model and a form of requests, the share of answers that is
                rejected in the long run.
        """
        with self._lock:
            for name, share in usual.items():
                alarm = self._alarms.get(name)
                if alarm is None:
                    self._alarms[name] = Alarm(share)
                elif not alarm.raised:  # while it is on, the bad answers are not what is usual
                    alarm.usual = share

    def note(self, model: str, form: str, *, rejected: bool) -> None:
        """Counts a verdict on an answer."""
        name = model, form
        with self._lock:
            alarm = self._alarms.get(name)
            change = None if alarm is None else alarm.note(flagged=rejected)
            if alarm is None or change is None:
                return
            raised, usual = alarm.raised, alarm.usual
            self.alarmed = self.alarmed | {name} if raised else self.alarmed - {name}
        self._tell(model, form, raised, usual)


def usual_shares(
    counted: Mapping[OutcomeKey, OutcomeCounts],
) -> dict[tuple[str, str], float]:
    """The shares of answers that are rejected, for models and forms with enough verdicts."""
    sums: dict[tuple[str, str], tuple[int, int]] = {}
    for key, counts in counted.items():
        name = key.model, key.node.form or ""
        rejected, verdicts = sums.get(name, (0, 0))
        sums[name] = rejected + counts.flagged + counts.bad, verdicts + counts.verdicts
    return {
        name: rejected / verdicts
        for name, (rejected, verdicts) in sums.items()
        if verdicts >= FEWEST
    }
