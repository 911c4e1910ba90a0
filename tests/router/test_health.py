"""The health of a router's models, as a program asks for it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from policy_router import HealthState, ModelHealth, Router, UsageError, load
from policy_router.events import BreakerChanged, Event
from policy_router.ledger.memory import MemoryStore
from policy_router.providers.failures.failure import CallFailed, Failure, FailureKind
from tests.execution.make import response
from tests.ledger.stores import NOON, Clock

TEXT = """
version: 1
name: health
tiers: [light]
models:
  a: { model: openai/x, tier: light, price: free, context: 8k, api_key_env: KEY_A }
  b: { model: groq/y, tier: light, price: free, context: 8k, api_key_env: KEY_B }
fallback:
  max_attempts: 2
  on_error: { server_error: next }
  cooldown: { failures: 2, within: 1m, for: 10s, ramp: 30s }
  degraded: { success: 90%, min_samples: 4 }
"""
HELLO = [{"role": "user", "content": "hi"}]


class Upstream:
    """Model `a` fails while it is down; `b` answers."""

    def __init__(self) -> None:
        self.down = True
        self.calls: list[str] = []

    async def call(self, model: Any, _body: Any, _timeout: float) -> Any:
        self.calls.append(model.name)
        if model.name == "a" and self.down:
            raise CallFailed(Failure(FailureKind.SERVER_ERROR, "500", 500))
        return response()


def test_a_breaker_that_opens_is_shown_probed_and_closed() -> None:
    async def work() -> None:
        clock, upstream, events = Clock(), Upstream(), list[Event]()
        policy = load(text=TEXT)
        async with Router(policy, upstream.call, clock=clock, on_event=events.append) as router:
            assert router.health() == (ModelHealth("a"), ModelHealth("b"))
            for _ in range(4):
                await router.acompletion(HELLO)
            assert upstream.calls == ["a", "b", "a", "b", "b", "b"]
            a, b = router.health()
            assert a == ModelHealth("a", HealthState.OPEN, NOON + 10, "model", "server_error", 1)
            assert b == ModelHealth("b")
            clock.now += 10
            upstream.down = False
            for _ in range(2):
                await router.acompletion(HELLO)
            assert upstream.calls[6:] == ["a", "a"]
            assert router.health()[0].state is HealthState.RAMP
            clock.now += 30
            assert router.health()[0].state is HealthState.DEGRADED  # two of its four calls failed
            decision = await router.aroute(HELLO)
            assert [c.name for c in decision.candidates] == ["b", "a"]
            last = decision.candidates[-1]
            assert last.placed_by == "last"
            assert last.detail == "degraded: 50% of its latest calls succeeded"
        steps = [event.step for event in events if isinstance(event, BreakerChanged)]
        assert steps == ["opened", "half_open", "closed"]

    asyncio.run(work())


def test_an_operator_lifts_a_cooldown() -> None:
    async def work() -> None:
        clock, upstream = Clock(), Upstream()
        async with Router(load(text=TEXT), upstream.call, clock=clock) as router:
            for _ in range(2):
                await router.acompletion(HELLO)
            assert router.health()[0].state is HealthState.OPEN
            assert router.lift("a") is True
            assert router.lift("a") is False
            assert router.health()[0] == ModelHealth("a")
            with pytest.raises(UsageError, match="unknown model `c`"):
                router.lift("c")

    asyncio.run(work())


def test_lifting_ends_the_observation_that_keeps_a_model_out() -> None:
    """`then: skip` has no call that could show that the model is well again."""

    async def work() -> None:
        clock, upstream = Clock(), Upstream()
        text = TEXT.replace("min_samples: 4", "min_samples: 2, then: skip").replace(
            "failures: 2", "failures: 99"
        )
        async with Router(load(text=text), upstream.call, clock=clock) as router:
            for _ in range(3):
                await router.acompletion(HELLO)
            assert upstream.calls == ["a", "b", "a", "b", "b"]
            assert router.health()[0].state is HealthState.DEGRADED
            upstream.down = False
            assert router.lift("a") is True
            assert router.health()[0] == ModelHealth("a")
            await router.acompletion(HELLO)
            assert upstream.calls[-1] == "a"
            assert router.lift("b") is False

    asyncio.run(work())


def test_lifting_reaches_every_process_that_shares_the_store() -> None:
    async def work() -> None:
        clock, upstream = Clock(), Upstream()
        store = MemoryStore(clock)
        text = TEXT.replace("min_samples: 4", "min_samples: 2, then: skip")
        policy = load(text=text.replace("failures: 2", "failures: 99"))
        one = Router(policy, upstream.call, clock=clock, store=store)
        two = Router(policy, upstream.call, clock=clock, store=store)
        async with one, two:
            for _ in range(2):
                await one.acompletion(HELLO)
            await two.acompletion(HELLO)
            assert one.health()[0].state is HealthState.DEGRADED
            assert two.lift("a") is False  # this process has not called it often enough to know
            await two._cooldowns._shared.exchange()  # type: ignore[union-attr]
            await one._cooldowns._shared.exchange()  # type: ignore[union-attr]
            assert one.health()[0] == ModelHealth("a")

    asyncio.run(work())
