"""A program that decides and calls no model."""

from decimal import Decimal

from policy_router import (
    ChatMessage,
    Decision,
    Identity,
    Policy,
    Request,
    RequestConstraints,
    RequestFacts,
    Snapshot,
    classify,
    decide,
    load,
)

POLICY = """\
version: 1
models:
  small: { model: openai/small, tier: light, price: free, tags: [local] }
  big: { model: openai/big, tier: heavy, price: { input: $1/M, output: $2/M }, can: [tools] }
tiers: [light, heavy]
prefer: [free]
budgets: { all: { cap: unlimited } }
tasks: { code: {}, chat: {} }
rules:
  - { name: private stays, when: { tags: private }, only: [local] }
"""


def names(decision: Decision) -> list[str]:
    return [candidate.name for candidate in decision.candidates]


policy: Policy = load(text=POLICY)
messages: list[ChatMessage] = [{"role": "user", "content": "Hello!"}]
identity: Identity = {"user": "ada", "tenant": None}
facts: RequestFacts = {"task": "chat", "tags": ["private"], "needs": {"tools"}}
constraints: RequestConstraints = {"max_cost": Decimal("0.05"), "prefer": ["quality"]}

assert names(decide(policy, Request(task="code", tags={"private"}))) == ["small"]
assert names(decide(policy, Request(), Snapshot(now=1_800_000_000.0))) == ["small", "big"]

request: Request = classify(policy, messages, tags=["private"], max_cost=0.05)
assert names(decide(policy, request)) == ["small"]
assert names(decide(policy, classify(policy, messages, **identity, **constraints)))[0] == "big"
assert names(decide(policy, classify(policy, messages, **facts))) == []
assert classify(policy, tokens=900, max_tokens=50).tokens == 900
