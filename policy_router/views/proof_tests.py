"""Writes the requests that break promises as tests of the policy."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from policy_router.assurance.promises import Promise
from policy_router.assurance.reproduce import shown_facts, stated_facts
from policy_router.decision.decide import decide
from policy_router.domain.money import format_usd
from policy_router.domain.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from policy_router.assurance.promises import Counterexample, Proof
    from policy_router.decision.policy import Policy

_REACHED = (Promise.NEVER, Promise.ONLY)


def as_tests(policy: Policy, proofs: Sequence[Proof]) -> tuple[str, ...]:
    """Return items of a list of tests that fail as long as the requests break their promises.

    There are none where no test can state such a request.

    Args:
        policy: The policy.
        proofs: Its proofs.
    """
    return tuple(_tests(policy, proofs))


def _tests(policy: Policy, proofs: Sequence[Proof]) -> Iterator[str]:
    for proof in proofs:
        example = proof.counterexample
        if example is None:
            continue
        expected: dict[str, object] = {}
        if proof.promise in _REACHED:
            answering = _answering(policy, example)
            expected = {"never": answering} if answering else {}
        elif proof.promise is Promise.ALWAYS_DENIED:
            expected = {"denied": True}
        elif proof.promise is Promise.MAX_COST and _costs_as_stated(policy, example):
            expected = {"max_cost": f"${format_usd(proof.invariant.max_cost or 0)}"}
        if expected:
            request = stated_facts(policy, example.witness)
            yield (
                f"  - name: {_text(proof.invariant.name)}\n"
                f"    request: {_text(request)}\n"
                f"    expect: {_text(expected)}\n"
            )


def _answering(policy: Policy, example: Counterexample) -> list[str]:
    """The models of a counterexample that may answer; tests do not see who judges or estimates."""
    decision = decide(policy, example.witness.request, Snapshot(now=example.witness.now))
    candidates = {candidate.name for candidate in decision.candidates}
    return [name for name in example.reaches if name in candidates]


def _costs_as_stated(policy: Policy, example: Counterexample) -> bool:
    """Whether a test can state all of a request that its cost depends on."""
    witness = example.witness
    if shown_facts(policy, witness) != stated_facts(policy, witness):
        return False
    prices = [policy.models_by_name[name].price for name in example.reaches]
    return not any(price is not None and price.by_hour for price in prices)


def _text(value: object) -> str:
    """A value as YAML on one line; JSON is YAML."""
    return json.dumps(value, ensure_ascii=False)
