"""How much to reason, in the words of each provider."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.domain.effort import LEVELS, USUAL_LEVELS, Effort, nearest_level
from policy_router.domain.models import Model, Via
from policy_router.providers.anthropic_wire.caller import AnthropicWireCaller
from policy_router.providers.http.wire import Wire
from policy_router.providers.litellm import library
from policy_router.providers.openai_wire.caller import OpenAIWireCaller
from policy_router.providers.requests.body import Body
from policy_router.providers.requests.effort import BUDGETS, GEMINI_MAX, LEAST_BUDGET, with_effort
from policy_router.providers.requests.wire_body import for_provider, provider_of

HELLO: list[dict[str, Any]] = [{"role": "user", "content": "hi"}]
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def model(calls: str, effort: Effort | None = None, **more: Any) -> Model:
    return Model("m", calls, "t", 0, effort=effort, **more)


@pytest.mark.parametrize(
    ("effort", "levels", "level"),
    [
        ("none", {"low", "medium", "high"}, "low"),
        ("none", {"minimal", "low"}, "minimal"),
        ("minimal", {"none", "low", "medium"}, "none"),
        ("minimal", {"low", "medium"}, "low"),
        ("max", {"low", "high"}, "high"),
        ("max", {"high", "xhigh"}, "xhigh"),
        ("medium", {"low", "high"}, "low"),
    ],
)
def test_the_nearest_level_is_asked_for(effort: str, levels: set[str], level: str) -> None:
    assert nearest_level(effort, levels) == level


@given(st.sampled_from(LEVELS), st.sets(st.sampled_from(LEVELS), min_size=1))
def test_the_law_of_levels_a_level_that_exists_is_kept(effort: str, levels: set[str]) -> None:
    level = nearest_level(effort, levels)
    assert level in levels
    assert effort not in levels or level == effort


def test_every_effort_of_the_policy_is_a_level() -> None:
    assert [level for level in LEVELS if level in set(Effort)] == list(Effort)


XHIGH = frozenset({*USUAL_LEVELS, "none", "xhigh"})


@pytest.mark.parametrize(
    ("calls", "more", "efforts"),
    [
        # Each effort of the policy, and what is asked for.
        ("openai/gpt-5.2", {"effort_levels": XHIGH}, "none none low medium high xhigh"),
        ("openai/gpt-5-mini", {"effort_levels": USUAL_LEVELS | {"minimal"}},
         "minimal minimal low medium high high"),
        ("o3", {}, "low low low medium high high"),
        ("openai/gpt-oss-20b", {"effort_levels": XHIGH}, "low low low medium high high"),
        ("hosted_vllm/qwen3", {}, "none none low medium high high"),
        ("groq/openai/gpt-oss-120b", {}, "low low low medium high high"),
        ("openrouter/anthropic/claude-sonnet-4.5", {}, "none minimal low medium high max"),
        ("deepseek/deepseek-chat", {}, "none minimal low medium high max"),
        ("ollama_chat/qwen3:8b", {}, "none none low medium high high"),
        ("ollama_chat/gpt-oss:20b", {}, "low low low medium high high"),
        ("gemini/gemini-2.5-flash", {}, "none minimal low medium high -"),
        ("gemini/gemini-2.5-pro", {}, "minimal minimal low medium high -"),
        ("gemini/gemini-3-pro-preview", {}, "none minimal low medium high high"),
        ("anthropic/claude-opus-4-6", {}, "- low low medium high max"),
        ("anthropic/claude-sonnet-4-5", {}, "- - - - - -"),
        ("anthropic/claude-3-5-haiku-20241022", {}, "- - - - - -"),
    ],
)  # fmt: skip
def test_each_family_is_asked_for_a_level_that_it_has(
    calls: str, more: dict[str, Any], efforts: str
) -> None:
    asked = []
    for effort in Effort:
        sent = {"messages": HELLO, "reasoning_effort": effort.value}
        found = with_effort(sent, provider_of(model(calls)), model(calls, **more))
        asked.append(str(found.get("reasoning_effort", "-")))
    assert " ".join(asked) == efforts


@pytest.mark.parametrize(
    ("calls", "by_budget"),
    [
        ("anthropic/claude-3-7-sonnet-20250219", True),
        ("anthropic/claude-sonnet-4-20250514", True),
        ("anthropic/claude-opus-4-1", True),
        ("anthropic/claude-opus-4-5-20251101", True),
        ("bedrock/us.anthropic.claude-haiku-4-5-20251001-v1:0", True),
        ("vertex_ai/claude-sonnet-4-5@20250929", True),
        ("databricks/databricks-claude-sonnet-4-5", True),
        ("azure_ai/claude-opus-4.5", True),
        ("vertex_ai/claude-4-sonnet", True),
        ("anthropic/claude-opus-4-6", False),
        ("anthropic/claude-sonnet-4.6", False),
        ("anthropic/claude-opus-5-20270101", False),
    ],
)
def test_older_models_of_claude_get_a_budget_and_newer_ones_an_effort(
    calls: str, by_budget: bool
) -> None:
    sent = {"messages": HELLO, "reasoning_effort": "high", "temperature": 0, "top_p": 0.5}
    found = dict(with_effort(sent, provider_of(model(calls)), model(calls)))
    thinking = {"type": "enabled", "budget_tokens": BUDGETS["high"]}
    wanted = {"thinking": thinking} if by_budget else {"reasoning_effort": "high"}
    assert found == {"messages": HELLO, **wanted}


ANSWERED = {"role": "assistant", "content": "", "tool_calls": [CALL]}
THOUGHT = {**ANSWERED, "thinking_blocks": [{"type": "thinking", "thinking": "t", "signature": "s"}]}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "4"}


@pytest.mark.parametrize(
    ("more", "budget"),
    [
        ({}, BUDGETS["max"]),
        ({"max_tokens": 8000}, 4000),
        ({"max_completion_tokens": 8000}, 4000),
        ({"max_tokens": 2 * LEAST_BUDGET}, LEAST_BUDGET),
        ({"max_tokens": 2 * LEAST_BUDGET - 1}, None),
        ({"tools": TOOLS, "tool_choice": "auto"}, BUDGETS["max"]),
        ({"tools": TOOLS, "tool_choice": "required"}, None),
        ({"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "f"}}}, None),
        ({"messages": [*HELLO, ANSWERED, RESULT]}, None),
        ({"messages": [*HELLO, THOUGHT, RESULT]}, BUDGETS["max"]),
        ({"messages": [*HELLO, {"role": "assistant", "content": "x"}, *HELLO]}, BUDGETS["max"]),
    ],
)
def test_claude_thinks_where_it_can(more: dict[str, Any], budget: int | None) -> None:
    """Where it cannot, what the request says of the temperature is kept."""
    given_body = {"messages": HELLO, "reasoning_effort": "max", "temperature": 0, **more}
    found = with_effort(given_body, "anthropic", model("anthropic/claude-sonnet-4-5"))
    assert "reasoning_effort" not in found
    assert found.get("thinking", {}).get("budget_tokens") == budget
    assert ("temperature" in found) == (budget is None)


@pytest.mark.parametrize("unknown", ["default", 5, None, "disable"])
def test_a_level_that_is_unknown_here_is_left_to_the_provider(unknown: object) -> None:
    sent = {"messages": HELLO, "reasoning_effort": unknown}
    for calls in ("openai/o3", "anthropic/claude-sonnet-4-5", "gemini/gemini-2.5-pro"):
        assert with_effort(sent, provider_of(model(calls)), model(calls)) == sent


@pytest.mark.parametrize(
    ("calls", "wanted"),
    [
        ("openai/gpt-5-mini", {"reasoning_effort": "high", "temperature": None}),
        ("hosted_vllm/qwen3", {"reasoning_effort": "high", "temperature": 0.5}),
        ("anthropic/claude-sonnet-4-5",
         {"thinking": {"type": "enabled", "budget_tokens": 16_384}, "temperature": None}),
        ("anthropic/claude-opus-4-6", {"output_config": {"effort": "max"}, "temperature": None}),
    ],
)  # fmt: skip
def test_a_direct_call_says_the_same(
    calls: str, wanted: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "k")
    base = "http://127.0.0.1:9/v1"
    called = model(calls, Effort.MAX, via=Via.DIRECT, api_base=base, api_key_env="MY_KEY")
    caller = AnthropicWireCaller() if calls.startswith("anthropic") else OpenAIWireCaller()
    body = Body(messages=HELLO, reasoning_effort="low", temperature=0.5, max_tokens=64_000)
    sent = json.loads(caller.make_request(called, body.sent_to(called), stream=False).body)
    assert {name: sent.get(name) for name in wanted} == wanted


def wire(called: Model, **parameters: Any) -> dict[str, Any]:
    """What LiteLLM puts on the wire for a call, caught before it leaves the process."""
    caught: list[dict[str, Any]] = []

    def refuse(request: httpx.Request) -> httpx.Response:
        caught.append(json.loads(request.content))
        return httpx.Response(400, json={"error": {"message": "no", "type": "x"}})

    async def go() -> None:
        body = Body(messages=HELLO, **parameters).sent_to(called)
        async with httpx.AsyncClient(transport=httpx.MockTransport(refuse)) as http:
            with contextlib.suppress(Exception):
                await library.send(
                    library.load(),
                    called.provider_model,
                    for_provider(body, provider_of(called), called),
                    api_base=called.api_base,
                    key=lambda _: "k",
                    http=lambda: http,
                    seconds=30,
                    wire=Wire(),
                )
        await asyncio.sleep(0)

    asyncio.run(go())
    (sent,) = caught
    return sent


@pytest.mark.parametrize(
    ("calls", "effort", "wanted"),
    [
        ("openai/gpt-5.2", Effort.MAX, {"reasoning_effort": "xhigh"}),
        ("openai/gpt-5.2", Effort.NONE, {"reasoning_effort": "none"}),
        ("anthropic/claude-sonnet-4-5", Effort.HIGH,
         {"thinking": {"type": "enabled", "budget_tokens": 4096}, "temperature": None}),
        ("anthropic/claude-sonnet-4-5", Effort.NONE, {"thinking": None, "temperature": 0.5}),
        ("anthropic/claude-opus-4-6", Effort.MAX,
         {"output_config": {"effort": "max"}, "temperature": None}),
        ("gemini/gemini-2.5-flash", Effort.MAX, {"thinkingBudget": GEMINI_MAX}),
        ("gemini/gemini-2.5-flash", Effort.NONE, {"thinkingBudget": 0}),
        ("gemini/gemini-3-pro-preview", Effort.MAX, {"thinkingLevel": "high"}),
        ("ollama_chat/gpt-oss:20b", Effort.MAX, {"think": "high"}),
        ("ollama_chat/qwen3:8b", Effort.MAX, {"think": True}),
        ("ollama_chat/qwen3:8b", Effort.NONE, {"think": False}),
        ("hosted_vllm/qwen3", Effort.MAX, {"reasoning_effort": "high"}),
        ("openrouter/x/y", Effort.MAX, {"reasoning_effort": "xhigh"}),
        ("groq/of-our-own", Effort.LOW, {"reasoning_effort": "low"}),
        ("lm_studio/of-our-own", Effort.LOW, {"reasoning_effort": "low"}),
    ],
)  # fmt: skip
def test_what_is_really_sent(calls: str, effort: Effort, wanted: dict[str, Any]) -> None:
    """The policy's effort wins over the client's, in the words of each provider."""
    here = {"api_base": "http://127.0.0.1:9/v1"}
    own = calls.partition("/")[0] in ("hosted_vllm", "lm_studio", "ollama_chat")
    called = model(calls, effort, effort_levels=XHIGH, **(here if own else {}))
    sent = wire(called, reasoning_effort="medium", temperature=0.5, max_tokens=64_000)
    flat = {**sent, **sent.get("generationConfig", {})}
    flat |= flat.get("thinkingConfig", {})
    assert {name: flat.get(name) for name in wanted} == wanted
