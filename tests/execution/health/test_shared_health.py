"""What processes know of the failures that others met, through each store."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from policy_router.domain.fallback import Cooldown
from policy_router.domain.models import Model
from policy_router.errors import StoreError
from policy_router.execution.health.admission import Admission
from policy_router.execution.health.cooldown import Cooldowns
from policy_router.execution.health.service_health import (
    HEALTHY,
    FailureCooldown,
    ServiceHealth,
    cooldown_began,
    from_text,
    to_text,
)
from policy_router.execution.health.shared_health import SharedHealth
from policy_router.ledger.degraded import DegradableStore
from policy_router.ledger.memory import MemoryStore
from policy_router.providers.failures.failure import Failure, FailureKind
from tests.ledger.stores import NOON, STORES, Clock, World, fresh_prefix, world

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RULE = Cooldown(failures=2, within=60, duration=10, longest=100, ramp=30)
BROKEN = Failure(FailureKind.SERVER_ERROR)
M, N = (Model(name, "openai/x", "t", 0) for name in "mn")


@pytest.fixture(params=sorted(STORES))
def w(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    place: Any = fresh_prefix() if request.param == "redis" else tmp_path
    with world(request.param, place) as opened:
        yield opened


class Process:
    """One process: its copy of what is shared."""

    def __init__(self, w: World, store: Any) -> None:
        self._w = w
        self.shared = SharedHealth(store, w.clock)
        self.cooldowns = Cooldowns(
            w.clock, models=lambda: (M, N), shared=self.shared, draw=lambda: 1.0
        )

    def exchange(self) -> None:
        self._w.do(self.shared.exchange())

    def admitted(self, model: Model = M) -> Admission:
        return self._w.do(self.cooldowns.admitted(model))

    def cooling(self) -> dict[str, float]:
        self.exchange()
        return dict(self.cooldowns.cooling(self._w.clock.now))


def another(w: World) -> Any:
    """Another handle on the same store, where there can be one."""
    return w.store if isinstance(w.store, MemoryStore | DegradableStore) else w.newcomer().store


@pytest.fixture
def pair(w: World) -> tuple[Process, Process]:
    return Process(w, w.store), Process(w, another(w))


def open_breaker(process: Process) -> None:
    for _ in range(2):
        process.cooldowns.failed(M, BROKEN, RULE)
    process.exchange()


def test_what_one_process_finds_out_all_know(w: World, pair: tuple[Process, Process]) -> None:
    one, other = pair
    open_breaker(one)
    one.cooldowns.failed(N, Failure(FailureKind.RATE_LIMITED, retry_after=60), RULE)
    one.exchange()
    assert other.cooling() == {"m": w.clock.now + 10, "n": w.clock.now + 60}


def test_a_new_process_knows_it_with_its_first_request(w: World) -> None:
    open_breaker(Process(w, w.store))
    late = Process(w, another(w))
    w.do(late.cooldowns.look())
    assert late.cooldowns.cooling(w.clock.now) == {"m": w.clock.now + 10}


def test_there_is_one_probe_in_all_processes(w: World, pair: tuple[Process, Process]) -> None:
    one, other = pair
    open_breaker(one)
    other.exchange()
    w.clock.now += 10
    assert len(one.admitted().probes) == 1
    assert other.admitted() == Admission(blocked_until=w.clock.now + 30)
    assert "m" in other.cooling()


def test_of_probes_that_begin_together_one_is_made(w: World) -> None:
    processes = [Process(w, another(w)) for _ in range(4)]
    open_breaker(processes[0])
    for each in processes:
        each.exchange()
    w.clock.now += 10

    async def together() -> list[Admission]:
        return await asyncio.gather(*(each.cooldowns.admitted(M) for each in processes * 5))

    admissions = w.do(together())
    assert sum(1 for each in admissions if each.probes) == 1
    assert sum(1 for each in admissions if each.blocked_until == w.clock.now + 30) == 19


def test_probes_of_several_processes_close_it(w: World, pair: tuple[Process, Process]) -> None:
    one, other = pair
    open_breaker(one)
    w.clock.now += 10
    other.exchange()
    for each in pair:
        each.exchange()
        each.cooldowns.answered(M, RULE, each.admitted().probes)
        each.exchange()
    assert (one.cooling(), other.cooling()) == ({}, {})
    assert one.admitted() == Admission()
    w.clock.now += 30
    assert (one.cooling(), one.cooldowns.board.is_empty) == ({}, True)


def test_it_opens_for_longer_whoever_probes(w: World, pair: tuple[Process, Process]) -> None:
    times = []
    open_breaker(pair[0])
    for turn in range(4):
        prober = pair[turn % 2]
        until = prober.cooling()["m"]
        times.append(until - w.clock.now)
        w.clock.now = until
        prober.cooldowns.failed(M, BROKEN, RULE, prober.admitted().probes)
        prober.exchange()
    assert times == [10, 20, 40, 80]


def test_of_two_rests_the_later_one_holds(w: World, pair: tuple[Process, Process]) -> None:
    one, other = pair
    one.cooldowns.failed(M, Failure(FailureKind.RATE_LIMITED, retry_after=60), RULE)
    other.cooldowns.failed(M, Failure(FailureKind.RATE_LIMITED, retry_after=30), RULE)
    for each in (one, other, one, other):
        each.exchange()
    assert one.cooling() == other.cooling() == {"m": w.clock.now + 60}


def test_a_lifted_cooldown_is_lifted_for_all(w: World, pair: tuple[Process, Process]) -> None:
    one, other = pair
    open_breaker(one)
    assert set(other.cooling()) == {"m"}
    assert other.cooldowns.lift(M)
    other.exchange()
    assert one.cooling() == {}


def test_a_probe_of_a_process_that_died_is_given_up(
    w: World, pair: tuple[Process, Process]
) -> None:
    one, other = pair
    open_breaker(one)
    w.clock.now += 10
    assert one.admitted().probes
    w.clock.now += 29
    other.exchange()
    assert not other.admitted().probes
    w.clock.now += 1
    assert other.admitted().probes


# -- a store that is away --------------------------------------------------------------------------


class Away(MemoryStore):
    """A store that is out of reach while `away` is set."""

    away = True

    async def read_health(self) -> dict[str, str]:
        if self.away:
            raise StoreError("away")
        return await super().read_health()

    async def swap_health(
        self, key: str, before: str | None, after: str, lasts: float
    ) -> str | None:
        if self.away:
            raise StoreError("away")
        return await super().swap_health(key, before, after, lasts)


class Hanging(MemoryStore):
    """A store that never answers."""

    async def read_health(self) -> dict[str, str]:
        await asyncio.Event().wait()
        return {}

    async def swap_health(self, *_: object) -> str | None:
        await asyncio.Event().wait()
        return None


def process(store: Any, clock: Clock) -> Cooldowns:
    return Cooldowns(clock, shared=SharedHealth(store, clock), draw=lambda: 1.0)


def test_without_the_store_a_process_goes_by_what_it_knows() -> None:
    async def work() -> None:
        clock, store = Clock(), Away(Clock())
        cooldowns = process(store, clock)
        await cooldowns.look()
        for _ in range(2):
            cooldowns.failed(M, BROKEN, RULE)
        await asyncio.sleep(0)
        assert (await cooldowns.admitted(M)).blocked_until == clock.now + 10
        clock.now += 10
        assert (await cooldowns.admitted(M)).probes
        assert (await cooldowns.admitted(M)).blocked_until == clock.now + 30
        store.away = False
        shared = cooldowns._shared
        assert shared is not None
        await shared.exchange()
        other = process(store, clock)
        await other.look()
        assert other.cooling(clock.now) == {}  # it does not know the model
        assert (await other.admitted(M)).blocked_until == clock.now + 30
        await shared.aclose()

    asyncio.run(work())


def test_a_store_that_hangs_delays_a_request_for_a_moment_only() -> None:
    async def work() -> None:
        clock = Clock()
        cooldowns = process(Hanging(clock), clock)
        await cooldowns.look()
        for _ in range(2):
            cooldowns.failed(M, BROKEN, RULE)
        clock.now += 10
        assert (await cooldowns.admitted(M)).probes
        assert cooldowns._shared is not None
        await cooldowns._shared.aclose()

    asyncio.run(asyncio.wait_for(work(), 60))


def test_a_store_without_health_shares_nothing() -> None:
    async def work() -> None:
        clock = Clock()
        cooldowns = process(object(), clock)
        await cooldowns.look()
        for _ in range(2):
            cooldowns.failed(M, BROKEN, RULE)
        assert cooldowns._shared is not None
        await cooldowns._shared.exchange()
        clock.now += 10
        assert (await cooldowns.admitted(M)).probes
        await cooldowns._shared.aclose()

    asyncio.run(work())


def test_what_changes_outside_a_loop_is_sent_with_the_next_request() -> None:
    clock = Clock()
    store = MemoryStore(clock)
    cooldowns = process(store, clock)
    for _ in range(2):
        cooldowns.failed(M, BROKEN, RULE)

    async def work() -> dict[str, str]:
        await cooldowns.look()
        await cooldowns.look()
        assert cooldowns._shared is not None
        await cooldowns._shared.aclose()
        return await store.read_health()

    assert len(asyncio.run(work())) == 1


def test_a_full_store_costs_no_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("policy_router.ledger.health.MOST_HEALTHS", 0)

    async def work() -> None:
        clock = Clock()
        cooldowns = process(MemoryStore(clock), clock)
        for _ in range(2):
            cooldowns.failed(M, BROKEN, RULE)
        clock.now += 10
        assert (await cooldowns.admitted(M)).probes

    asyncio.run(work())


def test_a_store_that_lost_everything_closes_no_breaker() -> None:
    async def work() -> None:
        clock = Clock()
        store = MemoryStore(clock)
        cooldowns = process(store, clock)
        for _ in range(2):
            cooldowns.failed(M, BROKEN, RULE)
        shared = cooldowns._shared
        assert shared is not None
        await shared.exchange()
        store._ledger.health.clear()
        await shared.exchange()
        assert cooldowns.until(M, clock.now) == clock.now + 10
        clock.now += 10 + 3600
        await shared.exchange()
        assert cooldowns.board.is_empty
        await shared.aclose()

    asyncio.run(work())


def test_a_lifted_rest_is_lifted_for_a_process_that_looks_hours_later() -> None:
    async def work() -> None:
        clock = Clock()
        store = MemoryStore(clock)
        one, other = process(store, clock), process(store, clock)
        one.failed(M, Failure(FailureKind.RATE_LIMITED, retry_after=10 * 3600.0), RULE)
        for each in (one, other):
            assert each._shared is not None
            await each._shared.exchange()
        assert other.lift(M)
        assert other._shared is not None
        await other._shared.exchange()
        clock.now += 5 * 3600
        assert one._shared is not None
        await one._shared.exchange()
        assert one.until(M, clock.now) is None
        for each in (one, other):
            assert each._shared is not None
            await each._shared.aclose()

    asyncio.run(work())


class Waiting(MemoryStore):
    """A store that replaces a text when it is told to."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.called, self.go = asyncio.Event(), asyncio.Event()
        self.go.set()

    async def swap_health(
        self, key: str, before: str | None, after: str, lasts: float
    ) -> str | None:
        self.called.set()
        await self.go.wait()
        return await super().swap_health(key, before, after, lasts)


def test_what_is_on_its_way_to_the_store_is_not_undone_by_what_was_read() -> None:
    async def work() -> None:
        clock = Clock()
        store = Waiting(clock)
        cooldowns = process(store, clock)
        shared = cooldowns._shared
        assert shared is not None
        store.go.clear()
        for _ in range(2):
            cooldowns.failed(M, BROKEN, RULE)
        await store.called.wait()
        await shared.exchange()  # reads before the change has arrived
        assert cooldowns.until(M, clock.now) == clock.now + 10
        store.go.set()
        await shared.aclose()
        assert cooldowns.until(M, clock.now) == clock.now + 10

    asyncio.run(asyncio.wait_for(work(), 60))


def test_a_caller_that_leaves_while_its_probe_is_confirmed_gives_it_back() -> None:
    async def work() -> None:
        clock = Clock()
        store = Waiting(clock)
        cooldowns = process(store, clock)
        assert cooldowns._shared is not None
        for _ in range(2):
            cooldowns.failed(M, BROKEN, RULE)
        await cooldowns._shared.exchange()
        clock.now += 10
        store.called.clear()
        store.go.clear()
        leaving = asyncio.create_task(cooldowns.admitted(M))
        await store.called.wait()
        leaving.cancel()
        await asyncio.wait([leaving])
        assert leaving.cancelled()
        store.go.set()
        assert (await cooldowns.admitted(M)).probes
        await cooldowns._shared.aclose()

    asyncio.run(asyncio.wait_for(work(), 60))


# -- its text --------------------------------------------------------------------------------------


def test_the_text_of_health_is_read_as_it_was_written() -> None:
    health = cooldown_began(ServiceHealth(), NOON, 30, "rate_limited")
    assert from_text(to_text(health)) == health
    assert health.cooldown == FailureCooldown(NOON + 30, "rate_limited", 0)


@pytest.mark.parametrize(
    "text", ["", "{}", "[1]", "7", "[9,[],[]]", "[1,[],[]]", '[1,["open",0,0,0,0,"",""],[]]']
)
def test_a_text_that_is_not_understood_shows_nothing(text: str) -> None:
    assert from_text(text) == HEALTHY
