"""The state machine notices every deliberate mistake. `python -m tests.ledger.mutants` says how."""

from __future__ import annotations

import shutil

import pytest

from tests.ledger.mutants import MUTANTS, Mutant, hunt


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mistake_is_noticed(mutant: Mutant) -> None:
    if mutant.store == "redis" and shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    assert hunt(mutant) is not None, f"nothing noticed that {mutant.name}"
