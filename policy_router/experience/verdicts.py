"""The current verdict of an experiment: each arm against the control, and whether it is over."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from policy_router.domain.experiments import CONTROL, Measure, StopWhen
from policy_router.experience.comparison import ArmVerdict, Comparison, compare
from policy_router.experience.moments import Moments

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.domain.experiments import Arm, Experiment

CONFIDENCE: Final = 0.95
"""The default confidence level."""
PLANNED: Final = 2_000
"""The default number of requests that an experiment is planned for."""


class EndReason(StrEnum):
    """Why an arm gets no more requests.

    Attributes:
        CONFIDENCE: It is shown to be better or worse than the control.
        GUARD: It is worse than the control by more than the policy allows.
        SAMPLES: The experiment has all the requests that it was to have.
        UNTIL: The last day of the experiment is over.
    """

    CONFIDENCE = "confidence"
    GUARD = "guard"
    SAMPLES = "samples"
    UNTIL = "until"


@dataclass(frozen=True, slots=True)
class ArmValues:
    """The results of the requests of one arm.

    Attributes:
        requests: The number of requests.
        values: Their values by measure; a measure that is missing has none.
    """

    requests: int = 0
    values: Mapping[Measure, Moments] = field(default_factory=lambda: MappingProxyType({}))

    def of(self, measure: Measure) -> Moments:
        """Return the values of one measure."""
        return self.values.get(measure, _NOTHING)


_NOTHING: Final = Moments()
_NO_REQUESTS: Final = ArmValues()


@dataclass(frozen=True, slots=True)
class ArmReport:
    """One arm against the control.

    Attributes:
        arm: The arm.
        requests: How many requests it got.
        comparison: It and the control by the measure of the experiment.
        guards: It and the control by each measure that has a guard.
        ended: Why it gets no more requests; None while it does.
        broken: The measure whose guard ended it, if one did.
    """

    arm: Arm
    requests: int
    comparison: Comparison
    guards: tuple[Comparison, ...]
    ended: EndReason | None
    broken: Measure | None = None

    @property
    def verdict(self) -> ArmVerdict:
        """What follows for the arm: one that a guard ended is dropped."""
        return ArmVerdict.DROP if self.ended is EndReason.GUARD else self.comparison.verdict


@dataclass(frozen=True, slots=True)
class ExperimentReport:
    """What an experiment says at one moment.

    Attributes:
        experiment: The experiment.
        measure: What its arms are compared by.
        confidence: How sure all its intervals are together, at every moment.
        requests: How many requests the arms and the control got.
        control: How many of these the control got.
        arms: Its arms in written order.
    """

    experiment: Experiment
    measure: Measure
    confidence: float
    requests: int
    control: int
    arms: tuple[ArmReport, ...]

    @property
    def over(self) -> bool:
        """Whether no arm gets any more requests."""
        return all(arm.ended is not None for arm in self.arms)

    @property
    def winner(self) -> ArmReport | None:
        """The arm that is shown to be better than the control; of several, the one by most."""
        better = [arm for arm in self.arms if arm.verdict is ArmVerdict.KEEP]
        return max(better, key=lambda arm: abs(arm.comparison.difference), default=None)


def judge(
    experiment: Experiment,
    values: Mapping[str, ArmValues],
    ended: Mapping[str, EndReason],
    now: float | None,
) -> ExperimentReport:
    """Compare the arms of an experiment with its control, and say which of them are over.

    The chance that any interval is wrong at any moment is at most what the confidence leaves: it is
    divided among the arms and the measures that may end one.

    Args:
        experiment: The experiment.
        values: The results of the requests of each arm, by its name, the control's too.
        ended: The arms that ended before, and why.
        now: Unix time; None without a clock.
    """
    stop = experiment.stop or StopWhen()
    measure = experiment.measure or Measure.SUCCESS
    confidence = CONFIDENCE if stop.confidence is None else stop.confidence
    measures = {measure, *stop.guard}
    # A confidence of 100 % is never reached.
    error = max(1 - confidence, 1e-12) / (len(experiment.arms) * len(measures))
    control = values.get(CONTROL, _NO_REQUESTS)
    names = [CONTROL, *(arm.name for arm in experiment.arms)]
    requests = sum(values.get(name, _NO_REQUESTS).requests for name in names)
    late = experiment.ends is not None and now is not None and now >= experiment.ends
    full = stop.samples is not None and requests >= stop.samples
    reports = []
    for arm in experiment.arms:
        own = values.get(arm.name, _NO_REQUESTS)
        both = own.requests + control.requests
        planned = (stop.samples or PLANNED) * (both / requests if requests else 1)
        compared = {
            each: compare(each, own.of(each), control.of(each), error=error, planned=planned)
            for each in measures
        }
        broken = next((m for m, limit in stop.guard.items() if compared[m].breaks(limit)), None)
        why = ended.get(arm.name)
        if why is None and broken is not None:
            why = EndReason.GUARD
        if why is None and stop.confidence and compared[measure].verdict is not ArmVerdict.GO_ON:
            why = EndReason.CONFIDENCE
        if why is None and full:
            why = EndReason.SAMPLES
        if why is None and late:
            why = EndReason.UNTIL
        guards = tuple(compared[each] for each in stop.guard)
        reports.append(ArmReport(arm, own.requests, compared[measure], guards, why, broken))
    return ExperimentReport(
        experiment, measure, confidence, requests, control.requests, tuple(reports)
    )
