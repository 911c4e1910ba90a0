"""The count of a session lasts as long as it is used, in every store alike; and long windows."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from policy_router.domain.limits import Charge, Limit, Metric
from policy_router.domain.windows import Rolling, SessionLife
from policy_router.ledger.store import Granted, Refused, Settlement
from tests.ledger.stores import NOON, UTC, World, world

if TYPE_CHECKING:
    from pathlib import Path

DAY = 86_400.0
IDLE = 30 * DAY
RUN = Limit("budgets", "run", Metric.USD, SessionLife(IDLE), 1000, 1, "session", warn_at=(0.5,))
PLAN = Limit("limits", "plan", Metric.REQUESTS, Rolling(18_000), 3, 1)


def run(amount: int, session: str = "s1", cap: int | None = 1000) -> Charge:
    return Charge(RUN.counter(session, NOON, UTC), amount, cap, warn_at=RUN.warn_at)


def spend(w: World, name: str, cost: int, session: str = "s1") -> tuple[object, ...]:
    """Reserve and settle; the thresholds that were passed."""
    assert isinstance(w.reserve(name, run(cost, session)), Granted)
    return w.settle(name, Settlement(cost=cost)).crossed


def test_each_session_has_its_own_count(w: World) -> None:
    spend(w, "a", 900)
    assert isinstance(w.reserve("b", run(101)), Refused)
    spend(w, "c", 1000, "s2")
    assert w.used(run(1), run(1, "s2"), run(1, "s3")) == [900, 1000, 0]


def test_a_session_ends_when_it_was_not_used_for_long(w: World) -> None:
    spend(w, "a", 900)
    w.clock.now += IDLE - 1
    assert w.used(run(1)) == [900]
    w.clock.now += 1
    assert w.used(run(1)) == [0]
    spend(w, "b", 1000)
    assert w.used(run(1)) == [1000]
    assert w.audit() == ()


def test_a_session_in_use_has_no_end(w: World) -> None:
    for number in range(9):
        spend(w, f"r{number}", 100)
        w.clock.now += IDLE - 1
    assert w.used(run(1)) == [900]
    assert isinstance(w.reserve("more", run(101)), Refused)


def test_a_session_lasts_while_something_is_held(w: World) -> None:
    w.reserve("a", run(900), lease=2 * IDLE)
    w.clock.now += IDLE + DAY
    assert w.used(run(1)) == [900]
    w.settle("a", Settlement(cost=800))
    w.clock.now += IDLE - 1
    assert w.used(run(1)) == [800]
    w.clock.now += 1
    assert w.used(run(1)) == [0]


def test_what_a_session_refuses_has_no_time_at_which_it_opens(w: World) -> None:
    spend(w, "a", 1000)
    (refusal,) = w.reserve("b", run(1)).refusals  # type: ignore[union-attr]
    assert refusal.opens is None
    assert w.opens(run(1)) == [None]


def test_thresholds_are_reported_again_in_a_session_that_starts_again(w: World) -> None:
    assert len(spend(w, "a", 600)) == 1
    assert spend(w, "b", 100) == ()
    w.clock.now += IDLE
    assert spend(w, "c", 400) == ()
    assert len(spend(w, "d", 100)) == 1


def test_a_session_may_come_back_after_its_count_was_forgotten(w: World) -> None:
    spend(w, "a", 900)
    w.clock.now += 200 * DAY
    spend(w, "b", 700)
    w.clock.now += 1
    assert w.used(run(1)) == [700]
    assert w.audit() == ()
    bucket = w.bucket(run(1))
    assert bucket is not None
    assert (bucket.spent, bucket.held) == (700, 0)


def test_a_longer_idle_time_takes_effect_with_the_next_use(w: World) -> None:
    spend(w, "a", 900)
    longer = Limit("budgets", "run", Metric.USD, SessionLife(60 * DAY), 1000, 1, "session")
    w.reserve("b", Charge(longer.counter("s1", NOON, UTC), 50, 1000))
    w.settle("b", Settlement(cost=50))
    w.clock.now += 59 * DAY
    assert w.used(run(1)) == [950]


@pytest.mark.parametrize("seconds", [17_999.0, 18_000.0])
def test_a_window_of_five_hours_holds_over_any_edge(w: World, seconds: float) -> None:
    charge = Charge(PLAN.counter("-", NOON, UTC), 1, 3)
    for number in range(3):
        assert isinstance(w.reserve(f"r{number}", charge), Granted)
    refusal = w.reserve("more", charge)
    assert isinstance(refusal, Refused)
    opens = refusal.refusals[0].opens
    assert opens is not None
    assert 18_000 < opens - NOON <= 18_000 + 300
    w.clock.now += seconds
    assert isinstance(w.reserve("early", charge), Refused)
    w.clock.now = opens
    assert isinstance(w.reserve("late", charge), Granted)


def test_equal_lengths_share_a_counter(w: World) -> None:
    w.reserve("a", Charge(PLAN.counter("-", NOON, UTC), 1, 3))
    same = Limit("limits", "plan", Metric.REQUESTS, Rolling(300 * 60), 3, 1)
    assert w.used(Charge(same.counter("-", NOON, UTC), 1, 3)) == [1]


def test_slots_of_a_long_window_are_removed_when_they_left_it(tmp_path: Path) -> None:
    with world("sqlite", tmp_path) as w:
        charge = Charge(PLAN.counter("-", NOON, UTC), 1, None)
        for number in range(400):
            w.clock.now += 150
            w.reserve(f"r{number}", charge, lease=1.0)
        with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection:
            (kept,) = connection.execute("SELECT count(*) FROM slot").fetchone()
        assert kept <= 62
