"""One random policy, asked in two ways."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from policy_router.assurance.promises import ProofVerdict, prove
from policy_router.decision.decide import decide
from policy_router.domain.invariants import AtLeast, Countable, Invariant
from policy_router.domain.snapshot import Snapshot
from tests.proofs.brute import fewest, reached
from tests.static_set import static_set

if TYPE_CHECKING:
    from policy_router.assurance.promises import Proof
    from policy_router.decision.policy import Policy
    from policy_router.domain.condition import Condition


def promising(policy: Policy, when: Condition | None) -> Policy:
    """The policy with a promise about each model, and about how many are left."""
    promises = [Invariant(m.name, when, never=(m.name,)) for m in policy.models]
    promises += [
        Invariant(f"at least {n}", when, at_least=AtLeast(n, Countable.CANDIDATES))
        for n in range(1, len(policy.models) + 1)
    ]
    return replace(policy, invariants=tuple(promises))


def compare(policy: Policy, when: Condition | None, most: int) -> Counter[str]:
    """How many promises have which verdict; fails where requests that were tried disagree."""
    verdicts: Counter[str] = Counter()
    got, asked = reached(policy, when, most)
    least = fewest(policy, when, most)
    for proof in prove(promising(policy, when)):
        verdicts[proof.verdict] += 1
        if proof.invariant.never:
            (name,) = proof.invariant.never
            assert not (proof.verdict is ProofVerdict.PROVED and name in got), (name, proof)
            _replayed(policy, proof)
        elif proof.invariant.at_least is not None:
            enough = least is None or least >= proof.invariant.at_least.count
            assert enough or proof.verdict is not ProofVerdict.PROVED, (least, proof)
            _counted(policy, proof)
    verdicts["requests"] += asked
    return verdicts


def _replayed(policy: Policy, proof: Proof) -> None:
    example = proof.counterexample
    if example is not None:
        request, now = example.witness.request, example.witness.now
        (name,) = proof.invariant.never
        decision = decide(policy, request, Snapshot(now=now))
        assert name in {candidate.name for candidate in decision.candidates}
        assert name in static_set(policy, request, now), (name, request, now)


def _counted(policy: Policy, proof: Proof) -> None:
    example, promised = proof.counterexample, proof.invariant.at_least
    if example is not None and promised is not None:
        decision = decide(policy, example.witness.request, Snapshot(now=example.witness.now))
        assert len(decision.candidates) < promised.count
