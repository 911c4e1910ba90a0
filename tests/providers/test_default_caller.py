"""Models are called in the way that the policy names, on loopback."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import pytest

from policy_router.domain.models import Model, Via
from policy_router.providers.default_caller import DefaultCaller
from policy_router.providers.routes import DIRECT_PROVIDERS, Route, route_of
from policy_router.providers.simulated import Say, Simulated
from tests.execution.make import HELLO


@pytest.mark.parametrize(
    ("provider_model", "via", "route"),
    [
        ("openai/gpt-x", Via.AUTO, Route.LITELLM),
        ("openai/gpt-x", Via.LITELLM, Route.LITELLM),
        ("openai/gpt-x", Via.DIRECT, Route.OPENAI_WIRE),
        ("gpt-x", Via.DIRECT, Route.OPENAI_WIRE),
        ("hosted_vllm/qwen", Via.DIRECT, Route.OPENAI_WIRE),
        ("anthropic/claude", Via.DIRECT, Route.ANTHROPIC_WIRE),
        ("bedrock/claude", Via.DIRECT, Route.LITELLM),
    ],
)
def test_routes(provider_model: str, via: Via, route: Route) -> None:
    assert route_of(Model("m", provider_model, "t", 0, via=via)) is route


def test_every_direct_provider_has_a_route() -> None:
    for provider in DIRECT_PROVIDERS:
        model = Model("m", f"{provider}/x", "t", 0, via=Via.DIRECT)
        assert route_of(model) is not Route.LITELLM


@pytest.mark.parametrize(
    ("provider", "via", "agent"),
    [
        ("openai", Via.DIRECT, "policy-router"),
        ("anthropic", Via.DIRECT, "policy-router"),
        ("openai", Via.AUTO, None),
    ],
)
def test_a_call_and_a_stream(provider: str, via: Via, agent: str | None) -> None:
    async def go(url: str) -> tuple[Any, str]:
        model = Model("a", f"{provider}/a", "t", 0, api_base=url, via=via)
        caller = DefaultCaller()
        await caller.prepare([model])
        answer = await caller.call(model, HELLO, 30)
        stream = await caller.stream(model, HELLO, 30)
        text = "".join([chunk.text async for chunk in stream])
        await stream.aclose()
        await caller.aclose()
        return answer.choices[0].message.content, text

    with Simulated({"a": Say("one two")}) as provider_server:
        assert asyncio.run(go(provider_server.url)) == ("one two", "one two")
        agents = [hit.headers.get("user-agent") for hit in provider_server.requests]
    assert len(agents) == 2
    assert all((each == agent) == (agent is not None) for each in agents)


def test_a_policy_of_direct_models_never_imports_litellm() -> None:
    code = """
import asyncio, sys
from policy_router.domain.models import Model, Via
from policy_router.providers.default_caller import DefaultCaller
from policy_router.providers.simulated import Say, Simulated
from policy_router.providers.body import Body

async def go(url):
    model = Model("a", "openai/a", "t", 0, api_base=url, via=Via.DIRECT)
    caller = DefaultCaller()
    await caller.prepare([model])
    body = Body(messages=[{"role": "user", "content": "hi"}])
    await caller.call(model, body, 30)
    await caller.aclose()

with Simulated({"a": Say()}) as server:
    asyncio.run(go(server.url))
print("litellm" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == "False"
