"""Probes of models in the background."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from policy_router import Router
from policy_router.domain.fallback import Probe
from policy_router.execution.accounting import Accounting
from policy_router.execution.health.cooldown import Cooldowns
from policy_router.execution.health.shared_health import SharedHealth
from policy_router.execution.prober import Prober
from policy_router.ledger.memory import MemoryStore
from policy_router.loading import load
from policy_router.providers.failures.failure import Failure, FailureKind
from policy_router.providers.user_caller import AdaptedCaller
from tests.execution.make import FakeCaller, response, usage_chunk
from tests.ledger.stores import NOON, Clock

if TYPE_CHECKING:
    import pytest

    from policy_router.decision.policy import Policy
    from policy_router.domain.models import Model
    from policy_router.providers.requests.body import Body

TEXT = """
version: 1
name: probes
tiers: [light]
models:
  here:
    { model: ollama_chat/q, tier: light, price: free, context: 8k,
      api_base: 'http://localhost:11434' }
  big: { model: openai/x, tier: light, price: { input: $1/M, output: $1/M }, context: 8k }
budgets:
  all: { cap: $5/day }
fallback:
  probe: { every: 30s }
"""
FAILS = Failure(FailureKind.CONNECT)


class Ticks:
    """Sleeps that end at once, a number of times."""

    def __init__(self, number: int) -> None:
        self.left = number
        self.slept: list[float] = []
        self.over = asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.left -= 1
        if self.left <= 0:
            self.over.set()
            await asyncio.Event().wait()


class World:
    def __init__(self, caller: Any, text: str = TEXT, beside: World | None = None) -> None:
        self.clock: Clock = Clock() if beside is None else beside.clock
        self.policy: Policy = load(text=text)
        self.store: MemoryStore = MemoryStore(self.clock) if beside is None else beside.store
        self.accounting = Accounting(self.store, clock=self.clock)
        self.cooldowns = Cooldowns(
            self.clock,
            models=lambda: self.policy.models,
            shared=SharedHealth(self.store, self.clock, monotonic=self.clock),
        )
        self.ticks = Ticks(3)
        self.prober = Prober(
            AdaptedCaller(caller),
            self.accounting,
            self.cooldowns,
            lambda: self.policy,
            sleep=self.ticks,
        )

    def cooling(self) -> set[str]:
        return set(self.cooldowns.cooling(self.clock.now))


def test_free_models_on_own_servers_are_probed_until_the_router_ends() -> None:
    async def work() -> None:
        caller = FakeCaller(here=[response()] * 9)
        w = World(caller)
        w.prober.begin()
        w.prober.begin()
        await w.ticks.over.wait()
        assert (caller.calls, w.ticks.slept) == (["here"] * 3, [30.0] * 3)
        assert caller.bodies[0]["max_tokens"] == 16
        await w.prober.aclose()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(work())


def test_one_of_several_processes_probes_and_another_takes_over_when_it_ends() -> None:
    async def work() -> None:
        callers = [FakeCaller(here=[response()] * 9) for _ in range(2)]
        one = World(callers[0])
        two = World(callers[1], beside=one)

        async def rounds(*worlds: World) -> list[int]:
            for w in worlds:
                w.ticks.left, w.ticks.over = 1, asyncio.Event()
                w.prober.begin()
                await w.ticks.over.wait()
                await w.prober.aclose()
            one.clock.now += 30
            return [len(caller.calls) for caller in callers]

        assert await rounds(one, two) == [1, 0]
        assert await rounds(two, one) == [2, 0]
        assert await rounds(one, two) == [3, 0]
        assert await rounds(two) == [3, 0]  # it may still come
        assert await rounds(two) == [3, 1]
        assert await rounds(one, two) == [3, 2]

    asyncio.run(work())


def test_probes_of_paid_models_are_charged() -> None:
    async def work() -> None:
        answer = response(usage=usage_chunk(7, 5).usage)
        w = World(FakeCaller(big=[answer]))
        await w.prober.probe_all(Probe(30.0, ("big",)))
        rows = [row async for row in w.store.rows()]
        assert [(row.about.model, row.cost, row.tokens_in) for row in rows] == [("big", 12_000, 7)]

    asyncio.run(work())


def test_two_probes_in_a_row_that_fail_open_a_breaker_and_one_closes_it_again() -> None:
    async def work() -> None:
        caller = FakeCaller(here=[FAILS, response(), FAILS, FAILS, response(), response()])
        w = World(caller)
        probe = Probe(30.0)
        for _ in range(3):
            await w.prober.probe_all(probe)
        assert w.cooling() == set()
        await w.prober.probe_all(probe)
        assert w.cooling() == {"here"}
        await w.prober.probe_all(probe)  # none while it is open
        assert len(caller.calls) == 4
        w.clock.now += 10
        await w.prober.probe_all(probe)
        await w.prober.probe_all(probe)
        assert w.cooling() == set()
        w.clock.now += 30
        w.cooldowns.cooling(w.clock.now)
        assert w.cooldowns.board.is_empty

    asyncio.run(work())


def test_a_failure_that_is_not_the_model_s_opens_nothing() -> None:
    async def work() -> None:
        w = World(FakeCaller(here=[Failure(FailureKind.BAD_REQUEST)] * 5))
        for _ in range(5):
            await w.prober.probe_all(Probe(30.0))
        assert w.cooldowns.board.is_empty

    asyncio.run(work())


def test_probing_goes_on_after_an_error_of_our_own(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(FakeCaller):
        async def prepare(self, *_: Any) -> None:
            raise ValueError(NOON)

    async def work() -> None:
        w = World(Broken())
        w.prober.begin()
        await w.ticks.over.wait()
        await w.prober.aclose()

    asyncio.run(work())
    assert len(caplog.records) == 3


def test_without_the_setting_nothing_is_probed() -> None:
    async def work() -> None:
        w = World(FakeCaller(), TEXT.replace("  probe: { every: 30s }", "  max_attempts: 2"))
        w.prober.begin()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        await w.prober.aclose()

    asyncio.run(work())


class Counting(FakeCaller):
    """A caller that says when it was called twice."""

    def __init__(self, **scripts: Any) -> None:
        super().__init__(**scripts)
        self.twice = asyncio.Event()

    async def call(self, model: Model, body: Body, timeout: float) -> Any:  # noqa: ASYNC109  as Caller
        if len(self.calls) == 1:
            self.twice.set()
        return await super().call(model, body, timeout)


def test_a_router_probes_from_its_first_request_on_and_ends_it() -> None:
    async def work() -> None:
        caller = Counting(here=[response()] * 9)
        async with Router(load(text=TEXT), caller) as router:
            await router.acompletion([{"role": "user", "content": "hi"}])
            await caller.twice.wait()
        assert caller.calls == ["here", "here"]
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(work())


def test_a_probe_is_among_the_calls_that_a_server_takes_at_a_time() -> None:
    policy = load(
        text="""
version: 1
models:
  m: { model: openai/m, tier: t, price: free, api_base: "http://localhost/v1", max_connections: 1 }
fallback: { probe: { every: 60s, models: [m] } }
"""
    )
    under_way, most = 0, 0

    async def call(*_: object) -> object:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        for _turn in range(50):
            await asyncio.sleep(0)
        under_way -= 1
        return response()

    async def go() -> None:
        async with Router(policy, call) as router:
            await router.acompletion([{"role": "user", "content": "hi"}])

    asyncio.run(go())
    assert most == 1
