"""Models are called in the way that the policy names, on loopback."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from policy_router.domain.models import Model, Via
from policy_router.providers.answers.chat import NO_ANSWER
from policy_router.providers.default_caller import DefaultCaller
from policy_router.providers.failures.failure import CallFailed, Failure, FailureKind
from policy_router.providers.litellm.caller import LiteLLMCaller
from policy_router.providers.requests.body import Body
from policy_router.providers.routes import (
    DIRECT_PROVIDERS,
    STAYS,
    Route,
    reason_to_stay,
    route_of,
)
from policy_router.providers.simulated import Say, Simulated
from tests.execution.make import HELLO

if TYPE_CHECKING:
    from policy_router.providers.answers.chat import ChatAnswer
    from policy_router.providers.caller import Chunks


@pytest.mark.parametrize(
    ("provider_model", "via", "route"),
    [
        ("openai/gpt-x", Via.AUTO, Route.OPENAI_WIRE),
        ("gpt-x", Via.AUTO, Route.OPENAI_WIRE),
        ("anthropic/claude", Via.AUTO, Route.ANTHROPIC_WIRE),
        ("bedrock/claude", Via.AUTO, Route.LITELLM),
        ("ollama_chat/llama", Via.AUTO, Route.LITELLM),
        ("ollama_chat/llama", Via.DIRECT, Route.OPENAI_WIRE),
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


TOOLS = {"tools": [{"type": "function", "function": {"name": "look"}}]}
SCHEMA = {"response_format": {"type": "json_schema", "json_schema": {}}}
JSON = {"response_format": {"type": "json_object"}}
SEARCH: dict[str, object] = {"web_search_options": {}}
EFFORT = {"reasoning_effort": "low"}


@pytest.mark.parametrize(
    ("name", "body", "stays", "stays_at_own_address"),
    [
        ("ollama_chat/llama", {}, True, True),
        ("openai/gpt-5.4", TOOLS, True, False),
        ("openai/gpt-5.4", TOOLS | {"reasoning_effort": "none"}, False, False),
        ("openai/gpt-5.4", {}, False, False),
        ("openai/gpt-6-mini", TOOLS | EFFORT, True, False),
        ("openai/gpt-5.4-chat-latest", TOOLS, False, False),
        ("openai/gpt-5-mini", TOOLS | EFFORT, False, False),
        ("openai/gpt-5-pro", {}, True, False),
        ("openai/gpt-5.1-codex-max", {}, True, False),
        ("openai/o3-deep-research", {}, True, False),
        ("openai/responses/gpt-4o", {}, True, True),
        ("openai/my-codex", {}, False, False),
        ("xai/grok-4", {}, False, False),
        ("xai/grok-4", SEARCH, True, True),
        ("xai/grok-4.20-multi-agent", {}, True, True),
        ("groq/llama-3.3", SCHEMA, True, True),
        ("groq/llama-3.3", JSON, False, False),
        ("groq/openai/gpt-oss-20b", SCHEMA, False, False),
        ("groq/openai/gpt-oss-20b", SEARCH, True, True),
        ("mistral/magistral-small", EFFORT, True, True),
        ("mistral/mistral-small", EFFORT, False, False),
        ("anthropic/claude-3-5-haiku-latest", SCHEMA, True, True),
        ("anthropic/claude-sonnet-4-20250514", SCHEMA, True, True),
        ("anthropic/claude-sonnet-4-5", SCHEMA, False, False),
        ("anthropic/claude-sonnet-4-5", SEARCH, True, True),
        ("hosted_vllm/qwen", SCHEMA | TOOLS | SEARCH, False, False),
    ],
)
def test_what_stays_with_litellm(
    name: str, body: dict[str, object], stays: bool, stays_at_own_address: bool
) -> None:
    theirs = Model("m", name, "t", 0, api_key_env="A_KEY")
    ours = Model("m", name, "t", 0, api_base="http://localhost:8000/v1", api_key_env="A_KEY")
    assert (reason_to_stay(theirs, body) is not None) == stays
    assert (reason_to_stay(ours, body) is not None) == stays_at_own_address
    assert (route_of(theirs, body) is Route.LITELLM) == stays


def test_each_row_of_what_stays_is_about_a_direct_provider() -> None:
    assert {stay.provider for stay in STAYS} <= set(DIRECT_PROVIDERS)
    assert len({(stay.provider, stay.models.pattern, stay.why) for stay in STAYS}) == len(STAYS)


@pytest.mark.parametrize(
    ("name", "key", "route"),
    [
        ("groq/llama", None, Route.LITELLM),
        ("groq/llama", "A_KEY", Route.OPENAI_WIRE),
        ("anthropic/claude", None, Route.LITELLM),
        ("anthropic/claude", "A_KEY", Route.ANTHROPIC_WIRE),
        ("openai/mine", None, Route.OPENAI_WIRE),
        ("hosted_vllm/mine", None, Route.OPENAI_WIRE),
        ("lm_studio/mine", None, Route.OPENAI_WIRE),
    ],
)
def test_an_address_of_one_s_own_needs_a_key_of_its_own(
    name: str, key: str | None, route: Route
) -> None:
    own = {"api_base": "http://localhost:1/v1"}, {"api_base_env": "WHERE"}
    for each in own:
        assert route_of(Model("m", name, "t", 0, api_key_env=key, **each)) is route  # type: ignore[arg-type]  # two texts


def test_what_the_direct_format_cannot_express_goes_through_litellm() -> None:
    body = Body(messages=[{"role": "user", "content": "hi"}], n=2)
    called = []

    class Recording(LiteLLMCaller):
        async def call(self, model: Model, body: Body, timeout: float) -> ChatAnswer:  # noqa: ASYNC109  as the original has it
            called.append((model.name, body["n"], timeout))
            return NO_ANSWER

        async def stream(self, model: Model, body: Body, timeout: float) -> Chunks:  # noqa: ASYNC109  as above
            called.append((model.name, body["n"], timeout))
            raise CallFailed(Failure(FailureKind.UNSUPPORTED))

    async def go(via: Via) -> None:
        caller = DefaultCaller(Recording())
        model = Model("m", "anthropic/claude", "t", 0, via=via, api_key_env="A_KEY")
        try:
            await caller.call(model, body, 30)
            with pytest.raises(CallFailed):
                await caller.stream(model, body, 30)
        finally:
            await caller.aclose()

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("A_KEY", "sk-a")
        asyncio.run(go(Via.AUTO))
        assert called == [("m", 2, 30), ("m", 2, 30)]
        with pytest.raises(CallFailed, match="cannot express"):
            asyncio.run(go(Via.DIRECT))


@pytest.mark.parametrize(
    ("provider", "via", "agent"),
    [
        ("openai", Via.DIRECT, "policy-router"),
        ("anthropic", Via.DIRECT, "policy-router"),
        ("openai", Via.AUTO, "policy-router"),
        ("openai", Via.LITELLM, None),
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
from policy_router.providers.requests.body import Body

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
