"""Streams from a caller that plays a script."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest

from policy_router.decision.facts import situation_of
from policy_router.domain.decision import Candidate, Decision
from policy_router.domain.facts import Vocabulary
from policy_router.domain.fallback import Action, Cooldown, Fallback, FaultClass, OnBreak
from policy_router.domain.limits import Limit, Metric
from policy_router.domain.models import Model
from policy_router.domain.periods import Period
from policy_router.domain.prices import Price
from policy_router.domain.request import Request
from policy_router.errors import (
    AllModelsFailedError,
    BadRequestError,
    NoCandidateError,
    RoutingError,
    StreamBrokenError,
)
from policy_router.event_source import EventSource
from policy_router.events import Answered, Attempted, Decided, Event, Exhausted
from policy_router.execution import stream_attempt
from policy_router.execution.accounting import Accounting
from policy_router.execution.executor import Executor
from policy_router.execution.health.cooldown import Cooldowns
from policy_router.ledger.memory import MemoryStore
from policy_router.providers.failures.failure import Failure, FailureKind
from policy_router.providers.requests.body import Body
from tests.execution.make import DICE, HANG, HELLO, FakeCaller, chunk, decision, spoken, usage_chunk
from tests.generate import assemble

if TYPE_CHECKING:
    from policy_router.ledger.reader import LedgerEntry

LOST = Failure(FailureKind.CONNECTION_LOST, "lost")
R429 = Failure(FailureKind.RATE_LIMITED, "429", 429, retry_after=30)
WHOLE = spoken("one ", "two ", "three")
HALF = [*spoken("one ", "two ", finish=None), LOST]
ERROR, RESUME, BUFFER = OnBreak.ERROR, OnBreak.RESUME, OnBreak.BUFFER


class Read:
    """What came of a stream: its text, finish reason, error and history."""

    def __init__(self) -> None:
        self.chunks: list[Any] = []
        self.error: RoutingError | None = None
        self.served_by: str | None = None
        self.attempts: list[str | None] = []
        self.events: list[Event] = []

    @property
    def text(self) -> str:
        return "".join(each.text for each in self.chunks)

    @property
    def finish(self) -> str | None:
        return next((r for each in self.chunks if (r := each.finish_reason)), None)


async def no_sleep(_: float) -> None:
    return None


def read(
    caller: FakeCaller,
    *names: str,
    body: Body = HELLO,
    cooldowns: Cooldowns | None = None,
    **options: Any,
) -> Read:
    seen = Read()
    executor = Executor(
        caller,
        sleep=no_sleep,
        random=DICE,
        events=EventSource(seen.events.append),
        cooldowns=cooldowns,
    )

    async def go() -> None:
        try:
            async with await executor.stream(decision(*names), Fallback(**options), body) as stream:
                async for each in stream:
                    seen.chunks.append(each)
                seen.served_by = stream.served_by
                seen.attempts = [a.failure for a in stream.attempts]
        except RoutingError as error:
            seen.error = error
            seen.attempts = [a.failure for a in error.attempts]

    asyncio.run(go())
    return seen


def test_a_whole_stream() -> None:
    caller = FakeCaller(a=[[*WHOLE, usage_chunk(4, 3)]])
    seen = read(caller, "a", "b")
    assert (seen.text, seen.finish, seen.served_by) == ("one two three", "stop", "a")
    assert caller.closed == 1
    assert [type(e) for e in seen.events] == [Decided, Attempted, Answered]
    attempted = seen.events[1]
    assert isinstance(attempted, Attempted)
    assert (attempted.attempt.tokens_in, attempted.attempt.tokens_out) == (4, 3)
    assert attempted.attempt.first_token is not None


def test_usage_in_the_last_chunk_of_text_counts() -> None:
    last = chunk("", finish="stop")
    last.usage = usage_chunk(4, 3).usage
    (attempted,) = (e for e in read(FakeCaller(a=[[*WHOLE[:-1], last]]), "a").events
                    if isinstance(e, Attempted))  # fmt: skip
    assert (attempted.attempt.tokens_in, attempted.attempt.tokens_out) == (4, 3)


@pytest.mark.parametrize(("asked", "choices"), [(False, None), (True, ())])
def test_the_usage_chunk_is_given_out_when_requested(asked: bool, choices: Any) -> None:
    options = {"include_usage": True} if asked else None
    body = Body(messages=[{"role": "user", "content": "hi"}], stream_options=options)
    seen = read(FakeCaller(a=[[*WHOLE, usage_chunk(4, 3)]]), "a", body=body)
    usage = [each for each in seen.chunks if each.usage]
    assert [each.choices for each in usage] == ([] if choices is None else [choices])


@pytest.mark.parametrize(
    "before",
    [
        R429,
        [R429],
        [chunk("", role="assistant"), LOST],
        [chunk("", role="assistant")],
        [],
    ],
    ids=["on opening", "at once", "after the role", "ends after the role", "ends at once"],
)
@pytest.mark.parametrize("mode", [ERROR, RESUME, BUFFER])
def test_before_the_first_token_another_model_answers(before: Any, mode: OnBreak) -> None:
    seen = read(FakeCaller(a=[before, before], b=[WHOLE]), "a", "b", on_stream_break=mode)
    assert (seen.text, seen.finish, seen.served_by) == ("one two three", "stop", "b")
    roles = [each for each in seen.chunks if each.choices[0].delta.role]
    assert len(roles) == 1


@pytest.mark.parametrize(
    "delta",
    [
        {"text": "word"},
        {"reasoning_content": "hm"},
        {"tool_calls": [{"index": 0}]},
    ],
)
def test_after_any_delta_no_other_model_is_called(delta: dict[str, Any]) -> None:
    caller = FakeCaller(a=[[chunk(**delta), LOST]], b=[WHOLE])
    seen = read(caller, "a", "b", on_stream_break=ERROR)
    assert isinstance(seen.error, StreamBrokenError)
    assert seen.finish is None
    assert caller.calls == ["a"]
    assert seen.attempts == ["stream_broken"]
    assert seen.error.attempts[0].detail == "connection_lost: lost"
    assert seen.error.http_status == 502
    assert isinstance(seen.events[-1], Exhausted)


def test_an_end_without_a_finish_reason_is_a_break() -> None:
    seen = read(FakeCaller(a=[spoken("one ", finish=None)]), "a")
    assert isinstance(seen.error, StreamBrokenError)


def test_what_is_lost_after_the_finish_reason_breaks_nothing() -> None:
    seen = read(FakeCaller(a=[[*WHOLE, LOST]]), "a")
    assert (seen.error, seen.text, seen.attempts) == (None, "one two three", [None])


def test_first_token_limit() -> None:
    seen = read(FakeCaller(a=[HANG], b=[WHOLE]), "a", "b", first_token_within=0.3)
    assert (seen.served_by, seen.attempts) == ("b", ["timeout", None])


def test_a_role_is_no_first_token() -> None:
    silent = [chunk("", role="assistant"), HANG]
    seen = read(FakeCaller(a=[silent], b=[WHOLE]), "a", "b", first_token_within=0.3)
    assert seen.served_by == "b"


def test_stall() -> None:
    seen = read(FakeCaller(a=[[chunk("one "), HANG]]), "a", stall=0.05)
    assert isinstance(seen.error, StreamBrokenError)
    assert seen.attempts == ["timeout"]
    assert seen.error.attempts[0].detail == "no chunk for 0.05 s"


@pytest.mark.parametrize(
    ("end", "attempts"),
    [([chunk("one"), chunk("", finish="stop")], [None]), (spoken(), ["empty", None])],
)
def test_a_connection_left_open_after_the_finish_reason_holds_up_no_caller(
    end: list[Any], attempts: list[str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_attempt, "USAGE_WITHIN", 0.05)
    caller = FakeCaller(a=[[*end, HANG]], b=[WHOLE])
    seen = read(caller, "a", "b", stall=1_000, first_token_within=1_000)
    assert seen.attempts == attempts


def test_after_a_stall_the_next_model_goes_first() -> None:
    caller = FakeCaller(a=[[chunk("one "), HANG]], b=[WHOLE])
    seen = read(caller, "a", "b", stall=0.05)
    assert (seen.error, seen.text, caller.calls) == (None, "one two three", ["a", "b"])
    assert seen.attempts == ["timeout", None]


def test_a_filter_in_the_middle_is_not_asked_of_another_model() -> None:
    filtered = [chunk("one "), Failure(FailureKind.CONTENT_POLICY, "filtered")]
    caller = FakeCaller(a=[filtered], b=[WHOLE])
    seen = read(caller, "a", "b")
    assert isinstance(seen.error, StreamBrokenError)
    assert (seen.text, caller.calls, seen.attempts) == ("one ", ["a"], ["content_policy"])


def test_other_words_end_a_resumed_stream_and_do_not_count_against_their_model() -> None:
    cooldowns = Cooldowns(lambda: 100.0)
    caller = FakeCaller(a=[HALF], b=[spoken("something ", "else")])
    seen = read(
        caller,
        "a",
        "b",
        cooldowns=cooldowns,
        cooldown=Cooldown(failures=1),
        on_error={FaultClass.SERVER_ERROR: Action.NEXT},
    )
    assert isinstance(seen.error, StreamBrokenError)
    assert (seen.text, seen.attempts) == ("one two ", ["stream_broken"] * 2)
    assert list(cooldowns.cooling(100.0)) == ["a"]


@pytest.mark.parametrize("mode", [ERROR, RESUME])
def test_the_deadline_in_the_middle_ends_it(mode: OnBreak) -> None:
    caller = FakeCaller(a=[[chunk("one "), HANG]])
    seen = read(caller, "a", "b", deadline=0.6, on_stream_break=mode)
    assert isinstance(seen.error, StreamBrokenError)
    assert (seen.attempts, caller.calls) == (["deadline"], ["a"])


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (Failure(FailureKind.BAD_REQUEST), BadRequestError),
        ([chunk(finish="content_filter")], BadRequestError),
        (R429, AllModelsFailedError),
    ],
)
def test_errors_before_the_first_token(script: Any, kind: type[RoutingError]) -> None:
    seen = read(FakeCaller(a=[script]), "a")
    assert type(seen.error) is kind
    assert isinstance(seen.events[-1], Exhausted)


def test_no_model_to_call() -> None:
    assert isinstance(read(FakeCaller()).error, NoCandidateError)


NOTHING = [chunk("", role="assistant"), chunk(finish="stop")]


@pytest.mark.parametrize("mode", [ERROR, BUFFER])
@pytest.mark.parametrize(
    ("scripts", "served_by", "attempts"),
    [
        ({"a": [NOTHING], "b": [WHOLE]}, "b", ["empty", None]),
        ({"a": [NOTHING]}, "a", [None]),
        ({"a": [NOTHING], "b": [NOTHING]}, "b", ["empty", None]),
        ({"a": [NOTHING], "b": [R429]}, "a", ["empty", "rate_limited"]),
        ({"a": [[chunk(finish="length")]]}, "a", [None]),
    ],
)
def test_empty_answers(
    scripts: dict[str, Any], served_by: str, attempts: list[Any], mode: OnBreak
) -> None:
    seen = read(FakeCaller(**scripts), *scripts, on_stream_break=mode)
    assert (seen.served_by, seen.attempts) == (served_by, attempts)
    assert seen.finish is not None
    assert isinstance(seen.events[-1], Answered)


def test_buffer_falls_back_to_the_end() -> None:
    other = spoken("uno ", "due")
    seen = read(FakeCaller(a=[HALF, HALF], b=[other]), "a", "b", on_stream_break=BUFFER)
    assert (seen.text, seen.served_by) == ("uno due", "b")
    assert seen.attempts == ["connection_lost", "connection_lost", None]


def test_buffer_gives_nothing_out_before_the_answer_is_whole() -> None:
    seen = read(FakeCaller(a=[HALF, HALF]), "a", on_stream_break=BUFFER)
    assert isinstance(seen.error, AllModelsFailedError)
    assert seen.chunks == []


@pytest.mark.parametrize(
    "again",
    [
        spoken("one ", "two ", "three"),
        spoken("one two three"),
        spoken("o", "ne tw", "o th", "ree"),
        spoken("one two ", "three"),
        [chunk("one two three", finish="stop")],
    ],
)
def test_resume_swallows_what_is_repeated(again: list[Any]) -> None:
    caller = FakeCaller(a=[HALF, again])
    seen = read(caller, "a", on_stream_break=RESUME)
    assert (seen.text, seen.finish) == ("one two three", "stop")
    assert caller.calls == ["a", "a"]
    assert seen.attempts == ["stream_broken", None]
    assert {each.id for each in seen.chunks} == {"c"}


def test_resume_with_nothing_left_but_the_end() -> None:
    again = [chunk("one "), chunk("two ", finish="stop")]
    seen = read(FakeCaller(a=[HALF, again]), "a", on_stream_break=RESUME)
    assert (seen.text, seen.finish) == ("one two ", "stop")


@pytest.mark.parametrize(
    "again",
    [
        spoken("one ", "too "),
        spoken("one "),
        spoken("One two three"),
        [chunk("one "), chunk(tool_calls=[{"index": 0}])],
        [chunk(reasoning_content="hm")],
    ],
)
def test_resume_never_contradicts_itself(again: list[Any]) -> None:
    seen = read(FakeCaller(a=[HALF, again], b=[WHOLE]), "a", "b", on_stream_break=RESUME)
    assert isinstance(seen.error, StreamBrokenError)
    assert seen.text == "one two "
    assert seen.attempts == ["stream_broken", "stream_broken"]


def test_resume_continues_with_the_next_model() -> None:
    seen = read(FakeCaller(a=[HALF, R429], b=[HALF, WHOLE]), "a", "b", on_stream_break=RESUME)
    assert (seen.text, seen.served_by) == ("one two three", "b")
    assert seen.attempts == ["stream_broken", "rate_limited", "stream_broken", None]


def test_resume_without_anyone_left() -> None:
    seen = read(FakeCaller(a=[HALF, R429]), "a", on_stream_break=RESUME)
    assert isinstance(seen.error, StreamBrokenError)
    assert isinstance(seen.error.__cause__, AllModelsFailedError)


@pytest.mark.parametrize("delta", [{"reasoning_content": "hm"}, {"tool_calls": [{"index": 0}]}])
def test_only_plain_text_is_resumed(delta: dict[str, Any]) -> None:
    caller = FakeCaller(a=[[chunk(**delta), LOST]])
    seen = read(caller, "a", on_stream_break=RESUME)
    assert isinstance(seen.error, StreamBrokenError)
    assert caller.calls == ["a"]


async def leave_after(executor: Executor, count: int) -> None:
    async with await executor.stream(decision("a"), Fallback(), HELLO) as stream:
        for _ in range(count):
            await anext(stream)
        assert stream.served_by == "a"
        assert stream.attempts[-1].failure is None
        assert stream.decision.candidates[0].name == "a"


@pytest.mark.parametrize(
    ("count", "failure", "last"),
    [(0, "cancelled", Exhausted), (2, "cancelled", Exhausted), (5, None, Answered)],
)
def test_leaving_early_closes_the_upstream(count: int, failure: str | None, last: type) -> None:
    events: list[Event] = []
    caller = FakeCaller(a=[WHOLE])
    asyncio.run(leave_after(Executor(caller, events=EventSource(events.append)), count))
    assert caller.closed == 1
    attempted = next(e for e in events if isinstance(e, Attempted))
    assert attempted.attempt.failure == failure
    assert type(events[-1]) is last
    assert len(events) == 3


@pytest.mark.parametrize(
    ("used", "entry"),
    [(usage_chunk(4, 3).usage, (10, 4, 3, False)), (None, (36, 10, 13, True))],
    ids=["counted", "not counted"],
)
def test_an_answer_that_was_read_to_its_end_is_charged_when_its_reader_leaves(
    used: Any, entry: tuple[int, int, int, bool]
) -> None:
    last = chunk(finish="stop")
    last.usage = used
    paid = Model("paid", "openai/b", "light", 0, Price(1_000_000, 2_000_000), max_output=100)
    budget = Limit("budgets", "all", Metric.USD, Period.DAY, None, 0b1)
    policy = assemble((paid,), (), Vocabulary((), ()), bands=(), meters=(budget,))
    store = MemoryStore(lambda: 0.0)
    situation = situation_of(policy, Request(tokens=10), 0.0)
    account = Accounting(store, clock=lambda: 0.0).account(policy, situation)
    made = Decision(revision="", situation=situation, candidates=(Candidate(paid, "", ""),))

    async def go() -> list[LedgerEntry]:
        caller = FakeCaller(paid=[[*WHOLE[:-1], last]])
        async with await Executor(caller).stream(made, Fallback(), HELLO, account) as stream:
            async for each in stream:
                if each.finish_reason:
                    break
        (attempt,) = stream.attempts
        assert (attempt.cost_nano_usd, attempt.estimated) == (entry[0], entry[3])
        return [row async for row in store.rows()]

    (row,) = asyncio.run(go())
    assert (row.cost, row.tokens_in, row.tokens_out, row.estimated) == entry


def test_closing_twice_and_reading_after_it() -> None:
    async def go() -> None:
        stream = await Executor(FakeCaller(a=[WHOLE])).stream(decision("a"), Fallback(), HELLO)
        await stream.aclose()
        await stream.aclose()
        assert [each async for each in stream] == []

    asyncio.run(go())


def test_cancelling_the_reader_closes_the_upstream() -> None:
    caller = FakeCaller(a=[[chunk("one "), HANG]])
    events: list[Event] = []

    async def go() -> None:
        stream = await Executor(caller, events=EventSource(events.append)).stream(
            decision("a"), Fallback(), HELLO
        )
        async with aclosing(stream):
            await anext(stream)
            task = asyncio.ensure_future(anext(stream))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(go())
    assert caller.closed == 1
    assert [type(e) for e in events] == [Decided, Attempted, Exhausted]


THOUGHT = [chunk(reasoning_content="hm"), chunk(finish="stop")]


def test_a_stream_that_only_thought_is_empty_and_cannot_be_taken_back() -> None:
    seen = read(FakeCaller(a=[THOUGHT], b=[WHOLE]), "a", "b")
    assert (seen.error, seen.served_by, seen.attempts) == (None, "a", [None])
    assert seen.finish == "stop"
    seen = read(FakeCaller(a=[THOUGHT], b=[WHOLE]), "a", "b", on_stream_break=OnBreak.BUFFER)
    assert (seen.served_by, seen.attempts, seen.text) == ("b", ["empty", None], "one two three")


@pytest.mark.parametrize("reason", ["error", "abort", "network_error", "never heard of"])
def test_a_reason_that_ends_no_answer_never_reaches_the_caller(reason: str) -> None:
    broken = [*spoken("one ", finish=None), chunk(finish=reason)]
    seen = read(FakeCaller(a=[broken], b=[WHOLE]), "a", "b", on_stream_break=ERROR)
    assert isinstance(seen.error, StreamBrokenError)
    assert (seen.text, seen.finish) == ("one ", None)
    silent = [chunk(finish=reason)]
    seen = read(FakeCaller(a=[silent] * 2, b=[WHOLE]), "a", "b")
    assert (seen.error, seen.served_by, seen.text) == (None, "b", "one two three")
