"""The breaker as a state machine: a literal table, and laws."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.domain.fallback import Cooldown
from policy_router.execution.health import breaker as b
from policy_router.execution.health.breaker import (
    CLOSED,
    RAMP_SHARES,
    TRANSITIONS,
    Breaker,
    BreakerEvent,
    BreakerState,
)
from policy_router.execution.health.outcomes import FailedFor, Outcomes

RULE = Cooldown(failures=3, within=60, duration=10, longest=100, ramp=30)
NOW = 1_000.0

OPEN = Breaker(BreakerState.OPEN, NOW - 10, NOW, 1, 0, "timeout")
WAITING = replace(OPEN, until=NOW + 5)
PROBED = Breaker(BreakerState.HALF_OPEN, NOW - 5, NOW + 5, 1, 0, "timeout", "me")
FREE = replace(PROBED, until=NOW, prober="")
ONCE = replace(PROBED, successes=1)
RAMP = Breaker(BreakerState.RAMP, NOW - 10, NOW + 20, 1, 0, "")
OVER = replace(RAMP, until=NOW)


def _after(breaker: Breaker, event: BreakerEvent, now: float, draw: float = 0.0) -> Breaker:
    match event:
        case BreakerEvent.TRIPPED:
            return b.tripped(breaker, now, RULE, draw, "connect")
        case BreakerEvent.PROBE_BEGAN:
            return b.probe_began(breaker, now, 30, "me")
        case BreakerEvent.PROBE_ANSWERED:
            return b.probe_answered(breaker, now, RULE)
        case BreakerEvent.PROBE_FAILED:
            return b.probe_failed(breaker, now, RULE, draw, "connect")
        case BreakerEvent.PROBE_ENDED:
            return b.probe_ended(breaker, now)
        case BreakerEvent.RAMP_ENDED:
            return b.settled(breaker, now)
        case BreakerEvent.LIFTED:
            return CLOSED


_E, _S = BreakerEvent, BreakerState
AGAIN = Breaker(_S.OPEN, NOW, NOW + 10, 2, 0, "connect")
TABLE = [
    (CLOSED, _E.TRIPPED, Breaker(_S.OPEN, NOW, NOW + 10, 1, 0, "connect")),
    (CLOSED, _E.PROBE_BEGAN, CLOSED),
    (CLOSED, _E.PROBE_ANSWERED, CLOSED),
    (CLOSED, _E.PROBE_FAILED, CLOSED),
    (CLOSED, _E.PROBE_ENDED, CLOSED),
    (CLOSED, _E.RAMP_ENDED, CLOSED),
    (CLOSED, _E.LIFTED, CLOSED),
    (OPEN, _E.TRIPPED, OPEN),
    (OPEN, _E.PROBE_BEGAN, replace(PROBED, since=NOW, until=NOW + 30)),
    (OPEN, _E.PROBE_ANSWERED, OPEN),
    (OPEN, _E.PROBE_FAILED, OPEN),
    (OPEN, _E.PROBE_ENDED, OPEN),
    (OPEN, _E.RAMP_ENDED, OPEN),
    (OPEN, _E.LIFTED, CLOSED),
    (WAITING, _E.TRIPPED, WAITING),
    (WAITING, _E.PROBE_BEGAN, WAITING),
    (WAITING, _E.LIFTED, CLOSED),
    (PROBED, _E.TRIPPED, PROBED),
    (PROBED, _E.PROBE_BEGAN, PROBED),
    (PROBED, _E.PROBE_ANSWERED, replace(FREE, successes=1)),
    (PROBED, _E.PROBE_FAILED, AGAIN),
    (PROBED, _E.PROBE_ENDED, FREE),
    (PROBED, _E.RAMP_ENDED, PROBED),
    (PROBED, _E.LIFTED, CLOSED),
    (FREE, _E.PROBE_BEGAN, replace(PROBED, until=NOW + 30)),
    (FREE, _E.PROBE_FAILED, AGAIN),
    (ONCE, _E.PROBE_ANSWERED, Breaker(_S.RAMP, NOW, NOW + 30, 1, 0, "")),
    (ONCE, _E.PROBE_FAILED, AGAIN),
    (RAMP, _E.TRIPPED, AGAIN),
    (RAMP, _E.PROBE_BEGAN, RAMP),
    (RAMP, _E.PROBE_ANSWERED, RAMP),
    (RAMP, _E.PROBE_FAILED, RAMP),
    (RAMP, _E.PROBE_ENDED, RAMP),
    (RAMP, _E.RAMP_ENDED, RAMP),
    (RAMP, _E.LIFTED, CLOSED),
    (OVER, _E.RAMP_ENDED, CLOSED),
]


@pytest.mark.parametrize(("before", "event", "after"), TABLE)
def test_what_follows_each_event(before: Breaker, event: BreakerEvent, after: Breaker) -> None:
    assert _after(before, event, NOW) == after
    if after.state is not before.state:
        assert after.state in TRANSITIONS[before.state][event]


def test_the_table_has_every_transition() -> None:
    seen = {(before.state, event, after.state) for before, event, after in TABLE if before != after}
    listed = {
        (state, event, after)
        for state, events in TRANSITIONS.items()
        for event, states in events.items()
        for after in states
    }
    assert listed == seen


@pytest.mark.parametrize(
    ("seconds", "share"),
    [(0, 0.1), (9.9, 0.1), (10, 0.25), (20, 0.5), (29.9, 0.5), (30, 1.0), (99, 1.0), (-1, 0.1)],
)
def test_a_ramp_gives_ever_more_of_the_calls(seconds: float, share: float) -> None:
    ramp = Breaker(BreakerState.RAMP, NOW, NOW + 30, 1)
    assert ramp.share(NOW + seconds) == share
    assert (CLOSED.share(NOW), RAMP_SHARES) == (1.0, (0.1, 0.25, 0.5))


def test_without_a_ramp_it_closes_at_once() -> None:
    closed = b.probe_answered(ONCE, NOW, replace(RULE, ramp=0))
    assert closed.share(NOW) == 1.0
    assert b.settled(closed, NOW) == CLOSED


@pytest.mark.parametrize(
    ("level", "draw", "seconds"),
    [(0, 0, 10), (0, 1, 10), (1, 0, 10), (1, 1, 20), (1, 0.5, 15), (3, 1, 80), (4, 1, 100),
     (99_999, 1, 100), (99_999, 0, 10)],
)  # fmt: skip
def test_it_stays_open_for_longer_each_time(level: int, draw: float, seconds: float) -> None:
    assert b.open_time(level, RULE, draw) == seconds


def test_a_longest_time_below_the_first_one_bounds_only_its_growth() -> None:
    assert b.open_time(5, replace(RULE, longest=1), 1.0) == 10


# -- laws ------------------------------------------------------------------------------------------

_steps = st.lists(
    st.tuples(st.sampled_from(sorted(BreakerEvent)), st.floats(0, 200), st.floats(0, 1)),
    max_size=40,
)


@given(_steps)
def test_law_any_history_follows_the_transitions(
    steps: list[tuple[BreakerEvent, float, float]],
) -> None:
    breaker, now = CLOSED, NOW
    for event, seconds, draw in steps:
        now += seconds
        before = breaker
        breaker = _after(before, event, now, draw)
        if breaker != before:
            assert breaker.state in TRANSITIONS[before.state][event]
        assert not (breaker.is_blocked(now) and breaker.needs_probe(now))
        if breaker.state is BreakerState.OPEN:
            assert RULE.duration - 1e-6 <= breaker.until - breaker.since <= RULE.longest + 1e-6


@given(st.lists(st.floats(0, 40), min_size=1, max_size=60), st.floats(0, 1))
def test_law_there_is_never_more_than_one_probe_at_a_time(gaps: list[float], draw: float) -> None:
    breaker, now = b.tripped(CLOSED, NOW, RULE, draw, "timeout"), NOW
    begun: list[float] = []
    for gap in gaps:
        now += gap
        following = b.probe_began(breaker, now, 30, "me")
        if following is not breaker:
            begun.append(now)
        breaker = following
    assert all(later >= earlier + 30 for earlier, later in pairwise(begun))


def _trips(outcomes: list[bool], seconds: float, rule: Cooldown) -> int:
    window, now, trips = Outcomes(), NOW, 0
    for fails in outcomes:
        now += seconds
        if fails:
            trips += window.failed(now, rule) is not None
        else:
            window.answered(now, rule)
    return trips


@pytest.mark.parametrize("seconds", [0.001, 0.02, 0.5, 1.5, 3.0, 5.9, 60.0])
def test_law_two_percent_of_errors_never_open_it(seconds: float) -> None:
    """At most 100,000 times the chance of five in a row, 0.02**5, is 3 in 10,000; ten of twenty
    fail with a chance of 2 in a trillion."""
    dice = random.Random(20261130)  # noqa: S311  chance, not a secret
    assert _trips([dice.random() < 0.02 for _ in range(100_000)], seconds, Cooldown()) == 0


@given(st.integers(0, 500), st.floats(0.001, 5))
def test_law_a_dead_service_opens_it_within_five_calls(before: int, seconds: float) -> None:
    history = [False] * before
    assert _trips([*history, *[True] * 4], seconds, Cooldown()) == 0
    assert _trips([*history, *[True] * 5], seconds, Cooldown()) == 1


@given(st.integers(1, 4))
def test_law_a_service_that_mostly_fails_opens_it_though_it_never_fails_five_times(
    row: int,
) -> None:
    pattern = [*[True] * row, False]
    assert _trips(pattern * 40, 0.1, Cooldown()) >= 1


@given(st.lists(st.booleans(), max_size=80), st.floats(0.01, 20))
def test_law_it_opens_exactly_when_the_outcomes_say_so(
    outcomes: list[bool], seconds: float
) -> None:
    """By a plain reading of the rule over the whole history, for failures in a row."""
    rule = Cooldown(failures=3, within=30, volume=10_000)
    expected = 0
    row: list[float] = []
    now = float(NOW)
    for fails in outcomes:
        now += seconds
        row = [*row, now] if fails else []
        if len(row) >= 3 and row[-3] > now - 30:
            expected, row = expected + 1, []
    assert _trips(outcomes, seconds, rule) == expected


def test_the_share_counts_only_within_the_window() -> None:
    rule = Cooldown(failures=99, within=30, share=0.5, volume=20)
    window = Outcomes()
    for _ in range(30):
        window.answered(NOW, rule)
    assert not any(window.failed(NOW + 25, rule) for _ in range(29))
    assert window.failed(NOW + 25, rule)  # 30 of 60
    late = Outcomes()
    for _ in range(30):
        late.answered(NOW, rule)
    assert [bool(late.failed(NOW + 40, rule)) for _ in range(20)] == [*[False] * 19, True]


def test_a_clock_that_is_set_back_forgets_what_lies_ahead() -> None:
    rule = Cooldown(failures=99, within=30, share=0.5, volume=20)
    window = Outcomes()
    for _ in range(19):
        window.failed(NOW, rule)
    assert not window.failed(NOW - 500, rule)


def test_several_models_must_fail_where_that_is_asked() -> None:
    rule, window = Cooldown(failures=3, within=30), Outcomes()
    of_one = {window.failed(NOW, rule, "a", by_share=False) for _ in range(50)}
    assert of_one == {None, FailedFor.ONE}
    assert window.failed(NOW, rule, "b", by_share=False) is FailedFor.SEVERAL


@pytest.mark.parametrize(
    ("rule", "calls"),
    [
        (Cooldown(failures=3, within=30), 3),
        (Cooldown(failures=99, within=30, share=0.5, volume=20), 20),
    ],
    ids=["in a row", "by share"],
)
def test_failures_of_one_are_about_that_one_alone(rule: Cooldown, calls: int) -> None:
    window = Outcomes()
    assert not any(window.failed(NOW, rule, "ada") for _ in range(calls - 1))
    assert window.failed(NOW, rule, "ada") is FailedFor.ONE
    assert window.failed(NOW, rule, "ada") is FailedFor.ONE  # nothing is forgotten
    assert window.failed(NOW, rule, "bob") is FailedFor.SEVERAL
    assert window.failed(NOW, rule, "bob") is None  # everything is
    mixed = Outcomes()
    assert not any(mixed.failed(NOW, rule, "ada") for _ in range(calls - 1))
    assert mixed.failed(NOW, rule, None) is FailedFor.SEVERAL  # it fails for everyone


def test_what_another_suffered_long_ago_is_not_held_against_all() -> None:
    window, rule = Outcomes(), Cooldown(failures=3, within=30)
    assert window.failed(NOW, rule, "bob") is None
    late = [window.failed(NOW + 60, rule, "ada") for _ in range(3)]
    assert late == [None, None, FailedFor.ONE]


def test_a_window_of_no_time_counts_what_fails_at_one_moment() -> None:
    rule = Cooldown(failures=2, within=0.0)
    assert not any(Outcomes().failed(NOW + i, rule) for i in range(5))
