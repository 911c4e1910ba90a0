"""Events have an identity, and an observer harms no request."""

from __future__ import annotations

import asyncio
from dataclasses import fields
from typing import TYPE_CHECKING

import pytest

from policy_router.decision.decide import decide
from policy_router.domain.fallback import Fallback
from policy_router.errors import AllModelsFailedError
from policy_router.event_source import EventSource
from policy_router.events import ENDINGS, Answered, Attempted, Decided, Event, StoreChanged
from policy_router.execution.executor import Executor
from policy_router.ids import Ids
from policy_router.loading import load
from policy_router.providers.failures.failure import Failure, FailureKind
from policy_router.router.router import Router
from tests.execution.make import HELLO, FakeCaller, decision, response, spoken

if TYPE_CHECKING:
    from collections.abc import Callable

POLICY = """
version: 1
models: { a: { model: openai/a, tier: t, price: free } }
"""
KINDS = Event.__subclasses__()


def ids() -> Callable[[], str]:
    return Ids(lambda: 1_000.0, lambda size: b"\x00" * size)


@pytest.mark.parametrize("kind", KINDS)
def test_every_event_begins_with_its_identity(kind: type[Event]) -> None:
    assert [field.name for field in fields(kind)][:4] == ["id", "request_id", "time", "revision"]


def test_the_clock_and_the_ids_are_handed_in() -> None:
    source = EventSource(clock=lambda: 12.0, new_id=lambda: "id")
    assert source.identity() == ("id", None, 12.0, None)
    assert source.identity("request", "rev") == ("id", "request", 12.0, "rev")


def test_an_observer_that_raises_harms_no_other_and_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(event: Event) -> None:
        raise ZeroDivisionError(event.id)

    events: list[Event] = []
    source = EventSource(broken, events.append, broken)
    for _ in range(2):
        source.send(StoreChanged(*source.identity(), up=True, detail=""))
    assert len(events) == 2
    assert len(caplog.messages) == 2  # one for each observer
    assert all("an observer raised" in message for message in caplog.messages)
    assert events[0].id not in caplog.text


def test_an_observer_gets_the_classes_of_events_that_it_wants() -> None:
    everything: list[Event] = []
    endings: list[Event] = []
    source = EventSource(everything.append)
    source.add(endings.append, ENDINGS.__contains__)
    answered = Answered(*source.identity(), decision("a"), (), "a")
    decided = Decided(*source.identity(), decision("a"))
    source.send(decided)
    source.send(answered)
    assert everything == [decided, answered]
    assert endings == [answered]


def test_what_no_observer_wants_is_not_made() -> None:
    made: list[str] = []

    def new_id() -> str:
        made.append("id")
        return "id"

    endings: list[Event] = []
    inner = EventSource()
    inner.add(endings.append, ENDINGS.__contains__)
    source = EventSource(inner, new_id=new_id)  # a source wants what its observers want
    assert [kind for kind in KINDS if source.wants(kind)] == [
        kind for kind in KINDS if kind in ENDINGS
    ]
    asyncio.run(
        Executor(FakeCaller(a=[response("hello")]), events=source).run(
            decision("a"), Fallback(), HELLO
        )
    )
    assert [type(event) for event in endings] == [Answered]
    assert made == ["id"] * 2  # the decision's and the ending's
    source.add(list[Event]().append)
    assert source.wants(Attempted)


def test_an_observer_that_raises_when_asked_harms_no_request(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def wants(_: type[Event]) -> bool:
        raise RuntimeError("no answer")

    others: list[Event] = []
    source = EventSource()
    source.add(list[Event]().append, wants)
    source.add(others.append)
    answer = asyncio.run(
        Executor(FakeCaller(a=[response("hello")]), events=source).run(
            decision("a"), Fallback(), HELLO
        )
    )
    assert answer.served_by == "a"
    assert [type(event) for event in others] == [Decided, Attempted, Answered]
    assert sum("an observer raised" in message for message in caplog.messages) == 1


@pytest.mark.parametrize("stream", [False, True])
def test_the_events_of_a_request_carry_the_id_of_its_decision(stream: bool) -> None:
    events: list[Event] = []

    async def scene() -> str:
        source = EventSource(events.append, clock=lambda: 1_000.0, new_id=ids())
        failure = Failure(FailureKind.TIMEOUT)
        caller = FakeCaller(a=[failure], b=[spoken("hello") if stream else response("hello")])
        executor = Executor(caller, events=source)
        if not stream:
            return (await executor.run(decision("a", "b"), Fallback(), HELLO)).decision_id
        async with await executor.stream(decision("a", "b"), Fallback(), HELLO) as chunks:
            assert [chunk async for chunk in chunks]
            return chunks.decision_id

    request_id = asyncio.run(scene())
    assert [type(event).__name__ for event in events] == [
        "Decided",
        "Attempted",
        "Attempted",
        "Answered",
    ]
    assert {(e.request_id, e.revision, e.time) for e in events} == {(request_id, "rev", 1_000.0)}
    # The decision comes first, and every event after the one before it.
    assert sorted([request_id, *(e.id for e in events)]) == [request_id, *(e.id for e in events)]


def test_an_error_carries_the_id_with_its_decision() -> None:
    events: list[Event] = []
    executor = Executor(
        FakeCaller(a=[Failure(FailureKind.TIMEOUT)]), events=EventSource(events.append)
    )
    with pytest.raises(AllModelsFailedError) as failed:
        asyncio.run(executor.run(decision("a"), Fallback(), HELLO))
    assert {event.request_id for event in events} == {failed.value.decision_id}


def test_decisions_of_a_router_have_ids_that_sort() -> None:
    events: list[Event] = []
    with Router(
        load(text=POLICY), FakeCaller(a=[response("hello")]), on_event=events.append
    ) as router:
        first = router.route()
        answer = router.completion([{"role": "user", "content": "hi"}])
        assert "" < first.id < answer.decision_id
        assert answer.decision.id == answer.decision_id
    (decided,) = [event for event in events if isinstance(event, Decided)]
    assert (decided.request_id, decided.decision) == (answer.decision_id, answer.decision)


def test_to_decide_alone_is_pure_and_gives_no_id() -> None:
    policy = load(text=POLICY)
    with Router(policy, FakeCaller()) as router:
        request = router.route().request
        assert decide(policy, request).id == ""
        assert router.route() == router.route()  # ids are not compared
