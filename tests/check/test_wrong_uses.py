"""Wrong uses of each key of the language: the first finding on the line is the one that helps.

A row is a key with at least three fragments of a policy and the rule that reports each. Fragments
of a model are put into one; the others stand at the end of the file.
"""

from __future__ import annotations

import re
from typing import Final

import pytest

from policy_router.check.report import inspect
from policy_router.language.files import PolicyFile
from tests.check.policies import TABLE, TODAY

HEAD: Final = """\
version: 1
tiers: [light, heavy]
models:
  local: { model: hosted_vllm/llama, api_base: "http://localhost:8000/v1", tier: light, price: free,
           context: 32k, tags: [local] }
  big: { model: openai/gpt-4o, tier: heavyMORE }
"""
BUDGET: Final = "budgets: { all: { cap: $10/month, then: free_only } }\n"
LINE_OF_MODEL: Final = 6
SECTIONS: Final = re.compile(
    r"(aliases|abilities|detect|attributes|tags|rules|tasks|limits|budgets|sessions|prefer|"
    r"learning|outcomes|reports|alerts): "
)

WRONG_USES: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "params": (
        ("params: { temprature: 0 }", "unknown-field"),
        ("params: { temperature: hot }", "wrong-type"),
        ("params: { model: x }", "unknown-field"),
        ("params: { stream: true }", "unknown-field"),
    ),
    "outcomes": (
        ("outcomes: { keep: 90 }", "bad-unit"),
        ("outcomes: { keep: 36h }", "bad-unit"),
        ("outcomes: { keep: 0d }", "bad-unit"),
        ("outcomes: { kep: 90d }", "unknown-field"),
        ("outcomes: 90d", "wrong-type"),
        ("outcomes: { keep: 9000d }", "implausible-number"),
    ),
    "alerts": (
        ("alerts: { webhook: ALERT_WEBHOOK }", "unknown-field"),
        ("alerts: { webhook_env: https://hooks.example.com }", "bad-value"),
        ("alerts: ALERT_WEBHOOK", "wrong-type"),
        ("alerts: {}", "missing-field"),
    ),
    "reports": (
        ("reports: { baselines: { heavy: bigger } }", "unknown-name"),
        ("reports: { baselines: { fair: cheapest } }", "unknown-name"),
        ("reports: { baseline: { heavy: big } }", "unknown-field"),
        ("reports: { gpu: { memory: 80GB, price: $2/day } }", "bad-unit"),
    ),
    "defaults": (
        ("defaults: { max_token: 8k }", "unknown-field"),
        ("defaults: { max_tokens: -1 }", "bad-unit"),
        ("defaults: { seed: one }", "wrong-type"),
    ),
    "api_base_env": (
        ("api_base_env: https://x.example.com", "bad-value"),
        ("api_base_env: openai_base", "bad-value"),
        ("api_base_env: [A, B]", "wrong-type"),
    ),
    "api_key_env": (
        ("api_key_env: [OPENAI_API_KEY, OPENAI_API_KEY]", "duplicate-entry"),
        ("api_key_env: []", "bad-value"),
        ("api_key_env: [openai]", "bad-value"),
    ),
    "price.cached": (
        ("price: { input: $1/M, output: $2/M, cached: $0.1 }", "bad-unit"),
        ("price: { input: $1/M, output: $2/M, cached: free }", "bad-unit"),
        ("price: { input: $1/M, output: $2/M, cache: $0.1/M }", "unknown-field"),
    ),
    "price.written": (
        ("price: { input: $1/M, output: $2/M, written: 1 }", "bad-unit"),
        ("price: { input: $1/M, output: $2/M, writen: $1/M }", "unknown-field"),
        ("price: { input: $1/M, output: $2/M, written: $1 }", "bad-unit"),
    ),
    "price.audio": (
        ("price: { input: $1/M, output: $2/M, audio: 2 }", "bad-unit"),
        ("price: { input: $1/M, output: $2/M, audio: $2 }", "bad-unit"),
        ("price: { input: $1/M, output: $2/M, audios: $2/M }", "unknown-field"),
    ),
    "price.image": (
        ("price: { input: $1/M, output: $2/M, image: $0.01/M }", "bad-unit"),
        ("price: { input: $1/M, output: $2/M, image: 0.01 }", "bad-unit"),
        ("price: { input: $1/M, output: $2/M, images: $0.01 }", "unknown-field"),
    ),
    "price.request": (
        ("price: { input: $1/M, output: $2/M, request: $0.01/M }", "bad-unit"),
        ("price: { input: $1/M, output: $2/M, request: 1 }", "bad-unit"),
        ("price: { input: $1/M, output: $2/M, requests: $0.01 }", "unknown-field"),
    ),
    "price.at": (
        (
            "price: { input: $1/M, output: $2/M, at: [{ hours: 25:00-26:00, input: $2/M }] }",
            "bad-unit",
        ),
        ("price: { input: $1/M, output: $2/M, at: [{ days: monday, input: $2/M }] }", "bad-unit"),
        (
            "price: { input: $1/M, output: $2/M, at: [{ days: mon, zone: Mars, input: $2/M }] }",
            "unknown-timezone",
        ),
        ("price: { input: $1/M, output: $2/M, at: [{ hours: 01:00-04:00 }] }", "missing-field"),
    ),
    "effort": (
        ("effort: hi", "unknown-word"),
        ("effort: maximum", "unknown-word"),
        ("efort: high", "unknown-field"),
    ),
    "weight": (
        ("weight: 0", "bad-value"),
        ("weight: -1", "bad-value"),
        ("weight: heavy", "wrong-type"),
        ("weight: 2", "field-without-effect"),
    ),
    "first_token_within": (
        ("first_token_within: 10", "bad-unit"),
        ("first_token_within: 0s", "bad-unit"),
        ("first_token: 10s", "unknown-field"),
    ),
    "stall": (
        ("stall: 0s", "bad-unit"),
        ("stall: 5", "bad-unit"),
        ("stall: 5 seconds", "bad-unit"),
    ),
    "deadline": (
        ("deadline: never", "bad-unit"),
        ("deadline: 30", "bad-unit"),
        ("deadline: 2h", "time-without-effect"),
    ),
    "like": (
        ("like: bog", "unknown-name"),
        ("like: big", "like-circle"),
        ("like: [local]", "wrong-type"),
    ),
    "via": (
        ("via: http", "unknown-word"),
        ("via: directly", "unknown-word"),
        ("via: true", "unknown-word"),
    ),
    "aliases": (
        ("aliases: { fast: light }", "wrong-type"),
        ("aliases: { fast: [lihgt] }", "unknown-name"),
        ("aliases: { big: [local] }", "alias-of-model"),
        ("aliases: { 'gpt-*': [] }", "bad-value"),
    ),
    "abilities": (
        ("abilities: legal", "wrong-type"),
        ("abilities: [tools]", "reserved-name"),
        ("abilities: [Legal law]", "bad-value"),
        ("abilities: [legal]", "unmet-need"),
    ),
    "detect": (
        ("detect: [emial]", "unknown-word"),
        ("detect: email", "wrong-type"),
        ("detect: [email, email]", "duplicate-name"),
        ("detect: []", "bad-value"),
    ),
    "prefer: spread": (
        ("prefer: [spred]", "unknown-word"),
        ("prefer: [spread, spread]", "duplicate-entry"),
        ("prefer: [spread, cheapest]", "sort-key-without-effect"),
    ),
    "prefer: value": (
        ("prefer: [valeu]", "unknown-word"),
        ("prefer: value", "wrong-type"),
        ("prefer: [value]", "sort-key-without-effect"),
    ),
    "prefer: reliable": (
        ("prefer: [relaible]", "unknown-word"),
        ("prefer: { reliable: true }", "wrong-type"),
        ("prefer: [reliable]", "sort-key-without-effect"),
    ),
    "tasks.worth": (
        ("tasks: { a: { worth: 2c, prefer: [value] } }", "bad-unit"),
        ("tasks: { a: { worht: $0.02, prefer: [value] } }", "unknown-field"),
        ("tasks: { a: { worth: $0.02 } }", "field-without-effect"),
    ),
    "tasks.patience": (
        ("tasks: { a: { worth: $1, patience: $0.001, prefer: [value] } }", "bad-unit"),
        ("tasks: { a: { worth: $1, patience: 5s, prefer: [value] } }", "bad-unit"),
        ("tasks: { a: { patience: $0.001/s } }", "field-without-effect"),
    ),
    "learning.min_samples": (
        ("learning: { mode: adjust, min_samples: 0 }", "bad-value"),
        ("learning: { mode: adjust, min_sample: 5 }", "unknown-field"),
        ("learning: { mode: adjust, min_samples: 5% }", "wrong-type"),
    ),
    "prefer: same_model": (
        ("prefer: [same-model]", "unknown-word"),
        ("prefer: [same_model]", "sort-key-without-effect"),
        ("prefer: [same_model, same_model]", "sort-key-without-effect"),
    ),
    "attributes.default": (
        ("attributes: { p: { values: [a, b], default: c } }", "unknown-value"),
        ("attributes: { p: { type: bool, default: 1 } }", "condition-type"),
        ("attributes: { p: { values: [a], defualt: a } }", "unknown-field"),
        ("attributes: { p: { default: a } }", "missing-field"),
    ),
    "tags": (
        ("tags: private", "wrong-type"),
        ("tags: [private, private]", "duplicate-name"),
        ("tags: [a]\nrules: [{ name: r, when: { tags: b }, only: [local] }]", "unknown-value"),
    ),
    "rules.shadow": (
        ("rules: [{ name: r, when: { tags: b }, avoid: [big], shadow: 1 }]", "wrong-type"),
        ("rules: [{ name: r, when: { tags: b }, avoid: [big], shadow: yes }]", "wrong-type"),
        ("rules: [{ name: r, when: { tags: b }, avoid: [big], shadows: true }]", "unknown-field"),
    ),
    "limits.shadow": (
        ("limits: { q: { requests: [5/min], shadow: 1 } }", "wrong-type"),
        ("limits: { q: { requests: [5/min], shadow: on } }", "wrong-type"),
        ("limits: { q: { requests: [5/min], shadowed: true } }", "unknown-field"),
    ),
    "rules.min_quality": (
        ("rules: [{ name: r, when: { tags: b }, min_quality: 2 }]", "bad-value"),
        ("rules: [{ name: r, when: { tags: b }, min_quality: 80% }]", "wrong-type"),
        ("rules: [{ name: r, when: { tags: b }, min_qualty: 0.5 }]", "unknown-field"),
    ),
    "rules.max_latency": (
        ("rules: [{ name: r, when: { tags: b }, max_latency: 2 }]", "bad-unit"),
        ("rules: [{ name: r, when: { tags: b }, max_latency: 0s }]", "bad-unit"),
        ("rules: [{ name: r, when: { tags: b }, max_latence: 2s }]", "unknown-field"),
    ),
    "rules.max_cost": (
        ("rules: [{ name: r, when: { tags: b }, max_cost: 0.01 }]", "bad-unit"),
        ("rules: [{ name: r, when: { tags: b }, max_cost: $0.01/M }]", "bad-unit"),
        ("rules: [{ name: r, when: { tags: b }, max_costs: $0.01 }]", "unknown-field"),
    ),
    "rules.max_price": (
        ("rules: [{ name: r, when: { tags: b }, max_price: $1/hour }]", "bad-unit"),
        ("rules: [{ name: r, when: { tags: b }, max_price: $1 }]", "bad-unit"),
        ("rules: [{ name: r, when: { tags: b }, max_prise: $1/M }]", "unknown-field"),
    ),
    "rules.prefer": (
        ("rules: [{ name: r, when: { tags: b }, prefer: [cheap] }]", "unknown-word"),
        ("rules: [{ name: r, when: { tags: b }, prefre: [cheapest] }]", "unknown-field"),
        ("rules: [{ name: r, when: { tags: b }, prefer: cheapest }]", "wrong-type"),
    ),
    "tasks.use": (
        ("tasks: { a: { keywords: [x], use: [nobody] }, c: {} }", "unknown-name"),
        ("tasks: { a: { keywords: [x], use: [] }, c: {} }", "bad-value"),
        ("tasks: { a: { keywords: [x], use: big }, c: {} }", "wrong-type"),
        ("tasks: { a: { keywords: [x], use: [big, big] }, c: {} }", "duplicate-entry"),
    ),
    "tasks.only": (
        ("tasks: { a: { keywords: [x], only: [nobody] }, c: {} }", "unknown-name"),
        ("tasks: { a: { keywords: [x], only: [] }, c: {} }", "bad-value"),
        ("tasks: { a: { keywords: [x], only: big }, c: {} }", "wrong-type"),
    ),
    "tasks.avoid": (
        ("tasks: { a: { keywords: [x], avoid: [nobody] }, c: {} }", "unknown-name"),
        ("tasks: { a: { keywords: [x], avoid: [] }, c: {} }", "bad-value"),
        ("tasks: { a: { keywords: [x], avoid: big }, c: {} }", "wrong-type"),
    ),
    "tasks.needs": (
        ("tasks: { a: { keywords: [x], needs: [tool] }, c: {} }", "unknown-name"),
        ("tasks: { a: { keywords: [x], needs: tools }, c: {} }", "wrong-type"),
        ("tasks: { a: { keywords: [x], needs: [tools, tools] }, c: {} }", "duplicate-entry"),
    ),
    "tasks.when_needs": (
        ("tasks: { a: { keywords: [x], when_needs: [jsn] }, c: {} }", "unknown-name"),
        ("tasks: { a: { keywords: [x], when_needs: json }, c: {} }", "wrong-type"),
        ("tasks: { a: { keywords: [x], when_need: [json] }, c: {} }", "unknown-field"),
    ),
    "tasks.deadline": (
        ("tasks: { a: { keywords: [x], deadline: 10 }, c: {} }", "bad-unit"),
        ("tasks: { a: { keywords: [x], deadline: 0s }, c: {} }", "bad-unit"),
        ("tasks: { a: { keywords: [x], dedline: 10s }, c: {} }", "unknown-field"),
    ),
    "tasks.max_attempts": (
        ("tasks: { a: { keywords: [x], max_attempts: 0 }, c: {} }", "bad-value"),
        ("tasks: { a: { keywords: [x], max_attempts: 200 }, c: {} }", "bad-value"),
        ("tasks: { a: { keywords: [x], max_attempts: few }, c: {} }", "wrong-type"),
    ),
    "tasks.min_quality": (
        ("tasks: { a: { keywords: [x], min_quality: 2 }, c: {} }", "bad-value"),
        ("tasks: { a: { keywords: [x], min_quality: high }, c: {} }", "wrong-type"),
        ("tasks: { a: { keywords: [x], min_qualty: 0.5 }, c: {} }", "unknown-field"),
    ),
    "tasks.max_cost": (
        ("tasks: { a: { keywords: [x], max_cost: 1 }, c: {} }", "bad-unit"),
        ("tasks: { a: { keywords: [x], max_cost: $1/M }, c: {} }", "bad-unit"),
        ("tasks: { a: { keywords: [x], max_costs: $1 }, c: {} }", "unknown-field"),
    ),
    "tasks.max_price": (
        ("tasks: { a: { keywords: [x], max_price: 1 }, c: {} }", "bad-unit"),
        ("tasks: { a: { keywords: [x], max_price: $1 }, c: {} }", "bad-unit"),
        ("tasks: { a: { keywords: [x], max_prise: $1/M }, c: {} }", "unknown-field"),
    ),
    "tasks.max_latency": (
        ("tasks: { a: { keywords: [x], max_latency: 2 }, c: {} }", "bad-unit"),
        ("tasks: { a: { keywords: [x], max_latency: fast }, c: {} }", "bad-unit"),
        ("tasks: { a: { keywords: [x], max_latence: 2s }, c: {} }", "unknown-field"),
    ),
    "tasks.prefer": (
        ("tasks: { a: { keywords: [x], prefer: [cheap] }, c: {} }", "unknown-word"),
        ("tasks: { a: { keywords: [x], prefre: [cheapest] }, c: {} }", "unknown-field"),
        ("tasks: { a: { keywords: [x], prefer: cheapest }, c: {} }", "wrong-type"),
    ),
    "limits: any window": (
        ("limits: { q: { requests: [900/5 h] } }", "bad-unit"),
        ("limits: { q: { requests: [900/5hours] } }", "bad-unit"),
        ("limits: { q: { requests: [900/400d] } }", "bad-value"),
        ("limits: { q: { requests: [9/2h, 9/120min] } }", "duplicate-name"),
    ),
    "limits.per: session": (
        ("limits: { q: { per: sesion, requests: [5/min] } }", "unknown-word"),
        ("limits: { q: { per: sessions, requests: [5/min] } }", "unknown-word"),
        ("limits: { q: { per: [session], requests: [5/min] } }", "unknown-word"),
    ),
    "limits.overrides": (
        (
            "limits: { q: { per: user, requests: [5/min], overrides: { ada: 5/min } } }",
            "wrong-type",
        ),
        (
            "limits: { q: { requests: [5/min], overrides: { ada: { requests: [5/min] } } } }",
            "missing-field",
        ),
        (
            "limits: { q: { per: user, tokens: [9/day], overrides: { a: { tokens: [5/min] } } } }",
            "bad-value",
        ),
    ),
    "budgets.overrides": (
        ("budgets: { b: { per: user, cap: $1/day, overrides: { ada: $5/month } } }", "bad-value"),
        ("budgets: { b: { cap: $1/day, overrides: { ada: $5/day } } }", "missing-field"),
        ("budgets: { b: { per: user, cap: $1/day, overrides: { ada: 5 } } }", "bad-unit"),
    ),
    "budgets.narrow_at": (
        ("budgets: { b: { cap: $2/month, narrow_at: { 90%: [fre] } } }", "unknown-name"),
        ("budgets: { b: { cap: $2/month, narrow_at: { 0.9: [free] } } }", "bad-unit"),
        ("budgets: { b: { cap: $2/month, narrow_at: { 90%: free } } }", "wrong-type"),
    ),
    "budgets without a period": (
        ("budgets: { b: { cap: $2 } }", "bad-unit"),
        ("budgets: { b: { per: user, cap: $2 } }", "bad-unit"),
        ("budgets: { b: { per: session, cap: 2 } }", "bad-unit"),
    ),
    "budgets.shadow": (
        ("budgets: { b: { cap: $2/month, shadow: 1 } }", "wrong-type"),
        ("budgets: { b: { cap: $2/month, shadow: on } }", "wrong-type"),
        ("budgets: { b: { cap: $2/month, shadowy: true } }", "unknown-field"),
    ),
    "sessions.keep": (
        ("sessions: { keep: modle }", "unknown-word"),
        ("sessions: { keep: true }", "unknown-word"),
        ("sessions: { kep: model }", "unknown-field"),
    ),
    "sessions.for": (
        ("sessions: { keep: model, for: 1 }", "bad-unit"),
        ("sessions: { keep: model, for: 0s }", "bad-unit"),
        ("sessions: { keep: model, form: 1h }", "unknown-field"),
    ),
    "fact complexity, ordered": (
        ("rules: [{ name: r, when: \"complexity >= 'hrad'\", only: [local] }]", "unknown-value"),
        ('rules: [{ name: r, when: "complexity >= 0.5", only: [local] }]', "condition-type"),
        (
            "rules: [{ name: r, when: \"complexity > 'expert'\", only: [local] }]",
            "constant-condition",
        ),
    ),
    "fact detected": (
        ("rules: [{ name: r, when: \"detected == 'card'\", only: [local] }]", "condition-type"),
        ('rules: [{ name: r, when: "detected", only: [local] }]', "condition-type"),
        ("rules: [{ name: r, when: \"'crd' in detected\", only: [local] }]", "kind-not-detected"),
    ),
    "fact session": (
        ("rules: [{ name: r, when: \"session > 'a'\", only: [local] }]", "condition-type"),
        ('rules: [{ name: r, when: "session == 1", only: [local] }]', "condition-type"),
        ("rules: [{ name: r, when: \"sesion == 'a'\", only: [local] }]", "unknown-fact"),
    ),
    "fact client": (
        ('rules: [{ name: r, when: "client == 3", only: [local] }]', "condition-type"),
        ('rules: [{ name: r, when: "client", only: [local] }]', "condition-type"),
        ("rules: [{ name: r, when: \"cliemt == 'codex'\", only: [local] }]", "unknown-fact"),
    ),
    "fact subagent": (
        ("rules: [{ name: r, when: \"subagent == 'yes'\", only: [local] }]", "condition-type"),
        ('rules: [{ name: r, when: "subagent > 1", only: [local] }]', "condition-type"),
        ('rules: [{ name: r, when: "subagnt", only: [local] }]', "unknown-fact"),
    ),
    "fact housekeeping": (
        ('rules: [{ name: r, when: "housekeping", only: [local] }]', "unknown-fact"),
        (
            "rules: [{ name: r, when: \"housekeeping == 'title'\", only: [local] }]",
            "condition-type",
        ),
        ('rules: [{ name: r, when: "housekeeping >= 1", only: [local] }]', "condition-type"),
    ),
    "fact turn": (
        ("rules: [{ name: r, when: \"turn > 'a'\", only: [local] }]", "condition-type"),
        ('rules: [{ name: r, when: "turn", only: [local] }]', "condition-type"),
        ('rules: [{ name: r, when: "turns > 3", only: [local] }]', "unknown-fact"),
    ),
    "fact tool_errors": (
        ("rules: [{ name: r, when: \"tool_errors == 'many'\", only: [local] }]", "condition-type"),
        ('rules: [{ name: r, when: "tool_errors", only: [local] }]', "condition-type"),
        ('rules: [{ name: r, when: "tool_errors < 0", only: [local] }]', "dead-rule"),
    ),
    "fact model": (
        ("rules: [{ name: r, when: \"model > 'a'\", only: [local] }]", "condition-type"),
        ('rules: [{ name: r, when: "model", only: [local] }]', "condition-type"),
        ("rules: [{ name: r, when: \"modle == 'x'\", only: [local] }]", "unknown-fact"),
    ),
}
ROWS: Final = [(key, *row) for key, rows in WRONG_USES.items() for row in rows]


def findings(fragment: str) -> list[tuple[str, int]]:
    """(rule, line) of what is found in the fragment, and after it."""
    if SECTIONS.match(fragment) is None:
        text, line = HEAD.replace("MORE", f", {fragment}") + BUDGET, LINE_OF_MODEL
    else:
        head, budget = HEAD.replace("MORE", ""), BUDGET
        if fragment.startswith("budgets: {"):
            fragment = BUDGET[:-3] + ", " + fragment.removeprefix("budgets: {").lstrip()
            budget = ""
        text = head + budget + fragment
        line = (head + budget).count("\n") + 1
    found = inspect([PolicyFile("p.yaml", text.encode())], today=TODAY, table=TABLE).findings
    return [(d.rule, d.span.line) for d in found if d.span is not None and d.span.line >= line]


@pytest.mark.parametrize(("key", "fragment", "rule"), ROWS, ids=[f"{r[0]}: {r[1]}" for r in ROWS])
def test_a_wrong_use_is_found_on_its_line(key: str, fragment: str, rule: str) -> None:
    found = findings(fragment)
    assert found, key
    assert found[0][0] == rule


def test_every_key_has_three_wrong_uses() -> None:
    assert {key for key, rows in WRONG_USES.items() if len(set(rows)) < 3} == set()


def test_the_policy_around_them_is_sound() -> None:
    assert findings("quality: 0.7") == []
    assert findings("limits: { q: { requests: [5/min] } }") == []
