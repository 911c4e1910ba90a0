"""Which checks a decision carries, and which judges may not see the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from policy_router.check.report import inspect
from policy_router.decision.decide import decide
from policy_router.domain.acceptance import Accept, Judge, OnRejected
from policy_router.domain.decision import Reason
from policy_router.domain.request import Request
from policy_router.language.files import PolicyFile

if TYPE_CHECKING:
    from policy_router.decision.policy import Policy

POLICY = """\
version: 1
tiers: [light, heavy]
models:
  small: { model: openai/small, tier: light, price: free, context: 8k, tags: [local], can: [json] }
  big: { model: openai/big, tier: heavy, price: { input: $1/M, output: $2/M }, context: 8k }
tasks:
  form:
    accept:
      not_empty: true
      json_schema: { type: object }
      stop_reason: [stop]
      llm: { model: big, rubric: Every field is filled in. }
  chat: { accept: { not_empty: false } }
rules:
  - { name: private stays, when: { tags: private }, only: [local] }
  - { name: not the big one, when: { tags: small }, avoid: [big] }
  - { name: forms parse, when: { tags: strict }, accept: { json: true, otherwise: error } }
  - name: brief
    when: "'brief' in tags or 'strict' in tags and tokens > 10"
    accept: { max_chars: 9 }
  - { name: sorry, when: { tags: never }, deny: no }
  - { name: tools, when: { tags: tools }, needs: [tools] }
budgets: { day: { when: not stream, cap: $5/day } }
"""


@pytest.fixture(scope="module")
def policy() -> Policy:
    report = inspect([PolicyFile("p.yaml", POLICY.encode())])
    assert report.policy is not None, report.diagnostics
    return report.policy


@pytest.mark.parametrize(
    ("task", "tags", "by"),
    [
        ("chat", "", []),
        ("form", "", ["task `form`"]),
        (None, "strict", ["rule `forms parse`"]),
        (None, "brief strict", ["rule `forms parse`", "rule `brief`"]),
        ("form", "strict", ["task `form`", "rule `forms parse`"]),
        ("form", "never", []),
        ("poetry", "strict", []),
    ],
)
def test_the_task_s_checks_and_every_applying_rule_s(
    policy: Policy, task: str | None, tags: str, by: list[str]
) -> None:
    decision = decide(policy, Request(task=task, tags=set(tags.split())))
    assert [accept.by for accept in decision.accept] == by


def test_a_rule_that_applies_in_two_ways_counts_once(policy: Policy) -> None:
    decision = decide(policy, Request(task="chat", tags={"brief", "strict"}, tokens=11))
    assert [accept.by for accept in decision.accept] == ["rule `forms parse`", "rule `brief`"]


def test_what_a_policy_says_of_checks(policy: Policy) -> None:
    (accept,) = decide(policy, Request(task="form")).accept
    assert accept == Accept(
        "task `form`",
        not_empty=True,
        json_schema='{"type": "object"}',
        stop_reason=("stop",),
        llm=Judge(policy.model("big"), "Every field is filled in."),
    )
    assert str(accept.span) == "p.yaml:8:5"
    assert policy.rules[2].accept == Accept(
        "rule `forms parse`", json=True, otherwise=OnRejected.ERROR
    )
    chat = policy.task("chat")
    assert chat is not None
    assert chat.accept is None


@pytest.mark.parametrize(
    ("request_", "barred"),
    [
        (Request(task="form"), []),
        (Request(task="form", tags={"private"}), [(Reason.ONLY, "p.yaml:15:53")]),
        (Request(task="form", tags={"small"}), [(Reason.AVOID, "p.yaml:16:53")]),
        (Request(task="form", stream=True), [(Reason.UNCOVERED, "p.yaml:5:3")]),
        (Request(task="form", tags={"tools"}), []),
        (Request(task="form", needs={"json"}), []),
        (Request(task="form", model="small"), []),
        (Request(task="form", tokens=9_000), []),
        (Request(task="chat", tags={"private"}), []),
        (Request(task="chat", tags={"private", "brief"}), []),
    ],
)
def test_a_model_excluded_from_a_request_does_not_judge_it(
    policy: Policy, request_: Request, barred: list[tuple[Reason, str]]
) -> None:
    """Only what guards data and money does: abilities, contexts and the caller's criteria are about
    who answers."""
    decision = decide(policy, request_)
    assert [(s.model, s.reason, str(s.span)) for s in decision.barred] == [
        ("big", reason, at) for reason, at in barred
    ]


@pytest.mark.parametrize(
    ("said", "barred"),
    [
        ("only: [small]", [(Reason.ONLY, "excluded by `only` of task `form`")]),
        ("avoid: [big]", [(Reason.AVOID, "excluded by `avoid` of task `form`")]),
        ("use: [small]", []),
        ("max_price: $0/M", []),
        ("min_quality: 0.9", []),
    ],
)
def test_a_task_keeps_its_requests_from_a_judge_by_its_lists(
    said: str, barred: list[tuple[Reason, str]]
) -> None:
    text = POLICY.replace("form:", f"form:\n    {said}", 1)
    report = inspect([PolicyFile("p.yaml", text.encode())])
    assert report.policy is not None, report.diagnostics
    decision = decide(report.policy, Request(task="form"))
    assert [(s.reason, s.detail) for s in decision.barred] == barred


def test_a_rule_in_shadow_keeps_nothing_from_a_judge() -> None:
    text = POLICY.replace("only: [local] }", "only: [local], shadow: true }")
    report = inspect([PolicyFile("p.yaml", text.encode())])
    assert report.policy is not None, report.diagnostics
    assert decide(report.policy, Request(task="form", tags={"private"})).barred == ()
