"""What the store in memory forgets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from policy_router.ledger import memory
from policy_router.ledger.engine import REMEMBERED
from policy_router.ledger.memory import FEW, HOLDS, KEPT, ROWS, TIDYING
from policy_router.ledger.store import Ended, Ending, Granted, Settlement
from tests.ledger.stores import World, world

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def w(tmp_path: Path) -> Iterator[World]:
    with world("memory", tmp_path) as opened:
        yield opened


def test_a_long_ledger_is_folded_into_opening_balances(w: World) -> None:
    for i in range(ROWS + 20):
        w.reserve(f"r{i}", w.money(0, cap=None))
        w.settle(f"r{i}", Settlement(cost=3))
    assert [row.seq for row in (w.rows()[0], w.rows()[-1])] == [21, ROWS + 20]
    assert w.used(w.money(0)) == [3 * (ROWS + 20)]
    assert w.audit() == ()


def test_holds_that_ended_do_not_pile_up(w: World) -> None:
    for i in range(HOLDS + 20):
        w.reserve(f"r{i}", w.money(1, cap=None))
        w.settle(f"r{i}", Settlement(cost=1))
    assert len(w.store._ledger.holds) <= HOLDS + 1
    assert w.release(f"r{HOLDS + 19}").ended is Ended.AGAIN
    assert w.release("r0").ended is Ended.UNKNOWN


def test_an_expired_hold_can_be_corrected_for_a_day_however_many_end_meanwhile(w: World) -> None:
    w.reserve("slow", w.money(5), lease=10)
    w.clock.now += 11
    for i in range(HOLDS + 20):
        w.reserve(f"r{i}", w.requests(None))
        w.release(f"r{i}")
    assert w.settle("slow", Settlement(cost=3)).ended is Ended.ADJUSTED
    assert w.used(w.money(0)) == [3]
    w.clock.now += REMEMBERED
    w.reserve("last", w.requests(None))
    assert list(w.store._ledger.holds) == ["last"]


def test_rows_of_deleted_counters_are_dropped(w: World) -> None:
    w.reserve("old", w.money(1), w.requests(None), w.seat(None))
    w.settle("old", Settlement(cost=1))
    w.clock.now += KEPT + 2 * REMEMBERED
    for i in range(ROWS):
        w.reserve(f"r{i}", w.money(0, cap=None))
        w.settle(f"r{i}", Settlement(cost=1))
    assert len(w.rows()) == ROWS
    assert w.audit() == ()
    tables = w.store._ledger
    assert (len(tables.counts), tables.rolling, tables.concurrent) == (1, {}, {})


def test_rows_that_may_still_matter_are_kept(w: World) -> None:
    charges = w.money(7), w.requests(None), w.seat(None)
    w.reserve("open", *charges, lease=10 * KEPT)
    w.clock.now += KEPT + 2 * REMEMBERED
    w.reserve("new", w.requests(None, name="other"))
    w.clock.now += TIDYING
    w.reserve("newer", w.requests(None, name="other"))
    assert w.used(charges[0], charges[2]) == [7, 1]
    tables = w.store._ledger
    assert list(tables.rolling) == [w.requests(None, name="other").counter.id]


def test_windows_of_ever_new_users_do_not_pile_up(w: World) -> None:
    most = 0
    for i in range(20_000):
        w.clock.now += 0.1  # far more than a window in all, and less than the time between looks
        w.reserve(f"r{i}", w.requests(5, subject=f"user{i}"))
        w.release(f"r{i}")
        most = max(most, len(w.store._ledger.rolling))
    assert 620 < most < 2 * 620 + FEW + 2


def test_counters_of_ever_new_users_go_when_their_day_is_over(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "ENDED", 100)
    for day in range(4):
        for i in range(300):
            w.reserve(f"r{day}.{i}", w.money(1, subject=f"user{day}.{i}"))
            if i:
                w.settle(f"r{day}.{i}", Settlement(cost=1))
        w.clock.now += REMEMBERED
    w.clock.now += REMEMBERED + 1
    held = w.money(1, subject="late")
    w.reserve("late", held, w.seat(None), lease=5 * REMEMBERED)
    w.clock.now += 2 * REMEMBERED
    w.reserve("new", w.money(1))
    keys = [b.key for b in w.do(w.store.balances())]
    # The latest hundred, and what a hold may still change.
    assert len([k for k in keys if k.subject.startswith("user3.")]) == 100
    assert [k for k in keys if k.subject.startswith("user1.")] == []
    assert held.counter.key in keys
    assert w.audit() == ()


def test_little_is_kept_of_a_hold_that_has_ended(w: World) -> None:
    for name in ("settled", "released", "corrected", "moved", "expired", "open"):
        w.reserve(name, w.money(1), lease=10 if name in ("corrected", "expired") else 60)
    w.settle("settled", Settlement(cost=1))
    w.release("released")
    w.clock.now += 11
    w.settle("corrected", Settlement(cost=1))
    w.reserve("next", w.money(1), after=Ending("moved", Settlement(cost=1)))
    kept = {name for name, held in w.store._ledger.holds.items() if held.hold.charges}
    assert kept == {"expired", "open", "next"}
    for name in ("settled", "released", "corrected", "moved"):
        assert w.settle(name, Settlement(cost=9)).ended is Ended.AGAIN
        assert isinstance(w.reserve(name, w.money(1)), Granted)
    assert w.settle("expired", Settlement(cost=0)).ended is Ended.ADJUSTED
    assert w.used(w.money(1)) == [5]
    assert w.audit() == ()
