"""A budget holds while the processes that share it are killed. The long form is
`python benchmarks/stress.py`."""

from __future__ import annotations

import shutil

import pytest

from benchmarks.stress import DOLLAR, places, run


@pytest.mark.parametrize("more", ["plain", "limits", "prices"])
@pytest.mark.parametrize("store", ["sqlite", "redis"])
def test_a_budget_holds_while_its_processes_are_killed(store: str, more: str) -> None:
    if store == "redis" and shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    limits, prices = more == "limits", more == "prices"
    with places(store, cap=DOLLAR // 5, limits=limits, prices=prices) as place:
        found = run(place, seed=1, kills=5, processes=4)
    assert not found.wrong
    assert found.kills == 5
    assert found.bills > 20
