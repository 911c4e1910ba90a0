"""What the panel of promises shows, and since when."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from policy_router.assurance.promises import Promise, Proof, ProofVerdict, prove
from policy_router.live.fixed import FixedPolicy
from policy_router.loading import load
from policy_router.server.ui.proof_history import ProofHistory
from policy_router.views.html.promises import KnownProof, promises
from tests.observe.made import MOMENT, POLICY
from tests.views.html.seen import seen

PROMISED = (
    POLICY
    + """\
invariants:
  - { name: private stays here, when: { tags: private }, only: [local] }
  - { name: secrets are refused, when: { tags: secret }, always_denied: true }
"""
)


def test_promises() -> None:
    policy = load(text=PROMISED)
    proofs = prove(policy)
    unknown = Proof(proofs[0].invariant, Promise.NEVER, ProofVerdict.UNKNOWN, reason="too many")
    known = [KnownProof(proof, MOMENT) for proof in (*proofs, unknown)]
    assert seen(promises(policy, known, MOMENT, "/ui")) == [
        f"proved | 2 | for @{policy.revision[:7]}",
        "broken | 0",
        "unknown | 1",
        "promises",
        "promise | | verdict | why | since | where",
        "private stays here | never | unknown | too many | 00:16:40 UTC | <text>:17",
        "private stays here | only | proved | by rule private stays | 00:16:40 UTC | <text>:17",
        "secrets are refused | always_denied | proved | by rule nobody | 00:16:40 UTC | <text>:18",
    ]
    assert seen(promises(policy, [], MOMENT, "/ui")) == [
        "The policy makes no promises; write them under invariants."
    ]


def test_a_broken_promise_comes_with_a_request_that_breaks_it() -> None:
    policy = load(text=POLICY)
    promise = load(text=PROMISED).invariants[1]
    proofs = prove(replace(policy, invariants=(replace(promise, when=None),)))
    shown = seen(promises(policy, [KnownProof(proofs[0], MOMENT)], MOMENT, "/ui"))
    assert "| always_denied | broken | a request that" in " ".join(shown)
    assert "policy-router route" in " ".join(shown)


def test_what_stays_the_same_keeps_its_time() -> None:
    first = replace(FixedPolicy(load(text=PROMISED)).current, loaded_at=1.0)
    changed = load(text=PROMISED.replace("$1/M", "$3/M"))
    second = replace(FixedPolicy(changed).current, loaded_at=2.0)
    fewer = PROMISED.rpartition("  - { name: secrets")[0]
    third = replace(FixedPolicy(load(text=fewer)).current, loaded_at=3.0)

    async def read() -> list[list[float]]:
        book = ProofHistory()
        actives = (first, first, second, third, second)
        return [[known.since for known in await book.read(active)] for active in actives]

    assert asyncio.run(read()) == [[1.0, 1.0], [1.0, 1.0], [1.0, 1.0], [1.0], [1.0, 2.0]]
