"""A model that cannot be reached through LiteLLM is called once, and disturbs no other call."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress

import pytest

from policy_router.domain.models import Model
from policy_router.providers.failures.failure import CallFailed
from policy_router.providers.http.wire import Wire, watching
from policy_router.providers.litellm.caller import LiteLLMCaller
from policy_router.providers.simulated import Say, Simulated
from tests.execution.make import HELLO

BY_HTTP = ("deepseek", "groq", "hosted_vllm", "openrouter")


def model(provider: str, url: str) -> Model:
    return Model("m", f"{provider}/m", "t", 0, api_base=url, api_key_env="A_KEY")


@pytest.mark.parametrize("provider", BY_HTTP)
def test_calls_under_way_go_on_when_a_server_is_down(
    provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_KEY", "sk-a")
    words = "one two three four five six"
    with Simulated({"m": Say(words, pause=0.1)}) as up, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        down = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"

        async def go() -> str:
            caller, text = LiteLLMCaller(), ""
            with watching(Wire()):
                chunks = await caller.stream(model(provider, up.url), HELLO, 30)
                async for chunk in chunks:
                    text += chunk.text
                    if not text:
                        continue
                    with suppress(CallFailed), watching(Wire()):
                        await caller.call(model(provider, down), HELLO, 30)
                        pytest.fail("nobody listens there")
                await chunks.aclose()
            await caller.aclose()
            return text

        assert asyncio.run(go()) == words


def test_a_connection_that_fails_is_not_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", "sk-a")
    opened: list[str] = []

    async def go() -> None:
        import httpx

        caller = LiteLLMCaller()
        transport = caller._http()._transport

        async def fails(request: httpx.Request) -> httpx.Response:
            opened.append(str(request.url))
            raise httpx.ConnectError("reset")

        monkeypatch.setattr(transport, "handle_async_request", fails)
        with pytest.raises(CallFailed) as failed, watching(Wire()):
            await caller.call(model("groq", "http://127.0.0.1:9/v1"), HELLO, 30)
        assert failed.value.failure.kind == "connect"
        await caller.aclose()

    asyncio.run(go())
    assert len(opened) == 1
