"""Nothing is spent beyond a cap by a ledger that lost data. The long form is
`python benchmarks/losses.py`."""

from __future__ import annotations

import shutil

import pytest

from benchmarks.losses import SCENARIOS, STALLED, UNDER_WAY, run


@pytest.mark.parametrize("name", [*SCENARIOS, STALLED])
def test_a_cap_holds_though_the_ledger_forgets(name: str) -> None:
    if name.startswith("Redis") and shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    found = run(name, patience=1.0, stalls=2)
    assert not found.wrong
    assert found.beyond == 0
    if name != STALLED:
        assert (found.granted, found.counted) == (0, UNDER_WAY)
