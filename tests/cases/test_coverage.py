"""What tests of a policy touch."""

from __future__ import annotations

from policy_router.cases.coverage import coverage, possible_outcomes
from policy_router.cases.run import run_tests
from tests.cases.policies import policy_with

STRICT = """\
version: 1
tiers: [light, heavy]
models:
  a: { model: ollama_chat/a, tier: light, price: free, context: 8k, latency: 1s, quality: 0.5 }
  b: { model: ollama_chat/b, tier: heavy, price: free, context: 8k, latency: 2s, quality: 0.9 }
prefer: [free, smallest]
fallback: { step_down: false }
tasks:
  form: { use: [a] }
  good: { min_quality: 0.8, max_latency: 9s, min_tier: heavy }
  chat: { avoid: [b] }
limits: { slow: { requests: [9/min] } }
rules:
  - { name: r, when: { tags: x }, only: [b], needs: [json], max_cost: $1, max_price: $1/M }
  - { name: seen, when: { tags: y }, deny: no, shadow: true }
"""


def test_it_counts_what_each_test_touches() -> None:
    policy = policy_with(
        "- { name: a, request: { tags: [private] }, expect: { first: local } }\n"
        "- { name: b, request: { tags: [private], tokens: 9 }, expect: { first: big } }\n"
        "- { name: c, request: { plan: free, staff: false }, expect: { denied: true } }\n"
        "- { name: d, request: { max_candidates: 0.5 }, expect: { denied: true } }\n"
    )
    found = coverage(policy, list(run_tests(policy, policy.tests)))
    assert {item.name: item.tests for item in found.rules} == {
        "private stays": 2, "no mail goes out": 0, "nights": 0, "not for free": 1, "staff first": 0,
    }  # fmt: skip
    assert {item.name: item.tests for item in found.outcomes} == {
        "allowed": 2, "denied": 1, "only": 2, "avoid": 0, "rate_limit": 0, "budget": 0,
    }  # fmt: skip
    assert {item.name: item.tests for item in found.models} == {"local": 2, "rack": 2, "big": 0}
    assert found.share == (2 + 3 + 2) / (5 + 6 + 3)


def test_outcomes_are_those_of_the_policys_parts() -> None:
    from policy_router import load

    assert set(possible_outcomes(load(text=STRICT))) == {
        "allowed", "only", "avoid", "use", "ability", "tier", "quality", "latency", "cost", "price",
        "rate_limit",
    }  # fmt: skip
