"""A policy whose tests the tests of this folder write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router import load
from policy_router.cases.run import run_tests

if TYPE_CHECKING:
    from policy_router.cases.run import PolicyTestResult
    from policy_router.decision.policy import Policy

HEAD = """\
version: 1
timezone: Europe/Berlin
tiers: [light, heavy]
attributes: { plan: [free, pro], staff: bool }
abilities: [legal]
tags: [private, batch]
models:
  local: { model: ollama_chat/llama3.2, tier: light, price: free, context: 8k, tags: [here] }
  rack: { model: hosted_vllm/q, tier: heavy, price: free, context: 64k, tags: [here],
          can: [json, tools, vision, legal] }
  big:
    { model: openai/gpt-4o, tier: heavy, price: { input: $2.50/M, output: $10/M }, context: 128k,
      can: [json, tools], limits: [5/min] }
prefer: [free, smallest]
tasks: { code: { keywords: [traceback] }, chat: {} }
complexity:
  bands: { easy: { from: 0 }, hard: { from: 0.5, min_tier: heavy } }
aliases: { fast: [light], "gpt-*": [big] }
limits: { each: { per: user, requests: [60/min] }, quick: { models: [local], concurrent: 4 } }
budgets:
  team: { cap: $50/month, then: free_only }
  words: { per: tenant, cap: 1M tokens/day, then: block }
sessions: { keep: model }
detect: [email]
experiments:
  try: { share: 10%, first: [big], when: { task: chat } }
learning: { mode: adjust, min_samples: 40 }
fallback: { step_down: true }
rules:
  - { name: private stays, when: { tags: private }, only: [here] }
  - { name: no mail goes out, when: { detected: email }, avoid: [big] }
  - { name: nights, when: hour >= 22, only: [free] }
  - { name: not for free, when: { plan: free, staff: false }, deny: it needs a paid plan }
  - { name: staff first, when: staff, first: [big] }
"""


def policy_with(tests: str) -> Policy:
    """The policy with the tests that a list in YAML describes."""
    lines = "\n".join(f"  {line}" for line in tests.strip().splitlines())
    return load(text=f"{HEAD}tests:\n{lines}\n")


def results(tests: str) -> list[PolicyTestResult]:
    """How such tests end."""
    policy = policy_with(tests)
    return list(run_tests(policy, policy.tests))


def result(*, expect: str, request: str = "{ tokens: 10 }", given: str = "{}") -> PolicyTestResult:
    """How one test ends."""
    (one,) = results(f"- {{ name: t, request: {request}, given: {given}, expect: {expect} }}")
    return one
