"""Where models are called, and with which key: several keys, and addresses in variables."""

from __future__ import annotations

import asyncio
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.domain.decision import Candidate
from policy_router.domain.fallback import Action, Cooldown, Fallback, FaultClass
from policy_router.domain.models import Model
from policy_router.errors import AllModelsFailedError, BadRequestError
from policy_router.event_source import EventSource
from policy_router.events import Attempted, Event
from policy_router.execution.chain import Chain, Move
from policy_router.execution.chain_states import ChainState
from policy_router.execution.endpoints import KeyTurns, at_address, usable_keys
from policy_router.execution.executor import Executor
from policy_router.execution.health.cooldown import Cooldowns
from policy_router.providers.failures.failure import CallFailed, Failure, FailureKind
from policy_router.providers.failures.fault_domain import with_each_key
from tests.execution.make import HELLO, FakeCaller, candidate, decision, response, spoken
from tests.execution.test_executor import Time, kinds

if TYPE_CHECKING:
    from policy_router.execution.answer import Answer
    from policy_router.providers.requests.body import Body

R429 = Failure(FailureKind.RATE_LIMITED, "429", 429, retry_after=30)
R401 = Failure(FailureKind.CREDENTIAL, "401", 401)
SPENT = Failure(FailureKind.QUOTA_EXHAUSTED, "429", 429)
SLOW = Failure(FailureKind.TIMEOUT, "slow")
NOW = 1_000.0


def keyed(name: str, *keys: str) -> Candidate:
    model = Model(name, f"acme/{name}", "t", 0, api_key_env=keys[0], api_key_envs=keys)
    return Candidate(model, "written order", "")


TWO = keyed("a", "A1", "A2")


class ByKey(FakeCaller):
    """A caller whose scripts are by key."""

    async def call(self, model: Model, body: Body, timeout: float) -> Any:  # noqa: ASYNC109  as Caller
        named = replace(model, name=str(model.api_key_env))
        return await super().call(named, body, timeout)


def run(
    caller: FakeCaller, *candidates: Candidate, cooldowns: Cooldowns | None = None, **options: Any
) -> Answer:
    time = Time()
    executor = Executor(
        caller, clock=lambda: NOW, monotonic=time, sleep=time.sleep, cooldowns=cooldowns
    )
    answer = asyncio.run(executor.run(decision(*candidates), Fallback(**options), HELLO))
    assert time.slept == []
    return answer


# -- keys in turn --------------------------------------------------------------------------------


def test_keys_are_used_in_turn() -> None:
    caller = ByKey(A1=[response()] * 2, A2=[response()] * 2)
    executor = Executor(caller)
    for _ in range(4):
        asyncio.run(executor.run(decision(TWO), Fallback(), HELLO))
    assert caller.calls == ["A1", "A2", "A1", "A2"]


def test_each_model_has_its_own_turns() -> None:
    turns, other = KeyTurns(), keyed("b", "A1", "A2").model
    order = [turns.next(model, (), None, NOW) for model in (TWO.model, other, TWO.model, other)]
    assert [model.api_key_env for model in order] == ["A1", "A1", "A2", "A2"]


@given(st.integers(1, 5), st.integers(1, 30))
def test_the_law_of_turns_no_key_is_used_twice_more_than_another(keys: int, calls: int) -> None:
    model = keyed("a", *(f"K{i}" for i in range(keys))).model
    turns = KeyTurns()
    used = Counter(turns.next(model, (), None, NOW).api_key_env for _ in range(calls))
    assert max(used.values()) - (min(used.values()) if len(used) == keys else 0) <= 1


def test_turns_hold_in_several_threads() -> None:
    turns = KeyTurns()
    with ThreadPoolExecutor(8) as threads:
        chosen = threads.map(lambda _: turns.next(TWO.model, (), None, NOW).api_key_env, range(400))
        assert Counter(chosen) == {"A1": 200, "A2": 200}


# -- another key after a failure -----------------------------------------------------------------


@pytest.mark.parametrize("failure", [R429, R401, SPENT, Failure(FailureKind.FORBIDDEN, "403")])
def test_another_key_comes_before_the_next_model(failure: Failure) -> None:
    cooldowns = Cooldowns(lambda: NOW)
    caller = ByKey(A1=[failure], A2=[response()])
    answer = run(caller, TWO, keyed("b", "B"), cooldowns=cooldowns)
    assert caller.calls == ["A1", "A2"]
    assert (answer.served_by, kinds(answer)) == ("a", [failure.kind, None])
    assert cooldowns.cooling(NOW) == {}


def test_the_next_model_comes_after_all_keys() -> None:
    cooldowns = Cooldowns(lambda: NOW)
    caller = ByKey(A1=[R429], A2=[R401], B=[response()])
    answer = run(caller, TWO, keyed("b", "B"), cooldowns=cooldowns)
    assert (caller.calls, answer.served_by) == (["A1", "A2", "B"], "b")
    assert cooldowns.cooling(NOW) == {"a": NOW + 30}  # when the first of its keys is back


def test_an_attempt_says_which_key_it_used() -> None:
    events: list[Event] = []
    caller = ByKey(A1=[R429], A2=[R401], B=[response()])
    executor = Executor(caller, events=EventSource(events.append))
    candidates = TWO, keyed("b", "B")
    answer = asyncio.run(executor.run(decision(*candidates), Fallback(), HELLO))
    assert [attempt.key_env for attempt in answer.attempts] == ["A1", "A2", "B"]
    sent = [event.attempt.key_env for event in events if isinstance(event, Attempted)]
    assert sent == ["A1", "A2", "B"]
    keyless = replace(TWO, model=replace(TWO.model, api_key_env=None, api_key_envs=()))
    unnamed = run(FakeCaller(a=[response()]), keyless)
    assert [attempt.key_env for attempt in unnamed.attempts] == [None]


def test_an_attempt_with_another_key_is_an_attempt() -> None:
    caller = ByKey(A1=[R429], A2=[R429])
    with pytest.raises(AllModelsFailedError) as raised:
        run(caller, keyed("a", "A1", "A2", "A3"), max_attempts=2)
    assert caller.calls == ["A1", "A2"]
    assert len(raised.value.attempts) == 2


def test_a_failure_that_is_not_about_the_key_leads_to_the_next_model() -> None:
    caller = ByKey(A1=[SLOW], B=[response()])
    assert run(caller, TWO, keyed("b", "B")).served_by == "b"
    assert caller.calls == ["A1", "B"]


def test_the_policy_may_stop_at_a_wrong_key() -> None:
    caller = ByKey(A1=[R401])
    with pytest.raises(BadRequestError):
        run(caller, TWO, on_error={FaultClass.AUTH: Action.STOP})
    assert caller.calls == ["A1"]


def test_a_key_that_rests_is_passed_over() -> None:
    cooldowns = Cooldowns(lambda: NOW)
    cooldowns.failed(replace(TWO.model, api_key_env="A1"), R429, Cooldown())
    caller = ByKey(A2=[response(), response()])
    executor = Executor(caller, clock=lambda: NOW, cooldowns=cooldowns)
    for _ in range(2):
        asyncio.run(executor.run(decision(TWO), Fallback(), HELLO))
    assert caller.calls == ["A2", "A2"]


def test_no_key_is_left_when_all_rest() -> None:
    cooldowns = Cooldowns(lambda: NOW)
    for model in with_each_key(TWO.model):
        assert cooldowns.until(TWO.model, NOW) is None
        assert usable_keys(TWO.model, (), cooldowns, NOW)
        cooldowns.failed(model, R401, Cooldown())
    assert usable_keys(TWO.model, (), cooldowns, NOW) == []
    assert cooldowns.until(TWO.model, NOW) == NOW + 600
    assert KeyTurns().next(TWO.model, (), cooldowns, NOW).api_key_env == "A1"


def test_failures_of_the_model_count_together_whatever_the_key() -> None:
    cooldowns, rule = Cooldowns(lambda: NOW), Cooldown(failures=2, within=60, duration=300)
    for model in with_each_key(TWO.model):
        assert cooldowns.cooling(NOW) == {}
        cooldowns.failed(model, SLOW, rule)
    assert cooldowns.cooling(NOW) == {"a": NOW + 300}


def test_the_growing_rest_of_a_key_ends_with_its_own_answer() -> None:
    now = NOW
    cooldowns = Cooldowns(lambda: now)
    one, two = with_each_key(TWO.model)
    busy = Failure(FailureKind.RATE_LIMITED)
    for rest in (5, 10):
        cooldowns.failed(one, busy, Cooldown())
        assert cooldowns.key_until(one, now) == now + rest
        now += rest
        cooldowns.answered(two)
    cooldowns.answered(one)
    cooldowns.failed(one, busy, Cooldown())
    assert cooldowns.key_until(one, now) == now + 5


def test_a_model_that_shares_one_of_the_keys_may_still_be_called() -> None:
    caller = ByKey(A1=[R401, response()], A2=[R401], A3=[response()])
    answer = run(caller, TWO, keyed("b", "A1", "A3"), cooldowns=Cooldowns(lambda: NOW))
    assert (caller.calls, answer.served_by) == (["A1", "A2", "A3"], "b")
    with pytest.raises(AllModelsFailedError) as raised:
        run(ByKey(A1=[R401], A2=[R401]), TWO, keyed("b", "A1"), keyed("c", "A2", "A1"))
    assert [skip.model for skip in raised.value.skipped] == ["b", "c"]


def test_with_little_time_there_is_no_other_key() -> None:
    chain = Chain([TWO], Fallback())
    assert chain.next() is not None
    assert chain.failed(R401, 0.1, keys=1).move is Move.END
    assert chain.state is ChainState.FAILED


# -- addresses in variables ----------------------------------------------------------------------

NAMED = replace(candidate("a").model, api_base_env="MY_URL")


def test_the_variable_wins_over_the_address_in_the_policy() -> None:
    model = replace(NAMED, api_base="http://localhost:1/v1")
    there = {"MY_URL": "https://llm.example.com/v1"}
    assert at_address(model, there.get).api_base == "https://llm.example.com/v1"
    assert at_address(model, lambda _: "") is model
    assert at_address(model, lambda _: None) is model
    assert at_address(candidate("a").model, there.get).api_base is None


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "environment variable MY_URL, for the address, is not set"),
        ("", "is not set"),
        ("llm.example.com", "does not hold an address"),
        ("ftp://llm.example.com", "does not hold an address"),
        ("http://a b", "does not hold an address"),
        ("http://", "does not hold an address"),
        ("https://ann:hunter2@llm.example.com/v1", "contains credentials"),
        ("https://llm.example.com/v1?api_key=hunter2", "contains credentials"),
        ("http://169.254.169.254/v1", "is not the address of a model"),
    ],
)
def test_what_is_no_address_is_a_failure_that_does_not_repeat_it(
    value: str | None, words: str
) -> None:
    with pytest.raises(CallFailed) as raised:
        at_address(NAMED, lambda _: value)
    failure = raised.value.failure
    assert words in failure.detail
    assert not failure.sent
    assert not value or value not in failure.detail


@pytest.mark.parametrize("stream", [False, True])
def test_a_missing_address_leads_to_the_next_model(
    stream: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MY_URL", raising=False)
    cooldowns = Cooldowns(lambda: NOW)
    caller = FakeCaller(b=[spoken("hello") if stream else response()])
    executor = Executor(caller, clock=lambda: NOW, cooldowns=cooldowns)
    both = decision(Candidate(NAMED, "", ""), "b")

    async def go() -> None:
        if stream:
            async with await executor.stream(both, Fallback(), HELLO) as chunks:
                assert [chunk async for chunk in chunks]
                assert kinds(chunks) == [FailureKind.MODEL_GONE, None]
        else:
            answer = await executor.run(both, Fallback(), HELLO)
            assert kinds(answer) == [FailureKind.MODEL_GONE, None]

    asyncio.run(go())
    assert caller.calls == ["b"]
    assert "a" in cooldowns.cooling(NOW)
    monkeypatch.setenv("MY_URL", "http://localhost:1/v1")
    assert cooldowns.cooling(NOW) == {}  # set now, so it may be called


def test_the_address_is_read_at_each_call(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str | None] = []

    async def call(model: Model, body: Body, timeout: float) -> Any:  # noqa: ASYNC109
        seen.append(model.api_base)
        return response()

    executor = Executor(call)
    for address in ("http://localhost:1/v1", "http://localhost:2/v1"):
        monkeypatch.setenv("MY_URL", address)
        asyncio.run(executor.run(decision(Candidate(NAMED, "", "")), Fallback(), HELLO))
    assert seen == ["http://localhost:1/v1", "http://localhost:2/v1"]
