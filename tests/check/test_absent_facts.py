"""A protecting rule on a fact that may be absent is reported with a remedy that works."""

from __future__ import annotations

import pytest

from policy_router.check.report import inspect
from policy_router.language.files import PolicyFile
from tests.check.policies import TABLE, TODAY

HEAD = """\
version: 1
tiers: [light, heavy]
models:
  local: { model: ollama_chat/llama3.2, tier: light, price: free, context: 8k, latency: 1s }
  big: { model: openai/gpt-4o, tier: heavy, quality: 0.9, latency: 9s }
budgets: { all: { cap: $10/month, then: free_only } }
"""
RULE = "fact-may-be-absent"


def remedies(declared: str, rules: str, more: str = "") -> list[str]:
    text = f"{HEAD}attributes: {{ {declared} }}\nrules: [{rules}]\n{more}"
    report = inspect([PolicyFile("p.yaml", text.encode())], today=TODAY, table=TABLE)
    assert report.decidable is not None, report.diagnostics
    return [d.help or "" for d in report.diagnostics if d.rule == RULE]


@pytest.mark.parametrize(
    ("declared", "when"),
    [
        ("plan: [free, pro]", "plan == 'free'"),
        ("plan: [free, pro]", "plan in ['pro', 'free']"),
        ("plan: ['true', 'no: b']", "plan == 'true'"),
        ("plan: ['1', 'no: b']", "plan == 'no: b'"),
        ("region: string", "region == 'eu-west.1/a'"),
        ("region: string", "region == 'null'"),
        ("region: string", "region == '12'"),
        ("region: string", "region == 'a, b'"),
        ("region: string", "region.startswith('eu')"),
        ("region: string", "matches(region, '^eu')"),
        ("spent: number", "spent == 1.5"),
        ("spent: number", "spent == 3"),
        ("spent: number", "spent == 1_234_567"),
        ("spent: number", "spent > 5"),
        ("guest: bool", "guest"),
        ("guest: bool", "guest == False"),
    ],
)
def test_the_declaration_that_is_proposed_is_valid_and_enough(declared: str, when: str) -> None:
    rule = f'{{ name: r, when: "{when}", avoid: [big] }}'
    (remedy,) = remedies(declared, rule)
    proposed = remedy.removeprefix("declare a default:  ").partition("  or write")[0]
    assert remedies(proposed, rule) == []


@pytest.mark.parametrize(
    "effect",
    ["max_cost: $0.01", "max_price: $1/M", "min_quality: 0.5", "max_latency: 5s", "needs: [tools]"],
)
def test_a_rule_with_criteria_protects(effect: str) -> None:
    rule = f"{{ name: r, when: {{ plan: pro }}, {effect} }}"
    assert len(remedies("plan: [free, pro]", rule)) == 1


PROMISE = "invariants: [{ name: p, when: { plan: free }, never: [big] }]\n"


@pytest.mark.parametrize(
    ("when", "reported"),
    [
        ("{ plan: free }", 0),
        ("{ plan: [free] }", 0),
        ("{ plan: [free, trial] }", 1),
        ("{ plan: trial }", 1),
        ("plan == 'free' and stream", 0),
    ],
)
def test_a_promise_says_that_only_rules_with_its_test_are_meant(when: str, reported: int) -> None:
    rule = f"{{ name: r, when: {when}, avoid: [big] }}"
    assert len(remedies("plan: [free, trial, pro]", rule, PROMISE)) == reported
