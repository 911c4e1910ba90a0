"""When a circuit opens, and when it is tried again."""

from __future__ import annotations

import pytest

from policy_router.resilience.breaker import FAILURES, LONGEST, PAUSE, SLOW, WITHIN, CircuitBreaker


@pytest.mark.parametrize(
    ("failures", "opens"),
    [
        ([(0.0, 0.0)], False),
        ([(0.0, SLOW)], True),
        ([(0.0, 0.0), (1.0, 0.0)], False),
        ([(0.0, 0.0), (1.0, 0.0), (WITHIN, 0.0)], True),
        ([(0.0, 0.0), (1.0, 0.0), (WITHIN + 0.1, 0.0)], False),
        ([(0.0, 0.0), (4.0, 0.0), (6.0, 0.0), (8.0, 0.0)], True),
    ],
)
def test_many_failures_or_a_slow_one_open_it(
    failures: list[tuple[float, float]], opens: bool
) -> None:
    breaker = CircuitBreaker()
    opened = [breaker.record_failure(now, took) for now, took in failures]
    assert opened == [False] * (len(failures) - 1) + [opens]
    assert breaker.closed is not opens


def test_failures_while_it_is_open_change_nothing() -> None:
    breaker = CircuitBreaker()
    assert breaker.record_failure(0.0, SLOW)
    assert not breaker.record_failure(0.5, SLOW)
    assert breaker.wait(0.0) == PAUSE
    assert breaker.wait(PAUSE) == breaker.wait(99.0) == 0.0


def test_the_pause_doubles_after_each_failed_trial_up_to_the_longest() -> None:
    breaker = CircuitBreaker()
    breaker.record_failure(0.0, SLOW)
    pauses = []
    for now in range(100, 800, 100):
        breaker.record_failed_trial(now)
        pauses.append(breaker.wait(now))
    assert pauses == [2.0, 4.0, 8.0, 16.0, LONGEST, LONGEST, LONGEST]


def test_a_trial_that_succeeds_closes_it_and_forgets_the_failures() -> None:
    breaker = CircuitBreaker()
    breaker.record_failure(0.0, SLOW)
    breaker.record_failed_trial(1.0)
    breaker.close()
    assert breaker.closed
    assert breaker.wait(1.0) == 0.0
    assert [breaker.record_failure(1.0, 0.0) for _ in range(FAILURES)] == [False, False, True]
    assert breaker.wait(1.0) == PAUSE
