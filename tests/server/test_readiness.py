"""Whether `/readyz` says what a load balancer has to know."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from policy_router.errors import StoreError
from policy_router.ledger.degraded import DegradableStore
from policy_router.ledger.memory import MemoryStore
from policy_router.loading import load
from policy_router.providers.default_caller import DefaultCaller
from policy_router.providers.simulated import Say, Simulated
from policy_router.router.router import Router
from policy_router.server.app import closes, create_app
from policy_router.server.readiness import Readiness
from tests.server.serving import served

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from policy_router.domain.limits import Charge, Reading
    from policy_router.ledger.store import (
        Ending,
        Granted,
        Hold,
        Refused,
        Settled,
        Settlement,
        Stale,
        Unavailable,
    )


POLICY = """\
version: 1
models:
  dear: {{ model: openai/dear, api_base: "{url}", via: direct, tier: t,
          price: {{ input: $1/M, output: $1/M }} }}
{more}
budgets: {{ all: {{ cap: $5/month, models: [paid], then: block }} }}
"""
FREE = 'own: {{ model: openai/own, api_base: "{url}", via: direct, tier: t, price: free }}'
HELLO = [{"role": "user", "content": "Hello!"}]


class Away(MemoryStore):
    """A store that is out of reach as long as `away` is set."""

    away = True

    def _check(self) -> None:
        if self.away:
            raise StoreError("nobody is there")

    async def read(self, charges: Sequence[Charge]) -> tuple[Reading, ...]:
        self._check()
        return await super().read(charges)

    async def reserve(
        self, hold: Hold, after: Ending | None = None
    ) -> Granted | Refused | Stale | Unavailable:
        self._check()
        return await super().reserve(hold, after)

    async def settle(self, hold_id: str, actual: Settlement) -> Settled:
        self._check()
        return await super().settle(hold_id, actual)

    async def release(self, hold_id: str) -> Settled:
        self._check()
        return await super().release(hold_id)


@pytest.fixture
def provider() -> Iterator[Simulated]:
    with Simulated({"dear": Say("hi"), "own": Say("hi")}) as provider:
        yield provider


def router_over(provider: Simulated, store: MemoryStore, more: str = "") -> Router:
    text = POLICY.format(url=provider.url, more=more.format(url=provider.url))
    return Router(load(text=text), DefaultCaller(), store=DegradableStore(store))


def ask(address: str) -> int:
    body = {"model": "auto", "messages": HELLO}
    return httpx.post(f"{address}/v1/chat/completions", json=body, timeout=60).status_code


def test_not_ready_while_every_model_needs_a_store_that_is_away(provider: Simulated) -> None:
    store = Away()
    router = router_over(provider, store)
    with served(create_app(router, lifespan=closes(router))) as address:
        # What calls find out; nobody makes the server ask the store.
        while ask(address) != 503 or httpx.get(f"{address}/readyz").status_code != 503:
            pass
        answer = httpx.get(f"{address}/readyz")
        assert answer.text == "not ready: the counters cannot be used, and every model needs them\n"
        assert httpx.get(f"{address}/healthz").status_code == 200
        store.away = False
        while httpx.get(f"{address}/readyz").status_code != 200:
            pass
        assert ask(address) == 200


def test_ready_while_some_model_needs_no_store(provider: Simulated) -> None:
    router = router_over(provider, Away(), FREE.join(("  ", "")))
    with served(create_app(router, lifespan=closes(router))) as address:
        for _ in range(8):
            assert ask(address) == 200
            assert httpx.get(f"{address}/readyz").status_code == 200


def test_not_ready_while_it_starts_or_stops(provider: Simulated) -> None:
    readiness, router = Readiness(), router_over(provider, MemoryStore())
    with served(create_app(router, readiness=readiness, lifespan=closes(router))) as address:
        assert httpx.get(f"{address}/readyz").text == "ready\n"
        readiness.preparing = True
        assert httpx.get(f"{address}/readyz").text == "not ready: the server is starting\n"
        readiness.stopping = True
        answer = httpx.get(f"{address}/readyz")
        assert (answer.status_code, answer.text) == (503, "not ready: the server is stopping\n")
    assert readiness.stopping


def test_a_mounted_server_is_ready_at_once(provider: Simulated) -> None:
    router = router_over(provider, MemoryStore())
    outer = Starlette(routes=[Mount("/llm", create_app(router))], lifespan=closes(router))
    with served(outer) as address:
        assert httpx.get(f"{address}/llm/readyz").text == "ready\n"
