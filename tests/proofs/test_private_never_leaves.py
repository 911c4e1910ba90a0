"""A proved promise holds in random runs of the whole engine, and catches what would break it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy_router.assurance.promises import ProofVerdict, prove
from tests.proofs import seeded
from tests.proofs.world import policy, run

POLICY = policy()
seeded.MODELS[:] = POLICY.models


def test_the_promise_is_proved() -> None:
    assert [proof.verdict for proof in prove(POLICY)] == [ProofVerdict.PROVED]


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10**9), st.sampled_from((0.0, 0.3, 0.6)))
def test_private_never_leaves(seed: int, faults: float) -> None:
    outcome = run(POLICY, seed, 40, faults)
    assert outcome.leaks == []


def test_the_runs_reach_everything() -> None:
    outcome = run(POLICY, 1, 60)
    assert outcome.asked == {"near", "near-large", "far", "far-cheap"}
    assert outcome.answered > 20
    assert outcome.marked > 5


@pytest.mark.parametrize("defect", seeded.SEEDED)
def test_a_seeded_defect_is_caught(defect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seeded.SEEDED[defect](monkeypatch)
    assert any(run(policy(), seed).leaks for seed in range(16))
