"""Logged decisions are made again bit for bit, and compared with those of another policy."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings

from benchmarks.replay import POLICY, measure, write
from policy_router import load
from policy_router.base_errors import UsageError
from policy_router.decision.decide import decide
from policy_router.domain.decision import Reason, Skip
from policy_router.domain.experience import Measured, Measurement
from policy_router.domain.identity import key_id
from policy_router.domain.request import Request
from policy_router.domain.snapshot import Snapshot
from policy_router.observe.records import record_of
from policy_router.replay.decide_again import ReplayChange, decide_again, logged_decision
from policy_router.replay.log import LogLine
from policy_router.replay.summary import ReplaySummary
from tests.generate import situations

if TYPE_CHECKING:
    from pathlib import Path

    from policy_router.decision.policy import Policy
    from policy_router.replay.decide_again import DecidedAgain

HEAD = """\
version: 1
tiers: [light, heavy]
models:
  a: { model: ollama_chat/a, tier: light, price: free, context: 8k, quality: 0.5 }
  b: { model: openai/b, tier: heavy, price: { input: $1/M, output: $2/M }, context: 8k, quality: 0.9 }
budgets: { all: { cap: $5/day } }
tasks: { code: {}, chat: {} }
"""  # noqa: E501  one entry a line


def line(policy: Policy, request: Request, snapshot: Snapshot = Snapshot()) -> LogLine:  # noqa: B008  frozen
    decision = replace(decide(policy, request, snapshot), id="one", snapshot=snapshot)
    record = json.loads(json.dumps(record_of(decision, time=1.0)))
    return LogLine("log", 7, record)


def again(old: str, new: str, **facts: object) -> DecidedAgain:
    request = Request(**facts)  # type: ignore[arg-type]  # facts of the test
    return decide_again(
        load(text=HEAD + new), logged_decision(line(load(text=HEAD + old), request))
    )


@settings(max_examples=40)
@given(situations())
def test_the_same_policy_decides_the_same(situation: tuple[Policy, Request, Snapshot]) -> None:
    policy, request, snapshot = situation
    request = replace(request, key=None if request.key is None else key_id(request.key))
    found = decide_again(policy, logged_decision(line(policy, request, snapshot)))
    assert (found.change, found.differs_in) == (ReplayChange.SAME, ())


def test_thousands_of_decisions_are_the_same(tmp_path: Path) -> None:
    policy, path = load(text=POLICY), tmp_path / "decisions.jsonl"
    write(path, policy, 2_000)
    summary, _, _ = measure(path, policy)
    assert (summary.decisions, summary.own, summary.broken, summary.changed) == (2_000, 2_000, 0, 0)


def test_candidates_without_room_do_not_differ() -> None:
    policy = load(text=HEAD)
    decision = decide(policy, Request())
    refused = (Skip("a", Reason.RATE_LIMIT, "none left"),)
    record = json.loads(json.dumps(record_of(decision, time=1.0, refused=refused)))
    assert decide_again(policy, logged_decision(LogLine("log", 1, record))).differs_in == ()


@pytest.mark.parametrize(
    ("field", "value"),
    [("candidates", ["b"]), ("rules", ["x"]), ("score", 0.5), ("denied", "no"), ("skipped", [{}])],
)
def test_a_decision_that_is_not_made_again_says_in_what(field: str, value: object) -> None:
    policy = load(text=HEAD + "rules: [{ name: r, avoid: [b] }]")
    whole = line(policy, Request())
    assert whole.record is not None
    changed = LogLine("log", 1, {**whole.record, field: value})
    assert decide_again(policy, logged_decision(changed)).differs_in == (field,)
    older = LogLine("log", 1, {n: v for n, v in whole.record.items() if n != "prompts"})
    assert decide_again(policy, logged_decision(older)).differs_in == ()


@pytest.mark.parametrize(
    ("old", "new", "facts", "change"),
    [
        ("", "prefer: [free]", {}, ReplayChange.SAME),
        ("", "rules: [{ name: r, first: [b] }]", {}, ReplayChange.FIRST),
        ("", "rules: [{ name: r, avoid: [b] }]", {}, ReplayChange.ORDER),
        ("", "rules: [{ name: r, deny: no }]", {}, ReplayChange.REFUSED),
        ("", "rules: [{ name: r, needs: [vision] }]", {}, ReplayChange.REFUSED),
        ("rules: [{ name: r, deny: no }]", "", {}, ReplayChange.ALLOWED),
        ("rules: [{ name: r, deny: no }]", "rules: [{ name: r, deny: never }]", {},
         ReplayChange.SAME),
        ("rules: [{ name: r, deny: no }]", "rules: [{ name: r, needs: [vision] }]", {},
         ReplayChange.SAME),
        ("attributes: { plan: [x] }", "", {"attributes": {"plan": "x"}}, ReplayChange.INVALID),
    ],
)  # fmt: skip
def test_changes(old: str, new: str, facts: dict[str, object], change: ReplayChange) -> None:
    found = again(old, new, **facts)
    assert found.change is change
    assert found.differs_in == ()


def test_the_sums_of_a_replay() -> None:
    old, new = load(text=HEAD), load(text=HEAD + "rules: [{ name: r, first: [b] }]")
    summary = ReplaySummary(1)
    for _ in range(3):
        summary.add(decide_again(new, logged_decision(line(old, Request(tokens=1000)))), new, old)
    assert (summary.decisions, summary.own, summary.changed) == (3, 0, 3)
    assert summary.moves == {("a", "b"): 3}
    assert (summary.cost.requests, summary.cost.before) == (3, 0)
    assert summary.cost.now > 3 * 1_000_000
    assert (summary.quality.before, summary.quality.now) == (1.5, 2.7)
    assert len(summary.shown) == 1


def test_measured_quality_goes_before_declared_one() -> None:
    policy = load(text=HEAD)
    measured = {"a": Measured(quality=Measurement(0.8, 50)), "b": Measured()}
    found = decide_again(
        policy, logged_decision(line(policy, Request(), Snapshot(measured=measured)))
    )
    summary = ReplaySummary()
    summary.add(found, policy, policy)
    assert summary.quality.now == 0.8


def test_removed_models_have_no_price() -> None:
    other = HEAD.replace("  a: { model: ollama_chat/a", "  c: { model: ollama_chat/c")
    old, new = load(text=HEAD), load(text=other)
    summary = ReplaySummary()
    summary.add(decide_again(new, logged_decision(line(old, Request()))), new, new)
    assert (summary.cost.requests, summary.quality.requests) == (0, 0)
    assert summary.moves == {("a", "c"): 1}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": 9}, "version 9"),
        ({"candidates": "a"}, "expected a list of models"),
        ({"request": 5}, "expected an object"),
    ],
)
def test_what_is_no_decision(change: dict[str, object], words: str) -> None:
    whole = line(load(text=HEAD), Request())
    assert whole.record is not None
    with pytest.raises(UsageError, match=words):
        logged_decision(LogLine("log", 1, {**whole.record, **change}))


def test_a_line_without_a_record_is_no_decision() -> None:
    for broken in (LogLine("log", 1, None, "not JSON"), LogLine("log", 1, {"version": 1})):
        with pytest.raises(UsageError):
            logged_decision(broken)


def test_what_was_charged() -> None:
    whole = line(load(text=HEAD), Request())
    assert whole.record is not None
    attempts = [{"cost_nano_usd": 5}, {"cost_nano_usd": None}, "x", {"cost_nano_usd": 7}]
    record = {**whole.record, "attempts": attempts}
    assert logged_decision(LogLine("log", 1, record)).charged == 12
    assert logged_decision(LogLine("log", 1, {**record, "attempts": 4})).charged == 0
