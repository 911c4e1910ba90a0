"""`via: auto` calls models directly where LiteLLM would send the same: their requests are compared.

The differences are listed, so that one more, in LiteLLM or here, fails a test.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import pytest

from policy_router.domain.models import Model
from policy_router.providers.litellm.caller import LiteLLMCaller
from policy_router.providers.openai_wire.caller import OpenAIWireCaller
from policy_router.providers.openai_wire.endpoints import ENDPOINTS
from policy_router.providers.requests.body import Body
from policy_router.providers.simulated import Say, Simulated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.providers.caller import Caller

LOOK = {
    "type": "function",
    "function": {
        "name": "look",
        "description": "Looks.",
        "parameters": {"type": "object", "properties": {"at": {"type": "string"}}},
    },
}
STRICT = {
    "type": "function",
    "function": {
        "name": "ask",
        "strict": True,
        "parameters": {"$schema": "http://json-schema.org/draft-07/schema#", "type": "object",
                       "properties": {"at": {"type": "string"}}},
    },
}  # fmt: skip
CALL = {
    "id": "call_abc",
    "type": "function",
    "function": {"name": "look", "arguments": '{"at": "x"}'},
}
CONVERSATION = [
    {"role": "developer", "content": "Be kind."},
    {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
    {"role": "assistant", "content": "looking", "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "call_abc", "content": "seen"},
    {"role": "tool", "tool_call_id": "call_abc", "name": "look",
     "content": [{"type": "text", "text": "seen"}]},
    {"role": "assistant", "content": "b", "name": "bob", "reasoning_content": "hm"},
    {"role": "user", "content": "c", "name": "ada"},
]  # fmt: skip
PICTURE = [
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "a"},
            {"type": "image_url", "image_url": "data:image/png;base64,iVBORw0KGgo="},
        ],
    }
]
HELLO = [{"role": "user", "content": "hi"}]
BODIES: Final[dict[str, dict[str, Any]]] = {
    "sampling": {
        "messages": HELLO, "frequency_penalty": 0.5, "presence_penalty": 0.5, "seed": 3,
        "logit_bias": {"5": 1}, "logprobs": True, "top_logprobs": 2, "temperature": 0.3,
        "top_p": 0.5, "stop": ["END"], "n": 2, "verbosity": "low", "max_tokens": 77,
    },
    "neutral": {"messages": HELLO, "temperature": 1},
    "audio": {
        "messages": HELLO, "modalities": ["text"], "audio": {"voice": "x", "format": "wav"},
        "prediction": {"type": "content", "content": "x"},
    },
    "tools": {"messages": CONVERSATION, "tools": [LOOK], "tool_choice": "required",
              "parallel_tool_calls": False},
    "schemas": {"messages": HELLO, "tools": [STRICT]},
    "json": {"messages": HELLO, "response_format": {"type": "json_object"}},
    "effort": {"messages": HELLO, "reasoning_effort": "low"},
    "picture": {"messages": PICTURE},
    "stream": {"messages": HELLO},
}  # fmt: skip
MODELS: Final = (
    "openai/gpt-4o",
    "openai/gpt-5-mini",
    "openai/gpt-5.2",
    "openai/o3",
    "openai/a-model-of-mine",
    "deepseek/deepseek-chat",
    "groq/llama-3.3-70b-versatile",
    "hosted_vllm/qwen/qwen3",
    "lm_studio/qwen3",
    "mistral/mistral-large-latest",
    "openrouter/qwen/qwen3",
    "together_ai/qwen/qwen3",
    "xai/grok-4",
    "xai/grok-4.3",
)
DIFFERENCES: Final[Mapping[tuple[str, str], set[str]]] = {
    # OpenAI calls the one deprecated and takes the other for every model.
    ("openai/gpt-4o", "sampling"): {"max_completion_tokens", "max_tokens"},
    # A server that the policy names may not know developer messages.
    ("openai/o3", "tools"): {"messages"},
    # LiteLLM silently drops a picture; a model that refuses it is followed by the next one.
    ("deepseek", "picture"): {"messages"},
    # vLLM takes these fields.
    ("hosted_vllm", "schemas"): {"tools"},
    # LiteLLM drops what Mistral takes.
    ("mistral", "sampling"): {"frequency_penalty", "n", "presence_penalty"},
    ("mistral", "audio"): {"prediction"},
    ("mistral", "tools"): {"tool_choice"},  # `any` and `required` mean the same there
    # LiteLLM drops what OpenRouter takes.
    ("openrouter", "sampling"): {"verbosity"},
    # LiteLLM sends what these models refuse.
    ("xai", "sampling"): {"presence_penalty"},
}
"""(model or provider, body) -> the parameters that differ, and which of the two is right."""


def sent(caller: Caller, name: str, body: Mapping[str, Any], *, stream: bool) -> dict[str, Any]:
    """The parameters of the request that a caller makes."""

    async def go(url: str) -> None:
        model = Model("a", name, "t", 0, api_base=url, api_key_env="A_KEY")
        try:
            if stream:
                chunks = await caller.stream(model, Body(**body), 30)
                try:
                    _ = [chunk async for chunk in chunks]
                finally:
                    await chunks.aclose()
            else:
                await caller.call(model, Body(**body), 30)
        finally:
            await caller.aclose()

    wire_name = name.partition("/")[2]
    with Simulated({wire_name: Say("hi")}) as server:
        asyncio.run(go(server.url))
        return dict(server.requests[0].body)


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("name", MODELS)
def test_both_ways_send_the_same(name: str, body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", "sk-a")
    theirs = sent(LiteLLMCaller(), name, BODIES[body], stream=body == "stream")
    ours = sent(OpenAIWireCaller(), name, BODIES[body], stream=body == "stream")
    differing = {
        key for key in theirs.keys() | ours.keys() if theirs.get(key, ...) != ours.get(key, ...)
    }
    provider = name.partition("/")[0]
    listed = DIFFERENCES.get((name, body), DIFFERENCES.get((provider, body), set()))
    assert differing == listed, {key: (theirs.get(key), ours.get(key)) for key in differing}


def test_every_endpoint_is_compared() -> None:
    compared = {name.partition("/")[0] for name in MODELS}
    assert compared == ENDPOINTS.keys() - {"ollama_chat"}, "Ollama's is never called by itself"
