"""Per rule: sound policies that it must leave alone, and more than one way to get it wrong."""

from __future__ import annotations

from datetime import date
from typing import Final

import pytest

from policy_router.check.registry import LINT, TEXT_RULES
from policy_router.domain.facts import WEEKDAYS
from tests.check.policies import errors, look


def rules(*lines: str) -> str:
    """A section of rules, each line the inside of one; names are given."""
    return "rules:\n" + "\n".join(f"  - {{ name: r{i}, {line} }}" for i, line in enumerate(lines))


def models(*lines: str, tiers: str = "light, heavy") -> str:
    """A section of models m0, m1, ..."""
    return f"tiers: [{tiers}]\nmodels:\n" + "\n".join(
        f"  m{i}: {{ {line} }}" for i, line in enumerate(lines)
    )


FREE: Final = "model: ollama_chat/llama3.2, tier: light, price: free, context: 8k, tags: [local]"
PAID: Final = "model: openai/gpt-4o, tier: heavy"
OTHER_PAID: Final = (
    "model: openai/other, tier: heavy, context: 128k, price: { input: $1/M, output: $2/M }"
)
FREE_HEAVY: Final = "model: hosted_vllm/q, tier: heavy, price: free, context: 64k"
THREE: Final = models(FREE, PAID, FREE_HEAVY)


def priced_at(*entries: str) -> str:
    """A section with a model that has prices at certain hours."""
    price = f"price: {{ input: $1/M, output: $2/M, at: [{', '.join(entries)}] }}"
    return models(f"model: openai/other, tier: heavy, context: 128k, {price}")


def model_at(address: str, more: str = "") -> str:
    """A section with a model at an address."""
    fields = f", {more}" if more else ""
    return models(
        "model: hosted_vllm/q, tier: light, price: free, context: 8k, "
        f'api_base: "{address}"{fields}',
        tiers="light",
    )


PRIVATE: Final = "invariants: [{ name: p, when: { tags: private }, never: [big] }]"
SOUND: Final[dict[str, dict[str, str]]] = {
    "keep-loaded-elsewhere": {
        "ollama": models(f"{FREE}, keep_loaded: 30m".replace("openai/", "ollama_chat/")),
        "vllm": models(
            "model: hosted_vllm/m, tier: heavy, price: free, context: 8k, keep_loaded: 5m, "
            "api_base: 'http://vllm:8000/v1'"
        ),
    },
    "broken-promise": {
        "a rule keeps it": rules("when: { tags: private }, only: [local]") + "\n" + PRIVATE,
        "an experiment only reorders": rules("when: { tags: private }, only: [local]")
        + "\nexperiments: { e: { share: 50%, first: [big] } }\n" + PRIVATE,
        "two rules keep it together": rules(
            "when: \"'private' in tags and tokens > 5\", avoid: [big]",
            "when: \"'private' in tags and tokens < 9\", avoid: [big]",
        ) + "\n" + PRIVATE,
        "a wider rule keeps it": rules("only: [local]") + "\n" + PRIVATE,
        "a price that bounds it": rules("when: stream, max_cost: $0.01")
        + "\ninvariants: [{ name: p, when: stream, max_cost: $0.01 }]",
        "enough models": "invariants: [{ name: p, at_least: 2 candidates }]",
    },
    "out-of-reach": {
        "a task with a way out": "tasks: { code: { keywords: [x], only: [big] }, chat: {} }\n"
        + rules("when: \"task == 'code' and tokens > 5\", avoid: [big]"),
        "a band with a way out": "complexity:\n"
        "  bands: { low: { from: 0 }, high: { from: 0.5 } }\n"
        + rules("when: tokens > 5, only: [local]", "when: { complexity: high }, avoid: [local]"),
        "a task that is refused with a reason": "tasks: { code: { keywords: [x] }, chat: {} }\n"
        + rules("when: { task: code }, deny: not here"),
        "a limit of those who stay": "limits: { l: { when: { tags: private }, models: [local], "
        "requests: [5/day] } }\n" + rules("when: { tags: private }, only: [local]"),
        "an experiment for some of its requests": rules("when: { tags: private }, only: [local]")
        + "\nexperiments: { e: { share: 50%, first: [big] } }",
        "an alias": "aliases: { fast: [big] }\n"
        + rules("when: \"model == 'other'\", avoid: [big]"),
    },
    "unproved-promise": {
        "the same pattern protects it": "attributes: { region: string }\n"
        + rules("when: \"matches(region, '^e[0-9]u$')\", avoid: [big]")
        + "\ninvariants: [{ name: p, when: \"matches(region, '^e[0-9]u$')\", never: [big] }]",
        "what is broken is not unproved": "attributes: { region: string }\n"
        + rules("when: \"matches(region, '^eu$')\", only: [local]")
        + "\ninvariants: [{ name: p, when: \"matches(region, '^eu$')\", never: [big] }]",
    },
    "alias-without-effect": {
        "the narrower pattern first":
            "aliases: { 'gpt-4o*': [big], 'gpt-*': [local], '*': ['*'] }",
        "an exact name after its pattern": "aliases: { 'gpt-*': [big], gpt-4o: [local] }",
        "patterns that overlap": "aliases: { 'a*': [big], '*b': [local] }",
        "one character more": "aliases: { 'gpt-?': [big], 'gpt-??': [local], 'gpt-*': [big] }",
        "brackets are not judged": "aliases: { '[ab]*': [big], 'a*': [local] }",
        "two aliases for the same": "aliases: { auto: ['*'], claude-auto: ['*'] }",
        "a selector that adds a model": "aliases: { fast: [local, '*'] }",
    },
    "fact-may-be-absent": {
        "a default": "attributes: { plan: { values: [free, pro], default: free } }\n"
        + rules("when: { plan: free }, avoid: [big]"),
        "absence on the safe side": "attributes: { plan: [free, pro] }\n"
        + rules("when: plan != 'pro', avoid: [big]", "when: \"plan not in ['pro']\", avoid: [big]"),
        "negated as a whole": "attributes: { plan: [free, pro], staff: bool }\n"
        + rules("when: not (plan == 'pro' or staff), avoid: [big]"),
        "order protects nothing": "attributes: { plan: [free, pro] }\n"
        + rules("when: { plan: pro }, first: [big]"),
        "a promise says what is meant": "attributes: { plan: [free, pro] }\n"
        + rules("when: { plan: free }, avoid: [big]")
        + "\ninvariants: [{ name: p, when: { plan: free }, never: [big] }]",
        "built-in facts have no default": rules("when: hour > 5 and user == 'x', avoid: [big]"),
    },
    "tags-not-declared": {
        "declared": "tags: [x]\n" + rules("when: { tags: x }, only: [local]"),
        "a tag that widens": rules("when: \"'vip' not in tags\", avoid: [big]"),
        "order protects nothing": rules("when: { tags: x }, first: [big]"),
        "a promise": rules("when: { tags: x }, only: [local]")
        + "\ninvariants: [{ name: p, when: { tags: x }, never: [big] }]",
    },
    "uncovered-model": {
        "budgets of several conditions": "budgets:\n"
        "  a: { when: { tags: a }, cap: $5/day }\n  b: { when: { tags: b }, cap: unlimited }",
        "a budget by name": "budgets: { a: { models: [big], cap: $50/day } }",
        "what is free needs none": models(FREE, FREE_HEAVY) + "\nbudgets: {}",
    },
    "budget-below-one-request": {
        "a budget of free models": "budgets: { all: { cap: unlimited }, a: { models: [local], "
        "cap: $0.0001/day } }",
        "a budget that only warns": "budgets: { all: { cap: $0.0001/day, then: warn } }",
        "a cap on the answer makes it last": models(FREE, f"{PAID}, max_output: 50")
        + "\nbudgets: { all: { cap: $0.001/day } }",
        "tokens are no money": "budgets: { all: { cap: unlimited }, t: { cap: 4k tokens/day } }",
        "a default cap makes it last": models(FREE, f"{PAID}, defaults: {{ max_tokens: 50 }}")
        + "\nbudgets: { all: { cap: $0.001/day } }",
    },
    "criteria-exclude-all": {
        "one model meets each": models(f"{FREE}, latency: 1s", f"{PAID}, quality: 0.8")
        + "\n" + rules("when: { tags: a }, max_latency: 2s", "when: { tags: b }, min_quality: 0.8"),
        "the free ones cost nothing": rules("when: { tags: a }, max_cost: $0, prefer: [cheapest]"),
        "a price for what is cheap": rules("when: { tags: a }, max_price: $0/M"),
        "a task with one model left": "tasks: { a: { keywords: [x], only: [big], "
        "max_price: $10/M }, c: {} }",
    },
    "limit-below-one-request": {
        "tokens for one answer": "budgets: { all: { cap: unlimited }, t: { cap: 5k tokens/day } }",
        "a budget that only warns":
            "budgets: { all: { cap: $5/day }, t: { cap: 4k tokens/day, then: warn } }",
        "a default cap that fits": models(
            FREE, f"{PAID}, defaults: {{ max_tokens: 1k }}, limits: [4k tokens/min]"
        ) + "\nbudgets: { all: { cap: $5/day } }",
        "requests are no tokens":
            "limits: { t: { requests: [5/min] } }\nbudgets: { all: { cap: $5/day } }",
    },
    "quota-above-budget": {
        "a quota that some of its models meet for nothing":
            "limits: { a: { tokens: [100M/day] } }\nbudgets: { all: { cap: $5/day } }",
        "what a provider allows": models(FREE, f"{PAID}, limits: [100M tokens/day]")
        + "\nbudgets: { all: { cap: $5/day } }",
        "each user beside all": "limits: { a: { models: [big], per: user, tokens: [100M/day] } }\n"
        "budgets: { all: { cap: $5/day } }",
        "seats": "limits: { a: { models: [big], concurrent: 9 } }\n"
        "budgets: { all: { cap: $5/day } }",
        "a quota within the budget": "limits: { a: { models: [big], tokens: [1M/day] } }\n"
        "budgets: { all: { cap: $5/day } }",
        "money is no matter": "limits: { a: { models: [big], tokens: [100M/day] } }",
    },
    "selector-matches-nothing": {
        "keeping clear of paid models before there are any": models(FREE, FREE_HEAVY)
        + "\n" + rules("when: { tags: x }, avoid: [paid]"),
        "promising to keep clear of a provider before it is used": 'invariants: '
        '[{ name: p, when: { tags: x }, never: ["anthropic/*", "openrouter/*:free"] }]',
        "avoiding a known provider before it is used": rules(
            "when: { tags: x }, avoid: ['groq/*']"
        ),
        "a pattern over the names of models": rules("when: { tags: x }, first: ['b*']"),
        "one character of several": rules("when: { tags: x }, first: ['[bl]*', 'b[iu]g']"),
        "a tag, a tier, a name and a LiteLLM name": rules(
            "when: { tags: x }, first: [local, heavy, big, openai/gpt-4o]"
        ),
    },
    "unused-tier": {
        "a floor in between is met by stronger models": "tiers: [light, medium, heavy]\n"
        + rules("when: { tags: x }, min_tier: medium"),
        "a floor in between of a task": "tiers: [light, medium, heavy]\n"
        "tasks: { code: { keywords: [x], min_tier: medium }, chat: {} }",
        "a floor in between of a band": "tiers: [light, medium, heavy]\n"
        "complexity: { bands: { a: { from: 0.0 }, b: { from: 0.5, min_tier: medium } } }",
        "every tier has a model": "tiers: [light, heavy]",
    },
    "unused-model": {
        "floors may step down": "tasks: { chat: { min_tier: heavy } }",
        "only some requests have a floor": "fallback: { step_down: false }\n"
        "tasks: { code: { keywords: [x], min_tier: heavy }, chat: {} }",
        "bands are only known when the complexity is": "fallback: { step_down: false }\n"
        "complexity: { bands: { a: { from: 0.0, min_tier: heavy } } }",
    },
    "unreachable-tier": {
        "one of its models is left": THREE + "\n" + rules("avoid: [m1]"),
        "another task": "fallback: { step_down: false }\n"
        "tasks: { a: { keywords: [x], min_tier: heavy }, c: {} }",
        "weaker ones come last": "tasks: { a: { min_tier: heavy } }",
        "a tier of one model": rules("avoid: [big]"),
        "without a budget": THREE + "\nbudgets: {}",
    },
    "unreachable-model": {
        "excluded in shadow": rules("when: tokens > 5, avoid: [big]",
                                    "when: tokens <= 5, avoid: [big], shadow: true"),
        "by every task but one": "tasks: { a: { keywords: [x], use: [local] }, c: {} }",
        "a request without a plan": "attributes: { plan: [free, pro] }\n"
        + rules("when: { plan: free }, avoid: [big]", "when: { plan: pro }, avoid: [big]"),
        "a request without a clock": rules(
            "when: hour < 6, avoid: [big]", "when: hour >= 6, avoid: [big]"
        ),
        "a gap of one token": rules(
            "when: tokens < 100, avoid: [big]", "when: tokens > 100, avoid: [big]"
        ),
        "a pattern may not match": rules(
            "when: \"matches(user, '^a')\", avoid: [big]",
            "when: \"matches(user, '^b')\", avoid: [big]",
        ),
        "steps down to it": rules("min_tier: heavy"),
    },
    "dead-rule": {
        "a limit for some": "limits: { a: { when: tokens > 5 and tokens < 9, requests: [5/min] } }",
        "a limit too wide to be told": "limits: { a: { requests: [5/min], when: \""
        + " and ".join(f"('a{i}' in tags or 'b{i}' in tags)" for i in range(12)) + "\" } }",
        "unknown is neither": "attributes: { plan: [free, pro] }\n"
        + rules("when: plan != 'free' and plan != 'pro', avoid: [big]"),
        "the night goes past midnight": rules("when: hour >= 22 or hour < 6, avoid: [big]"),
        "a single number": rules("when: tokens >= 5 and tokens <= 5, avoid: [big]"),
        "two tags at once": rules("when: \"'a' in tags and 'b' in tags\", avoid: [big]"),
        "equal to what it begins with": rules(
            "when: \"user == 'bot-1' and user.startswith('bot-')\", avoid: [big]"
        ),
        "a score in a band": rules("when: complexity == 'expert' and score > 0.9, avoid: [big]"),
        "no clock": rules("when: not (hour >= 0), avoid: [big]"),
        "a pattern that no text seems to match": rules(
            "when: \"matches(user, 'a$') and not user.startswith('b')\", avoid: [big]"
        ),
    },
    "constant-test": {
        "a range that spells out its natural end": rules("when: 0 <= tokens < 500, avoid: [big]"),
        "a clock is not always known": rules("when: hour <= 23, avoid: [big]"),
        "a score is not always known": rules("when: score >= 0, avoid: [big]"),
        "a cap is not always set": rules("when: max_tokens >= 1, avoid: [big]"),
        "the only task there is so far": "tasks: { chat: {} }\n"
        + rules("when: { task: chat }, first: [big]"),
        "every task there is so far": "tasks: { code: { keywords: [x] }, chat: {} }\n"
        + rules("when: { task: [code, chat] }, first: [big]"),
        "a declared number has no bounds": "attributes: { spend: number }\n"
        + rules("when: spend > -5, avoid: [big]"),
        "half of an alternative": rules(
            "when: (stream or 0 <= tokens < 5) or has_tools, avoid: [big]"
        ),
        "the edges of the day": rules("when: hour == 0 or hour == 23, avoid: [big]"),
    },
    "rule-without-effect": {
        "a criterion": rules("when: { tags: x }, max_price: $5/M"),
        "a cost": rules("when: { tags: x }, max_cost: $5"),
        "an order": rules("when: { tags: x }, prefer: [quality]"),
        "in shadow beside the same": rules(
            "when: { tags: x }, avoid: [big]", "when: { tags: x }, avoid: [big], shadow: true"
        ),
        "a guard against paid models to come": models(FREE, FREE_HEAVY)
        + "\n" + rules("when: { tags: x }, avoid: [paid]"),
        "all models are local so far": models(FREE)
        + "\n" + rules("when: { tags: private }, only: [local]"),
        "all models can do it so far": models(PAID)
        + "\n" + rules("when: { tags: x }, needs: [tools]"),
        "orders": rules("when: { tags: x }, first: [big]"),
        "asks for a floor": rules("when: { tags: x }, min_tier: light"),
        "denies": rules("when: { tags: x }, deny: not here"),
        "checks the answer": rules("when: { tags: x }, accept: { not_empty: true }"),
        "only partly covered": rules(
            "when: tokens > 500, avoid: [big]", "when: \"'x' in tags\", avoid: [big]"
        ),
        "covered for one of its models only": THREE + "\n" + rules(
            "when: tokens > 500, avoid: [m1]", "when: tokens > 900, avoid: [m1, m2]"
        ),
        "covered by what a pattern decides": rules(
            "when: \"matches(user, '^a')\", avoid: [big]",
            "when: \"user.startswith('ab')\", avoid: [big]",
        ),
        "too wide to be told": rules(
            "when: { tags: x }, avoid: [big]",
            'when: "' + " and ".join(f"('a{i}' in tags or 'b{i}' in tags)" for i in range(8))
            + " and 'x' in tags\", avoid: [big]",
        ),
        "another rule takes more, elsewhere": rules(
            "when: { tags: a }, only: [local]", "when: { tags: b }, avoid: [big]"
        ),
    },
    "contradicting-rules": {
        "a task that is closed to some requests": "tasks: { t: { keywords: [x], only: [local] }, "
        "c: {} }\n" + rules("when: { tags: a }, avoid: [local]"),
        "a rule that leaves the task a model": "tasks: { t: { keywords: [x], only: [local, big] }, "
        "c: {} }\n" + rules("when: { task: t }, avoid: [local]"),
        "a rule about the other task": "tasks: { t: { keywords: [x], only: [local] }, "
        "c: {} }\n" + rules("when: { task: c }, avoid: [local]"),
        "a rule in shadow about a task": "tasks: { t: { keywords: [x], only: [local] }, "
        "c: {} }\n" + rules("when: { task: t }, avoid: [local], shadow: true"),
        "a task that a rule denies": "tasks: { t: { keywords: [x], only: [local] }, c: {} }\n"
        + rules("when: { task: t }, avoid: [local]", "when: { task: t }, deny: closed"),
        "one of them in shadow": rules(
            "when: { tags: x }, avoid: [big]", "when: { tags: x }, avoid: [local], shadow: true"
        ),
        "in shadow alone": rules("when: { tags: x }, avoid: [big, local], shadow: true"),
        "they share a model": THREE + "\n" + rules(
            "when: { tags: private }, only: [local, m2]", "when: { tags: eu }, only: [m1, m2]"
        ),
        "they exclude each other": rules(
            "when: \"'a' in tags\", only: [local]",
            "when: \"'b' in tags and 'a' not in tags\", only: [big]",
        ),
        "tasks exclude each other": "tasks: { code: { keywords: [x] }, chat: {} }\n"
        + rules("when: { task: code }, only: [local]", "when: { task: chat }, only: [big]"),
        "bands exclude each other": rules(
            "when: { complexity: trivial }, only: [local]", "when: score >= 0.6, only: [big]"
        ),
        "hours exclude each other": rules(
            "when: hour >= 22 or hour < 6, only: [local]", "when: 6 <= hour < 22, only: [big]"
        ),
        "both at once are denied with a reason": rules(
            "when: { tags: private }, only: [local]",
            "when: { tags: eu }, only: [big]",
            "when: \"'private' in tags and 'eu' in tags\", deny: not both",
        ),
        "a clock knows hour and weekday, or neither": rules(
            "when: not (hour >= 0), only: [local]", "when: { weekday: mon }, only: [big]"
        ),
        "whatever it takes is denied before": rules(
            "when: tokens > 5, deny: no", "when: tokens > 9, avoid: [local, big]"
        ),
        "a denial": rules("when: { tags: a }, deny: never", "when: { tags: a }, only: [big]"),
        "a floor may step down": rules(
            "when: { tags: a }, min_tier: heavy", "when: { tags: b }, only: [local]"
        ),
        "patterns may never match together": rules(
            "when: \"matches(user, '^a')\", only: [local]",
            "when: \"matches(user, '^b')\", only: [big]",
        ),
    },
    "order-conflict": {
        "one of them in shadow": rules("when: { tags: x }, first: [big]",
                                       "when: { tags: y }, first: [local], shadow: true"),
        "the narrower one comes first": rules(
            "when: \"'vip' in tags and tokens > 5\", first: [big]",
            "when: { tags: vip }, first: [local]",
        ),
        "the wider one comes last, for everybody": rules(
            "when: { tags: vip }, first: [big]", "first: [local]"
        ),
        "the same model": rules(
            "when: { tags: vip }, first: [big]", "when: { tags: fast }, first: [big, local]"
        ),
        "exclude each other": "attributes: { plan: [free, pro] }\n"
        + rules("when: { plan: free }, first: [local]", "when: { plan: pro }, first: [big]"),
        "one of them is not allowed there": rules(
            "when: { tags: private }, only: [local], first: [local]",
            "when: { tags: vip }, first: [big]",
        ),
        "a third rule takes one of them away": rules(
            "when: { tags: a }, first: [big]",
            "when: { tags: b }, first: [local]",
            "when: { tags: a }, avoid: [big]",
        ),
        "a third rule may take one of them away": rules(
            "when: { tags: a }, first: [big]",
            "when: { tags: b }, first: [local]",
            "when: \"matches(user, '.*') or not matches(user, '.*')\", avoid: [big]",
        ),
        "one of them is below the floor": rules(
            "when: { tags: a }, min_tier: heavy, first: [big]", "when: { tags: b }, first: [local]"
        ),
        "a task's own order is behind": "tasks: { code: { keywords: [x], first: [local] }, "
        "chat: {} }\n" + rules("when: { task: code }, first: [big]"),
        "a denial needs no order": rules(
            "when: { tags: a }, first: [big], deny: no", "when: { tags: b }, first: [local]"
        ),
    },
    "task-shadowed": {
        "one word of its own": "tasks: { a: { keywords: [x, y] }, b: { keywords: [y, z] }, c: {} }",
        "a pattern of its own": "tasks: { a: { keywords: [x] }, b: { keywords: [x], pattern: y }, "
        "c: {} }",
        "tasks that callers name": "tasks: { code: { min_tier: heavy }, chat: {}, extract: {} }",
        "the rest comes first": "tasks: { a: {}, b: { keywords: [x] } }",
        "part of a word": "tasks: { a: { keywords: [test] }, b: { keywords: [tests, contest] }, "
        "c: {} }",
        "one phrase of two": "tasks: { a: { keywords: [test] }, b: { keywords: [unit test, spec] "
        "}, "
        "c: {} }",
        "a pattern for the beginning": "tasks: { a: { pattern: '^test' }, b: { keywords: [test] }, "
        "c: {} }",
        "more needs": "tasks: { a: { when_needs: [json, tools] }, b: { when_needs: [tools] }, "
        "c: {} }",
        "the rest comes last": "tasks: { a: { keywords: [x] }, b: {} }",
        "own abilities": "tasks: { a: { keywords: [x] }, b: { keywords: [x], when_needs: [json] }, "
        "c: {} }",
    },
    "nested-repetition": {
        name: f"tasks: {{ code: {{ pattern: '{pattern}' }}, chat: {{}} }}"
        for name, pattern in {
            "one repetition": "(a)+$",
            "something between": r"(?:\w+\s)+$",
            "begins with a fixed part": r"(,\s*\d+)*",
            "bounded": "(a+){2,3}",
            "an escaped bracket": r"\(a+\)+",
            "inside a class": "[(a+)+]",
            "an escaped plus": r"(a\+)+",
            "optional": "(a+)?",
        }.items()
    },
    "no-free-model": {
        "one is free": "prefer: [free, cheapest]",
        "not the first key": models(PAID) + "\nprefer: [cheapest, free]",
        "not written": models(PAID),
    },
    "missing-price": {
        "in the table": models(PAID),
        "free": models(FREE),
        "declared": models(
            "model: hosted_vllm/x, tier: light, context: 8k, "
            "price: { input: $0.10/M, output: $0.40/M }"
        ),
        "declared to cost nothing": models(
            "model: hosted_vllm/x, tier: light, context: 8k, price: { input: $0/M, output: $0/M }"
        ),
        "zero in the table, which has its own rule": models(
            "model: gemini/gemini-exp-1206, tier: light"
        ),
    },
    "price-zero-is-not-free": {
        "declared free": models("model: gemini/gemini-exp-1206, tier: light, price: free"),
        "declared price": models(
            "model: gemini/gemini-exp-1206, tier: light, "
            "price: { input: $0.10/M, output: $0.40/M }"
        ),
    },
    "experiment-without-effect": {
        "a share": "experiments: { e: { share: 99%, first: [big], measure: cost } }",
        "a certainty that results can have": "experiments: { e: { share: 9%, first: [big], "
        "stop: { confidence: 99.9% } } }",
        "a guard for each direction": "experiments: { e: { share: 9%, first: [big], "
        "stop: { guard: { success: -3%, cost: +20% } } } }",
        "on different things": "experiments: { e: { share: 9%, first: [big] }, "
        "f: { share: 9%, prompt: p } }\nprompts: { p: { models: [big], system: Be brief. } }",
        "about other requests": "tasks: { a: { keywords: [x] }, c: {} }\nexperiments: "
        "{ e: { when: { task: a }, share: 9%, first: [big] }, f: { share: 9%, first: [big] } }",
        "quality that is checked": "tasks: { a: { accept: { json: true } } }\n"
        "experiments: { e: { share: 9%, first: [big], measure: quality } }",
    },
    "effort-without-reasoning": {
        "none of it": models(f"{PAID}, effort: none"),
        "the policy says that it reasons": models(f"{PAID}, can: [reasoning], effort: high"),
        "the table says so, though `can` does not": models(
            "model: openai/o9, tier: heavy, can: [tools], effort: high"
        ),
        "taken from another model": models(
            "model: openai/o9, tier: heavy, effort: high", "like: m0, effort: max", tiers="heavy"
        ),
    },
    "free-but-priced": {
        "a server of our own": models(
            "model: openai/gpt-4o, tier: heavy, price: free, api_base: 'http://vllm:8000/v1'"
        ),
        "the same name at another provider": models(
            "model: lm_studio/gpt-4o, tier: heavy, price: free"
        ),
        "on our own machines": models("model: hosted_vllm/gpt-4o, tier: heavy, price: free"),
        "a free variant": models("model: openrouter/openai/gpt-4o:free, tier: heavy, price: free"),
        "zero in the table": models("model: gemini/gemini-exp-1206, tier: heavy, price: free"),
        "its price": models(
            "model: openai/gpt-4o, tier: heavy, price: { input: $1/M, output: $4/M }"
        ),
    },
    "missing-context": {"in the table": models(PAID), "declared": models(FREE)},
    "deprecated-model": {
        "a server of our own": models(
            "model: groq/llama-guard-3-8b, tier: heavy, api_base: 'http://vllm:8000/v1'"
        ),
        "another provider goes on serving it": models(
            "model: openrouter/groq/llama-guard-3-8b, tier: heavy, price: free"
        ),
    },
    "unknown-provider": {
        "in the table without a provider": models("model: gpt-4o, tier: heavy"),
        "a fine-tuned model": models(
            "model: 'ft:gpt-4o-2024-08-06:our-org::abc', tier: heavy, context: 128k, price: free"
        ),
        **{
            name: models(f"model: {name}/x, tier: heavy, price: free, context: 8k")
            for name in (
                "hosted_vllm", "ollama", "ollama_chat", "openrouter", "lm_studio", "custom_openai",
                # LiteLLM's enumeration has these, its tables do not.
                "modelscope", "vertex_ai_beta", "nano-gpt",
            )
        },
    },
    "fallback-to-smaller-context": {
        "one big model": "fallback: { on_error: { context_too_long: bigger_context } }",
        "stops": "fallback: { on_error: { context_too_long: stop } }",
        "a bigger one": models(FREE, PAID, FREE_HEAVY)
        + "\nfallback: { on_error: { context_too_long: bigger_context } }",
        "not written": "fallback: { max_attempts: 2 }",
        "only one model": models(PAID) + "\nfallback: { on_error: { context_too_long: next } }",
        "several that are equally large": models(
            FREE, FREE_HEAVY, "model: hosted_vllm/r, tier: heavy, price: free, context: 64k"
        )
        + "\nfallback: { on_error: { context_too_long: bigger_context } }",
        "other failures": "fallback: { on_error: { rate_limit: next, timeout: retry } }",
    },
    "cloud-is-not-local": {
        "our own server": models(f"{PAID}, tags: [local], api_base: 'https://llm.example.com/v1'"),
        "a server that LiteLLM knows": models(
            "model: hosted_vllm/q, tier: light, price: free, context: 8k, tags: [local]"
        ),
        "not tagged local": models(
            "model: 'ollama_chat/q:cloud', tier: heavy, price: free, context: 8k, tags: [us]"
        ),
        "a cloud in another name": models(
            "model: 'ollama_chat/cloudy:7b', tier: heavy, price: free, context: 8k, tags: [local]"
        ),
    },
    "checks-need-whole-answers": {
        "nothing is checked": rules("when: { tags: a }, accept: { not_empty: false }"),
        "every stream waits": rules("when: { tags: a }, accept: { not_empty: true }")
        + "\nfallback: { on_stream_break: buffer }",
        "streams are left out": rules("when: not stream, accept: { not_empty: true }"),
        "streams are left out in another way": rules(
            "when: { tags: a, stream: false }, accept: { not_empty: true }"
        ),
    },
    "impossible-length": {
        "one length": "tasks: { a: { accept: { min_chars: 5, max_chars: 5 } }, c: {} }",
        "no most": rules("when: { tags: a }, accept: { min_chars: 5 }"),
        "no least": rules("when: { tags: a }, accept: { max_chars: 5 }"),
        "nothing at all": rules("when: { tags: a }, accept: { max_chars: 0, min_chars: 0 }"),
        "two rules": rules(
            "when: { tags: a }, accept: { min_chars: 5 }",
            "when: { tags: b }, accept: { max_chars: 4 }",
        ),
    },
    "no-escalation-target": {
        "a task": "tasks: { a: { accept: { json: true } }, c: {} }",
        "a floor with a step down":
            "tasks: { a: { min_tier: heavy, accept: { json: true } }, c: {} }",
        "a rule that keeps some of each": rules(
            "when: { tags: a }, only: [local, big], accept: { json: true }"
        ),
        "another rule, now and then": rules(
            "when: { tags: a }, accept: { json: true }", "when: { tags: b }, only: [local]"
        ),
        "nothing is checked": rules("when: { tags: a }, only: [big]"),
        "nobody is asked": rules("deny: closed", "when: { tags: a }, accept: { json: true }, "
        "only: [big]"),
        "nobody is asked then": rules("when: { tags: a }, deny: no, accept: { json: true }, "
        "only: [big]"),
    },
    "calls-own-function": {
        "checks of the language": "tasks: { form: { accept: { json: true } }, c: {} }",
        "the learned estimator": "complexity: { estimator: learned }",
    },
    "litellm-known-to-lie": {
        "another provider": models("model: bedrock/amazon.nova-lite-v1:0, tier: heavy, "
        "price: free, context: 8k, via: litellm"),
        "as is best": models("model: groq/x, tier: heavy, price: free, context: 8k"),
        "directly": models("model: groq/x, tier: heavy, price: free, context: 8k, via: direct"),
    },
    "no-direct-caller": {
        "its own format": models(f"{PAID}, via: direct"),
        "at an address": models("model: hosted_vllm/x, tier: heavy, price: free, "
        "context: 8k, via: direct, api_base: 'http://localhost:8000/v1'"),
        "through LiteLLM": models("model: bedrock/amazon.nova-lite-v1:0, tier: heavy, "
        "price: free, context: 8k, via: litellm"),
    },
    "prompt-never-used": {
        "for other requests": "prompts: { a: { models: [big], when: { tags: a }, system: x }, "
        "b: { models: [big], system: y } }",
        "for another model": "prompts: { a: { models: [big], system: x }, "
        "b: { models: [local], system: y } }",
    },
    "prompt-param-without-effect": {
        "another parameter": models(f"{PAID}, params: {{ temperature: 0 }}")
        + "\nprompts: { a: { models: [m0], params: { top_p: 0.9 } } }",
        "it is forced": models(f"{PAID}, params: {{ temperature: 0 }}")
        + "\nprompts: { a: { models: [m0], params: { temperature: 1 }, force: true } }",
    },
    "prompt-replaces-all": {
        "of some requests": "prompts: { a: { models: [big], when: { tags: a }, system: x, "
        "place: replace } }",
        "before the caller's": "prompts: { a: { models: [big], system: x } }",
    },
    "prompt-too-long": {
        "a small part": models(FREE) + "\nprompts: { a: { models: [m0], system: Be brief. } }",
    },
    "report-without-effect": {
        "cards and what runs on them": models(f"{PAID}, gpu_memory: 8GB")
        + "\nreports: { gpu: { memory: 80GB, price: $2.50/hour } }",
        "a baseline with a price": models(PAID) + "\nreports: { baselines: { a: m0 } }",
        "the cheapest that fits": "reports: { baselines: { a: cheapest_that_fits } }",
    },
    "secret-in-policy": {
        "the name of a variable": models(f"{PAID}, api_key_env: OPENAI_API_KEY"),
        "long words": "description: sk-learn-pipe and A_VARIABLE_OF_OURS_WITH_A_LONG_NAME_1",
        "a digest": "description: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    },
    "placeholder": {
        "money and patterns": 'description: "costs $5/M, not $USD or 5%"\n'
        "tasks: { a: { pattern: '\\$\\{\\w+\\}|<\\w+>' }, c: {} }",
        "a schema": "tasks: { a: { accept: { json_schema: { const: '${x}' } } }, c: {} }",
        "a pattern in a condition": rules("when: \"matches(user, '^a$')\", avoid: [big]"),
        "a variable by its name": models(f"{PAID}, api_key_env: OPENAI_API_KEY"),
        "braces in a text": "description: 'sets {a} and <b>, 100 %'",
        "words in angles": rules("when: { tags: '<3' }, avoid: [big]"),
    },
    "metadata-address": {
        "a private network": model_at("http://10.0.0.5:8000/v1"),
        "a name that begins alike": model_at("http://metadata.example.com:8000/v1"),
        "a number next to it": model_at("http://169.253.169.254/v1"),
        "this machine": model_at("http://[::1]:8000/v1"),
    },
    "credentials-in-address": {
        "a version": model_at("https://h.example.com/v1?api-version=2024-10-01"),
        "an at sign in the path": model_at("https://h.example.com/v1/@team"),
        "an e-mail address": "description: see https://h.example.com or write to me@example.com",
        "a placeholder": "description: 'https://USER:$PASSWORD@h.example.com?key=***'",
    },
    "key-over-plain-http": {
        "this machine": model_at("http://localhost:8000/v1", "api_key_env: LLM_KEY"),
        "a container": model_at("http://vllm:8000/v1", "api_key_env: LLM_KEY"),
        "a private network": model_at("http://192.168.1.5:8000/v1", "api_key_env: LLM_KEY"),
        "a name inside": model_at("http://vllm.team.svc.cluster.local/v1", "api_key_env: LLM_KEY"),
        "https": model_at("https://llm.example.com/v1", "api_key_env: LLM_KEY"),
        "no key": model_at("http://llm.example.com/v1"),
    },
    "key-of-another": {
        "its own": model_at("https://api.openai.com/v1", "api_key_env: OPENAI_API_KEY"),
        "the second of its own": models(f"{PAID}, api_key_env: OPENAI_API_KEY_2"),
        "at Azure": model_at("https://x.openai.azure.com", "api_key_env: AZURE_OPENAI_API_KEY"),
        "a proxy on this machine": model_at("http://localhost:4000", "api_key_env: OPENAI_API_KEY"),
        "a name of our own": model_at("https://x.example.com", "api_key_env: GATEWAY_KEY"),
        "a provider that nobody knows": models(
            "model: acme/x, tier: light, price: free, context: 8k, api_key_env: OPENAI_API_KEY"
        ),
    },
    "unusable-address": {
        "a port and a path": model_at("http://h:65535/openai/v1/"),
        "a word of a function in a name": model_at("http://completions:80/v1"),
        "a placeholder is another finding": model_at("http://${HOST}:8000/v1/chat/completions"),
    },
    "disguised-address": {
        "a number as usual": model_at("http://10.0.0.5:8000/v1"),
        "a number of version 6": model_at("http://[fd12::5]:8000/v1"),
        "a name in another alphabet": model_at("http://\u043c\u043e\u0434\u0435\u043b\u044c.example.com/v1"),
        "the same as DNS has it": model_at("http://xn--d1acufc.example.com/v1"),
        "no such punycode": model_at("http://xn--\u0130.example.com/v1"),
        "a name of digits": model_at("http://1.2.3.4.5.example.com/v1"),
        "a name with a number at its end": model_at("http://vllm-7/v1"),
        "digits that are no octal number": model_at("http://089/v1"),
    },
    "look-alike": {
        "a word of one alphabet": rules(
            "when: { tags: '\u0432\u043d\u0443\u0442\u0440\u0438' }, avoid: [big]"
        ),
        "two words of two": rules("when: { tags: '\u03b1-test' }, avoid: [big]"),
        "a micro sign": rules("when: { tags: '\u00b5service' }, avoid: [big]"),
        "close, and seen": rules(
            "when: { tags: [eu-1, eu-2, eu_1, fail, fall] }, avoid: [big]"
        ),
        "short names": models(FREE.replace("[local]", "[a1, al]")),
        "texts for people": "description: '\u0440rivate'",
        "a tier and a fact": rules("when: { tags: Light }, avoid: [big]"),
    },
    "hidden-character": {
        "a family": 'description: "\\U0001F468\\u200D\\U0001F469 at home"\n'
        "# \U0001f468\u200d\U0001f469 \u2764\ufe0f\u200d\U0001f525",
        "Persian": "# \u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645\nname: x",
        "a mark beside Hebrew": "# \u05e9\u05dc\u05d5\u05dd\u200f!\nname: x",
        "accents": rules("when: { tags: 'cafe\u0301' }, avoid: [big]"),
    },
    "tier-order": {
        "two words that disagree": "tiers: [light, small-heavy, heavy]",
        "sizes that are near": models(
            "model: 'ollama_chat/q:9b', tier: a, price: free, context: 8k",
            "model: 'ollama_chat/r:7b', tier: b, price: free, context: 8k", tiers="a, b",
        ),
        "weakest first": "tiers: [light, heavy]",
        "names that say nothing": models(
            "model: openai/gpt-4o-mini, tier: a", "model: openai/gpt-4o, tier: b", tiers="a, b"
        ),
        "a free one that is the strongest": models(
            "model: openai/gpt-4o-mini, tier: a",
            "model: hosted_vllm/q, tier: b, price: free, context: 64k", tiers="a, b",
        ),
        "a price that does not say much": models(
            "model: openai/gpt-4o, tier: a", "model: openai/q, tier: b, context: 8k, "
            "price: { input: $1/M, output: $4/M }", tiers="a, b",
        ),
        "names that are in order, prices that are not": models(
            "model: openai/gpt-4o, tier: light", "model: openai/gpt-4o-mini, tier: heavy",
        ),
        "qualities that overlap": models(
            "model: openai/gpt-4o, tier: a, quality: 0.7",
            "model: openai/gpt-4o-mini, tier: b, quality: 0.6",
            "model: hosted_vllm/q, tier: b, quality: 0.8, price: free, context: 64k", tiers="a, b",
        ),
        "an empty tier": models("model: openai/gpt-4o, tier: a", tiers="a, b"),
    },
    "implausible-number": {
        "what is worse than usual": "fallback: { degraded: { success: 90%, latency: 3x } }",
        "a cooldown that grows": "fallback: { cooldown: { for: 15s, longest: 2m, share: 40% } }",
        "room beside the answer": models(f"{PAID}, context: 8k, params: {{ max_tokens: 7k }}"),
        "times of a model": models(f"{PAID}, deadline: 30s, stall: 5s"),

        "small and plausible": models(
            "model: hosted_vllm/q, tier: light, price: free, context: 512, max_output: 64"
        ),
        "large and plausible": models(
            "model: hosted_vllm/q, tier: light, price: free, context: 10M, max_output: 128k"
        ),
        "a dear model": models(
            "model: openai/o1-pro-like, tier: heavy, context: 200k, "
            "price: { input: $150/M, output: $600/M }"
        ),
        "a price per thousand": models(
            "model: openai/q, tier: heavy, context: 8k, price: { input: $0.0025/K, output: "
            "$0.01/K }"
        ),
        "a discount": models(
            "model: openai/gpt-4o, tier: heavy, price: { input: $0.10/M, output: $0.50/M }"
        ),
        "a server of our own": models(
            "model: openai/gpt-4o, tier: heavy, api_base: 'http://h:8000', "
            "price: { input: $0.01/M, output: $0.01/M }"
        ),
        "nothing in": models(
            "model: openai/gpt-4o, tier: heavy, price: { input: $0/M, output: $1/M }"
        ),
        "a quota of tokens": "limits: { a: { tokens: [1k/min] } }",
        "short times": "fallback: { deadline: 500ms, first_token_within: 100ms, stall: 100ms }",
        "long times": "fallback: { deadline: 24h }",
    },
    "kind-not-detected": {
        "listed": "detect: [card, iban]\n" + rules("when: { detected: card }, avoid: [big]"),
        "any of them": "detect: [card, iban]\n"
        + rules("when: { detected: [card, iban] }, avoid: [big]"),
        "none of it": "detect: [email]",
    },
    "wrong-variable": {
        "an address and a key": models(
            "model: hosted_vllm/q, tier: light, price: free, context: 8k, api_base_env: Q_URL, "
            "api_key_env: [Q_KEY, Q_API_KEY_2]",
            tiers="light",
        ),
        "a variable of any other name": models(f"{FREE}, api_base_env: OLLAMA", tiers="light"),
    },
    "hours-without-effect": {
        "other rates": priced_at("{ hours: 01:00-04:00, input: $2/M }"),
        "one rate of several": priced_at("{ days: sun, input: $1/M, output: $3/M }"),
        "the rest of the day": priced_at(
            "{ hours: 22:00-06:00, input: $2/M }", "{ hours: 20:00-08:00, input: $3/M }"
        ),
        "other days": priced_at("{ days: mon-fri, input: $2/M }", "{ days: sat, input: $3/M }"),
        "an exception with the usual rates": priced_at(
            "{ hours: 12:00-13:00, input: $1/M }", "{ hours: 08:00-18:00, input: $3/M }"
        ),
        "no hours": models(OTHER_PAID),
        "the table's own hours": models(
            "model: deepseek/deepseek-v4-pro, tier: heavy, context: 128k"
        ),
    },
    "overlapping-hours": {
        "one after the other": priced_at(
            "{ hours: 01:00-04:00, input: $2/M }", "{ hours: 04:00-06:30, input: $3/M }"
        ),
        "the same hours of other days": priced_at(
            "{ hours: 22:00-06:00, days: fri, input: $2/M }",
            "{ hours: 22:00-06:00, days: [sat, sun], input: $3/M }",
        ),
        "the same rates": priced_at(
            "{ hours: 01:00-04:00, input: $2/M }", "{ hours: 03:00-06:30, input: $2/M }"
        ),
        "apart in their zones": priced_at(
            "{ hours: 01:00-04:00, zone: Asia/Tokyo, input: $2/M }",
            "{ hours: 01:00-04:00, zone: Europe/Berlin, input: $3/M }",
        ),
        "the table's own hours": models(
            "model: deepseek/deepseek-v4-pro, tier: heavy, context: 128k"
        ),
    },
    "zero-limit": {
        "no money at all": "budgets: { all: { cap: unlimited }, a: { models: [local], "
        "cap: $0/day } }",
        "one": "limits: { a: { requests: [1/day], tokens: [1k/day], concurrent: 1 } }",
        "one for a model": models(f"{PAID}, limits: [1/min, 1 concurrent], latency: 1ms"),
        "a short cooldown": "fallback: { cooldown: { failures: 1, within: 1s, for: 1s } }",
        "a quality and a share of nothing": models(f"{PAID}, quality: 0")
        + "\ncomplexity: { weights: { message: 100%, depth: 0% } }",
        "a threshold": "budgets: { all: { cap: $5/day, then: warn, warn_at: [1%] } }",
    },
    "unmet-need": {
        "what a model says": models(f"{FREE}, can: [pdf]")
        + "\ntasks: { a: { when_needs: [pdf] }, c: {} }",
        "what the table says": "tasks: { a: { when_needs: [tools], needs: [tools] }, c: {} }",
    },
    "time-without-effect": {
        "shorter than the deadline": "fallback: { deadline: 30s, first_token_within: 29s, "
        "stall: 29s }",
        "defaults are nobody's mistake": "fallback: { deadline: 5s }",
        "shorter than the usual deadline": "fallback: { first_token_within: 59s }",
        "a model that is quick enough": models(f"{PAID}, latency: 59s"),
        "times of a model": models(
            f"{PAID}, deadline: 30s, first_token_within: 29s, stall: 29s, latency: 20s"
        ),
        "the deadline of the request itself": models(f"{PAID}, deadline: 60s"),
        "a task that has longer": models(f"{PAID}, deadline: 90s, stall: 80s")
        + "\ntasks: { slow: { keywords: [x], deadline: 100s }, c: {} }",
        "a slow model for a task that has longer": models(f"{PAID}, latency: 90s")
        + "\ntasks: { slow: { keywords: [x], deadline: 100s }, c: {} }",
        "a first token that comes in time for a task": "fallback: { first_token_within: 70s }\n"
        "tasks: { slow: { keywords: [x], deadline: 100s }, c: {} }",
    },
    "limit-without-effect": {
        "each binds once": "limits: { a: { requests: [20/min, 1000/hour, 5000/day] } }",
        "of different things": "limits: { a: { requests: [20/min], tokens: [10k/min] } }",
        "a day that moves along": "limits: { a: { requests: [100/day, 150/24h] } }",
        "a month of six weeks": "limits: { a: { requests: [100/week, 550/month] } }",
        "four weeks of two months": "limits: { a: { requests: [100/month, 150/28d] } }",
        "of different models": "limits: { a: { models: [big], requests: [20/min] }, "
        "b: { models: [local], requests: [10/min] } }",
        "the narrower one is for fewer models": "limits: { a: { requests: [20/min] }, "
        "b: { models: [big], requests: [10/min] } }",
        "each user beside all": "limits: { a: { per: user, requests: [10/min] }, "
        "b: { requests: [100/min] } }",
        "all beside each user": "limits: { a: { per: user, requests: [100/min] }, "
        "b: { requests: [200/min] } }",
        "for some requests only": "limits: { a: { requests: [20/min] }, "
        "b: { when: { tags: x }, requests: [10/min] } }",
        "what only warns stops nothing": "budgets: { a: { cap: $5/day, then: warn }, "
        "b: { cap: $10/day } }",
        "a step to warn at": "budgets: { a: { cap: $5/day }, "
        "b: { cap: $10/day, warn_at: [40%] } }",
        "what the provider allows": models(f"{PAID}, limits: [100/min]")
        + "\nlimits: { a: { requests: [50/min] } }",
        "a day and a month": "budgets: { a: { cap: $5/day }, b: { cap: $50/month } }",
        "a budget for models to come": models(FREE, FREE_HEAVY) + "\nbudgets: { a: { cap: $5/day "
        "} }",
        "a budget over a tag": "budgets: { all: { cap: unlimited }, "
        "a: { models: [light], cap: $5/day } }",
        "tokens of free models": "budgets: { all: { cap: unlimited }, "
        "a: { models: [local], cap: 1M tokens/day } }",
    },
    "first-without-effect": {
        "at the floor": "tasks: { a: { min_tier: heavy, first: [big] }, c: {} }",
        "at the floor of another task": "tasks: { a: { keywords: [x], min_tier: heavy }, c: {} }\n"
        + rules("when: { task: [a, c] }, first: [local]"),
        "excluded from some": rules(
            "when: { tags: a }, avoid: [big]", "when: stream, first: [big]"
        ),
        "no floor": "tasks: { a: { first: [local] }, c: {} }",
        "some of them may": THREE + "\n" + rules("when: { tags: x }, min_tier: heavy, first: "
        "['*']"),
        "among those that are left": rules("when: { tags: x }, only: [local], first: [local]"),
        "a group and more": THREE + "\n" + rules("when: { tags: x }, first: [m1, heavy]"),
        "a group that is the same so far": rules("when: { tags: x }, first: [big, heavy]"),
        "a pattern for models to come": rules("when: { tags: x }, first: ['b*', 'z*']"),
    },
    "keyword-never-matches": {
        "code and signs": "tasks: { a: { keywords: ['c++', 'c#', '.net', '::', 'a*b', '$x', "
        "'{}', 'if (', '[x]', '5*', 'std::move', '&&'] }, c: {} }",
        "capitals": "tasks: { a: { keywords: [SQL, Stack Trace] }, c: {} }",
        "a phrase with a comma": "tasks: { a: { keywords: ['hello, world', 'x'] }, c: {} }",
        "another script": "tasks: { a: { keywords: ['\u00dcbersetzung', '\u7ffb\u8bd1'] }, c: {} }",
        "hard words": "complexity: { keywords: [prove, trade-off] }",
    },
    "duplicate-entry": {
        "words that are alike": "tasks: { a: { keywords: [test, tests, 'unit test'] }, c: {} }",
        "a list per section": rules("when: { tags: a }, first: [big]", "when: { tags: b }, "
        "first: [big]"),
        "numbers and texts": "tests: [{ name: t, request: { tags: ['1', '2'] }, "
        "expect: { first: big } }]",
        "a schema": "tasks: { a: { accept: { json_schema: { enum: [1, true] } } }, c: {} }",
        "tags": models(FREE.replace("[local]", "[local, eu]")),
    },
    "field-without-effect": {
        "paid models that are probed": "fallback: { degraded: { latency: 3x }, "
        "probe: { every: 30s, models: [big] } }",
        "what is always sent, and what by default": models(
            f"{PAID}, params: {{ temperature: 0 }}, defaults: {{ top_p: 0.5, max_tokens: 1k }}"
        ),
        "an attempt for each key": models(
            "model: openai/o9, tier: heavy, api_key_env: [K_A, K_B, K_C]", tiers="heavy"
        )
        + "\nfallback: { max_attempts: 4 }",
        "a pattern with an edge": "tasks: { a: { pattern: '^$' }, c: {} }",
        "a cap to warn of": "budgets: { all: { cap: $5/day, warn_at: [80%], then: block } }",
        "as many attempts as can be": "fallback: { max_attempts: 4 }",
        "one attempt, and why": "fallback: { max_attempts: 1, on_error: { auth: stop } }",
        "a built-in definition": "tasks: { math: { confidence: 0.7 }, chat: {} }",
        "a check": rules("when: { tags: x }, accept: { json: true, otherwise: error }"),
        "some checks off": rules("when: { tags: x }, accept: { json: true, not_empty: false }"),
        "a length": rules("when: { tags: x }, accept: { min_chars: 1 }"),
        "no text at all": rules("when: { tags: x }, accept: { max_chars: 0 }"),
        "a denial": rules("when: { tags: x }, deny: no"),
        "a guard beside an only": rules("when: { tags: x }, only: [local], avoid: [paid]"),
        "less than only leaves": THREE + "\n" + rules("when: { tags: x }, only: [m1, m2], avoid: "
        "[m2]"),
        "words that weigh": "complexity: { keywords: [x], weights: { keywords: 20%, message: 80% "
        "} }",
        "words and the usual weights": "complexity: { keywords: [x] }",
        "nothing of it": models(f"{PAID}, can: []") + "\nprefer: []",
        "a prompt": "prompts: { p: { models: [big], params: { temperature: 0 } } }",
        "a timezone": "timezone: Europe/Berlin\nbudgets: { all: { cap: $5/day } }",
        "a weight": models(f"{FREE}, weight: 2", FREE_HEAVY),
        "a timezone for prices": "timezone: Europe/Berlin\n"
        + priced_at("{ hours: 01:00-04:00, input: $2/M }"),
        "a timezone for hours": "timezone: Europe/Berlin\n" + rules("when: hour < 6, avoid: [big]"),
        "an empty answer": "tests: [{ name: t, request: x, expect: { denied: false } }]",
    },
    "failing-test": {
        "what is decided": "tests: [{ name: t, request: x, expect: { first: local } }]",
        "no tests": "tests: []",
    },
    "sort-key-without-effect": {
        "each tells": models(f"{FREE}, latency: 2s", PAID)
        + "\nprefer: [local, free, quality, fastest, headroom, smallest, cheapest]\n"
        "limits: { a: { requests: [5/min] } }",
        "one model": models(FREE) + "\nprefer: [fastest, headroom]",
        "equal ones": models(PAID, PAID) + "\nprefer: [same_model, cheapest, spread]",
        "another finding": models(PAID, PAID) + "\nprefer: [free, cheapest]",
        "outcomes tell": "learning: { mode: adjust }\nprefer: [reliable, fastest, quality]",
        "what is recorded": "learning: { mode: shadow }\nprefer: [free, fastest]",
        "a worth": "tasks: { a: { keywords: [x], worth: $0.02 }, c: {} }\nprefer: [value]",
        "a worth here": "tasks: { a: { keywords: [x], worth: $0.02, prefer: [value] }, c: {} }",
    },
    "misleading-tag": {
        "words of their own": models(FREE.replace("[local]", "[local, eu]"), PAID),
        "what it is anyway": models(
            FREE.replace("[local]", "[free, light, m0]"), f"{PAID}, tags: [paid, heavy]"
        ),
        "a group and one of it": models(FREE, FREE.replace("[local]", "[local, m0]")).replace(
            "tags: [local] }", "tags: [local, m0] }"
        ),
    },
    "never-equal": {
        "names that requests ask for": "aliases: { fast: [local], 'gpt-*': [big] }\n"
        + rules("when: { model: [big, fast, gpt-5, 'gpt-*', auto] }, avoid: [big]"),
        "a beginning of a model": rules("when: \"model.startswith('gpt')\", avoid: [big]"),
        "a beginning": rules("when: \"user.startswith('bot-')\", avoid: [big]"),
        "a pattern": rules("when: \"matches(user, '^bot-.*$')\", avoid: [big]"),
        "signs": rules("when: { tags: ['c++', 'a.b', '[x]', '$5', '50%', 'a b'] }, avoid: [big]"),
        "a beginning with a space": rules("when: \"user.startswith('bot ')\", avoid: [big]"),
    },
    "falling-floor": {
        "rising": "complexity: { bands: { a: { from: 0.0, min_tier: light }, b: { from: 0.2 }, "
        "c: { from: 0.5, min_tier: heavy }, d: { from: 0.8, min_tier: heavy } } }",
        "presets": "complexity: { bands: one_to_ten }",
    },
    "unknown-stop-reason": {
        "OpenAI's": rules("when: { tags: x }, accept: { stop_reason: [stop, length, tool_calls] }"),
        "none": rules("when: { tags: x }, accept: { json: true }"),
    },
}  # fmt: skip


WRONG: Final[dict[str, dict[str, str]]] = {
    "keep-loaded-elsewhere": {
        "a hosted model": models(f"{PAID}, keep_loaded: 30m"),
        "a model that Ollama forwards": models(
            "model: ollama_chat/gpt-oss:120b-cloud, tier: heavy, price: free, context: 8k, "
            "keep_loaded: 30m"
        ),
    },
    "broken-promise": {
        "no rule keeps it": PRIVATE,
        "a rule with an exception": rules(
            "when: \"'private' in tags and 'vip' not in tags\", only: [local]"
        ) + "\n" + PRIVATE,
        "a rule in shadow": rules("when: { tags: private }, only: [local], shadow: true")
        + "\n" + PRIVATE,
        "a floor from which the router steps down": rules(
            "when: { tags: private }, min_tier: light"
        ) + "\n" + PRIVATE,
        "a judge sees it": "tasks: { chat: { accept: { llm: { model: big, rubric: fine } } } }\n"
        + rules("when: { tags: private }, max_price: $0/M") + "\n" + PRIVATE,
        "too few are left": rules("when: { tags: private }, only: [local]")
        + "\ninvariants: [{ name: p, at_least: 2 candidates }]",
        "a cost without a bound": "invariants: [{ name: p, max_cost: $0.01 }]",
        "not always denied": rules("when: { tags: private }, deny: no")
        + "\ninvariants: [{ name: p, when: stream, always_denied: true }]",
    },
    "out-of-reach": {
        "a task": "tasks: { code: { keywords: [x], only: [big] }, chat: {} }\n" + rules(
            "when: \"task == 'code' and tokens > 5\", avoid: [big]",
            "when: \"task == 'code' and tokens < 9\", avoid: [big]",
        ),
        "a band": "fallback: { step_down: false }\n"
        "complexity: { bands: { low: { from: 0 }, high: { from: 0.5, min_tier: heavy } } }\n"
        + rules("when: \"complexity == 'high' and tokens > 500\", avoid: [big]",
                "when: \"complexity == 'high' and tokens <= 500\", avoid: [big]"),
        "a limit": "limits: { l: { when: { tags: private }, models: [big], requests: [5/day] } }\n"
        + rules("when: { tags: private }, only: [local]"),
        "a budget": "budgets: { all: { cap: unlimited }, b: { when: stream, models: [big], "
        "cap: $5/day } }\n" + rules("when: stream, only: [free]"),
        "an experiment": rules("when: { tags: private }, only: [local]")
        + "\nexperiments: { e: { when: { tags: private }, share: 50%, first: [big] } }",
        "an alias": "aliases: { fast: [big] }\n" + rules("when: \"model == 'fast'\", avoid: [big]"),
    },
    "unproved-promise": {
        "a pattern that no text was found for": "attributes: { region: string }\n"
        "invariants: [{ name: p, when: \"matches(region, '^e[0-9]{7}u$')\", never: [big] }]",
    },
    "uncovered-model": {
        "no budgets at all": "budgets: {}",
        "a budget of tokens is no money": "budgets: { a: { cap: 1M tokens/day } }",
        "a budget of others": "budgets: { a: { models: [local], cap: $5/day } }",
    },
    "budget-below-one-request": {
        "money": "budgets: { all: { cap: $0.01/day } }",
        "money each user has": "budgets: { all: { per: user, cap: $0.01/day, then: block } }",
    },
    "criteria-exclude-all": {
        "no known latency": rules("when: { tags: a }, max_latency: 60s"),
        "too slow": models(f"{FREE}, latency: 3s", f"{PAID}, latency: 2.5s")
        + "\ntasks: { a: { keywords: [x], max_latency: 2s }, c: {} }",
        "too good": rules("when: { tags: a }, min_quality: 1"),
        "too cheap": models(f"{PAID}") + "\n" + rules("when: { tags: a }, max_price: $5/M"),
        "less than a token": models(f"{PAID}") + "\n" + rules("when: { tags: a }, max_cost: $0"),
        "together in a task": "tasks: { a: { keywords: [x], avoid: [local], max_price: $5/M }, "
        "c: {} }",
        "a list and a need": models(f"{FREE}, can: [json]", PAID)
        + "\ntasks: { a: { keywords: [x], use: [m1], needs: [json] }, c: {} }",
    },
    "limit-below-one-request": {
        "a budget": "budgets: { all: { cap: unlimited }, t: { cap: 4k tokens/day } }",
        "what a provider allows": models(FREE, f"{PAID}, limits: [4k tokens/min]")
        + "\nbudgets: { all: { cap: $5/day } }",
        "each user's": "limits: { t: { per: user, tokens: [4k/hour] } }\n"
        "budgets: { all: { cap: $5/day } }",
        "a model that thinks": models(FREE, f"{PAID}, can: [reasoning], limits: [9k tokens/min]")
        + "\nbudgets: { all: { cap: $5/day } }",
    },
    "quota-above-budget": {
        "tokens": "limits: { a: { models: [big], tokens: [100M/day] } }\n"
        "budgets: { all: { cap: $5/day } }",
        "requests": "limits: { a: { models: [big], requests: [1000000/min] } }\n"
        "budgets: { all: { cap: $5/day } }",
        "each user both": "limits: { a: { models: [big], per: user, tokens: [100M/day] } }\n"
        "budgets: { all: { cap: unlimited }, u: { per: user, cap: $5/day } }",
    },
    "selector-matches-nothing": {
        "in brackets": rules("when: { tags: x }, only: ['[local]']"),
        "in brackets, to keep clear of": rules("when: { tags: x }, avoid: ['openai/[gpt]']"),
        "a bracket that is not closed": rules("when: { tags: x }, avoid: ['openai/[g']"),
        "a budget for nobody": "budgets: { p: { models: ['opnai/*'], cap: $5/month } }",
        "only free models, and none is": models(PAID) + "\n" + rules("only: [free]"),
        "avoids a misspelled provider": rules("when: { tags: a }, avoid: ['opnai/*']"),
        "avoids a model by a pattern that none has": rules("when: { tags: a }, avoid: ['bgi*']"),
        "a limit": "limits: { l: { models: ['openrouter/*'], requests: [5/min] } }",
    },
    "unused-tier": {
        "nothing asks for it": "tiers: [light, medium, heavy]",
        "the strongest": "tiers: [light, heavy, huge]\n"
        + rules("when: { tags: a }, min_tier: huge"),
    },
    "unused-model": {
        "a task that takes every request": "tasks: { chat: { min_tier: heavy } }\n"
        "fallback: { step_down: false }",
        "each task and the rest": "tasks: { a: { keywords: [x], min_tier: heavy }, "
        "b: { min_tier: heavy } }\nfallback: { step_down: false }",
    },
    "unreachable-tier": {
        "both of its models": THREE + "\n" + rules("avoid: [m1]", "avoid: [m2]"),
        "each by itself": THREE + "\n" + rules(
            "when: { tags: a }, avoid: [heavy]", "when: \"'a' not in tags\", avoid: [m1]",
            "when: \"'a' not in tags\", only: [m0]",
        ),
        "every task wants more": "fallback: { step_down: false }\n"
        "tasks: { a: { keywords: [x], min_tier: heavy }, c: { min_tier: heavy } }",
    },
    "unreachable-model": {
        "by every task": "tasks: { a: { keywords: [x], use: [local] }, c: { only: [local] } }",
        "by a rule and the only task": "tasks: { c: { max_price: $5/M } }",
        "without a condition": rules("avoid: [big]"),
        "with and without a tag": rules(
            "when: { tags: a }, avoid: [big]", "when: \"'a' not in tags\", only: [local]"
        ),
        "a strict floor": "fallback: { step_down: false }\n" + rules("min_tier: heavy"),
        "by denial": rules("when: tokens > 5, deny: no", "when: tokens <= 5, avoid: [big]"),
        "known clock or none": rules(
            "when: hour >= 0, avoid: [big]",
            f"when: \"not (weekday in {list(WEEKDAYS)})\", avoid: [big]",
        ),
        "a pattern, or not": rules(
            "when: \"matches(user, 'x')\", avoid: [big]",
            "when: \"not matches(user, 'x')\", avoid: [big]",
        ),
    },
    "dead-rule": {
        "a limit": "limits: { a: { when: tokens > 5 and tokens < 3, requests: [5/min] } }",
        "a budget": "budgets: { all: { cap: $5/day, when: hour > 20 and hour < 6 } }",
        "an experiment": "experiments: { e: { share: 5%, first: [big], "
        "when: \"'a' in tags and 'a' not in tags\" } }",
        "whole numbers between": rules("when: tokens > 5 and tokens < 6, avoid: [big]"),
        "two values at once": "attributes: { plan: [free, pro] }\n"
        + rules("when: plan == 'free' and plan == 'pro', avoid: [big]"),
        "a task that every request has": "tasks: { chat: {} }\n"
        + rules("when: task != 'chat', avoid: [big]"),
        "a score outside its band": rules(
            "when: complexity == 'trivial' and score > 0.9, avoid: [big]"
        ),
        "begins with two things": rules(
            "when: \"user.startswith('a') and user.startswith('b')\", avoid: [big]"
        ),
    },
    "constant-test": {
        "in a budget": "budgets: { all: { cap: $5/day, when: tokens >= 0 } }",
        "always": rules("when: tokens >= 0, avoid: [big]"),
        "never": rules("when: hour == 24 or stream, avoid: [big]"),
        "a half token": rules("when: tokens == 0.5 or stream, avoid: [big]"),
    },
    "rule-without-effect": {
        "said again": rules(
            "when: { tags: x }, first: [big]", "when: { tags: x }, first: [big]"
        ),
        "all by a star": rules("when: { tags: x }, only: ['*']"),
        "all by their price": rules("when: { tags: x }, only: [free, paid]"),
        "all by their tier": rules("when: { tags: x }, only: [heavy, light]"),
        "says nothing": rules("when: { tags: a }"),
        "allows every model by name": rules("when: { tags: a }, only: [local, big]"),
        "the same again": rules(
            "when: { tags: a }, avoid: [big]", "when: { tags: a }, avoid: [big]"
        ),
        "narrower": rules("when: tokens > 5, avoid: [big]", "when: tokens > 9, avoid: [big]"),
        "in other words": rules(
            "when: { tags: a }, avoid: [big]", "when: { tags: a }, only: [local]"
        ),
        "denied anyway": rules("when: { tags: a }, deny: no", "when: { tags: a }, avoid: [big]"),
        "a clock knows both": rules(
            "when: hour >= 0, avoid: [big]", "when: { weekday: mon }, avoid: [big]"
        ),
    },
    "contradicting-rules": {
        "a rule about a task": "tasks: { t: { keywords: [x], only: [local] }, c: {} }\n"
        + rules("when: { task: t }, avoid: [local]"),
        "a rule about some requests of a task": "tasks: { t: { keywords: [x], use: [local] }, "
        "c: {} }\n" + rules("when: { task: t, tags: x }, avoid: [local]"),
        "a rule for all requests": "tasks: { t: { keywords: [x], avoid: [big] }, c: {} }\n"
        + rules("only: [big]"),
        "a rule for several tasks": "tasks: { t: { keywords: [x], only: [local] }, c: {} }\n"
        + rules("when: { task: [t, c] }, only: [big]"),
        "one rule takes all": rules("when: { tags: a }, avoid: [local, big]"),
        "one is always on": rules("only: [local]", "when: { tags: a }, only: [big]"),
        "a floor without a step down": "fallback: { step_down: false }\n" + rules(
            "when: { tags: a }, min_tier: heavy", "when: { tags: b }, only: [local]"
        ),
        "denied only in part": rules(
            "when: { tags: a }, only: [local]",
            "when: { tags: b }, only: [big]",
            "when: \"'a' in tags and 'b' in tags and tokens > 5\", deny: no",
        ),
    },
    "order-conflict": {
        "the wider one comes first": rules(
            "when: { tags: vip }, first: [big]",
            "when: \"'vip' in tags and tokens > 5\", first: [local]",
        ),
        "by tag": rules("when: { tags: a }, first: [local]", "when: tokens > 5, first: [heavy]"),
    },
    "task-shadowed": {
        "by two tasks": "tasks: { a: { keywords: [x] }, b: { keywords: [y] }, "
        "c: { keywords: [Y, X] }, d: {} }",
        "part of a phrase": "tasks: { a: { keywords: [test] }, b: { keywords: [unit test] }, c: "
        "{} }",
        "part of each phrase": "tasks: { a: { keywords: [Unit, 'c++'] }, "
        "b: { keywords: [unit  test, 'modern c++!'] }, c: {} }",
        "by a pattern": "tasks: { a: { pattern: '\\btest' }, b: { keywords: [unit tests] }, c: "
        "{} }",
        "by the same pattern": "tasks: { a: { pattern: '^x' }, b: { pattern: '^x' }, c: {} }",
        "by a pattern for all": "tasks: { a: { pattern: 'x*' }, b: { keywords: [y], pattern: z, "
        "when_needs: [tools] }, c: {} }",
        "by fewer needs": "tasks: { a: { when_needs: [tools] }, b: { when_needs: [json, tools] }, "
        "c: {} }",
        "before the rest, twice": "tasks: { a: { keywords: [x, y] }, b: { keywords: [y] }, c: {} }",
    },
    "nested-repetition": {
        "without a capture": "tasks: { x: { pattern: '(?:a*)*' }, c: {} }",
        "a class": "tasks: { x: { pattern: '^([^)]+)*$' }, c: {} }",
        "an escape": "tasks: { x: { pattern: '(\\d+)+' }, c: {} }",
        "in a condition": rules("when: \"matches(user, '(a+)+')\", avoid: [big]"),
    },
    "experiment-without-effect": {
        "no control": "experiments: { e: { share: 100%, first: [big] } }",
        "no control beside the arms": "experiments: { e: { arms: "
        "{ a: { share: 60%, first: [big] }, b: { share: 40%, first: [local] } } } }",
        "nothing to measure": "experiments: { e: { share: 9%, first: [big], measure: quality } }",
        "a certainty that no result has": "experiments: { e: { share: 9%, first: [big], "
        "stop: { confidence: 100% } } }",
        "a certainty that every result has": "experiments: { e: { share: 9%, first: [big], "
        "stop: { confidence: 0% } } }",
        "a guard the wrong way": "experiments: { e: { share: 9%, first: [big], "
        "stop: { guard: { success: +3% } } } }",
        "a guard against savings": "experiments: { e: { share: 9%, first: [big], "
        "stop: { guard: { cost: -20% } } } }",
        "over": "experiments: { e: { share: 9%, first: [big], until: 2020-01-31 } }",
        "an effort that no model can have": "experiments: { e: { share: 9%, effort: high } }",
        "after one about everything": "experiments: { e: { share: 9%, first: [big] }, "
        "f: { share: 9%, first: [local] } }",
    },
    "effort-without-reasoning": {
        "the table says that it does not": models(f"{PAID}, effort: high"),
        "nobody says that it does": models(FREE, f"{FREE_HEAVY}, effort: minimal"),
        "taken from another model": models(PAID, "like: m0, effort: max", tiers="heavy"),
    },
    "free-but-priced": {"without a provider": models("model: gpt-4o, tier: heavy, price: free")},
    "price-zero-is-not-free": {
        "said in dollars": models(
            "model: openai/q, tier: light, context: 8k, price: { input: $0/M, output: $0/M }"
        ),
        "behind no base of our own": models("model: gemini/gemini-exp-1206, tier: light"),
    },
    "deprecated-model": {
        "azure is always at a base": models(
            "model: azure/gpt-4-0613, tier: heavy, api_base: 'https://x.example.com'"
        ),
    },
    "unknown-provider": {
        "no provider": models("model: gpt-4x, tier: heavy, price: free, context: 8k"),
        "an organisation": models("model: acme/llama, tier: heavy, price: free, context: 8k"),
    },
    "fallback-to-smaller-context": {
        "the only model": models(FREE)
        + "\nfallback: { on_error: { context_too_long: bigger_context } }",
        "again": "fallback: { on_error: { context_too_long: retry } }",
        "only what is paid for holds more": models(FREE, PAID, OTHER_PAID)
        + "\nfallback: { on_error: { context_too_long: bigger_context } }",
        "two of the same size": models(PAID, OTHER_PAID)
        + "\nfallback: { on_error: { context_too_long: bigger_context } }",
    },
    "cloud-is-not-local": {
        "a provider's": models(f"{PAID}, tags: [local]"),
        "a provider's by its address": models(
            f"{PAID}, tags: [local], api_base: 'https://api.openai.com/v1'"
        ),
        "a size and cloud": models(
            "model: 'ollama/q:480b-cloud', tier: heavy, price: free, context: 8k, tags: [local]"
        ),
    },
    "impossible-length": {
        "a rule": rules("when: { tags: a }, accept: { min_chars: 5, max_chars: 4 }"),
        "a task, by one": "tasks: { a: { accept: { min_chars: 1, max_chars: 0 } }, c: {} }",
    },
    "no-escalation-target": {
        "one tier": models(PAID, FREE_HEAVY) + "\ntasks: { a: { accept: { json: true } }, c: {} }",
        "only the strongest": rules("when: { tags: a }, only: [heavy], accept: { json: true }"),
        "not the weak": rules("when: { tags: a }, avoid: [local], accept: { json: true, "
        "otherwise: error }"),
        "what the others lack": rules("when: { tags: a }, needs: [tools], accept: { json: true }"),
        "a floor without a step down": "fallback: { step_down: false }\n"
        "tasks: { a: { min_tier: heavy, accept: { json: true } }, c: {} }",
        "a rule for every request": rules(
            "only: [local]", "when: { tags: a }, accept: { json: true }"
        ),
    },
    "calls-own-function": {
        "a check of a rule": rules('when: { tags: a }, accept: { python: "my.checks:good" }'),
        "an estimator": 'complexity: { estimator: { python: "my.ratings:rate" } }',
    },
    "litellm-known-to-lie": {
        "groq": models("model: groq/x, tier: heavy, price: free, context: 8k, via: litellm"),
        "anthropic": models("model: anthropic/claude-haiku-4-5, tier: heavy, price: free, "
        "context: 8k, via: litellm"),
        "at an address": models("model: groq/x, tier: heavy, price: free, context: 8k, "
        "via: litellm, api_base: 'http://localhost:8000/v1', api_key_env: MY_KEY"),
    },
    "no-direct-caller": {
        "another format": models("model: bedrock/amazon.nova-lite-v1:0, tier: heavy, "
        "price: free, context: 8k, via: direct"),
        "no provider": models("model: ollama/x, tier: heavy, price: free, "
        "context: 8k, via: direct"),
        "no address": models("model: hosted_vllm/x, tier: heavy, price: free, "
        "context: 8k, via: direct"),
    },
    "report-without-effect": {
        "memory of no card": models(f"{PAID}, gpu_memory: 8GB"),
        "cards of no model": "reports: { gpu: { memory: 80GB, price: $2.50/hour } }",
        "a baseline without a price": models("model: groq/x, tier: heavy, context: 8k")
        + "\nreports: { baselines: { a: m0 } }",
    },
    "checks-need-whole-answers": {
        "a rule": rules("when: { tags: a }, accept: { not_empty: true }"),
        "a rule for streams": rules("when: stream, accept: { not_empty: true }"),
        "a rule that may be for one": rules(
            "when: \"'a' in tags or not stream\", accept: { not_empty: true }"
        ),
        "resuming does not help": "tasks: { form: { accept: { json: true } } }\n"
        "fallback: { on_stream_break: resume }",
    },
    "secret-in-policy": {
        "in a comment": "# sk-ant-api03-0123456789abcdefghij\nname: x",
        "in a file that does not parse": "prefer: [ # ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    },
    "placeholder": {
        "in the middle": model_at("http://$VLLM_HOST:8000/v1"),
        "as Kubernetes has it": model_at("http://$(VLLM_HOST):8000/v1"),
        "as Windows has it": model_at("http://%HOST%:8000/v1"),
        "as Python has it": model_at("http://{host}:8000/v1"),
        "as a reader fills it in": model_at("http://<host>:8000/v1"),
        "yours": model_at("https://your-host.example.com/v1"),
        "in the name of a model": models(
            "model: 'openai/${MODEL}', tier: light, price: free, context: 8k"
        ),
        "LiteLLM's own": models("model: os.environ/MODEL, tier: light, price: free, context: 8k"),
        "in a tag": models(FREE.replace("[local]", "['{{ region }}']")),
        "a whole tag": models(FREE.replace("[local]", "['$region']")),
        "in a condition": rules("when: \"user == '$ADMIN'\", avoid: [big]"),
        "in a refusal": rules("when: { tags: x }, deny: 'not for {{ user }}'"),
        "in a keyword": "tasks: { a: { keywords: ['${WORD}'] }, c: {} }",
        "in a prompt": "prompts: { p: { models: [big], system: 'You are $ASSISTANT_NAME.' } }",
        "in a description": "description: for ${TEAM}",
    },
    "metadata-address": {
        address: model_at(f"http://{address}/v1")
        for address in (
            "169.254.169.254:80", "169.254.170.2", "2852039166", "0xa9fea9fe",
            "0251.0376.0251.0376",
            "169.254.43518", "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[fd00:ec2::254]",
            "[fe80::1]", "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::1]", "[::169.254.169.254]",
            "metadata.google.internal", "Metadata.Google.Internal.", "metadata", "100.100.100.200",
            "\uff11\uff16\uff19.254.169.254", "169\u3002254\u3002169\u3002254",
            "%31%36%39.254.169.254",
            "169.254.169.254.nip.io", "a-169-254-169-254.sslip.io", "a9fea9fe.nip.io",
            "me@169.254.169.254",
        )
    },
    "credentials-in-address": {
        "a user and password": model_at("https://ann:hunter2@h.example.com/v1"),
        "a key for a user": model_at("https://hunter2@h.example.com/v1"),
        "a parameter": model_at("https://h.example.com/v1?x=1&api_key=hunter2"),
        "behind the hash": model_at("https://h.example.com/v1#access_token=hunter2"),
        "a signature": model_at("https://h.example.com/v1?sig=abc"),
        "in a comment": "# see redis://:hunter2@h:6379\nname: x",
        "in a file that does not parse": "prefer: [ # https://ann:hunter2@h",
    },
    "key-over-plain-http": {
        "a name": model_at("http://llm.example.com/v1", "api_key_env: LLM_KEY"),
        "a number": model_at("http://8.8.8.8:8000/v1", "api_key_env: LLM_KEY"),
        "a number that looks private": model_at("http://172.32.0.1/v1", "api_key_env: LLM_KEY"),
        "a name that looks private": model_at("http://10.0.0.1.x.com", "api_key_env: LLM_KEY"),
    },
    "key-of-another": {
        "to a host that looks like theirs": model_at(
            "https://api.openai.com.example.com", "api_key_env: OPENAI_API_KEY"
        ),
        "a cloud's secret": model_at("https://x.example.com", "api_key_env: AWS_SECRET_ACCESS_KEY"),
        "a cloud's secret to ourselves": model_at(
            "http://localhost:4566", "api_key_env: AWS_SECRET_ACCESS_KEY"
        ),
        "a token of the repository": model_at("https://x.example.com", "api_key_env: GITHUB_TOKEN"),
        "another provider's": models(f"{PAID}, api_key_env: ANTHROPIC_API_KEY"),
        "another provider's, by the bare name": models(
            "model: gpt-4o, tier: heavy, api_key_env: AWS_SECRET_ACCESS_KEY"
        ),
    },
    "unusable-address": {
        "no host": model_at("http://:8000/v1"),
        "a port too large": model_at("http://h:99999/v1"),
        "a word for a port": model_at("http://h:port/v1"),
        "no port": model_at("http://h:0/v1"),
        "an address in brackets": model_at("http://[h]/v1"),
        "a function": model_at("http://h/v1/chat/completions/"),
        "Ollama's function": model_at("http://h:11434/api/chat"),
    },
    "disguised-address": {
        "one number": model_at("http://167772165:8000/v1"),
        "two numbers": model_at("http://127.1:8000/v1"),
        "in version 6": model_at("http://[::ffff:10.0.0.5]:8000/v1"),
        "in a name": model_at("http://10.0.0.5.nip.io/v1"),
        "a letter of another alphabet": model_at("https://ap\u0456.example.com/v1"),
        "the same as DNS has it": model_at("https://xn--ap-iqa.xn--pple-43d.com/v1"),
    },
    "look-alike": {
        "a tag": rules("when: { tags: '\u0440rivate' }, avoid: [big]"),
        "a text in a condition": rules("when: \"'priv\u0430te' in tags\", avoid: [big]"),
        "a name of a rule": "rules: [{ name: 'n\u043e paid', when: { tags: x }, avoid: [big] }]",
        "all in another alphabet": models(
            FREE.replace("[local]", "[coco, '\u0441\u043e\u0441\u043e']")
        ),
        "digits": models(FREE.replace("[local]", "[local, loca1]")),
        "models": models(FREE, PAID).replace("m0", "gpt-4o").replace("m1", "gpt-40"),
        "case": "attributes: { plan: [pro, Pro] }",
        "a width": rules("when: { tags: [private, '\uff50rivate'] }, avoid: [big]"),
        "tasks": "tasks: { task_1: { keywords: [x] }, task_l: {} }",
    },
    "hidden-character": {
        "in a name": "rules: [{ name: 'a\u202eb', when: { tags: x }, avoid: [big] }]",
        "in a comment": "# \u202e } evil { \u2066\nname: x",
        "in a tag": rules("when: { tags: 'pri\u200bvate' }, avoid: [big]"),
        "as an escape": rules('when: { tags: "pri\\u200Bvate" }, avoid: [big]'),
        "a soft hyphen": rules("when: { tags: 'pri\u00advate' }, avoid: [big]"),
        "a joiner between Latin letters": rules("when: { tags: 'pri\u200dvate' }, avoid: [big]"),
        "a joiner at the end": rules("when: { tags: 'private\u200d' }, avoid: [big]"),
        "a mark beside nothing": rules("when: { tags: 'private\u200e' }, avoid: [big]"),
        "a tag character": rules("when: { tags: 'private\U000e0041' }, avoid: [big]"),
    },
    "tier-order": {
        "sizes in their names": models(FREE, PAID, tiers="large_70b, small_7b, light, heavy"),
        "sizes of their models": models(
            "model: 'ollama_chat/q:72b', tier: a, price: free, context: 8k",
            "model: 'ollama_chat/q:7b', tier: b, price: free, context: 8k", tiers="a, b",
        ),
        "a part of their names": models(FREE, PAID, tiers="very-heavy, light, heavy"),
        "letters": models(FREE, PAID, tiers="light, l, s, heavy"),
        "by name": models(FREE, PAID, tiers="heavy, light"),
        "somewhere": models(
            "model: ollama_chat/q, tier: small, price: free, context: 8k",
            "model: openai/gpt-4o, tier: large", "model: openai/gpt-4o-mini, tier: medium",
            tiers="small, large, medium",
        ),
        "by quality": models(
            "model: openai/gpt-4o, tier: a, quality: 0.9",
            "model: openai/gpt-4o-mini, tier: b, quality: 0.6", tiers="a, b",
        ),
        "by price": models(
            "model: openai/gpt-4o, tier: a", "model: openai/gpt-4o-mini, tier: b", tiers="a, b"
        ),
    },
    "implausible-number": {
        "slower than the average": "fallback: { degraded: { latency: 1x } }",
        "every call succeeds": "fallback: { degraded: { success: 100% } }",
        "a growth below the beginning": "fallback: { cooldown: { for: 1m, longest: 30s } }",
        "a growth below the usual beginning": "fallback: { cooldown: { longest: 5s } }",
        "a cooldown of a day": "fallback: { cooldown: { for: 24h } }",
        "a share that noise reaches": "fallback: { cooldown: { share: 2% } }",
        "no room beside the answer": models(
            f"{PAID}, context: 8k, params: {{ max_tokens: 8k }}"
        ),
        "a moment for a model": models(f"{PAID}, stall: 20ms"),
        "a price per thousand": rules("when: { tags: x }, max_price: $3/K"),
        "a deadline in milliseconds": "tasks: { a: { keywords: [x], deadline: 60ms }, c: {} }",
        "mixed up": models(
            "model: openai/q, tier: light, context: 8k, price: { input: $15/M, output: $3/M }"
        ),
        "a context": models("model: hosted_vllm/q, tier: light, price: free, context: 128"),
        "an answer": models(f"{PAID}, max_output: 8"),
        "a huge context": models("model: hosted_vllm/q, tier: light, price: free, context: "
        "128000k"),
        "more out than in": models(f"{PAID}, context: 8k, max_output: 16k"),
        "dollars per thousand": models(
            "model: openai/q, tier: heavy, context: 8k, price: { input: $2.50/K, output: $10/K }"
        ),
        "dollars per million as per thousand": models(
            "model: openai/gpt-4o, tier: heavy, price: { input: $0.0025/M, output: $10/M }"
        ),
        "dollars per thousand at some hours": priced_at("{ days: sun, input: $2.50/K }"),
        "dollars per million as per thousand at some hours": models(
            "model: openai/gpt-4o, tier: heavy, price: { input: $2.50/M, output: $10/M, "
            "at: [{ days: sun, output: $0.01/M }] }"
        ),
        "a surcharge for the cache": models(
            "model: openai/q, tier: heavy, context: 8k, price: { input: $1/M, output: $2/M, "
            "cached: $1.25/M }"
        ),
        "cents for dollars": models(
            "model: openai/gpt-4o, tier: heavy, price: { input: $250/M, output: $1000/M }"
        ),
        "a quota": "limits: { a: { tokens: [200/min] } }",
        "a model's quota": models(f"{PAID}, limits: [400 tokens/min]"),
        "milliseconds": "fallback: { deadline: 60ms }",
        "hours": "fallback: { stall: 30h }",
    },
    "kind-not-detected": {
        "nothing is looked for": rules("when: { detected: card }, avoid: [big]"),
        "another is": "detect: [email]\n" + rules("when: { detected: card }, avoid: [big]"),
        "no such kind": "detect: [email]\n" + rules("when: { detected: emial }, avoid: [big]"),
        "negated": "detect: [email]\n" + rules("when: \"'card' not in detected\", avoid: [big]"),
    },
    "wrong-variable": {
        "a key as an address": models(f"{FREE}, api_base_env: OLLAMA_API_KEY", tiers="light"),
        "an address as a key": models(f"{FREE}, api_key_env: OLLAMA_URL", tiers="light"),
        "an address among keys": models(f"{FREE}, api_key_env: [K_A, OLLAMA_HOST]", tiers="light"),
        "one variable for both": models(
            f"{FREE}, api_key_env: OLLAMA, api_base_env: OLLAMA", tiers="light"
        ),
    },
    "hours-without-effect": {
        "inside an earlier one": priced_at(
            "{ hours: 20:00-08:00, input: $2/M }", "{ hours: 22:00-06:00, input: $3/M }"
        ),
        "inside two together": priced_at(
            "{ days: mon-fri, input: $2/M }",
            "{ days: sat-sun, input: $3/M }",
            "{ hours: 01:00-02:00, input: $4/M }",
        ),
        "the usual rates": priced_at("{ hours: 01:00-04:00, input: $1/M }"),
    },
    "overlapping-hours": {
        "an hour": priced_at(
            "{ hours: 01:00-04:00, input: $2/M }", "{ hours: 03:00-10:00, input: $3/M }"
        ),
        "a minute": priced_at(
            "{ hours: 01:00-04:00, input: $2/M }", "{ hours: 03:59-10:00, input: $3/M }"
        ),
        "a night and the day after it": priced_at(
            "{ hours: 22:00-06:00, days: sun, input: $2/M }",
            "{ hours: 05:00-10:00, days: mon, input: $3/M }",
        ),
        "by another zone": priced_at(
            "{ hours: 01:00-04:00, zone: UTC, input: $2/M }",
            "{ hours: 11:30-15:00, zone: Asia/Shanghai, input: $3/M }",
        ),
    },
    "zero-limit": {
        "requests": "limits: { a: { requests: [0/min] } }",
        "tokens": "limits: { a: { tokens: [0k/hour] } }",
        "a model's": models(f"{PAID}, limits: [0/min]"),
        "seats": models(f"{PAID}, limits: [0 concurrent]"),
        "a latency": models(f"{PAID}, latency: 0s"),
        "a cooldown": "fallback: { cooldown: { failures: 3, within: 1m, for: 0s } }",
        "no time to fail in": "fallback: { cooldown: { failures: 3, within: 0s, for: 1m } }",
        "a warning from the start": "budgets: { all: { cap: $0/day, then: warn } }",
        "a threshold": "budgets: { all: { cap: $5/day, warn_at: [0%] } }",
        "a share": "experiments: { e: { share: 0%, first: [big] } }",
    },
    "unmet-need": {
        "as a demand": "tasks: { a: { keywords: [x], needs: [pdf] }, c: {} }",
        "together": models(f"{FREE}, can: [pdf]", f"{PAID}, can: [tools]")
        + "\ntasks: { a: { when_needs: [pdf, tools] }, c: {} }",
        "among others": "tasks: { a: { keywords: [x], when_needs: [tools, pdf] }, c: {} }",
    },
    "time-without-effect": {
        "the same": "fallback: { deadline: 30s, first_token_within: 30s }",
        "the usual deadline": "fallback: { first_token_within: 90s }",
        "between tokens": "fallback: { deadline: 10s, stall: 15s }",
        "a model that has longer than the request": models(f"{PAID}, deadline: 90s"),
        "the first token after the request": models(f"{PAID}, first_token_within: 60s"),
        "the first token after the call": models(f"{PAID}, deadline: 20s, first_token_within: 25s"),
        "a pause that outlasts the call": models(f"{PAID}, deadline: 20s, stall: 20s"),
        "a model that its own deadline cuts off": models(f"{PAID}, deadline: 20s, latency: 25s"),
        "a slow model": models(f"{PAID}, latency: 90s"),
        "a slow model and a task with less than it takes": models(f"{PAID}, latency: 90s")
        + "\ntasks: { slow: { keywords: [x], deadline: 80s }, c: {} }",
        "a pause that outlasts the longest task": "fallback: { stall: 2m }\n"
        "tasks: { slow: { keywords: [x], deadline: 100s }, c: {} }",
        "a slow model and a deadline": models(f"{PAID}, latency: 20s")
        + "\nfallback: { deadline: 10s }",
    },
    "limit-without-effect": {
        "a longer window": "limits: { a: { requests: [20/min, 50000/day] } }",
        "exactly as many": "limits: { a: { requests: [60/min, 3600/hour] } }",
        "a shorter window": "limits: { a: { requests: [100/min, 50/day] } }",
        "a model's own": models(f"{PAID}, limits: [1000/min, 50/day]"),
        "as much as two days": "limits: { a: { requests: [100/day, 200/24h] } }",
        "as much as six weeks": "limits: { a: { requests: [100/week, 600/month] } }",
        "a month of days": "limits: { a: { requests: [10/day, 310/month] } }",
        "each user's beside all": "limits: { a: { per: user, requests: [60/min] }, "
        "b: { requests: [20/min] } }",
        "twice the same": "limits: { a: { requests: [60/min] }, b: { requests: [60/min] } }",
        "of fewer models": "limits: { a: { requests: [20/min] }, "
        "b: { models: [big], requests: [30/min] } }",
        "under the same condition": "limits: { a: { when: { tags: x }, requests: [20/min] }, "
        "b: { when: { tags: x }, requests: [30/min] } }",
        "seats": "limits: { a: { concurrent: 4 }, b: { models: [big], concurrent: 8 } }",
        "money": "budgets: { a: { cap: $5/day }, b: { cap: $500/month } }",
        "a user's money": "budgets: { a: { cap: $50/month }, b: { per: user, cap: $100/day } }",
        "money for nothing": "budgets: { all: { cap: unlimited }, a: { models: [local], "
        "cap: $5/day } }",
    },
    "first-without-effect": {
        "beyond a criterion": rules("when: { tags: x }, max_price: $5/M, first: [big]"),
        "below the floor of its task": "tasks: { a: { keywords: [x], min_tier: heavy }, c: {} }\n"
        + rules("when: { task: a }, first: [local]"),
        "below the floor of its bands": "complexity: { bands: { low: { from: 0 }, high: "
        "{ from: 0.5, min_tier: heavy } } }\n"
        + rules("when: { complexity: high }, first: [local]"),
        "excluded by other rules": rules(
            "when: \"'a' in tags and stream\", avoid: [big]",
            "when: \"'a' in tags and not stream\", only: [local]",
            "when: { tags: a }, first: [big]",
        ),
        "all by denial": rules("when: { tags: a }, deny: no", "when: { tags: a }, first: [big]"),
        "of unknown latency": rules("when: { tags: x }, max_latency: 5s, first: [big]"),
        "of too little quality": rules("when: { tags: x }, min_quality: 0.9, first: [local]"),
        "below the minimum of the same task": "fallback: { step_down: false }\n"
        "tasks: { a: { keywords: [x], min_tier: heavy, use: [local, big] }, c: {} }",
        "avoided by the same task": "tasks: { a: { keywords: [x], avoid: [big], use: [local, big] "
        "}, c: {} }",
        "outside of `use`": "tasks: { a: { keywords: [x], use: [local], first: [big] }, c: {} }",
        "of unknown price": models(FREE, "model: acme/x, tier: heavy")
        + "\n" + rules("when: { tags: x }, max_price: $5/M, first: [m1]"),
        "below a task's floor": "tasks: { a: { min_tier: heavy, first: [local] }, c: {} }",
        "below a rule's floor": rules("when: { tags: x }, min_tier: heavy, first: [light]"),
        "not among the only ones": rules("when: { tags: x }, only: [local], first: [big]"),
        "avoided": rules("when: { tags: x }, avoid: [big], first: [big]"),
        "without the ability": rules("when: { tags: x }, needs: [tools], first: [local]"),
        "named before": rules("when: { tags: x }, first: [heavy, big]"),
    },
    "keyword-never-matches": {
        "quotes": "tasks: { a: { keywords: ['\"refactor\"'] }, c: {} }",
        "spaces": "tasks: { a: { keywords: [' '] }, c: {} }",
        "spaces in many": f"tasks: {{ a: {{ keywords: [' ', '{'x ' * 60}'] }}, c: {{}} }}",
        "an edge": "tasks: { a: { keywords: ['\\bdef\\b'] }, c: {} }",
        "a star": "tasks: { a: { keywords: ['refactor*'] }, c: {} }",
        "anything": "tasks: { a: { keywords: ['fix.*bug'] }, c: {} }",
        "a slash": "tasks: { a: { keywords: ['/traceback/i'] }, c: {} }",
        "a list": "tasks: { a: { keywords: ['refactor, rewrite'] }, c: {} }",
        "a long list": "tasks: { a: { keywords: ['x', 'refactor,rewrite,fix'] }, c: {} }",
        "accents apart": "tasks: { a: { keywords: ['cafe\u0301'] }, c: {} }",
        "of complexity": "complexity: { keywords: ['prove|refute'] }",
    },
    "duplicate-entry": {
        "a model": models(PAID, FREE, PAID),
        "a tag": models(FREE.replace("[local]", "[local, local]")),
        "an ability": models(f"{PAID}, can: [tools, json, tools]"),
        "a key": "prefer: [free, cheapest, free]",
        "a keyword": "tasks: { a: { keywords: [Unit  Test, unit test] }, c: {} }",
        "a condition": rules("when: { tags: [a, a] }, avoid: [big]"),
        "a threshold": "budgets: { all: { cap: $5/day, warn_at: [80%, 80%] } }",
        "a reason": rules("when: { tags: x }, accept: { stop_reason: [stop, stop] }"),
        "a switch": "attributes: { x: bool }\n" + rules("when: { x: [true, true] }, avoid: [big]"),
        "a selector": "limits: { a: { models: [big, big], requests: [5/min] } }",
    },
    "field-without-effect": {
        "a minimum tier that `use` disregards": "tasks: { a: { keywords: [x], min_tier: heavy, "
        "use: [local, big] }, c: {} }",
        "other models at a higher share": "budgets: { a: { cap: $5/day, "
        "narrow_at: { 50%: [big], 90%: [local] } } }",
        "nothing is worse than usual": "fallback: { degraded: { over: 5m } }",
        "nothing to probe": models(PAID) + "\nfallback: { probe: { every: 30s } }",
        "a default that is always replaced": models(
            f"{PAID}, params: {{ temperature: 0 }}, defaults: {{ temperature: 1 }}"
        ),
        "a default of an effort that is set": models(
            "model: openai/o9, tier: heavy, effort: high, defaults: { reasoning_effort: low }"
        ),
        "more attempts than keys": models(
            "model: openai/o9, tier: heavy, api_key_env: [K_A, K_B, K_C]", tiers="heavy"
        )
        + "\nfallback: { max_attempts: 5 }",
        "a weight of a paid model": models(FREE, f"{PAID}, weight: 2"),
        "a weight of a priced model": models(FREE, f"{OTHER_PAID}, weight: 0.5"),
        "a weight of what the table prices at zero": models(
            FREE, "model: deepseek/deepseek-v3-2-251201, tier: heavy, context: 8k, weight: 2"
        ),
        "a timezone beside zones of prices": "timezone: Europe/Berlin\n"
        + priced_at("{ hours: 01:00-04:00, zone: UTC, input: $2/M }"),
        "a criterion and a denial": rules("when: { tags: x }, deny: no, max_cost: $1"),
        "an order and a denial": rules("when: { tags: x }, deny: no, prefer: [quality]"),
        "more attempts of a task than models": "tasks: { a: { keywords: [x], max_attempts: 9 }, "
        "c: {} }",
        "only beside use": "tasks: { a: { keywords: [x], use: [big], only: [big, local] }, c: {} }",
        "a pattern for all": "tasks: { a: { pattern: '.*' }, c: {} }",
        "a pattern for every answer": rules("when: { tags: x }, accept: { pattern: 'x?' }"),
        "then": "budgets: { all: { cap: unlimited, then: block } }",
        "too many attempts": "fallback: { max_attempts: 5 }",
        "one attempt": "fallback: { max_attempts: 1, on_error: { server_error: retry } }",
        "a confidence of one's own": "tasks: { a: { keywords: [x], confidence: 0.5 }, c: {} }",
        "a confidence in the rest": "tasks: { a: { keywords: [x] }, c: { confidence: 0.5 } }",
        "no check": rules("when: { tags: x }, accept: { json: false }"),
        "no check at all": "tasks: { a: { accept: {} }, c: {} }",
        "only what follows": rules("when: { tags: x }, accept: { otherwise: error }"),
        "no length": rules("when: { tags: x }, accept: { json: true, min_chars: 0 }"),
        "nothing after a denial": rules("when: { tags: x }, deny: no, first: [big]"),
        "avoided anyway": rules("when: { tags: x }, only: [local], avoid: [big]"),
        "words without weight": "complexity: { keywords: [x], weights: { message: 100% } }",
        "an empty list": "limits: { a: { requests: [5/min], tokens: [] } }",
        "no keywords": "tasks: { a: { keywords: [], pattern: x }, c: {} }",
        "a prompt of nothing": "prompts: { p: { models: [big] } }",
        "a test of nothing": "tests: [{ name: t, request: x, expect: {} }]",
        "a timezone": "timezone: Europe/Berlin",
    },
    "failing-test": {
        "another model": "tests: [{ name: t, request: x, expect: { first: big } }]",
        "no refusal": "tests: [{ name: t, request: x, expect: { denied: true } }]",
        "a request that cannot be": "tags: [x]\n"
        "tests: [{ name: t, request: { max_candidates: 0.5 }, expect: { first: local } }]",
    },
    "sort-key-without-effect": {
        "of a task": "tasks: { a: { keywords: [x], prefer: [fastest] }, c: {} }",
        "of a rule": rules("when: { tags: x }, prefer: [fastest]"),
        "local": models(PAID, PAID) + "\nprefer: [local]",
        "fastest": "prefer: [free, fastest]",
        "quality": models(PAID, PAID) + "\nprefer: [quality]",
        "headroom": "prefer: [headroom]",
        "reliable": "prefer: [reliable]",
        "value": "prefer: [value]",
        "value of a task": "tasks: { a: { keywords: [x], prefer: [value] }, "
        "c: { worth: $0.02, prefer: [value] } }",
        "value of a rule": rules("when: { tags: x }, prefer: [value]"),
        "the same model": "prefer: [same_model]",
        "nothing left to spread": models(FREE, PAID) + "\nprefer: [free, spread]",
        "after spread": "prefer: [spread, cheapest]",
        "free": models(PAID, PAID) + "\nprefer: [cheapest, free]",
    },
    "misleading-tag": {
        "free": models(FREE, f"{PAID}, tags: [free]"),
        "paid": models(FREE.replace("[local]", "[paid]")),
        "a model": models(FREE.replace("[local]", "[m1]"), PAID),
        "a tier": models(FREE.replace("[local]", "[heavy]"), PAID),
    },
    "never-equal": {
        "quotes": rules("when: { tags: '\"private\"' }, avoid: [big]"),
        "neither a model nor an alias": rules("when: { model: bgi }, first: [local]"),
        "a model that no alias matches": "aliases: { 'gpt-*': [big] }\n"
        + rules("when: \"model in ['gpt-5', 'gpt4']\", avoid: [big]"),
        "a tag": rules("when: { tags: 'eu-*' }, avoid: [big]"),
        "one of several": rules("when: { user: [a, '*@example.com'] }, avoid: [big]"),
        "an edge": rules("when: \"user == '^bot'\", avoid: [big]"),
        "a beginning": rules("when: \"user.startswith('bot-*')\", avoid: [big]"),
        "a space": rules("when: { tags: 'private ' }, avoid: [big]"),
        "in a budget": "budgets: { all: { cap: $5/day, when: { team: 'ops*' } } }",
    },
    "falling-floor": {
        "later": "complexity: { bands: { a: { from: 0.0, min_tier: heavy }, b: { from: 0.2 }, "
        "c: { from: 0.5, min_tier: light } } }",
    },
    "unknown-stop-reason": {
        "a slip": rules("when: { tags: x }, accept: { stop_reason: [stopp] }"),
        "another's": rules("when: { tags: x }, accept: { stop_reason: [max_tokens] }"),
    },
}  # fmt: skip


def cases(table: dict[str, dict[str, str]]) -> list[object]:
    return [
        pytest.param(rule, text, id=f"{rule}: {what}")
        for rule, policies in table.items()
        for what, text in policies.items()
    ]


@pytest.mark.parametrize(("rule", "text"), cases(SOUND))
def test_what_is_sound_is_left_alone(rule: str, text: str) -> None:
    report = look(text)
    assert errors(report) == []
    assert [d.message for d in report.diagnostics if d.rule == rule] == []


@pytest.mark.parametrize(("rule", "text"), cases(WRONG))
def test_what_is_wrong_is_found(rule: str, text: str) -> None:
    assert rule in [d.rule for d in look(text).diagnostics]


def test_every_rule_has_a_near_miss() -> None:
    assert set(SOUND) == set(LINT) | set(TEXT_RULES)


@pytest.mark.parametrize(
    ("today", "found"),
    [
        (date(2020, 1, 1), None),
        (date(2025, 4, 6), None),  # 61 days before
        (date(2025, 4, 7), "is switched off on 2025-06-06, in 60 days"),
        (date(2025, 6, 6), "is switched off today"),
        (date(2025, 6, 7), "was due to be switched off on 2025-06-06"),
    ],
)
def test_the_last_day_of_a_model_is_reported_60_days_ahead(today: date, found: str | None) -> None:
    report = look(models("model: groq/llama-guard-3-8b, tier: heavy"), today)
    told = [d.message for d in report.findings if d.rule == "deprecated-model"]
    assert told == ([f"`groq/llama-guard-3-8b` {found}"] if found else [])


@pytest.mark.parametrize(
    ("model", "help_"),
    [
        ("openai/gpt-4o-minni", "did you mean `openai/gpt-4o-mini`?"),
        ("gpt-4o-minni", "did you mean `gpt-4o-mini`?"),
        ("groq/llama-gaurd-3-8b", "did you mean `groq/llama-guard-3-8b`?"),
        ("openai/gpt-5o", "add  price: free  or"),  # another version is another model
        ("openai/xyzzy", "add  price: free  or"),
        ("acme/gpt-4o-minni", "add  price: free  or"),
    ],
)
def test_a_mistyped_model_is_looked_for_in_the_table(model: str, help_: str) -> None:
    report = look(models(f"model: {model}, tier: heavy"))
    told = {d.rule: d.help for d in report.findings}
    assert told["missing-price"].startswith(help_)
    assert told["missing-context"].startswith(help_ if "did you" in help_ else "add  context")


def test_a_server_of_our_own_may_have_any_model() -> None:
    report = look(models("model: openai/gpt-4o-minni, tier: heavy, api_base: 'http://h:8000'"))
    assert "did you mean" not in " ".join(d.help for d in report.findings)


@pytest.mark.parametrize(
    ("when", "help_"),
    [
        ("score > 70", "`score` goes from 0 to 1; 70 of 100 is 0.7"),
        ("hour > 24", "`hour` goes from 0 to 23"),
        ("tokens > 5 and tokens < 3", "correct the condition"),
        ("score > 101", "`score` goes from 0 to 1"),
    ],
)
def test_the_range_is_named_for_a_number_out_of_it(when: str, help_: str) -> None:
    report = look(rules(f"when: {when}, avoid: [big]"))
    assert [(d.rule, d.help) for d in report.findings] == [("dead-rule", help_)]


def test_three_rules_that_leave_no_model_together_are_reported() -> None:
    report = look(
        THREE + "\n" + rules("when: { tags: a }, avoid: [m0]", "when: { tags: b }, avoid: [m1]",
                             "when: tokens > 500, avoid: [m2]")
    )  # fmt: skip
    told = [d.message for d in report.diagnostics if d.rule == "contradicting-rules"]
    assert told == ["a request to which all of `r0`, `r1`, `r2` apply has no model left"]
    two = look(THREE + "\n" + rules("when: { tags: a }, only: [m0]", "when: stream, avoid: [m0]"))
    assert "all of" not in " ".join(d.message for d in two.diagnostics)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (rules("when: tokens > 5 and tokens < 3, avoid: [local, big]"), [("dead-rule", "error")]),
        (
            rules("when: tokens > 5 and tokens < 3, avoid: [big], shadow: true"),
            [("dead-rule", "warning")],
        ),
        (
            "limits: { l: { when: tokens > 5 and tokens < 3, requests: [5/min] } }",
            [("dead-rule", "error")],
        ),
        (
            rules("when: { tags: a }, avoid: [local, big], accept: { json: true }"),
            [("contradicting-rules", "error")],
        ),
        (
            rules("when: { tags: a }, only: [local]", "when: stream, only: [big]"),
            [("contradicting-rules", "warning")],
        ),
        (
            rules("when: { tags: a }, only: [local], needs: [vision]"),
            [("contradicting-rules", "warning")],
        ),
        (
            rules("when: { tags: a }, needs: [tools]", "when: \"'a' in tags and stream\", "
                  "only: [local]"),
            [("contradicting-rules", "warning")],
        ),
        (
            rules("when: { tags: a }, only: [local]", "when: \"'a' in tags and stream\", "
                  "only: [big]"),
            [("contradicting-rules", "error")],
        ),
        (
            rules("when: \"'a' in tags and stream\", only: [local]", "when: stream, only: [big]"),
            [("contradicting-rules", "error")],
        ),
        (
            "tasks: { code: { keywords: [x], only: [big] }, chat: {} }\n"
            + rules("when: \"task == 'code' and stream\", avoid: [big]"),
            [("contradicting-rules", "warning")],
        ),
        (
            "tasks: { code: { keywords: [x], only: [big] }, chat: {} }\n"
            + rules("avoid: [big], when: \"task in ['code', 'chat']\""),
            [("contradicting-rules", "error")],
        ),
        (
            rules("when: { tags: a }, avoid: [big]", "when: \"'a' in tags and stream\", "
                  "avoid: [big]"),
            [("rule-without-effect", "warning")],
        ),
    ],
)  # fmt: skip
def test_what_never_happens_is_an_error_and_what_happens_anyway_a_warning(
    text: str, found: list[tuple[str, str]]
) -> None:
    report = look(text)
    about = ("dead-rule", "contradicting-rules", "rule-without-effect")
    told = [(d.rule, d.severity.value) for d in report.findings if d.rule in about]
    assert told == found
    assert (report.policy is None) == ("error" in dict(found).values())
    assert report.decidable is not None  # to see why
    assert not {d.rule for d in report.findings} & {"no-escalation-target"}
