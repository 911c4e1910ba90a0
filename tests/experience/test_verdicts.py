"""What an experiment says, and when its arms are over."""

from __future__ import annotations

from types import MappingProxyType

import pytest

from policy_router.domain.experiments import CONTROL, Arm, Experiment, Measure, StopWhen
from policy_router.experience.comparison import ArmVerdict
from policy_router.experience.moments import Moments
from policy_router.experience.verdicts import ArmValues, EndReason, judge

ONE = Arm("one", 0.1, ("a",))
TWO = Arm("two", 0.2, ("b",))


def experiment(*arms: Arm, ends: float | None = None, **stop: object) -> Experiment:
    when = StopWhen(**stop) if stop else None  # type: ignore[arg-type]  # fields by name
    return Experiment("e", None, arms or (ONE,), "user", Measure.QUALITY, when, ends=ends)


def values(count: int, quality: float, success: float = 1.0, cost: float = 1.0) -> ArmValues:
    def of(rate: float) -> Moments:
        return Moments.of((1, float(i < rate * count)) for i in range(count))

    measured = {Measure.QUALITY: of(quality), Measure.SUCCESS: of(success), Measure.COST: of(cost)}
    return ArmValues(count, measured)


def guard(**limits: float) -> MappingProxyType[Measure, float]:
    return MappingProxyType({Measure(name): limit for name, limit in limits.items()})


def test_without_any_request() -> None:
    report = judge(experiment(confidence=0.95), {}, {}, None)
    assert (report.requests, report.control, report.over, report.winner) == (0, 0, False, None)
    assert report.arms[0].verdict is ArmVerdict.GO_ON


@pytest.mark.parametrize(
    ("stop", "arm", "ended", "verdict"),
    [
        ({"confidence": 0.95}, values(400, 0.9), EndReason.CONFIDENCE, ArmVerdict.KEEP),
        ({"confidence": 0.95}, values(400, 0.5), EndReason.CONFIDENCE, ArmVerdict.DROP),
        ({"confidence": 0.95}, values(400, 0.71), None, ArmVerdict.GO_ON),
        ({}, values(400, 0.9), None, ArmVerdict.KEEP),
        ({"samples": 1400}, values(400, 0.71), EndReason.SAMPLES, ArmVerdict.GO_ON),
        ({"samples": 1401}, values(400, 0.71), None, ArmVerdict.GO_ON),
        ({"confidence": 1.0}, values(400, 0.9), None, ArmVerdict.GO_ON),
        ({"guard": guard(success=-0.03)}, values(400, 0.7, 0.8), EndReason.GUARD, ArmVerdict.DROP),
        ({"guard": guard(success=-0.3)}, values(400, 0.7, 0.8), None, ArmVerdict.GO_ON),
        ({"guard": guard(cost=0.2)}, values(400, 0.9, 1.0, 0.4), None, ArmVerdict.KEEP),
    ],
)
def test_when_an_arm_ends(
    stop: dict[str, object], arm: ArmValues, ended: EndReason | None, verdict: ArmVerdict
) -> None:
    tried = experiment(**stop)  # type: ignore[arg-type]  # fields by name
    report = judge(tried, {"one": arm, CONTROL: values(1000, 0.7)}, {}, None)
    (found,) = report.arms
    assert (found.ended, found.verdict) == (ended, verdict)
    assert report.over is (ended is not None)
    assert (report.winner is found) is (verdict is ArmVerdict.KEEP)
    assert (found.broken is not None) is (ended is EndReason.GUARD)


def test_the_last_day() -> None:
    dated = experiment(ends=1000.0)
    ends = [judge(dated, {}, {}, now).arms[0].ended for now in (None, 999.9, 1000.0)]
    assert ends == [None, None, EndReason.UNTIL]


def test_an_arm_that_ended_stays_so() -> None:
    report = judge(experiment(ONE, TWO), {}, {"one": EndReason.GUARD}, None)
    assert [arm.ended for arm in report.arms] == [EndReason.GUARD, None]
    assert not report.over


def test_of_several_arms_the_best_one_wins() -> None:
    found = {"one": values(500, 0.85), "two": values(500, 0.95), CONTROL: values(1000, 0.6)}
    report = judge(experiment(ONE, TWO, confidence=0.95), found, {}, None)
    assert report.winner is not None
    assert (report.winner.arm, report.requests, report.control) == (TWO, 2000, 1000)


def test_more_arms_and_guards_need_more_evidence() -> None:
    found = {"one": values(500, 0.8), CONTROL: values(1000, 0.7)}
    widths = [
        report.arms[0].comparison.high - report.arms[0].comparison.low
        for report in (
            judge(experiment(ONE), found, {}, None),
            judge(experiment(ONE, guard=guard(success=-0.03)), found, {}, None),
            judge(experiment(ONE, TWO, guard=guard(success=-0.03)), found, {}, None),
        )
    ]
    assert widths == sorted(widths)
    assert widths[0] < widths[2]


def test_without_a_measure_successes_are_compared() -> None:
    report = judge(Experiment("e", None, (ONE,)), {}, {}, None)
    assert report.measure is Measure.SUCCESS
    assert report.arms[0].guards == ()
