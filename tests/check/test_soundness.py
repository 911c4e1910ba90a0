"""Lint's proofs against `decide`: what is said of all requests holds for every one of them.

Random small policies over few facts; every cell that their conditions can tell apart is asked for
by a concrete request.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from itertools import product
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy_router.assurance import cover
from policy_router.check.report import inspect
from policy_router.decision.decide import decide
from policy_router.domain.request import Request
from policy_router.domain.snapshot import Snapshot
from policy_router.language.files import PolicyFile
from tests.check.policies import TABLE, TODAY

if TYPE_CHECKING:
    from policy_router.decision.policy import Policy
    from policy_router.domain.decision import Decision

HEAD: Final = """version: 1
attributes: { plan: [free, pro] }
tiers: [light, heavy]
models:
  m0: { model: hosted_vllm/m0, tier: light, price: free }
  m1: { model: hosted_vllm/m1, tier: heavy, price: free }
  m2: { model: hosted_vllm/m2, tier: heavy, price: { input: $1/M, output: $2/M } }
budgets: { all: { cap: unlimited } }
tasks:
  code: { keywords: [x]TASK }
  chat: {}
"""
CLOCKS: Final = (
    None,
    *(
        datetime(2026, 6, day, hour, tzinfo=ZoneInfo("UTC")).timestamp()
        for day, hour in ((1, 3), (1, 12), (2, 3), (2, 12))  # a Monday, a Tuesday
    ),
)
REQUESTS: Final = tuple(
    (
        Request(
            task=task, tokens=tokens, tags=frozenset(tags), complexity=score,
            attributes={"plan": plan} if plan else {},
        ),
        Snapshot(now=now),
    )
    for task, tokens, tags, score, plan, now in product(
        ("code", None), (0, 5, 6, 9, 10), ((), ("a",), ("b",), ("a", "b")), (None, 0.1, 0.7),
        (None, "free", "pro"), CLOCKS,
    )
)  # fmt: skip

TESTS: Final = st.sampled_from(
    [
        "tokens > 5", "tokens < 9", "tokens >= 9", "tokens <= 5", "'a' in tags", "'b' in tags",
        "'a' not in tags", "task == 'code'", "task != 'code'", "plan == 'free'", "plan == 'pro'",
        "plan != 'pro'", "score >= 0.6", "complexity == 'trivial'", "hour < 6", "hour >= 6",
        "weekday == 'mon'", "not (hour >= 0)",
    ]
)  # fmt: skip
CONDITIONS: Final = st.one_of(
    TESTS,
    st.builds("{} and {}".format, TESTS, TESTS),
    st.builds("{} or {}".format, TESTS, TESTS),
    st.builds("({} or {}) and {}".format, TESTS, TESTS, TESTS),
)
SOME: Final = st.lists(st.sampled_from(["m0", "m1", "m2", "free", "heavy"]), min_size=1, max_size=2)


def _named(key: str) -> st.SearchStrategy[str]:
    return SOME.map(lambda some: f"{key}: [{', '.join(dict.fromkeys(some))}]")


DOES: Final = st.one_of(
    _named("only"), _named("avoid"), _named("avoid"), _named("first"),
    st.just("min_tier: heavy"), st.just("deny: no"),
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A policy, what lint finds in it, and what it decides for every request."""

    policy: Policy
    found: tuple[tuple[str, str], ...]
    decisions: tuple[Decision, ...]

    def named(self, rule: str) -> set[str]:
        """The first name that each finding of a lint rule quotes."""
        return {message.split("`")[1] for name, message in self.found if name == rule}


def read(text: str) -> Case:
    report = inspect([PolicyFile("p.yaml", text.encode())], today=TODAY, table=TABLE)
    policy = report.compiled  # with an error of lint it is not used, and decides all the same
    assert policy is not None, report.diagnostics
    found = tuple((d.rule, d.message) for d in report.findings)
    return Case(policy, found, tuple(decide(policy, r, s) for r, s in REQUESTS))


@st.composite
def texts(draw: st.DrawFn, *, most: int = 6) -> tuple[str, tuple[str, ...]]:
    """A head and the lines of its rules."""
    floor = draw(st.sampled_from(["", ", min_tier: heavy"]))
    step = draw(st.sampled_from(["true", "false"]))
    head = HEAD.replace("TASK", floor) + f"fallback: {{ step_down: {step} }}\n"
    count = draw(st.integers(0, most))
    lines = tuple(
        f'  - {{ name: r{i}, when: "{draw(CONDITIONS)}", {draw(DOES)} }}' for i in range(count)
    )
    return head, lines


def written(head: str, lines: tuple[str, ...]) -> str:
    return head + ("rules:\n" + "\n".join(lines) if lines else "")


def outcome(decision: Decision) -> object:
    """What a caller can tell of a decision, but for the names of the rules."""
    return [c.name for c in decision.candidates], decision.denied


@settings(max_examples=60, deadline=None)
@given(texts())
def test_a_model_is_unreachable_when_no_request_gets_it(
    case: tuple[str, tuple[str, ...]],
) -> None:
    policy = read(written(*case))
    reached = {c.name for d in policy.decisions for c in d.candidates}
    said = policy.named("unreachable-model") | policy.named("unused-model")
    assert said == {m.name for m in policy.policy.models} - reached


@settings(max_examples=60, deadline=None)
@given(texts())
def test_a_dead_rule_never_applies(case: tuple[str, tuple[str, ...]]) -> None:
    head, lines = case
    policy = read(written(head, lines))
    applied = {name for d in policy.decisions for name in d.rules}
    dead = {
        rule.name
        for rule in policy.policy.rules
        if rule.when
        and any(
            name == "dead-rule" and f"`{rule.when.text}`" in said for name, said in policy.found
        )
    }
    # Dead is seen rule by rule; that hour and weekday have one clock is seen only together.
    clock = {
        rule.name
        for rule in policy.policy.rules
        if rule.when and {"hour", "weekday"} <= rule.when.reads
    }
    assert not dead & applied
    assert {r.name for r in policy.policy.rules} - applied - clock <= dead


@settings(max_examples=80, deadline=None)
@given(texts(), st.data())
def test_taking_out_rules_without_effect_changes_nothing(
    case: tuple[str, tuple[str, ...]], data: st.DataObject
) -> None:
    head, lines = case
    if lines:
        # Something that is said twice, the second time more narrowly, is often redundant.
        which = data.draw(st.sampled_from(lines))
        again = which.replace('", ', f' and {data.draw(TESTS)}", ', 1)
        if " or " not in which:
            lines = (*lines, again.replace("name: r", "name: again"))
    before = read(written(head, lines))
    idle = before.named("rule-without-effect")
    kept = tuple(line for line in lines if line.split("name: ")[1].split(",")[0] not in idle)
    after = read(written(head, kept))
    assert [outcome(d) for d in before.decisions] == [outcome(d) for d in after.decisions]


@settings(max_examples=60, deadline=None)
@given(texts())
def test_contradicting_rules_leave_a_request_without_models(
    case: tuple[str, tuple[str, ...]],
) -> None:
    policy = read(written(*case))
    stuck = [set(d.rules) for d in policy.decisions if not d.candidates and d.denied is None]
    for name, message in policy.found:
        if name == "contradicting-rules":
            quoted = set(message.split("`")[1::2]) - {"code", "chat"}  # a task may be named as well
            assert any(quoted <= rules for rules in stuck), message
            if "applies to no other" in message:
                never = message.split("`")[-2]
                answered = [d for d in policy.decisions if never in d.rules and d.candidates]
                assert not answered, message


@settings(max_examples=60, deadline=None)
@given(texts())
def test_a_first_without_effect_orders_nothing(case: tuple[str, tuple[str, ...]]) -> None:
    head, lines = case
    policy = read(written(head, lines))
    idle = [
        message.split("`")[3]
        for _, message in policy.found
        if message.startswith("`first` of rule")
    ]
    for name in idle:  # it does nothing else
        without = read(written(head, tuple(line for line in lines if f"name: {name}," not in line)))
        assert [outcome(d) for d in policy.decisions] == [outcome(d) for d in without.decisions]


@settings(max_examples=60, deadline=None)
@given(texts())
def test_rules_in_conflict_compete_for_a_request(case: tuple[str, tuple[str, ...]]) -> None:
    policy = read(written(*case))
    first = {rule.name: rule.first[0] for rule in policy.policy.rules if rule.first}
    for name, message in policy.found:
        if name == "order-conflict":
            earlier, later = message.split("`")[1], message.split("`")[3]
            assert any(
                {earlier, later} <= set(d.rules)
                and {first[earlier], first[later]}
                <= {c.name for c in d.candidates if c.placed_by == "first"}
                for d in policy.decisions
            ), message


@settings(max_examples=40, deadline=None)
@given(texts())
def test_a_task_out_of_reach_gets_no_model(case: tuple[str, tuple[str, ...]]) -> None:
    policy = read(written(*case))
    served = {d.situation.task.name for d in policy.decisions if d.candidates and d.situation.task}
    said = {m.split("`")[1] for name, m in policy.found if name == "out-of-reach"}
    assert not said & served


def test_the_requests_fall_into_every_kind_of_cell() -> None:
    facts = [(r.task, r.tokens, r.tags, r.complexity, s.now) for r, s in REQUESTS]
    assert len(set(facts)) * 3 == len(REQUESTS)
    assert replace(REQUESTS[0][0], tokens=5) in [r for r, _ in REQUESTS]


PROVED: Final = {
    "unreachable-model", "unused-model", "rule-without-effect", "contradicting-rules",
    "order-conflict",
}  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(texts())
def test_what_cannot_be_proved_in_time_is_not_reported(case: tuple[str, tuple[str, ...]]) -> None:
    in_time = set(read(written(*case)).found)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cover, "MAX_STEPS", 1)
        hurried = set(read(written(*case)).found)
    of_rules = {name for name, _ in hurried - in_time}
    # A core that could not be made smaller in time names more sources; nothing else is new.
    assert of_rules <= PROVED
    assert {n for n, _ in hurried} <= {n for n, _ in in_time}
