"""Tests as YAML, which reads as the same tests."""

from __future__ import annotations

from policy_router.cases.write_yaml import written
from tests.cases.policies import policy_with

TESTS = """\
- name: "everything: a test"
  given:
    spent: { team: $1.5 }
    used: { each: 60/min, quick: 4 concurrent, words: 9k tokens/day }
    session: { s1: big }
    cooling: [local]
    clock: sat 9:05
    arm: try
    stats: { big: { success: 92.5%, latency: 1.25s, quality: 0.8, accepted: 80%, samples: 7 } }
  request:
    { prompt: "Is this 'right'?", tags: [private], complexity: 0.25, staff: true, user: "true" }
  expect:
    order: [local, big]
    first: local
    then: [big]
    never: [rack]
    task: chat
    complexity: easy
    rule: nights
    cost: $0
    max_cost: $0.001
    denied: false
    reasons: { big: budget }
    alias: fast
    session: stays
- name: plain
  request: Hi there
  expect: { denied: no such thing }
"""


def test_what_is_written_reads_the_same() -> None:
    tests = policy_with(TESTS).tests
    text = written(tests)
    assert policy_with(text.replace("\n  ", "\n").removeprefix("  ")).tests == tests
    assert 'user: "true"' in text
    assert "latency: 1250ms" in text
