"""Days on which a provider fails: simulated requests, on a clock that the tests set."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from policy_router.domain.fallback import Cooldown, Fallback
from policy_router.domain.snapshot import Snapshot
from policy_router.errors import RoutingError
from policy_router.execution.cooldown import Cooldowns
from policy_router.execution.executor import Executor
from policy_router.execution.shared_health import SharedHealth
from policy_router.providers.failure import CallFailed, Failure, FailureKind, FailureScope
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

    async def answer(self) -> None:
        """Answers one request, as a router does: what cools is out, what recovers comes last."""
        await self.cooldowns.look()
        cooling, last = self.cooldowns.for_request(self.clock.now)
        snapshot = Snapshot(self.clock.now, cooling, last=last)
        await self.executor.run(decided(snapshot), FALLBACK, HELLO)


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
    w.do(one.shared.exchange())
    w.do(two.shared.exchange())
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
