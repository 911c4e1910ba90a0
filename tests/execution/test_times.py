"""The times of a single model and of a task, in place of the policy's."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from policy_router.domain.fallback import Fallback, OnBreak
from policy_router.domain.rules import Task
from policy_router.domain.situation import Situation
from policy_router.errors import AllModelsFailedError, RoutingError
from policy_router.execution.executor import Executor
from policy_router.execution.progress import for_task
from policy_router.providers.failures.failure import Failure, FailureKind
from tests.execution.make import HANG, HELLO, FakeCaller, candidate, decision, response, spoken
from tests.execution.test_executor import Time, kinds

if TYPE_CHECKING:
    from policy_router.domain.decision import Candidate, Decision

FALLBACK = Fallback(deadline=60, first_token_within=10, stall=10, max_attempts=4)


def timed(name: str, **times: float) -> Candidate:
    plain = candidate(name)
    return replace(plain, model=replace(plain.model, **times))  # type: ignore[arg-type]  # names of times


def of_task(made: Decision, **bounds: Any) -> Decision:
    situation = Situation(made.request, task=Task("t", **bounds))
    return replace(made, situation=situation)


async def ask(caller: FakeCaller, made: Decision, fallback: Fallback, *, stream: bool) -> Any:
    executor = Executor(caller)
    if not stream:
        return await executor.run(made, fallback, HELLO)
    async with await executor.stream(made, fallback, HELLO) as chunks:
        [chunk async for chunk in chunks]
        return chunks


@pytest.mark.parametrize(
    ("times", "stream", "limit"),
    [
        ({}, False, 60),
        ({"deadline": 5.0}, False, 5),
        ({"deadline": 90.0}, False, 60),
        ({"first_token_within": 5.0, "stall": 1.0}, False, 60),  # only streams show their tokens
        ({}, True, 10),
        ({"first_token_within": 30.0}, True, 30),
        ({"first_token_within": 5.0}, True, 5),
        ({"deadline": 5.0}, True, 5),
        ({"deadline": 40.0, "first_token_within": 30.0}, True, 30),
        ({"first_token_within": 90.0}, True, 60),
    ],
)
def test_a_model_has_its_own_time(times: dict[str, float], stream: bool, limit: float) -> None:
    caller = FakeCaller(a=[spoken("hello") if stream else response()])
    asyncio.run(ask(caller, decision(timed("a", **times)), FALLBACK, stream=stream))
    assert caller.limits[0] == pytest.approx(limit, rel=0.05)


@pytest.mark.parametrize("stream", [False, True])
def test_the_deadline_of_a_model_leads_to_the_next_one_and_is_its_fault(stream: bool) -> None:
    caller = FakeCaller(a=[HANG], b=[spoken("hello") if stream else response()])
    both = decision(timed("a", deadline=0.3), timed("b"))
    answer = asyncio.run(ask(caller, both, FALLBACK, stream=stream))
    assert kinds(answer) == [FailureKind.TIMEOUT, None]
    assert answer.attempts[0].detail == "no answer within 0.3 s"


@pytest.mark.parametrize(
    ("times", "words"),
    [
        ({"stall": 0.3}, "no chunk for 0.3 s"),
        ({"deadline": 0.3}, "the answer took longer than the model's deadline of 0.3 s"),
    ],
)
def test_a_stream_that_pauses_is_cut_off_by_the_time_of_its_model(
    times: dict[str, float], words: str
) -> None:
    whole = spoken("hello", " you")
    caller = FakeCaller(a=[[*whole[:2], HANG]], b=[whole])
    both = decision(timed("a", **times), timed("b"))
    fallback = replace(FALLBACK, on_stream_break=OnBreak.BUFFER)
    answer = asyncio.run(ask(caller, both, fallback, stream=True))
    assert kinds(answer) == [FailureKind.TIMEOUT, None]
    assert answer.attempts[0].detail == words


def test_a_deadline_in_the_middle_breaks_a_stream_that_has_begun() -> None:
    caller = FakeCaller(a=[[*spoken("hello", finish=None), HANG]])
    with pytest.raises(RoutingError) as raised:
        asyncio.run(ask(caller, decision(timed("a", deadline=0.3)), FALLBACK, stream=True))
    assert raised.value.attempts[0].failure == FailureKind.TIMEOUT


# -- tasks ---------------------------------------------------------------------------------------


def test_a_task_has_its_own_number_of_attempts() -> None:
    r500 = Failure(FailureKind.TIMEOUT, "slow")
    caller = FakeCaller(a=[r500], b=[r500], c=[response()])
    with pytest.raises(AllModelsFailedError) as raised:
        asyncio.run(
            ask(caller, of_task(decision("a", "b", "c"), max_attempts=2), FALLBACK, stream=False)
        )
    assert caller.calls == ["a", "b"]
    assert [skip.detail for skip in raised.value.skipped] == ["`max_attempts: 2` is reached"]


def test_a_task_has_its_own_deadline() -> None:
    caller = FakeCaller(a=[response()])
    made = of_task(decision("a"), deadline=120.0)
    asyncio.run(ask(caller, made, FALLBACK, stream=False))
    assert caller.limits[0] == pytest.approx(120, rel=0.05)
    time = Time()
    executor = Executor(caller, monotonic=time)
    with pytest.raises(AllModelsFailedError, match="deadline of 5 s leaves no time"):
        asyncio.run(executor.run(of_task(made, deadline=5.0), FALLBACK, HELLO, began=time.now - 5))


def test_what_a_task_does_not_say_is_the_policys() -> None:
    assert for_task(FALLBACK, None) is FALLBACK
    assert for_task(FALLBACK, Task("t")) is FALLBACK
    assert for_task(FALLBACK, Task("t", deadline=5.0)) == replace(FALLBACK, deadline=5.0)
    assert for_task(FALLBACK, Task("t", max_attempts=1)) == replace(FALLBACK, max_attempts=1)
