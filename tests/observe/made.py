"""Made events of requests that have ended."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from policy_router import Request, decide
from policy_router.domain.attempt import Attempt
from policy_router.domain.findings import Finding
from policy_router.domain.snapshot import Snapshot
from policy_router.events import Answered, Exhausted
from policy_router.loading import load

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.decision.policy import Policy

POLICY = """\
version: 1
name: made
tiers: [light, heavy]
models:
  small: { model: openai/small, tier: light, price: free, tags: [local] }
  big: { model: openai/big, tier: heavy, price: { input: $1/M, output: $2/M } }
tasks:
  chat: {}
  code: { min_tier: heavy }
prefer: [free]
budgets: { all: { cap: unlimited } }
rules:
  - { name: private stays, when: { tags: private }, only: [local] }
  - { name: nobody, when: { tags: secret }, deny: not with us }
  - { name: later, when: { tags: later }, shadow: true, first: [big] }
"""
MOMENT = 1000.0


def policy_of(name: str) -> Policy:
    """A policy with two models."""
    return load(text=POLICY.replace("made", name, 1))


def ended(
    decision_id: str,
    *,
    calls: Sequence[tuple[str, str | None]],
    answered: bool = True,
    rejected: bool = False,
    stopped: bool = False,
    **facts: object,
) -> Answered | Exhausted:
    """The end of a request.

    Args:
        decision_id: Id of its decision.
        calls: The model of each call, and why it failed. Each takes a second and costs 3 nano-USD.
        answered: Whether the last call answered it.
        rejected: Whether a check rejected the answer.
        stopped: Whether it ended by its own fault.
        **facts: Fields of the request.
    """
    policy = policy_of("made")
    request = Request(**{"task": "chat", **facts})  # type: ignore[arg-type]  # fields of a request
    snapshot = Snapshot(MOMENT)
    decision = replace(decide(policy, request, snapshot), id=decision_id, snapshot=snapshot)
    attempts = tuple(
        Attempt(
            model, f"openai/{model}", MOMENT - len(calls) + place, 1.0, failure=failure,
            tokens_in=10, tokens_out=5, cost_nano_usd=3, rejected=("json",) * rejected,
        )
        for place, (model, failure) in enumerate(calls)
    )  # fmt: skip
    identity = (f"event-{decision_id}", decision_id, MOMENT, policy.revision)
    if not answered:
        return Exhausted(*identity, decision, attempts, stopped)
    findings = (Finding("json", "no JSON", "code"),) if rejected else ()
    return Answered(*identity, decision, attempts, calls[-1][0], rejected=findings)
