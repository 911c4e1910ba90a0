"""Alarms about answers that have become worse."""

from __future__ import annotations

import random
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.learning.alarms import Alarm, AlarmChange


def calls_until(alarm: Alarm, share: float, seed: int, change: AlarmChange) -> int:
    """Verdicts until an alarm changes, where a share of answers is flagged."""
    rng = random.Random(seed)  # noqa: S311  a simulation
    return next(
        n for n in range(1, 1_000_000) if alarm.note(flagged=rng.random() < share) is change
    )


@pytest.mark.parametrize(("rise", "most"), [(0.24, 60), (0.12, 230), (0.06, 500)])
def test_a_fall_of_the_quality_is_found(rise: float, most: int) -> None:
    # Falls of 40, 20 and 10 points of a model that is right in 80 %, by a check of .8/.2.
    found = [calls_until(Alarm(0.32), 0.32 + rise, seed, AlarmChange.RAISED) for seed in range(801)]
    assert median(found) <= most


@pytest.mark.parametrize("usual", [0.02, 0.05, 0.32, 0.75])
def test_false_alarms_are_rare_whatever_is_usual(usual: float) -> None:
    found = [calls_until(Alarm(usual), usual, seed, AlarmChange.RAISED) for seed in range(12)]
    assert sum(found) / len(found) > 10_000


@pytest.mark.parametrize("usual", [0.0, 0.02, 0.05, 0.1, 0.2, 0.75])
@pytest.mark.parametrize(("rise", "most"), [(0.24, 60), (0.12, 230), (0.06, 500)])
def test_the_same_rise_is_found_whatever_is_usual(usual: float, rise: float, most: int) -> None:
    found = [
        calls_until(Alarm(usual), usual + rise, seed, AlarmChange.RAISED) for seed in range(61)
    ]
    assert median(found) <= most


def test_what_is_usual_may_change() -> None:
    alarm = Alarm(0.02)
    alarm.note(flagged=True)
    alarm.usual = 0.6
    assert calls_until(alarm, 0.6, 3, AlarmChange.RAISED) > 1000


def test_an_alarm_ends_when_the_answers_are_as_before() -> None:
    alarm = Alarm(0.2)
    assert calls_until(alarm, 0.7, 1, AlarmChange.RAISED)
    assert alarm.raised
    assert calls_until(alarm, 0.2, 2, AlarmChange.ENDED) < 2000
    assert not alarm.raised
    assert alarm.verdicts == 0


def test_a_long_good_time_does_not_hide_a_bad_one() -> None:
    alarm = Alarm(0.3)
    for _ in range(10_000):
        alarm.note(flagged=False)
    assert calls_until(alarm, 1.0, 1, AlarmChange.RAISED) < 20


@given(st.floats(0, 1), st.booleans())
def test_one_verdict_is_no_alarm(usual: float, flagged: bool) -> None:
    assert Alarm(usual).note(flagged=flagged) is None
