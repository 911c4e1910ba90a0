"""Requests in the log: one line for the decision and one for the outcome, none with a prompt."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import replace
from typing import Any

import pytest

from policy_router.domain.complexity import Band
from policy_router.domain.decision import Decision, Reason, RuleReasons, Skip
from policy_router.domain.fallback import Fallback
from policy_router.domain.findings import Finding
from policy_router.domain.request import Request
from policy_router.domain.rules import Task
from policy_router.domain.situation import Situation
from policy_router.errors import RoutingError
from policy_router.event_source import EventSource
from policy_router.events import Answered, Attempted, Decided, Event, Exhausted, NoRoom
from policy_router.execution.executor import Executor
from policy_router.loading import load
from policy_router.observe.logs import is_logged, log_event
from policy_router.providers.failures.failure import Failure, FailureKind
from policy_router.providers.requests.body import Body
from policy_router.router.router import Router
from tests.execution.make import FakeCaller, candidate, decision, response

PROMPT = "the eagle lands at noon"
ASK = Body(messages=[{"role": "user", "content": PROMPT}])
R500 = Failure(FailureKind.TIMEOUT)


def identity() -> tuple[str, str, float, str]:
    return "event", "request", 1_000.0, "rev"


CODE = Decision(
    revision="rev",
    situation=Situation(Request(), Task("code"), Band("hard", 0.6), 0.8),
    candidates=(candidate("big"), candidate("small")),
    reasons=RuleReasons(
        ("private", "eu"), (Skip("far", Reason.ONLY, "excluded by `only` of rule `eu`"),)
    ),
)
NONE = Decision(revision="rev", situation=Situation(Request()), candidates=())
DENIED = replace(NONE, denied="closed\non Sundays")
CASES: list[tuple[Event, list[str]]] = [
    (
        Decided(*identity(), CODE),
        [
            "request task code, complexity hard: big, small (rules: private, eu)",
            "request skips far (only): excluded by `only` of rule `eu`",
        ],
    ),
    (Decided(*identity(), NONE), ["request no task: no model"]),
    (Decided(*identity(), DENIED), ["request no task: denied: closed\ufffdon Sundays"]),
    (
        NoRoom(*identity(), Skip("big", Reason.BUDGET, "budget `b` is spent")),
        ["request skips big (budget): budget `b` is spent"],
    ),
    (Exhausted(*identity(), NONE, (), True), ["request not answered after no attempt"]),
    (
        Exhausted(*identity(), NONE, (), False, 12.0),
        ["request not answered after no attempt, retry after 12 s"],
    ),
    (
        Answered(*identity(), NONE, (), "big", (), (Finding("json", "no JSON", "task `t`"),)),
        ["request answered by big after no attempt, though checks rejected it"],
    ),
]


@pytest.mark.parametrize(("event", "lines"), CASES, ids=lambda case: type(case).__name__)
def test_what_an_event_is_in_the_log(
    caplog: pytest.LogCaptureFixture, event: Event, lines: list[str]
) -> None:
    with caplog.at_level(logging.DEBUG, "policy_router"):
        log_event(event)
    assert caplog.messages == lines


@pytest.mark.parametrize(("level", "skips"), [(logging.DEBUG, 2), (logging.INFO, 0)])
def test_skips_are_at_debug_and_the_rest_at_info(
    caplog: pytest.LogCaptureFixture, level: int, skips: int
) -> None:
    with caplog.at_level(level, "policy_router"):
        for event, _ in CASES:
            log_event(event)
    assert [record.levelno for record in caplog.records].count(logging.DEBUG) == skips
    assert [record.levelno for record in caplog.records].count(logging.INFO) == 6


def test_nothing_is_logged_above_info(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "policy_router"):
        for event, _ in CASES:
            log_event(event)
    assert not caplog.messages


@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO, logging.WARNING])
def test_events_are_wanted_where_they_are_logged(
    caplog: pytest.LogCaptureFixture, level: int
) -> None:
    with caplog.at_level(level, "policy_router"):
        for event, _ in CASES:
            before = len(caplog.messages)
            log_event(event)
            assert is_logged(type(event)) == (len(caplog.messages) > before)
        assert not is_logged(Attempted)


@pytest.mark.parametrize(
    ("scripts", "outcome"),
    [
        (
            {"a": [R500], "b": [response("hello")]},
            "answered by b after 2 attempts (a: timeout, b: ok), 0.0 s, $0",
        ),
        ({"a": [response("hello")], "b": []}, "answered by a after 1 attempt (a: ok), 0.0 s, $0"),
        (
            {"a": [R500], "b": [R500]},
            "not answered after 2 attempts (a: timeout, b: timeout), 0.0 s, $0",
        ),
    ],
)
def test_a_request_has_two_lines_and_neither_has_its_prompt(
    caplog: pytest.LogCaptureFixture, scripts: dict[str, list[Any]], outcome: str
) -> None:
    executor = Executor(
        FakeCaller(**scripts),
        events=EventSource(log_event, new_id=lambda: "id"),
        monotonic=lambda: 0.0,
    )
    with caplog.at_level(logging.INFO, "policy_router"), contextlib.suppress(RoutingError):
        asyncio.run(executor.run(decision("a", "b"), Fallback(), ASK))
    assert caplog.messages == ["id no task: a, b", f"id {outcome}"]
    assert PROMPT not in caplog.text
    assert {record.name for record in caplog.records} == {
        "policy_router.decisions",
        "policy_router.outcomes",
    }


def test_a_router_logs_by_itself(caplog: pytest.LogCaptureFixture) -> None:
    policy = load(text="version: 1\nmodels: { a: { model: openai/a, tier: t, price: free } }\n")
    with (
        caplog.at_level(logging.INFO, "policy_router"),
        Router(policy, FakeCaller(a=[response("hello")])) as router,
    ):
        answer = router.completion([{"role": "user", "content": PROMPT}])
    assert [message.split()[0] for message in caplog.messages] == [answer.decision_id] * 2
    assert PROMPT not in caplog.text
