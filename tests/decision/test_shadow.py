"""What the parts of a policy in shadow would have done, in words."""

from __future__ import annotations

import pytest

from policy_router import Request, Snapshot, decide, load
from policy_router.domain.experience import Measured, Measurement
from policy_router.domain.limits import Reading

TEXT = """\
version: 1
tiers: [light]
models:
  a: { model: openai/a, tier: light, price: free, latency: 1s }
  b: { model: openai/b, tier: light, price: free, latency: 2s }
  c: { model: openai/c, tier: light, price: free, latency: 3s }
tasks: { chat: {} }
limits: { few: { models: [a], requests: [5/min], shadow: true } }
prefer: [fastest]
learning: { mode: shadow }
rules:
  - { name: refuse, when: { tags: refuse }, deny: not today, shadow: true }
  - { name: verify, when: { tags: verify }, accept: { json: true }, shadow: true }
  - { name: less, when: { tags: less }, avoid: [b], shadow: true }
  - { name: nobody, when: { tags: nobody }, avoid: [a, b, c], shadow: true }
  - { name: other, when: { tags: other }, first: [c], shadow: true }
"""
POLICY = load(text=TEXT)


@pytest.mark.parametrize(
    ("tag", "detail"),
    [
        ("refuse", "would have denied the request: not today"),
        ("verify", "would have checked the answer: json"),
        ("less", "would have excluded `b`"),
        ("nobody", "would have excluded `a`, `b`, `c`, the last ones left"),
        ("other", "would have put `c` first"),
    ],
)
def test_a_rule_in_shadow_says_what_it_would_have_done(tag: str, detail: str) -> None:
    decision = decide(POLICY, Request(task="chat", tags=frozenset({tag})))
    assert [candidate.name for candidate in decision.candidates] == ["a", "b", "c"]
    (effect,) = decision.shadow
    assert effect.detail == detail


def test_outcomes_may_change_the_order_after_the_first_model() -> None:
    measured = {
        name: Measured(latency=Measurement(seconds, 100))
        for name, seconds in (("a", 0.1), ("b", 0.9), ("c", 0.5))
    }
    decision = decide(POLICY, Request(task="chat"), Snapshot(measured=measured))
    (effect,) = decision.shadow
    assert effect.detail == "would have changed the order after the first model"


@pytest.mark.parametrize(("used", "excluded"), [(4, False), (5, True)])
def test_a_limit_in_shadow_is_judged_by_what_was_used(used: int, excluded: bool) -> None:
    (limit,) = POLICY.limits
    key = limit.key("-")
    decision = decide(POLICY, Request(task="chat"), Snapshot(used={key: Reading(used)}))
    assert [effect.removed for effect in decision.shadow] == ([("a",)] if excluded else [])


def test_a_rule_in_shadow_is_reported_for_texts_that_must_share_a_vector_space_too() -> None:
    request = Request(task="chat", tags=frozenset({"less"}), one_space=True)
    before = decide(POLICY, Request(task="chat", one_space=True))
    (effect,) = decide(POLICY, request).shadow
    named = "b" in [candidate.name for candidate in before.candidates]
    assert ("would have excluded `b`" in effect.detail) == named
