"""Policies and counts for tests of suggestions."""

from __future__ import annotations

from policy_router.domain.outcome import Role
from policy_router.experience.counts import ANSWERED, CALLS, CHARGED, COST, REJECTED, OutcomeCounts
from policy_router.experience.nodes import Node, OutcomeKey
from policy_router.language.files import PolicyFile
from policy_router.language.load import compile_files
from policy_router.suggestions.observed import Observed, RuleUse

HEAD = """\
version: 1
tiers: [light, heavy]
models:
  one: { model: openai/one, tier: light, price: free }
  two: { model: openai/two, tier: light, price: free }
  three: { model: openai/three, tier: heavy, price: free }
"""
TASKS = """\
tasks:
  # what is read from invoices
  extract: { keywords: [extract] }  # no prose
  chat: {}
"""


def observed(
    text: str, counted: dict[OutcomeKey, OutcomeCounts] | None = None, rules: RuleUse | None = None
) -> Observed:
    """A policy of one file, and what was counted."""
    policy = compile_files([PolicyFile("p.yaml", text.encode())]).policy
    assert policy is not None
    return Observed(policy, {"p.yaml": text}, counted or {}, rules)


def calls(
    model: str,
    number: int,
    rejected: int = 0,
    *,
    cost: int = 0,
    task: str = "extract",
    role: Role = Role.FIRST,
) -> dict[OutcomeKey, OutcomeCounts]:
    """The counts of a model at a task."""
    tally = {CALLS: number, ANSWERED: number, REJECTED: rejected}
    if cost:
        tally |= {CHARGED: number, COST: cost * number}
    return {OutcomeKey(Node(task, "", "", ""), model, role): OutcomeCounts(tally)}
