"""Answers that fail their checks: who is asked next, what comes back in the end, whole or streamed.
The caller plays a script."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from policy_router.acceptance.user_code import Functions
from policy_router.domain.acceptance import Accept, OnRejected
from policy_router.domain.fallback import Fallback, OnBreak
from policy_router.errors import AllModelsFailedError, RoutingError
from policy_router.event_source import EventSource
from policy_router.events import Answered, Attempted, Decided, Event, Exhausted
from policy_router.execution.executor import Executor
from policy_router.execution.health.cooldown import Cooldowns
from policy_router.providers.failures.failure import Failure, FailureKind
from policy_router.providers.requests.body import Body
from tests.execution import checks_of_ours
from tests.execution.make import (
    DICE,
    HANG,
    HELLO,
    FakeCaller,
    candidate,
    chunk,
    decision,
    response,
    spoken,
    usage_chunk,
)

TASK = Accept("task `t`", json=True, max_chars=20)
STRICT = Accept("rule `r`", json=True, otherwise=OnRejected.ERROR)
GOOD, BAD = '{"a": 1}', "not at all"
WORSE = "not at all, and it goes on and on"
LOST = Failure(FailureKind.CONNECTION_LOST, "lost")
R400 = Failure(FailureKind.BAD_REQUEST, "400", 400)
OURS = "tests.execution.checks_of_ours"
ALLOWED = Functions([f"{OURS}:{name}" for name in ("polite", "short", "leaves", "hang")])


class Came:
    """What came of a request: its text, or its error, and its history."""

    def __init__(self) -> None:
        self.text = ""
        self.served_by: str | None = None
        self.rejected: list[str] = []
        self.error: RoutingError | None = None
        self.attempts: list[str | None] = []
        self.events: list[Event] = []


async def no_sleep(_: float) -> None:
    return None


async def answer(came: Came, executor: Executor, them: Any, fallback: Fallback, body: Body) -> None:
    got = await executor.run(them, fallback, body)
    came.text = got.choices[0].message.text
    took(came, got)


async def stream(came: Came, executor: Executor, them: Any, fallback: Fallback, body: Body) -> None:
    async with await executor.stream(them, fallback, body) as got:
        async for each in got:
            came.text += each.text
        took(came, got)


def took(came: Came, got: Any) -> None:
    came.served_by = got.served_by
    came.rejected = [f.check for f in got.rejected]
    came.attempts = [a.failure for a in got.attempts]


def ask(
    how: Any,
    *answers: Any,
    accept: Any = (TASK,),
    ranks: tuple[int, ...] = (0, 1, 2),
    cooldowns: Cooldowns | None = None,
    body: Body = HELLO,
    **options: Any,
) -> Came:
    """Models a, b, c of these tiers, each with its answer."""
    came = Came()
    names = "abc"[: len(answers)]
    scripts = {
        name: [said if isinstance(said, Failure) or said is HANG else made(how, said)]
        for name, said in zip(names, answers, strict=True)
    }
    them = decision(
        *(candidate(n, rank=r) for n, r in zip(names, ranks, strict=False)), accept=accept
    )
    executor = Executor(
        FakeCaller(**scripts), sleep=no_sleep, random=DICE, events=EventSource(came.events.append),
        cooldowns=cooldowns, functions=ALLOWED,
    )  # fmt: skip
    try:
        asyncio.run(how(came, executor, them, Fallback(**options), body))
    except RoutingError as error:
        came.error = error
        came.attempts = [a.failure for a in error.attempts]
    return came


def made(how: Any, said: Any) -> Any:
    """A text, or chunks, as the caller gives it."""
    if how is answer:
        return response(said) if isinstance(said, str) else said
    return spoken(*said.split(" ")) if isinstance(said, str) else said


both = pytest.mark.parametrize("how", [answer, stream])


@both
@pytest.mark.parametrize(
    ("answers", "served_by", "attempts"),
    [
        ([GOOD], "a", [None]),
        ([BAD, GOOD], "b", ["rejected", None]),
        ([BAD, BAD, GOOD], "c", ["rejected", "rejected", None]),
        ([BAD, Failure(FailureKind.RATE_LIMITED), GOOD], "c", ["rejected", "rate_limited", None]),
        ([Failure(FailureKind.RATE_LIMITED), BAD, GOOD], "c", ["rate_limited", "rejected", None]),
    ],
)
def test_a_rejected_answer_leads_to_a_higher_tier(
    how: Any, answers: list[Any], served_by: str, attempts: list[str | None]
) -> None:
    came = ask(how, *answers)
    assert (came.served_by, came.attempts, came.rejected) == (served_by, attempts, [])
    assert came.text.replace(" ", "") == GOOD.replace(" ", "")


@both
def test_never_to_the_same_tier(how: Any) -> None:
    came = ask(how, BAD, GOOD, GOOD, ranks=(0, 0, 1))
    assert (came.served_by, came.attempts) == ("c", ["rejected", None])
    done = came.events[-1]
    assert isinstance(done, Answered)
    assert [s.detail for s in done.skipped] == [
        "not of a higher tier than `a`, whose answer was rejected"
    ]


@both
def test_events_say_why(how: Any) -> None:
    came = ask(how, BAD, GOOD)
    assert [type(e) for e in came.events] == [Decided, Attempted, Attempted, Answered]
    first = came.events[1]
    assert isinstance(first, Attempted)
    assert first.failure is not None
    assert (first.failure.kind, first.failure.status) == (FailureKind.REJECTED, 200)
    assert first.attempt.detail == ("json (task `t`): no JSON: expecting value at character 0")


@both
@pytest.mark.parametrize(
    ("answers", "ranks", "served_by", "rejected"),
    [
        ([BAD], (0,), "a", ["json"]),
        ([BAD, WORSE], (0, 1), "a", ["json"]),
        ([WORSE, BAD], (0, 1), "b", ["json"]),
        ([BAD, BAD], (0, 1), "b", ["json"]),
        ([BAD, BAD], (1, 0), "a", ["json"]),
        ([WORSE], (0,), "a", ["json", "max_chars"]),
        ([BAD, LOST], (0, 1), "a", ["json"]),
        ([BAD, R400], (0, 1), "a", ["json"]),
        ([BAD, Failure(FailureKind.CONTENT_POLICY)], (0, 1), "a", ["json"]),
    ],
)
def test_the_best_answer_is_returned_marked(
    how: Any, answers: list[Any], ranks: tuple[int, ...], served_by: str, rejected: list[str]
) -> None:
    came = ask(how, *answers, ranks=ranks, max_attempts=2)
    assert (came.served_by, came.rejected) == (served_by, rejected)
    assert came.text.replace(" ", "") == answers["ab".index(served_by)].replace(" ", "")
    done = came.events[-1]
    assert isinstance(done, Answered)
    assert [f.check for f in done.rejected] == rejected


@both
@pytest.mark.parametrize("accept", [(STRICT,), (TASK, STRICT), (STRICT, TASK)])
def test_or_an_error(how: Any, accept: tuple[Accept, ...]) -> None:
    came = ask(how, BAD, WORSE, accept=accept)
    assert isinstance(came.error, AllModelsFailedError)
    assert came.attempts == ["rejected", "rejected"]
    assert came.text == ""
    assert isinstance(came.events[-1], Exhausted)
    assert came.error.http_status == 502
    assert "rejected (json (rule `r`): no JSON" in str(came.error).replace("task `t`", "rule `r`")


@both
def test_an_answer_that_failed_only_what_is_not_fatal_stands_in(how: Any) -> None:
    loose = Accept("task `t`", max_chars=3)
    came = ask(how, BAD, GOOD, accept=(loose, STRICT))
    assert (came.served_by, came.rejected) == ("b", ["max_chars"])


@both
def test_max_attempts_bounds_it(how: Any) -> None:
    came = ask(how, BAD, GOOD, max_attempts=1)
    assert (came.served_by, came.attempts, came.rejected) == ("a", ["rejected"], ["json"])


@both
def test_the_deadline_bounds_it(how: Any) -> None:
    came = ask(how, BAD, HANG, deadline=1.2)
    assert (came.served_by, came.rejected) == ("a", ["json"])
    assert came.attempts[0] == "rejected"
    assert came.attempts[1] in {"timeout", "deadline"}


@both
def test_an_empty_answer_is_rejected_when_that_is_checked(how: Any) -> None:
    empty = response("") if how is answer else [chunk(""), chunk(finish="stop")]
    checked = Accept("task `t`", not_empty=True)
    came = ask(how, empty, "x", GOOD, accept=(checked,), ranks=(0, 0, 1))
    assert (came.served_by, came.attempts) == ("c", ["rejected", None])
    came = ask(how, empty, "x", GOOD, accept=(Accept("task `t`", max_chars=9),), ranks=(0, 0, 1))
    assert (came.served_by, came.attempts) == ("b", ["empty", None])


@both
def test_functions_are_called_when_the_table_is_passed(how: Any) -> None:
    ours = Accept("rule `p`", python=f"{OURS}:polite")
    again = Accept("rule `q`", python=f"{OURS}:short")
    came = ask(how, "no", "yes please", "x", accept=(ours, again))
    assert (came.served_by, came.attempts) == ("b", ["rejected", None])
    first = came.events[1]
    assert isinstance(first, Attempted)
    assert first.attempt.detail == (f"python (rule `p`): `{OURS}:polite`: it is not polite")
    came = ask(how, "no", accept=(Accept("task `t`", json=True, python=f"{OURS}:leaves"),))
    assert came.rejected == ["json"]


@both
def test_a_function_that_cannot_be_called_rejects(how: Any) -> None:
    came = ask(how, GOOD, accept=(Accept("task `t`", python="no_such_module:check"),))
    assert (came.served_by, came.rejected) == ("a", ["python"])


@both
def test_a_rejected_answer_is_no_fault_of_the_service(how: Any) -> None:
    cooldowns = Cooldowns(lambda: 500.0)
    for _ in range(5):
        ask(how, BAD, GOOD, cooldowns=cooldowns)
    assert cooldowns.cooling(500.0) == {}


@pytest.mark.parametrize("mode", OnBreak)
def test_nothing_is_given_out_before_the_answer_has_passed(mode: OnBreak) -> None:
    half = [*spoken("{", finish=None), LOST]
    came = ask(stream, half, BAD, GOOD, on_stream_break=mode, max_attempts=9, on_error={})
    assert came.attempts == ["connection_lost", "rejected", None]
    assert came.text.replace(" ", "") == GOOD.replace(" ", "")


def test_the_usage_of_every_attempt_is_kept() -> None:
    asked = Body(messages=[{"role": "user", "content": "hi"}],
                 stream_options={"include_usage": True})  # fmt: skip
    chunks = [[*spoken(said), usage_chunk(3, n)] for n, said in enumerate((BAD, GOOD), start=7)]
    came = ask(stream, *chunks, body=asked)
    ended = [e.attempt for e in came.events if isinstance(e, Attempted)]
    assert [(a.model, a.tokens_in, a.tokens_out) for a in ended] == [("a", 3, 7), ("b", 3, 8)]


def test_what_a_function_is_shown_of_a_stream() -> None:
    """An answer of the same shape as a whole one, its tool calls put together."""
    piece = {"index": 0, "id": "c", "function": {"name": "add", "arguments": "{}"}}
    chunks = [chunk("please"), chunk(tool_calls=[piece]), chunk(finish="stop")]
    came = ask(stream, chunks, accept=(Accept("task `t`", python=f"{OURS}:polite"),))
    assert (came.served_by, came.rejected) == ("a", [])


def test_a_stream_that_is_closed_while_it_is_checked() -> None:
    events: list[Event] = []
    accept = (Accept("task `t`", python=f"{OURS}:hang"),)

    async def go() -> None:
        caller = FakeCaller(a=[spoken("x")])
        executor = Executor(caller, events=EventSource(events.append), functions=ALLOWED)
        asking = asyncio.create_task(
            executor.stream(decision(candidate("a"), accept=accept), Fallback(), HELLO)
        )
        await asyncio.to_thread(checks_of_ours.BEGAN.wait, 30)
        asking.cancel()
        await asking

    checks_of_ours.BEGAN.clear()
    checks_of_ours.HELD.clear()
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(go())
    checks_of_ours.HELD.set()
    assert [type(e) for e in events] == [Decided, Attempted, Exhausted]


def test_without_checks_nothing_is_held_back() -> None:
    came = ask(stream, spoken(BAD), accept=())
    assert (came.text, came.rejected) == (BAD, [])


def test_an_answer_without_choices_is_malformed_as_before() -> None:
    came = ask(answer, SimpleNamespace(choices=[]), GOOD)
    assert came.attempts == ["malformed", None]
