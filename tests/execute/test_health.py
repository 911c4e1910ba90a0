from __future__ import annotations

import threading

import pytest

from policy_router.execute.failure import Failure, Kind
from policy_router.execute.health import Health
from policy_router.model import Cooldown

BROKEN = Failure(Kind.SERVER_ERROR)


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_nothing_cools_at_first(clock: Clock) -> None:
    assert Health(clock).cooling(clock.now) == {}


def test_the_threshold_within_the_window(clock: Clock) -> None:
    health, rule = Health(clock), Cooldown(failures=3, within=60, duration=300)
    health.failed("m", BROKEN, rule)
    health.failed("m", BROKEN, rule)
    assert health.cooling(clock.now) == {}
    clock.now += 59
    health.failed("m", BROKEN, rule)
    assert health.cooling(clock.now) == {"m": clock.now + 300}


def test_failures_out_of_the_window_are_forgotten(clock: Clock) -> None:
    health, rule = Health(clock), Cooldown(failures=2, within=60, duration=300)
    health.failed("m", BROKEN, rule)
    clock.now += 60
    health.failed("m", BROKEN, rule)
    assert health.cooling(clock.now) == {}


def test_a_cooldown_ends_and_counting_starts_afresh(clock: Clock) -> None:
    health, rule = Health(clock), Cooldown(failures=2, within=600, duration=300)
    health.failed("m", BROKEN, rule)
    health.failed("m", BROKEN, rule)
    clock.now += 300
    assert health.cooling(clock.now) == {}
    health.failed("m", BROKEN, rule)
    assert health.cooling(clock.now) == {}


def test_models_are_counted_apart(clock: Clock) -> None:
    health, rule = Health(clock), Cooldown(failures=2, within=60, duration=300)
    health.failed("m", BROKEN, rule)
    health.failed("n", BROKEN, rule)
    assert health.cooling(clock.now) == {}


@pytest.mark.parametrize(
    ("failure", "seconds"),
    [
        (Failure(Kind.RATE_LIMITED, retry_after=30), 30),
        (Failure(Kind.RATE_LIMITED, retry_after=0), 1),
        (Failure(Kind.RATE_LIMITED, retry_after=1e9), 24 * 3600),
        (Failure(Kind.RATE_LIMITED), 5),
        (Failure(Kind.QUOTA_EXHAUSTED), 900),
        (Failure(Kind.QUOTA_EXHAUSTED, certain=False), None),
        (Failure(Kind.OVERLOADED), 10),
        (Failure(Kind.OVERLOADED, retry_after=3), 3),
        (Failure(Kind.CREDENTIAL), 600),
        (Failure(Kind.REDIRECTED), 600),
        (Failure(Kind.BAD_REQUEST), None),
        (Failure(Kind.CONTENT_POLICY), None),
        (Failure(Kind.CONTEXT_TOO_LONG), None),
        (Failure(Kind.SERVER_ERROR, retry_after=30), None),
        (Failure(Kind.DEADLINE), None),
        (Failure(Kind.CANCELLED), None),
    ],
)
def test_one_failure(clock: Clock, failure: Failure, seconds: float | None) -> None:
    health = Health(clock)
    health.failed("m", failure, Cooldown())
    expected = {} if seconds is None else {"m": clock.now + seconds}
    assert health.cooling(clock.now) == expected


def test_the_later_deadline_wins(clock: Clock) -> None:
    health, rule = Health(clock), Cooldown(failures=1, within=60, duration=300)
    health.failed("m", BROKEN, rule)
    health.failed("m", Failure(Kind.RATE_LIMITED, retry_after=2), rule)
    assert health.cooling(clock.now) == {"m": clock.now + 300}
    health.failed("m", Failure(Kind.RATE_LIMITED, retry_after=1_000), rule)
    assert health.cooling(clock.now) == {"m": clock.now + 1_000}


def test_rate_limits_do_not_count_towards_the_threshold(clock: Clock) -> None:
    health, rule = Health(clock), Cooldown(failures=1, within=60, duration=300)
    health.failed("m", Failure(Kind.RATE_LIMITED, retry_after=2), rule)
    assert health.cooling(clock.now) == {"m": clock.now + 2}


def test_threads_lose_no_failure(clock: Clock) -> None:
    health, rule = Health(clock), Cooldown(failures=400, within=60, duration=300)

    def fail() -> None:
        for _ in range(100):
            health.failed("m", BROKEN, rule)

    threads = [threading.Thread(target=fail) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert health.cooling(clock.now) == {"m": clock.now + 300}
