"""Proofs of larger policies against z3."""

from __future__ import annotations

import pytest

from tests.proofs.smt import PROMISES, compare_with_z3


@pytest.mark.parametrize("seed", range(2))
def test_z3_agrees(seed: int) -> None:
    verdicts = compare_with_z3(rules=30, models=8, seed=seed)
    assert verdicts["proved"]
    assert verdicts["broken"]
    assert verdicts["proved"] + verdicts["broken"] == len(PROMISES)
