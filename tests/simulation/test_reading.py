"""Scenarios in YAML."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from policy_router import load
from policy_router.base_errors import UsageError
from policy_router.simulation.reading import read_scenario
from policy_router.simulation.scenario import Behaviour, Fault, Happening, Mix

POLICY = load(
    text="""\
version: 1
timezone: Europe/Berlin
tiers: [light, heavy]
models:
  a: { model: ollama_chat/a, tier: light, price: free, context: 8k, latency: 3s, tags: [here] }
  b: { model: openai/b, tier: heavy, price: { input: $1/M, output: $2/M }, context: 8k }
budgets: { team: { cap: $5/day } }
"""
)
HEAD = "duration: 1h\nrate: 2/s\n"


def test_everything() -> None:
    found = read_scenario(
        "s.yaml",
        b"""\
duration: 1h
rate: 120/min
start: tue 09:30
seed: 7
traffic:
  - { share: 25%, name: x, request: { tags: [a, b], task: t }, tokens: 2k, output: 5-9, users: 0 }
  - { request: { task: code } }
  - { tokens: 10-20 }
models: { a: { failures: 5% }, b: { latency: 1s } }
events:
  - { at: 20m, models: [here], slower: 3x }
  - { at: 10m, for: 5m, models: [b], fault: hang, share: 50%, name: stuck }
  - { at: 30m, models: [b], price: { input: $3/M, output: $4/M } }
  - { at: 40m, budgets: { team: $1 } }
  - { at: 50m, traffic: 2x }
""",
        POLICY,
    )
    berlin = ZoneInfo("Europe/Berlin")
    assert found.start == datetime(2026, 1, 6, 9, 30, tzinfo=berlin).timestamp()
    assert (found.duration, found.rate, found.seed) == (3600, 2, 7)
    assert found.traffic == (
        Mix("x", 0.25, {"tags": ("a", "b"), "task": "t"}, (2000, 2000), (5, 9), 0),
        Mix("code", 1.0, {"task": "code"}),
        Mix("requests 3", 1.0, {}, (10, 20)),
    )
    assert found.models == {"a": Behaviour(3, 0.05), "b": Behaviour(1, 0)}
    assert found.happenings == (
        Happening("stuck", 600, 300, frozenset("b"), Fault.HANG, 0.5),
        Happening("slow", 1200, None, frozenset("a"), Fault.SLOW, factor=3),
        Happening("change", 1800, None, frozenset("b"), price=(3 * 10**9, 4 * 10**9)),
        Happening("change", 2400, None, caps={"team": 10**9}),
        Happening("traffic", 3000, None, factor=2),
    )


def test_the_least() -> None:
    found = read_scenario("s.yaml", HEAD.encode(), POLICY)
    assert (found.traffic, found.happenings, found.seed) == ((Mix("requests 1"),), (), 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rate: 2/s", "s.yaml:1:1: `duration`: Field required"),
        ("duration: [", "s.yaml:1:11: a value is missing"),
        ("- x", "the scenario"),
        (HEAD + "speed: 5", "s.yaml:3:8: `speed`: Extra inputs are not permitted"),
        ("duration: 1h\nrate: 5", "s.yaml:2:7: `rate`: Input should be a valid string"),
        ("duration: 1h\nrate: 5/day", "`5/day` is not a rate such as 5/s or 300/min"),
        (HEAD + "traffic: [{ tokens: many }]", "`many` is not a number of tokens such as 500"),
        (HEAD + "models: { c: {} }", "`c` is no model; the known ones are `a`, `b`"),
        (HEAD + "events: [{ at: 1m, fault: flood, models: [a] }]", "`flood` is no fault"),
        (HEAD + "events: [{ at: 1m, fault: outage }]", "a fault or a price needs models"),
        (HEAD + "events: [{ at: 1m, models: [c], fault: outage }]", "`c` selects no model"),
        (HEAD + "events: [{ at: 1m, models: [a] }]", "an event needs a fault, slower, traffic"),
        (HEAD + "events: [{ at: 1m, budgets: { all: $1 } }]", "`all` is no budget"),
    ],
)
def test_what_is_no_scenario(text: str, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        read_scenario("s.yaml", text.encode(), POLICY)
    assert message in str(raised.value)
