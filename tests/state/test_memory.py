"""What the store in memory forgets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from policy_router.state.memory import KEPT, ROWS, TIDYING
from policy_router.state.store import Actual
from policy_router.state.tables import REMEMBERED
from tests.state.stores import World, world

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
        w.settle(f"r{i}", Actual(cost=3))
    assert [row.seq for row in (w.rows()[0], w.rows()[-1])] == [21, ROWS + 20]
    assert w.used(w.money(0)) == [3 * (ROWS + 20)]
    assert w.audit() == ()


def test_rows_of_counters_long_gone_are_folded_into_nothing(w: World) -> None:
    w.reserve("old", w.money(1), w.requests(None), w.seat(None))
    w.settle("old", Actual(cost=1))
    w.clock.now += KEPT + 2 * REMEMBERED
    for i in range(ROWS):
        w.reserve(f"r{i}", w.money(0, cap=None))
        w.settle(f"r{i}", Actual(cost=1))
    assert len(w.rows()) == ROWS
    assert w.audit() == ()
    tables = w.store._tables
    assert (len(tables.counts), tables.rolling, tables.seats) == (1, {}, {})


def test_what_may_still_be_asked_for_is_kept(w: World) -> None:
    charges = w.money(7), w.requests(None), w.seat(None)
    w.reserve("open", *charges, lease=10 * KEPT)
    w.clock.now += KEPT + 2 * REMEMBERED
    w.reserve("new", w.requests(None, name="other"))
    w.clock.now += TIDYING
    w.reserve("newer", w.requests(None, name="other"))
    assert w.used(charges[0], charges[2]) == [7, 1]
    tables = w.store._tables
    assert list(tables.rolling) == [w.requests(None, name="other").counter.key]
