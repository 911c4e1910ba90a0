"""The executor against a caller that plays a script: no network, no waiting."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from policy_router.domain.fallback import Action, Fallback, FaultClass
from policy_router.errors import AllModelsFailedError, BadRequestError, NoCandidateError
from policy_router.event_source import EventSource
from policy_router.events import Answered, Attempted, Decided, Event, Exhausted
from policy_router.execution.executor import Executor
from policy_router.execution.health.cooldown import Cooldowns
from policy_router.providers.failures.failure import Failure, FailureKind
from tests.execution.make import DICE, HANG, HELLO, FakeCaller, candidate, decision, response

if TYPE_CHECKING:
    from policy_router.execution.answer import Answer

R429 = Failure(FailureKind.RATE_LIMITED, "429", 429, retry_after=30)
R500 = Failure(FailureKind.SERVER_ERROR, "500", 500)
R400 = Failure(FailureKind.BAD_REQUEST, "400", 400)
INVALID = Failure(FailureKind.INVALID_REQUEST, "400 invalid_image", 400)
EMPTY = response("")


class Time:
    """A clock that only moves when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def run(
    caller: FakeCaller, *names: Any, events: list[Event] | None = None, **options: Any
) -> Answer:
    cooldowns = options.pop("cooldowns", None)
    time = options.pop("time", None) or Time()
    began = options.pop("began", None)
    executor = Executor(
        caller,
        clock=lambda: 1_000.0 + time.now,
        monotonic=time,
        sleep=time.sleep,
        random=DICE,
        events=EventSource((events if events is not None else []).append),
        cooldowns=cooldowns,
    )
    asking = executor.run(decision(*names), Fallback(**options), HELLO, began=began)
    return asyncio.run(asking)


def kinds(answer: Any) -> list[str | None]:
    return [attempt.failure for attempt in answer.attempts]


def test_the_first_candidate_answers() -> None:
    used = SimpleNamespace(prompt_tokens=3, completion_tokens=5)
    answer = run(FakeCaller(a=[response("hello", usage=used)]), "a", "b")
    assert answer.choices[0].message.content == "hello"
    assert answer.model == "wire-name"
    assert (answer.served_by, kinds(answer)) == ("a", [None])
    attempt = answer.attempts[0]
    assert (attempt.provider_model, attempt.started) == ("openai/a", 1_100.0)
    assert (attempt.tokens_in, attempt.tokens_out) == (3, 5)


@pytest.mark.parametrize("count", [-5, 10**18, 1.5, "7", True, None])
def test_hostile_usage_is_no_number(count: Any) -> None:
    used = SimpleNamespace(prompt_tokens=count, completion_tokens=count)
    attempt = run(FakeCaller(a=[response(usage=used)]), "a").attempts[0]
    assert (attempt.tokens_in, attempt.tokens_out) == (None, None)


@pytest.mark.parametrize(
    ("scripts", "called", "failures"),
    [
        ({"a": [R429], "b": [response()]}, "ab", ["rate_limited", None]),
        ({"a": [R500, response()]}, "aa", ["server_error", None]),
        ({"a": [R500, R500], "b": [response()]}, "aab", ["server_error", "server_error", None]),
        (
            {"a": [response("half", "abort")] * 2, "b": [response()]},
            "aab",
            ["server_error", "server_error", None],
        ),
        ({"a": [response("half", "who knows")], "b": [response()]}, "ab", ["malformed", None]),
        ({"a": [response("half", None)], "b": [response()]}, "ab", ["malformed", None]),
        ({"a": [Failure(FailureKind.CREDENTIAL)], "b": [response()]}, "ab", ["credential", None]),
        ({"a": [EMPTY], "b": [response()]}, "ab", ["empty", None]),
        ({"a": [response()]}, "a", [None]),
        ({"a": [SimpleNamespace(choices=[])], "b": [response()]}, "ab", ["malformed", None]),
        ({"a": [response("half", "length")]}, "a", [None]),
        ({"a": [response("", "length")]}, "a", [None]),
    ],
)
def test_reactions(scripts: dict[str, Any], called: str, failures: list[str | None]) -> None:
    caller = FakeCaller(**scripts)
    answer = run(caller, *scripts)
    assert "".join(caller.calls) == called
    assert kinds(answer) == failures
    assert answer.served_by == called[-1]


@pytest.mark.parametrize(
    "script", [INVALID, Failure(FailureKind.CONTENT_POLICY), response("no", "content_filter")]
)
def test_the_request_s_own_fault_stops(script: Any) -> None:
    caller = FakeCaller(a=[script], b=[response()])
    with pytest.raises(BadRequestError) as caught:
        run(caller, "a", "b")
    assert caller.calls == ["a"]
    assert caught.value.http_status == 400
    assert len(caught.value.attempts) == 1


def test_what_another_model_may_accept_falls_back() -> None:
    assert run(FakeCaller(a=[R400], b=[response()]), "a", "b").served_by == "b"


def test_the_policy_may_say_otherwise() -> None:
    answer = run(
        FakeCaller(a=[INVALID], b=[response()]),
        "a",
        "b",
        on_error={FaultClass.BAD_REQUEST: Action.NEXT},
    )
    assert answer.served_by == "b"
    with pytest.raises(BadRequestError) as caught:
        run(FakeCaller(a=[R400]), "a", "b", on_error={FaultClass.BAD_REQUEST: Action.STOP})
    assert str(caught.value) == (
        "the request was refused\n  a: bad_request (400)"
        "\n  b: not called: the request stops at bad_request"
    )


def test_what_every_model_refuses_is_the_request_s_fault() -> None:
    with pytest.raises(BadRequestError) as caught:
        run(FakeCaller(a=[R400], b=[Failure(FailureKind.UNSUPPORTED)]), "a", "b")
    assert (caught.value.http_status, len(caught.value.attempts)) == (400, 2)


def test_every_model_is_called_and_those_left_are_named() -> None:
    caller = FakeCaller(a=[R500], b=[R500], c=[R500], d=[R500])
    with pytest.raises(AllModelsFailedError) as caught:
        run(caller, *"abcdef", max_attempts=4)
    assert caller.calls == [*"abcd"]
    assert [s.model for s in caught.value.skipped] == ["e", "f"]
    assert str(caught.value).splitlines()[-2:] == [
        "  e: not called: `max_attempts: 4` is reached",
        "  f: not called: `max_attempts: 4` is reached",
    ]


def test_why_no_other_model_was_called() -> None:
    with pytest.raises(AllModelsFailedError) as caught:
        run(FakeCaller(a=[R500, R500]), "a", "b", on_error={FaultClass.SERVER_ERROR: Action.RETRY})
    assert [s.detail for s in caught.value.skipped] == [
        "the policy only retries the model that failed"
    ]
    with pytest.raises(AllModelsFailedError) as caught:
        run(FakeCaller(), "a", deadline=0.4)
    assert [s.detail for s in caught.value.skipped] == ["the deadline of 0.4 s leaves no time"]


@pytest.mark.parametrize(
    ("scripts", "status"),
    [
        ([R429], 429),
        ([R500, R429], 429),
        ([Failure(FailureKind.TIMEOUT)], 504),
        ([R429, Failure(FailureKind.TIMEOUT)], 504),
        ([Failure(FailureKind.OVERLOADED)], 503),
        ([Failure(FailureKind.CREDENTIAL)], 502),
        ([R429, R400], 429),
    ],
)
def test_the_status_is_the_last_telling_failure_s(scripts: list[Failure], status: int) -> None:
    names = "abc"[: len(scripts)]
    caller = FakeCaller(**{name: [each] for name, each in zip(names, scripts, strict=True)})
    with pytest.raises(AllModelsFailedError) as caught:
        run(caller, *names, on_error={})
    assert caught.value.http_status == status


def test_a_deadline_that_leaves_no_attempt_is_a_504() -> None:
    with pytest.raises(AllModelsFailedError) as caught:
        run(FakeCaller(), "a", deadline=0.4)
    assert caught.value.http_status == 504
    assert str(caught.value) == (
        "no model was called\n  a: not called: the deadline of 0.4 s leaves no time"
    )


def test_the_earliest_time_is_known_without_a_hint_too() -> None:
    cooldowns = Cooldowns(lambda: 1_100.0)
    with pytest.raises(AllModelsFailedError) as caught:
        run(
            FakeCaller(a=[Failure(FailureKind.RATE_LIMITED)], b=[Failure(FailureKind.OVERLOADED)]),
            "a",
            "b",
            cooldowns=cooldowns,
        )
    assert caught.value.retry_after == 5


def test_an_answer_ends_the_growth_of_cooldowns() -> None:
    now = [1_000.0]
    cooldowns = Cooldowns(lambda: now[0])
    limited = Failure(FailureKind.RATE_LIMITED)
    rests = []
    for script in (limited, limited, response(), limited):
        try:
            run(FakeCaller(a=[script]), "a", cooldowns=cooldowns)
        except AllModelsFailedError:
            rests.append(cooldowns.cooling(now[0])["a"] - now[0])
        now[0] += 100
    assert rests == [5, 10, 5]


def test_a_stop_has_the_status_of_the_failure() -> None:
    with pytest.raises(BadRequestError) as caught:
        run(FakeCaller(a=[R429]), "a", "b", on_error={FaultClass.RATE_LIMIT: Action.STOP})
    assert caught.value.http_status == 429


def test_all_fail() -> None:
    soon = Failure(FailureKind.OVERLOADED, "529", 529, retry_after=4)
    with pytest.raises(AllModelsFailedError) as caught:
        run(FakeCaller(a=[R429], b=[soon]), "a", "b")
    assert [a.model for a in caught.value.attempts] == ["a", "b"]
    assert caught.value.retry_after == 4
    assert str(caught.value) == (
        "every model that was called failed\n  a: rate_limited (429)\n  b: overloaded (529)"
    )


def test_no_model_to_call() -> None:
    caller = FakeCaller()
    with pytest.raises(NoCandidateError):
        run(caller)
    assert caller.calls == []


def test_a_context_that_is_too_long_falls_back_only_to_a_larger_model() -> None:
    too_long = Failure(FailureKind.CONTEXT_TOO_LONG, status=400)
    caller = FakeCaller(a=[too_long], b=[], c=[response()])
    events: list[Event] = []
    them = [candidate("a", 8), candidate("b", 8), candidate("c", 16)]
    assert run(caller, *them, events=events).served_by == "c"
    done = events[-1]
    assert isinstance(done, Answered)
    assert [s.model for s in done.skipped] == ["b"]


def test_a_single_empty_answer_is_given_as_it_is() -> None:
    answer = run(FakeCaller(a=[EMPTY]), "a")
    assert (answer.choices[0].message.content, kinds(answer)) == ("", [None])


def test_after_an_empty_answer_another_model_is_called_once() -> None:
    caller = FakeCaller(a=[EMPTY], b=[EMPTY], c=[])
    assert run(caller, "a", "b", "c").served_by == "b"


def test_an_empty_answer_is_better_than_none() -> None:
    events: list[Event] = []
    answer = run(FakeCaller(a=[EMPTY], b=[R429]), "a", "b", events=events)
    assert answer.raw is EMPTY
    assert (answer.served_by, kinds(answer)) == ("a", ["empty", "rate_limited"])
    assert [type(e) for e in events] == [Decided, Attempted, Attempted, Answered]


def test_retries_wait_with_jitter() -> None:
    time = Time()
    run(FakeCaller(a=[R500, response()]), "a", time=time)
    assert len(time.slept) == 1
    assert 0 < time.slept[0] <= 0.5


def test_a_named_wait_is_a_minimum() -> None:
    time = Time()
    wait = Failure(FailureKind.SERVER_ERROR, retry_after=1.5)
    run(FakeCaller(a=[wait, response()]), "a", time=time)
    assert 1.5 <= time.slept[0] <= 1.65


def test_an_attempt_with_a_successor_gets_half_of_the_time_left() -> None:
    caller = FakeCaller(a=[R429], b=[R429], c=[response()])
    run(caller, "a", "b", "c", deadline=40)
    assert caller.limits == [20, 20, 40]


def test_no_attempt_starts_with_too_little_time_left() -> None:
    caller = FakeCaller(a=[])
    with pytest.raises(AllModelsFailedError):
        run(caller, "a", deadline=0.4)
    assert caller.calls == []


def test_the_deadline_holds_after_waiting_too() -> None:
    class Slow(Time):
        async def sleep(self, seconds: float) -> None:
            self.now += seconds + 100  # as when the process was suspended

    caller = FakeCaller(a=[R500])
    with pytest.raises(AllModelsFailedError):
        run(caller, "a", time=Slow())
    assert caller.calls == ["a"]


def test_a_model_that_hangs_is_replaced() -> None:
    caller = FakeCaller(a=[HANG], b=[response()])
    executor = Executor(caller)
    fallback = Fallback(deadline=1.2)
    answer = asyncio.run(executor.run(decision("a", "b"), fallback, HELLO))
    assert (answer.served_by, kinds(answer)) == ("b", ["timeout", None])
    assert answer.attempts[0].detail == "no answer within 0.6 s"


def test_too_little_time_says_nothing_about_a_model() -> None:
    caller = FakeCaller(a=[HANG], b=[HANG], c=[HANG])
    executor = Executor(caller)
    with pytest.raises(AllModelsFailedError) as caught:
        asyncio.run(executor.run(decision("a", "b", "c"), Fallback(deadline=3), HELLO))
    assert [a.failure for a in caught.value.attempts][:2] == ["timeout", "deadline"]


def test_events_of_an_answer() -> None:
    events: list[Event] = []
    answer = run(FakeCaller(a=[R429], b=[response()]), "a", "b", events=events)
    assert [type(e) for e in events] == [Decided, Attempted, Attempted, Answered]
    first, last = events[1], events[-1]
    assert isinstance(first, Attempted)
    assert first.failure is R429
    assert first.attempt is answer.attempts[0]
    assert isinstance(last, Answered)
    assert (last.served_by, last.attempts) == ("b", answer.attempts)


@pytest.mark.parametrize(("script", "stopped", "wait"), [([R429], False, 30), ([R400], True, None)])
def test_events_without_an_answer(script: list[Any], stopped: bool, wait: float | None) -> None:
    events: list[Event] = []
    with pytest.raises((AllModelsFailedError, BadRequestError)):
        run(FakeCaller(a=script), "a", events=events)
    last = events[-1]
    assert isinstance(last, Exhausted)
    assert (last.stopped, last.retry_after, len(last.attempts)) == (stopped, wait, 1)


def test_observers_that_raise_harm_no_request_and_are_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def bad(_: Event) -> None:
        raise ZeroDivisionError

    executor = Executor(FakeCaller(a=[response()]), events=EventSource(bad))
    with caplog.at_level(logging.ERROR):
        answer = asyncio.run(executor.run(decision("a"), Fallback(), HELLO))
    assert answer.served_by == "a"
    assert len(caplog.records) == 1


def test_cancelling_is_seen_by_observers() -> None:
    events: list[Event] = []

    async def cancel() -> None:
        executor = Executor(FakeCaller(a=[HANG]), events=EventSource(events.append))
        task = asyncio.create_task(executor.run(decision("a"), Fallback(), HELLO))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancel())
    assert [type(e) for e in events] == [Decided, Attempted, Exhausted]
    attempted = events[1]
    assert isinstance(attempted, Attempted)
    assert attempted.attempt.failure == "cancelled"


def test_cooldowns_follow_failures() -> None:
    cooldowns = Cooldowns(lambda: 500.0)
    run(FakeCaller(a=[R429], b=[response()]), "a", "b", cooldowns=cooldowns)
    assert cooldowns.cooling(500.0) == {"a": 530.0}


def test_an_answer_without_its_fields_is_no_endless_recursion() -> None:
    from policy_router.execution.answer import Answer

    with pytest.raises(AttributeError):
        _ = object.__new__(Answer).response


def test_the_deadline_counts_from_when_the_request_began() -> None:
    caller = FakeCaller(a=[response()])
    run(caller, "a", deadline=60, began=60.0)  # it is 100 by now
    assert caller.limits == [20]
    with pytest.raises(AllModelsFailedError):
        run(FakeCaller(), "a", deadline=60, began=40.0)


def test_a_model_that_hangs_is_to_blame_though_time_had_passed_before() -> None:
    events: list[Event] = []
    caller = FakeCaller(a=[HANG], b=[response()])
    answer = run(caller, "a", "b", events=events, deadline=61, began=40.4)
    assert (answer.served_by, kinds(answer)) == ("b", ["timeout", None])
