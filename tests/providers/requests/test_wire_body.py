"""Each provider is sent what it understands, and nothing else."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from policy_router.domain.models import Model
from policy_router.providers.requests.wire_body import for_provider, provider_of

LONG = "call_" + "x" * 111
CALL: dict[str, Any] = {
    "id": LONG,
    "type": "function",
    "index": 0,
    "function": {"name": "f", "arguments": "{}", "provider_specific_fields": {"signature": "s"}},
    "provider_specific_fields": {"thought_signature": "s"},
}
ANSWER: dict[str, Any] = {
    "role": "assistant",
    "content": "hello",
    "annotations": [],
    "reasoning_content": "thoughts",
    "reasoning": "thoughts",
    "thinking_blocks": [{"type": "thinking", "thinking": "t", "signature": "s"}],
    "provider_specific_fields": {"a": 1},
    "audio": {"id": "audio_1"},
    "tool_calls": [],
    "function_call": {},
    "refusal": None,
    "made_up": 1,
}


def sent(calls: str, *messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    context = more.pop("context", None)
    model = Model("m", calls, "light", 0, context=context)
    body = {"messages": list(messages) or [{"role": "user", "content": "hi"}], **more}
    before = copy.deepcopy(body)
    found = for_provider(body, provider_of(model), model)
    assert body == before
    return found


def message(calls: str, given: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = sent(calls, given)["messages"][0]
    return found


COMMON = {"role", "content"}
THOUGHTS = {"thinking_blocks", "provider_specific_fields"}


@pytest.mark.parametrize(
    ("calls", "extra"),
    [
        ("openai/x", {"audio"}),
        ("gpt-4o", {"audio"}),
        ("groq/x", set()),
        ("mistral/x", set()),
        ("cerebras/x", set()),
        ("hosted_vllm/x", set()),
        ("xai/x", set()),
        ("acme/x", set()),
        ("deepseek/x", {"reasoning_content"}),
        ("moonshot/x", {"reasoning_content"}),
        ("anthropic/x", {"reasoning_content"} | THOUGHTS),
        ("bedrock/x", {"reasoning_content"} | THOUGHTS),
        ("gemini/x", THOUGHTS),
        ("openrouter/a/b", {"reasoning_content", "reasoning"} | THOUGHTS),
    ],
)
def test_fields_of_another_provider_are_not_sent(calls: str, extra: set[str]) -> None:
    assert message(calls, ANSWER).keys() == COMMON | extra


def test_an_answer_with_only_reasoning_is_empty() -> None:
    thoughts = {"role": "assistant", "reasoning_content": "hm"}
    assert message("groq/x", thoughts) == {"role": "assistant", "content": ""}
    refused = {"role": "assistant", "refusal": "I will not"}
    assert message("groq/x", refused) == {"role": "assistant", "content": "I will not"}
    assert message("openai/x", refused) == refused
    called = {"role": "assistant", "tool_calls": [{"id": "a", "type": "function"}]}
    assert message("groq/x", called) == called


def test_parts_of_a_message() -> None:
    parts = [
        {"type": "thinking", "thinking": "t", "signature": "s"},
        {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}, "citations": []},
        {"type": "image_url", "image_url": {"url": "u"}, "id": 1},
        {"type": "made_up", "x": 1},
        "odd",
    ]
    given = {"role": "user", "content": parts}
    assert message("groq/x", given)["content"] == [
        {"type": "text", "text": "a"},
        {"type": "image_url", "image_url": {"url": "u"}},
        {"type": "made_up", "x": 1},
        "odd",
    ]
    assert message("anthropic/x", given)["content"] == [
        parts[0],
        {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
        {"type": "image_url", "image_url": {"url": "u"}},
        {"type": "made_up", "x": 1},
        "odd",
    ]


def test_ids_of_tool_calls_are_accepted_by_the_provider() -> None:
    turn = {"role": "assistant", "content": None, "tool_calls": [CALL, "odd"]}
    result = {"role": "tool", "tool_call_id": LONG, "content": "1", "made_up": 2}
    for calls, size in (("openai/x", 32), ("mistral/x", 9), ("anthropic/x", 32)):
        called, answered = sent(calls, turn, result)["messages"]
        name = called["tool_calls"][0]["id"]
        assert len(name) == size
        assert answered == {"role": "tool", "tool_call_id": name, "content": "1"}
        assert called["tool_calls"][1] == "odd"
    assert sent("openai/x", turn)["messages"][0]["tool_calls"][0].keys() == {
        "id", "type", "function",
    }  # fmt: skip
    for calls in ("gemini/x", "openrouter/a/b"):
        called, answered = sent(calls, turn, result)["messages"]
        assert called["tool_calls"][0] == CALL
        assert answered["tool_call_id"] == LONG
    short = {**turn, "tool_calls": [{"id": "call_1", "type": "function"}, {"type": "function"}]}
    assert sent("openai/x", short)["messages"][0]["tool_calls"] == short["tool_calls"]


def test_what_is_empty_is_not_sent() -> None:
    found = sent(
        "openai/x", tools=[], stop=[], modalities=[], tool_choice="auto", parallel_tool_calls=True,
        temperature=0, seed=0,
    )  # fmt: skip
    assert found.keys() == {"messages", "temperature", "seed"}


def test_tools_keep_cache_marks_for_providers_that_know_them() -> None:
    tool = {"type": "function", "function": {"name": "f"}, "cache_control": {"type": "ephemeral"}}
    plain = {"type": "function", "function": {"name": "f"}}
    found = sent("groq/x", tools=[tool, "odd"], tool_choice="auto")
    assert (found["tools"], found["tool_choice"]) == ([plain, "odd"], "auto")
    assert sent("anthropic/x", tools=[tool])["tools"] == [tool]


def test_odd_messages_pass() -> None:
    assert sent("groq/x", {"role": ["odd"], "content": 7})["messages"] == [
        {"role": ["odd"], "content": 7}
    ]


@pytest.mark.parametrize(
    ("words", "more", "kept"),
    [
        (1, {}, 4_096),
        (1, {"max_tokens": 6_000}, 8_192),
        (1, {"max_completion_tokens": 20_000}, 32_768),
        (20_000, {}, 65_536),
        (20_000, {"context": 32_000}, 32_000),
        (1, {"context": 2_000}, 2_000),
        (1_000_000, {}, 131_072),
        (1, {"tools": [{"type": "function", "function": {"name": "word " * 2_000}}]}, 8_192),
    ],
)
def test_ollama_keeps_the_whole_request(words: int, more: dict[str, Any], kept: int) -> None:
    given = {"role": "user", "content": "word " * words}
    assert sent("ollama_chat/x", given, **more)["num_ctx"] == kept
    assert "num_ctx" not in sent("openai/x", given, **more)


def test_a_picture_is_no_text_for_ollama() -> None:
    part = {"type": "image_url", "image_url": {"url": "data:" + "A" * 10**6}}
    assert sent("ollama/x", {"role": "user", "content": [part]}, n=1)["num_ctx"] == 8_192
