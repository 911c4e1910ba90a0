"""What would let a model answer: the smallest changes of a request, and the rules that must go."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from policy_router import Router, UsageError
from policy_router.assurance.changes import Change, TimedRequest
from policy_router.assurance.why_not import why_not
from policy_router.decision.blockers import Blockers
from policy_router.decision.decide import decide
from policy_router.domain.limits import ANYONE, Reading
from policy_router.domain.request import Request
from policy_router.domain.snapshot import Snapshot
from policy_router.loading import load
from policy_router.views.why_not import spell_change
from tests.generate import policies, requests, situations
from tests.own_callers import OwnCaller, answer

if TYPE_CHECKING:
    from policy_router.decision.policy import Policy

Situation = tuple["Policy", Request, Snapshot]


def allows(policy: Policy, asked: TimedRequest, model: str) -> bool:
    decision = decide(policy, asked.request, Snapshot(now=asked.now))
    return model in [candidate.name for candidate in decision.candidates]


@settings(max_examples=40)
@given(situations())
def test_a_model_may_answer_exactly_when_nothing_blocks_it(made: Situation) -> None:
    policy, request, snapshot = made
    assume(not decide(policy, request, Snapshot(now=snapshot.now)).invalid)
    for model in policy.models:
        found = Blockers(policy, model.name).of(request, snapshot.now)
        assert (found == ()) is allows(policy, TimedRequest(request, snapshot.now), model.name), (
            found
        )


@settings(max_examples=25)
@given(situations())
def test_what_is_shown_lets_the_model_through(made: Situation) -> None:
    policy, request, snapshot = made
    asked = TimedRequest(request, snapshot.now)
    assume(not decide(policy, request, Snapshot(now=snapshot.now)).invalid)
    for model in policy.models:
        found = why_not(policy, request, model.name, snapshot, max_steps=400)
        for changes in found.changes:
            assert allows(policy, applied(asked, changes), model.name)
            assert len({change.name for change in changes}) == len(changes)


def applied(asked: TimedRequest, changes: tuple[Change, ...]) -> TimedRequest:
    for change in changes:
        asked = change.applied(asked)
    return asked


FIELDS = (
    "task", "complexity", "tokens", "max_tokens", "user", "team", "tenant", "key", "stream",
    "language", "model", "session", "client", "subagent", "housekeeping", "turn", "tool_errors",
    "max_cost", "max_price", "max_latency", "min_quality", "max_candidates", "min_tier", "only",
    "avoid", "pictures", "thumbnails",
)  # fmt: skip


@settings(max_examples=15)
@given(st.data())
def test_no_smaller_change_does(data: st.DataObject) -> None:
    """Fields of other requests that make sense to the policy are put into the request."""
    policy = data.draw(policies())
    request = data.draw(requests(policy))
    others = [data.draw(requests(policy)) for _ in range(3)]
    assume(not decide(policy, request).invalid)
    for model in policy.models:
        found = why_not(policy, request, model.name, Snapshot(), max_steps=400)
        if not found.smallest or not found.blockers:
            continue
        size = len(found.changes[0]) if found.changes else 5
        for other in others:
            moved = changes_to(request, other)
            for count in range(1, min(size, 3)):
                for some in combinations(moved, count):
                    changed = request
                    for field, value in some:
                        changed = with_field(changed, field, value)
                    assert not allows(policy, TimedRequest(changed, None), model.name), (
                        some,
                        found,
                    )


def changes_to(request: Request, other: Request) -> list[tuple[str, object]]:
    moved: list[tuple[str, object]] = [
        (field, getattr(other, field))
        for field in FIELDS
        if getattr(other, field) != getattr(request, field)
    ]
    for field in ("tags", "detected", "needs"):
        moved += [(field, member) for member in getattr(request, field) ^ getattr(other, field)]
    moved += [
        ("attributes", (name, value))
        for name, value in other.attributes.items()
        if request.attributes.get(name) != value
    ]
    return moved


def with_field(request: Request, field: str, value: object) -> Request:
    if field in ("tags", "detected", "needs"):
        members: frozenset[str] = getattr(request, field)
        return replace(request, **{field: members ^ {str(value)}})  # type: ignore[arg-type]  # a set
    if field == "attributes":
        assert isinstance(value, tuple)
        return replace(request, attributes={**request.attributes, value[0]: value[1]})
    return replace(request, **{field: value})  # type: ignore[arg-type]  # the value of that field


POLICY = """
version: 1
tags: [private, batch]
tiers: [light, heavy]
tasks:
  code: { min_tier: heavy }
  sums: { only: [small] }
  chat: {}
attributes:
  plan: { values: [free, pro] }
complexity:
  bands: { easy: { from: 0 }, hard: { from: 0.5, min_tier: heavy } }
models:
  small: { model: ollama_chat/a, tier: light, price: free, context: 8k, tags: [local] }
  eyes: { model: ollama_chat/b, tier: heavy, price: free, context: 32k, can: [vision] }
  cloud: { model: openai/x, tier: heavy, price: { input: $1/M, output: $10/M }, context: 100k }
  uncovered: { model: openai/y, tier: heavy, price: { input: $1/M, output: $10/M } }
  vectors: { model: ollama/nomic-embed-text, tier: light, price: free, can: [embeddings] }
  other: { model: ollama/mxbai-embed-large, tier: light, price: free, can: [embeddings] }
aliases: { quick: [small], strong: [eyes, cloud] }
prompts: { wordy: { models: [small], when: { language: fr }, system: "Be brief, and kind." } }
budgets:
  team: { models: [cloud], cap: $50/month, when: tenant != 'acme' }
rules:
  - { name: stays here, when: { tags: private }, avoid: [cloud] }
  - { name: bots are cheap, when: "user.startswith('bot-')", max_cost: $0.001 }
  - { name: nights, when: hour >= 22, avoid: [cloud] }
  - { name: closed, when: "plan == 'free' and 'batch' in tags", deny: no batches }
  - { name: patterns, when: "matches(team, 'x+') and stream", avoid: [cloud] }
  - { name: cheap tests, when: { team: test }, max_cost: $0.001 }
  - { name: later, when: language == 'de', avoid: [cloud], shadow: true }
fallback: { step_down: false }
"""
UTC = ZoneInfo("UTC")
NOON = 1_700_049_600.0  # 12:00 UTC

TABLE: dict[str, tuple[Request, str, list[str]]] = {
    "a tag goes": (Request(tags={"private"}), "cloud", ["without tag `private`"]),
    "fewer tokens": (
        Request(tokens=9_000),
        "small",
        ["with at most 8,000 input tokens (now 9,000)"],
    ),
    "a lower cap": (
        Request(tokens=7_000, max_tokens=2_000),
        "small",
        [
            "with at most 1,000 output tokens (now 2,000)",
            "with at most 6,000 input tokens (now 7,000)",
        ],
    ),
    "another task": (
        Request(task="code"),
        "small",
        ["with `task` sums (now code)", "with `task` chat (now code)"],
    ),
    "easier": (
        Request(complexity=0.7),
        "small",
        ["with `complexity` easy (now 0.7)", "without `complexity` (now 0.7)"],
    ),
    "a task for others": (
        Request(task="sums"),
        "eyes",
        ["with `task` code (now sums)", "with `task` chat (now sums)"],
    ),
    "no need": (Request(needs={"vision"}), "cloud", ["without a need for `vision`"]),
    "another alias": (
        Request(model="quick"),
        "cloud",
        ["without a particular model", "for `strong`", "for `cloud`", "for `auto`"],
    ),
    "no constraint": (Request(only={"local"}), "cloud", ["without `only`"]),
    "another tenant": (Request(tenant="acme"), "cloud", ["without `tenant` (now acme)"]),
    "cheaper or another user": (
        Request(user="bot-1", max_tokens=2_000),
        "cloud",
        ["with at most 100 output tokens (now 2,000)", "without `user` (now bot-1)"],
    ),
    "nothing helps": (Request(), "uncovered", []),
    "two changes": (
        Request(tags={"private"}, tokens=200_000),
        "cloud",
        ["with at most 100,000 input tokens (now 200,000) and without tag `private`"],
    ),
    "part of a condition": (
        Request(tags={"batch"}, attributes={"plan": "free"}),
        "small",
        ["without tag `batch`", "with `plan` pro (now free)", "without `plan` (now free)"],
    ),
    "a shorter prompt": (
        Request(language="fr", tokens=8_000),
        "small",
        ["with at most 7,98", "without `language` (now fr)"],
    ),
    "no tools of the provider": (
        Request(needs={"hosted_tools"}),
        "cloud",
        ["without a need for `hosted_tools`", "without a need for `hosted_tools` and"],
    ),
    "an ability that no chat has": (Request(), "vectors", ["with a need for `embeddings`"]),
    "one space": (
        Request(needs={"embeddings"}, answers=0, one_space=True),
        "other",
        ["without `one_space`"],
    ),
    "more candidates": (Request(max_candidates=1), "cloud", ["without `max_candidates`"]),
    "a lower cost": (
        Request(max_cost=0.001, max_tokens=2_000),
        "cloud",
        ["without `max_cost`", "with at most 100 output tokens (now 2,000)"],
    ),
    "allowed": (Request(), "small", []),
}


@pytest.mark.parametrize("name", TABLE)
def test_the_smallest_changes(name: str) -> None:
    request, model, expected = TABLE[name]
    found = why_not(load(text=POLICY), request, model, Snapshot(now=NOON))
    said = [" and ".join(spell_change(each, UTC) for each in some) for some in found.changes]
    assert all(told.startswith(start) for told, start in zip(said, expected, strict=False))
    assert bool(said) is bool(expected)
    assert found.smallest


def test_another_time_of_day() -> None:
    found = why_not(load(text=POLICY), Request(), "cloud", Snapshot(now=NOON + 11 * 3600))
    assert [[spell_change(each, UTC) for each in some] for some in found.changes] == [
        ["at 2023-11-16 00:00:00 UTC"]
    ]


def test_a_pattern_leaves_a_doubt() -> None:
    request = Request(team="xx", stream=True, tokens=200_000)
    found = why_not(load(text=POLICY), request, "cloud", Snapshot(now=NOON))
    assert len(found.changes[0]) == 2
    assert not found.smallest
    assert found.doubt == "`team` is searched for a pattern"


def test_too_many_combinations_leave_a_doubt() -> None:
    request = Request(tags={"private"}, tokens=200_000)
    found = why_not(load(text=POLICY), request, "cloud", Snapshot(now=NOON), max_steps=0)
    assert (found.changes, found.smallest) == ((), False)
    assert found.doubt == "too many combinations to try"


def test_the_parts_that_would_have_to_go() -> None:
    policy = load(text=POLICY)
    found = why_not(policy, Request(task="code", complexity="hard"), "small", Snapshot())
    assert [part.name for part in found.parts] == ["code", "hard"]
    assert found.parts_suffice
    missing = why_not(policy, Request(task="code", tokens=9_000), "small", Snapshot())
    assert [part.name for part in missing.parts] == ["code"]
    assert not missing.parts_suffice


def test_the_state_is_named_apart() -> None:
    policy = load(text=POLICY)
    budget = policy.limits[0]
    snapshot = Snapshot(
        now=NOON,
        cooling={"cloud": NOON + 60, "small": NOON - 60},
        used={budget.key(ANYONE): Reading(50 * 10**9, NOON + 3600)},
    )
    found = why_not(policy, Request(), "cloud", snapshot)
    assert (found.blockers, found.changes) == ((), ())
    assert [(skip.reason.value, skip.until) for skip in found.state] == [
        ("cooling", NOON + 60),
        ("budget", NOON + 3600),
    ]
    assert why_not(policy, Request(), "small", snapshot).state == ()


def test_every_blocker_is_named() -> None:
    """Reasons that the plain cases do not reach, each by its layer."""
    policy = load(text=POLICY)
    reasons = {
        (made.reason.value, frozenset(made.reads))
        for made in Blockers(policy, "cloud").of(
            Request(needs={"hosted_tools"}, team="test", user="bot-1", max_tokens=2_000), NOON
        )
    }
    assert {reason for reason, _ in reasons} == {"ability", "unpriced", "cost"}
    assert any("team" in reads for _, reads in reasons)
    strict = replace(policy, tasks=(replace(policy.tasks[2], min_tier=1), *policy.tasks[:2]))
    [floor] = Blockers(strict, "small").of(Request(), None)
    assert (floor.reason.value, floor.reads) == ("tier", frozenset({"task"}))
    bare = replace(policy, tasks=(), rules=())
    [small] = Blockers(bare, "small").of(Request(tokens=9_000), None)
    assert small.reason.value == "context"


@pytest.mark.parametrize("stream", [False, True])
def test_a_router_says_why_not(*, stream: bool) -> None:
    caller = OwnCaller(lambda _: answer("hi"))

    async def ask() -> None:
        async with Router(load(text=POLICY), caller, clock=lambda: NOON) as router:
            shown = await router.awhy_not("cloud", tags=["private"], stream=stream)
            assert [[each.name for each in some] for some in shown.changes] == [["tags:private"]]
            with pytest.raises(UsageError, match="did you mean `cloud`"):
                await router.awhy_not("clodu")

    asyncio.run(ask())
