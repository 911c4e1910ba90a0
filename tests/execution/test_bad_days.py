"""Days on which a provider fails: simulated requests, on a clock that the tests set."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from policy_router.domain.fallback import Cooldown, Fallback
from policy_router.domain.request import Request
from policy_router.domain.situation import Situation
from policy_router.domain.snapshot import Snapshot
from policy_router.errors import RoutingError
from policy_router.execution.executor import Executor
from policy_router.execution.health.breaker_scope import MAYBE_THE_REQUEST
from policy_router.execution.health.cooldown import Cooldowns
from policy_router.execution.health.health_report import HealthState, health_of
from policy_router.execution.health.shared_health import SharedHealth
from policy_router.providers.failures.failure import CallFailed, Failure, FailureKind, FailureScope
from tests.execution.make import HELLO, candidate, decision, response
from tests.ledger.stores import NOON, STORES, Clock, World, fresh_prefix, world

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from policy_router.domain.decision import Decision
    from policy_router.domain.models import Model

RATE = 50
"""Requests a second."""
NAMES = ("a", "b")


def dice(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311  chance that repeats, not a secret


class Provider:
    """Upstream models: which calls fail, and how many there were in each second."""

    def __init__(self, clock: Clock, fails: Callable[[str, float], Failure | None]) -> None:
        self._clock = clock
        self._fails = fails
        self.calls: Counter[tuple[str, int]] = Counter()

    async def prepare(self, models: Any = ()) -> None:
        """Ready as it is."""

    async def aclose(self) -> None:
        """Holds nothing open."""

    async def call(self, model: Model, *_: Any) -> Any:
        self.calls[model.name, int(self._clock.now - NOON)] += 1
        failure = self._fails(model.name, self._clock.now - NOON)
        if failure is not None:
            raise CallFailed(failure)
        return response()

    async def stream(self, *_: Any) -> Any:
        raise AssertionError("no test here asks for a stream")

    def of(self, name: str, second: int) -> int:
        return self.calls[name, second]

    def total(self) -> int:
        return sum(self.calls.values())


class Process:
    """One process that answers requests with the models `a`, then `b`."""

    def __init__(self, clock: Clock, provider: Provider, store: Any = None, seed: int = 1) -> None:
        self.clock = clock
        chance = dice(seed)
        self.shared = SharedHealth(store, clock, monotonic=clock)
        models = tuple(candidate(name).model for name in NAMES)
        self.cooldowns = Cooldowns(
            clock, models=lambda: models, shared=self.shared, draw=chance.random
        )

        async def no_wait(_: float) -> None:
            return None

        self.executor = Executor(
            provider,
            clock=clock,
            monotonic=clock,
            sleep=no_wait,
            random=chance,
            cooldowns=self.cooldowns,
        )

    async def answer(self, user: str | None = None) -> str:
        """Answers one request, as a router does: what cools is out, what recovers comes last.

        Returns the name of the model that answered.
        """
        await self.cooldowns.look()
        cooling, last = self.cooldowns.for_request(self.clock.now, user=user)
        snapshot = Snapshot(self.clock.now, cooling, last=last)
        request = replace(decided(snapshot), situation=Situation(Request(user=user)))
        return (await self.executor.run(request, FALLBACK, HELLO)).served_by


FALLBACK = Fallback()


def decided(snapshot: Snapshot) -> Decision:
    left = [name for name in NAMES if name not in snapshot.cooling]
    left.sort(key=lambda name: name in snapshot.last)
    return decision(*left)


async def requests(seconds: float, *processes: Process) -> int:
    """Answers requests for so long, each by the next process. Returns how many there were."""
    number = 0
    for number in range(1, int(seconds * RATE) + 1):
        process = processes[number % len(processes)]
        await process.answer()
        await asyncio.sleep(0)
        process.clock.now += 1 / RATE
    return number


def dead(until: float, kind: FailureKind = FailureKind.CONNECT) -> Callable[..., Failure | None]:
    def fails(name: str, now: float) -> Failure | None:
        return Failure(kind, status=None) if name == "a" and now < until else None

    return fails


@pytest.mark.parametrize("kind", [FailureKind.CONNECT, FailureKind.TIMEOUT])
def test_a_dead_provider_costs_few_calls_and_comes_back_without_a_herd(kind: FailureKind) -> None:
    async def day() -> None:
        clock = Clock()
        provider = Provider(clock, dead(60, kind))
        process = Process(clock, provider)
        asked = await requests(60, process)
        assert provider.total() <= 1.2 * asked
        assert provider.total() <= asked + 30  # what opens the breaker, its retries, and probes
        first = await first_second_of_recovery(process, provider)
        assert provider.of("a", first) <= 0.5 * RATE
        await requests(50, process)
        seconds = range(first, first + 48)
        calls = [provider.of("a", s) for s in seconds]
        assert max(calls) <= 1.5 * RATE
        assert sum(calls[:10]) <= 0.2 * 10 * RATE  # it gets its calls back step by step
        assert min(calls[35:]) >= 0.9 * RATE
        assert process.cooldowns.board.is_empty

    asyncio.run(day())


async def first_second_of_recovery(process: Process, provider: Provider) -> int:
    """Answers requests until two probes have succeeded."""
    while True:
        second = int(process.clock.now - NOON)
        await requests(1, process)
        if provider.of("a", second) > 1:  # one call is a probe that failed
            return second


async def exchange(process: Process) -> None:
    """Sends what a process changed, and reads what others did."""
    # An exchange in the background may have taken the changes, and not sent them yet.
    await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})
    await process.shared.exchange()


@pytest.fixture(params=["guarded", "sqlite", "redis"])
def w(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    place: Any = fresh_prefix() if request.param == "redis" else tmp_path
    assert request.param in STORES
    with world(request.param, place) as opened:
        yield opened


def test_two_processes_and_a_restart_probe_no_more_than_one(w: World) -> None:
    provider = Provider(w.clock, dead(1e9))
    other = w.store if not hasattr(w.store, "_memory") else w.newcomer().store
    one, two = Process(w.clock, provider, w.store, 1), Process(w.clock, provider, other, 2)
    asked = w.do(requests(8, one, two))
    assert provider.total() <= 1.2 * asked
    w.do(exchange(one))
    w.do(exchange(two))
    before = sum(n for (name, _), n in provider.calls.items() if name == "a")
    third = Process(w.clock, provider, other, 3)  # begins now, and knows what the others found out
    w.do(requests(1, third, one, two))
    after = sum(n for (name, _), n in provider.calls.items() if name == "a")
    assert after - before <= 1
    probes = after
    w.do(requests(20, one, two, third))
    total = sum(n for (name, _), n in provider.calls.items() if name == "a")
    assert total - probes <= 3  # it opens for ever longer


def test_two_percent_of_errors_take_no_model_out() -> None:
    clock, chance, rule = Clock(), dice(20261130), Cooldown()
    cooldowns = Cooldowns(clock)
    model = candidate("a").model
    kinds = (FailureKind.SERVER_ERROR, FailureKind.TIMEOUT, FailureKind.CONNECT)
    for _ in range(100_000):
        clock.now += chance.expovariate(5)
        if chance.random() < 0.02:
            cooldowns.failed(model, Failure(chance.choice(kinds)), rule)
        else:
            cooldowns.answered(model, rule)
        assert cooldowns.board.is_empty


def test_two_percent_of_errors_are_healed_by_retries() -> None:
    async def day() -> None:
        clock, chance = Clock(), dice(7)

        def fails(name: str, _: float) -> Failure | None:
            return Failure(FailureKind.SERVER_ERROR) if chance.random() < 0.02 else None

        provider = Provider(clock, fails)
        process = Process(clock, provider)
        asked = await requests(60, process)
        assert process.cooldowns.board.is_empty
        assert provider.total() <= 1.05 * asked

    asyncio.run(day())


ODD = [
    Failure(FailureKind.CONTENT_POLICY, status=400),
    Failure(FailureKind.CONTEXT_TOO_LONG, status=413),
    Failure(FailureKind.UNSUPPORTED, status=404),
    Failure(FailureKind.BAD_REQUEST, status=400),
    Failure(FailureKind.INVALID_REQUEST, status=400),
    Failure(FailureKind.REFUSED, status=451),
    Failure(FailureKind.DEADLINE),
    Failure(FailureKind.CANCELLED),
    Failure(FailureKind.QUOTA_EXHAUSTED, status=402, scope_override=FailureScope.REQUEST),
    Failure(FailureKind.FORBIDDEN, status=403, scope_override=FailureScope.REQUEST),
    Failure(FailureKind.MALFORMED, status=200, scope_override=FailureScope.REQUEST),
]


@pytest.mark.parametrize("odd", ODD, ids=lambda each: f"{each.kind}-{each.status}")
def test_odd_requests_of_one_user_change_nothing_for_another(odd: Failure) -> None:
    """1,000 requests that fail because of what is in them, and one of another user after each."""

    async def day() -> None:
        clock = Clock()
        poisoned = True
        provider = Provider(clock, lambda *_: odd if poisoned else None)
        process = Process(clock, provider)
        for _ in range(1_000):
            poisoned = True
            with suppress(RoutingError):
                await process.answer()
            assert process.cooldowns.board.is_empty
        poisoned = False
        before = provider.of("a", int(clock.now - NOON))
        await process.answer()
        assert provider.of("a", int(clock.now - NOON)) == before + 1

    asyncio.run(day())


def state_of_a(process: Process) -> HealthState:
    model = candidate("a").model
    known = process.cooldowns.board.known()
    return health_of(model, known, process.clock.now).state


@pytest.mark.parametrize(
    ("kind", "between"),
    [
        *((kind, 1.0) for kind in sorted(MAYBE_THE_REQUEST)),
        (FailureKind.TIMEOUT, 0.02),
        (FailureKind.TIMEOUT, 20.0),
    ],
)
def test_a_model_that_fails_one_user_stays_for_another(kind: FailureKind, between: float) -> None:
    """1,000 requests of one user whose first token takes too long, or that crash the server. Now
    and then another user asks, who alone is answered: low traffic."""

    async def day() -> None:
        clock = Clock()
        poisoned = True
        odd = Failure(kind)
        provider = Provider(clock, lambda name, _: odd if poisoned and name == "a" else None)
        process = Process(clock, provider)
        for number in range(1_000):
            poisoned = True
            assert await process.answer("mallory") == "b"
            poisoned = False
            if number % 50 == 49:
                assert await process.answer("ada") == "a"
                assert await process.answer() == "a"  # nor for those that name no user
            assert state_of_a(process) in (HealthState.OK, HealthState.SOME_USERS)
            clock.now += between

    asyncio.run(day())


def test_a_user_whose_requests_failed_gets_the_model_back() -> None:
    async def day() -> None:
        clock = Clock()
        provider = Provider(clock, dead(30, FailureKind.TIMEOUT))
        process = Process(clock, provider)
        while clock.now < NOON + 30:
            assert await process.answer("mallory") == "b"
            clock.now += 1
        assert sum(provider.of("a", second) for second in range(30)) <= 8  # it is not asked in vain
        assert state_of_a(process) is HealthState.SOME_USERS
        clock.now += 60
        assert [await process.answer("mallory") for _ in range(3)] == ["a"] * 3
        clock.now += 60
        assert await process.answer("mallory") == "a"
        assert process.cooldowns.cooling(clock.now, "mallory") == {}
        assert process.cooldowns.board.is_empty

    asyncio.run(day())


@pytest.mark.parametrize("kind", [FailureKind.CONNECT, *sorted(MAYBE_THE_REQUEST)])
def test_a_dead_provider_is_found_as_fast_with_one_user(kind: FailureKind) -> None:
    async def calls(user: str | None) -> int:
        clock = Clock()
        provider = Provider(clock, dead(1e9, kind))
        process = Process(clock, provider)
        for _ in range(100):
            await process.answer(user)
            clock.now += 0.1
        return sum(provider.of("a", second) for second in range(11))

    assert asyncio.run(calls("ada")) == asyncio.run(calls(None)) <= 10


def test_a_dead_provider_is_found_for_everyone_at_the_first_failure_of_another_user() -> None:
    async def day() -> None:
        clock = Clock()
        provider = Provider(clock, dead(1e9, FailureKind.TIMEOUT))
        process = Process(clock, provider)
        for _ in range(5):
            await process.answer("ada")
        assert state_of_a(process) is HealthState.SOME_USERS
        await process.answer("bob")
        assert state_of_a(process) is HealthState.OPEN
        before = provider.total()
        assert await process.answer("eve") == "b"
        assert provider.total() == before + 1

    asyncio.run(day())


def test_one_user_cannot_keep_a_recovering_model_from_others() -> None:
    """It was down for everyone. Since then it answers all but one user, who asks all the time."""

    async def day() -> None:
        clock = Clock()
        failing = {"mallory", "ada", "bob"}
        asking = ""

        def fails(name: str, _: float) -> Failure | None:
            return Failure(FailureKind.TIMEOUT) if name == "a" and asking in failing else None

        process = Process(clock, Provider(clock, fails))
        for _ in range(5):
            for asking in ("ada", "bob"):
                await process.answer(asking)
        assert state_of_a(process) is HealthState.OPEN
        failing = {"mallory"}
        answered = 0
        for _ in range(6_000):
            asking = "mallory"
            await process.answer("mallory")
            asking = "ada"
            answered += await process.answer("ada") == "a"
            clock.now += 0.2
        assert answered > 4_000  # of 20 minutes it has most

    asyncio.run(day())


def test_processes_share_what_fails_for_one_user(w: World) -> None:
    provider = Provider(w.clock, dead(1e9, FailureKind.TIMEOUT))
    other = w.store if not hasattr(w.store, "_memory") else w.newcomer().store
    one, two = Process(w.clock, provider, w.store, 1), Process(w.clock, provider, other, 2)

    async def ask(process: Process, user: str) -> None:
        await process.answer(user)

    for _ in range(5):
        w.do(ask(one, "ada"))
    w.do(exchange(one))
    w.do(exchange(two))
    now = w.clock.now
    assert list(two.cooldowns.cooling(now, "ada")) == ["a"]
    assert two.cooldowns.cooling(now, "bob") == two.cooldowns.cooling(now) == {}
    assert not any("ada" in key for key in two.cooldowns.board.known())
    assert two.cooldowns.lift(candidate("a").model)
    w.do(exchange(two))
    w.do(exchange(one))
    assert one.cooldowns.cooling(now, "ada") == {}
