"""The policies of a server whose private requests stay: all promise it, but one breaks it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

PRIVATE: Final[Mapping[str, str]] = {
    "a tag": "tags: private",
    "a tenant": "tenant: clinic",
    "a user": "user: patient",
    "sensitive text": "detected: email",
    "a task": "task: records",
    "a name": "model: confidential",
    "a session": "\"session.startswith('ward')\"",
}
"""What makes a request private, each as a condition."""

_HEAD: Final = """version: 1
name: clinic
tags: [private, vip, batch]
detect: [email]
tiers: [light, standard, heavy]
models:
  near: { model: hosted_vllm/near, api_base: "NEAR/v1", via: direct, tier: light, price: free,
          context: 9k, tags: [local], keep_loaded: 1h }
  near-claude: { model: anthropic/near-claude, api_base: "NEAR", via: direct, tier: standard,
                 price: free, context: 20k, tags: [local], can: [tools, json, vision] }
  near-vectors: { model: openai/vectors, api_base: "NEAR/v1", via: direct, tier: light,
                  price: free, tags: [local], can: [embeddings] }
  far: { model: openai/far, api_base: "FAR/v1", via: direct, tier: heavy, context: 200k,
         price: { input: $1/M, output: $2/M }, can: [tools, json, vision], quality: 0.9 }
  far-claude: { model: anthropic/far-claude, api_base: "FAR", via: direct, tier: heavy,
                context: 200k, price: { input: $1/M, output: $2/M }, can: [tools, json, vision] }
  far-responses: { model: openai/responses/far-responses, api_base: "FAR/v1", via: direct,
                   tier: heavy, context: 200k, price: free, can: [tools, json, vision] }
  far-cheap: { model: hosted_vllm/cheap, api_base: "FAR/v1", via: direct, tier: light,
               price: free, context: 100k, latency: 1s, keep_loaded: 1h }
  far-vectors: { model: openai/vectors, api_base: "FAR/v1", via: direct, tier: light,
                 price: free, can: [embeddings], quality: 0.9 }
  far-others: { model: openai/others, api_base: "FAR/v1", via: direct, tier: light,
                price: free, can: [embeddings] }
aliases:
  fast: [far-cheap, near]
  "gpt-*": [far, near-claude]
  confidential: ["*"]
  "claude-*": [far-claude, near-claude]
  text-embedding-3-small: [far-vectors, near-vectors]
tasks:
  records: {}
  code: { keywords: [refactor], min_tier: standard, use: [far, near-claude, near] }
  extract: { keywords: [extract], accept: { json: true } }
  chat: { first: [far], accept: { llm: { model: far, rubric: It is polite. } } }
complexity:
  estimator: { llm: far-cheap }
  bands: { easy: { from: 0 }, hard: { from: 0.5, min_tier: heavy } }
sessions: { keep: model }
prefer: [reliable, ORDER]
limits: { few: { models: [near], concurrent: 2 } }
budgets: { all: { cap: $0.002/day, then: free_only } }
alerts: { webhook_env: ALERTS_OF_THE_CLINIC }
fallback:
  step_down: true
  on_stream_break: resume
  on_error: { rate_limit: next, context_too_long: bigger_context, server_error: retry_then_next }
  cooldown: { failures: 3, within: 1m, for: 1s, longest: 1s }
  probe: { every: 1s, models: [far, near] }
experiments:
  far-for-all: { share: 50%, first: [far], stick_to: user }
learning: { mode: adjust, min_samples: 2, quality: [accept] }
prompts:
  brief: { models: [far, near], system: Be brief. }
"""
_RULES: Final = """rules:
STAYING
  - { name: important first, when: { tags: vip }, first: [far, far-vectors] }
  - { name: vip goes far, when: { tags: vip }, avoid: [near], shadow: true }
invariants:
PROMISES
"""


def policy_text(near: str, far: str, *, order: str = "fastest", broken: bool = False) -> str:
    """A policy of the server.

    Args:
        near: The address of the provider that private text may reach.
        far: That of the other one.
        order: What models are sorted by.
        broken: Whether private requests stay only in shadow, which breaks the promises.
    """
    shadow = ", shadow: true" if broken else ""
    staying = [
        f"  - {{ name: {name} stays, when: {_when(when)}, only: [local]{shadow} }}"
        for name, when in PRIVATE.items()
    ]
    promises = [
        f"  - {{ name: {name} never leaves, when: {_when(when)}, only: [local] }}"
        for name, when in PRIVATE.items()
    ]
    rules = _RULES.replace("STAYING", "\n".join(staying)).replace("PROMISES", "\n".join(promises))
    head = _HEAD.replace("NEAR", near).replace("FAR", far).replace("ORDER", order)
    return head + rules


def _when(condition: str) -> str:
    return condition if condition.startswith('"') else f"{{ {condition} }}"
