"""Gemini's thought signatures come back to it, whichever dialect its client speaks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import anthropic
import openai
import pytest

from policy_router import Router
from policy_router.domain.models import Model
from policy_router.providers.openai_wire.signed_calls import with_blocks, with_signatures
from policy_router.providers.requests.wire_body import original_for_provider
from policy_router.providers.simulated import Say, Simulated
from policy_router.server.app import closes, create_app
from tests.server.serving import served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POLICY: Final = """\
version: 1
tiers: [t]
models:
  gem: {{ model: openai/gemini-3-pro, api_base: "{url}", via: direct, tier: t, price: free,
         can: [tools] }}
  other: {{ model: openai/other, api_base: "{url}", via: direct, tier: t, price: free,
           can: [tools] }}
"""
SIGNED: Final = {"google": {"thought_signature": "c2lnbmVk"}}
CALL: Final = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"city": "Oslo"}'},
    "extra_content": SIGNED,
}
SCHEMA: Final[dict[str, Any]] = {"type": "object", "properties": {"city": {"type": "string"}}}


@pytest.fixture
def provider() -> Iterator[Simulated]:
    said: dict[str, Any] = {
        "gemini-3-pro": [Say("", tool_calls=[CALL], finish="tool_calls"), Say("rain")],
        "other": Say("rain"),
    }
    with Simulated(said) as provider:
        yield provider


@pytest.fixture
def address(tmp_path: Path, provider: Simulated) -> Iterator[str]:
    (tmp_path / "policy.yaml").write_text(POLICY.format(url=provider.url))
    with (
        Router.open(tmp_path / "policy.yaml", watch="off") as router,
        served(create_app(router, lifespan=closes(router))) as address,
    ):
        yield address


def by_messages(address: str, then: str, *, stream: bool) -> None:
    tools: Any = [{"name": "weather", "input_schema": SCHEMA}]
    asked: list[Any] = [{"role": "user", "content": "How is the weather?"}]
    with anthropic.Anthropic(base_url=address, api_key="none", max_retries=0) as client:
        rest: dict[str, Any] = {"max_tokens": 99, "tools": tools}
        if stream:
            with client.messages.stream(model="gem", messages=asked, **rest) as events:
                answer = events.get_final_message()
        else:
            answer = client.messages.create(model="gem", messages=asked, **rest)
        said = [block.model_dump(exclude_none=True) for block in answer.content]
        result = {"type": "tool_result", "tool_use_id": "call_1", "content": "rain"}
        asked += [
            {"role": "assistant", "content": said},
            {"role": "user", "content": [result]},
        ]
        client.messages.create(model=then, messages=asked, **rest)


def by_responses(address: str, then: str, *, stream: bool) -> None:
    tools: Any = [{"type": "function", "name": "weather", "parameters": SCHEMA, "strict": False}]
    asked: list[Any] = [{"role": "user", "content": "How is the weather?"}]
    rest: dict[str, Any] = {
        "tools": tools, "store": False, "include": ["reasoning.encrypted_content"]
    }  # fmt: skip
    with openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0) as client:
        if stream:
            with client.responses.stream(model="gem", input=asked, **rest) as events:
                answer: Any = events.get_final_response()
        else:
            answer = client.responses.create(model="gem", input=asked, **rest)
        asked += [item.model_dump(exclude_none=True) for item in answer.output]
        asked.append({"type": "function_call_output", "call_id": "call_1", "output": "rain"})
        client.responses.create(model=then, input=asked, **rest)


def by_chat(address: str, then: str, *, stream: bool) -> None:
    tools: Any = [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}]
    asked: list[Any] = [{"role": "user", "content": "How is the weather?"}]
    with openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0) as client:
        if stream:
            call = next(
                chunk.choices[0].delta.tool_calls[0].model_dump(exclude={"index"})
                for chunk in client.chat.completions.create(
                    model="gem", messages=asked, tools=tools, stream=True
                )
                if chunk.choices and chunk.choices[0].delta.tool_calls
            )
            call["function"]["arguments"] = CALL["function"]["arguments"]  # type: ignore[index]  # a dict
        else:
            whole = client.chat.completions.create(model="gem", messages=asked, tools=tools)
            call = whole.choices[0].message.tool_calls[0].model_dump()  # type: ignore[index]  # it calls
        asked += [
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
        ]
        client.chat.completions.create(model=then, messages=asked, tools=tools)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("ask", [by_messages, by_responses, by_chat])
def test_a_signature_returns_to_its_call(
    address: str, provider: Simulated, ask: Any, stream: bool
) -> None:
    ask(address, "gem", stream=stream)
    (said,) = [m for m in provider.requests[-1].body["messages"] if m["role"] == "assistant"]
    assert said["tool_calls"][0]["extra_content"] == SIGNED
    assert "thinking_blocks" not in said


@pytest.mark.parametrize("ask", [by_messages, by_responses])
def test_no_other_model_is_sent_a_signature(address: str, provider: Simulated, ask: Any) -> None:
    ask(address, "other", stream=False)
    body = provider.requests[-1].body
    assert body["model"] == "other"
    assert "thought_signature" not in str(body)
    assert body["messages"][1]["tool_calls"][0]["function"]["name"] == "weather"


@pytest.mark.parametrize(
    ("name", "address", "kept"),
    [
        ("openai/gpt-5", None, False),
        ("openai/gpt-5", "http://gateway", True),
        ("openai/gemini-3-pro", None, True),
    ],
)
def test_a_body_that_passes_keeps_it_where_it_may_be_known(
    name: str, address: str | None, kept: bool
) -> None:
    model = Model("m", name, "t", 0, api_base=address)
    body = {"messages": [{"role": "assistant", "tool_calls": [CALL]}]}
    (sent,) = original_for_provider(body, "openai", model)["messages"]
    assert ("extra_content" in sent["tool_calls"][0]) is kept


def test_a_signature_of_the_text_returns_to_its_message() -> None:
    made = with_blocks(
        {"choices": [{"message": {"content": "a", "extra_content": SIGNED}}]}, "message"
    )
    blocks = made["choices"][0]["message"]["thinking_blocks"]
    message = {"role": "assistant", "content": "a", "thinking_blocks": blocks}
    assert with_signatures([message], "gemini-2.5-pro")[0]["extra_content"] == SIGNED


UNSIGNED: Final = {"role": "assistant", "tool_calls": [{"id": "1"}, {"id": "2"}]}


def test_the_call_of_another_model_is_marked_for_models_that_check() -> None:
    old, new = (with_signatures([UNSIGNED], name)[0] for name in ("gemini-2.5-pro", "gemini-3-pro"))
    assert old == UNSIGNED
    first, second = new["tool_calls"]
    assert (
        first["extra_content"]["google"]["thought_signature"] == "skip_thought_signature_validator"
    )
    assert second == {"id": "2"}


@pytest.mark.parametrize("data", ["", "{", "[]", '{"call": 1, "thought_signature": "s"}', None])
def test_a_damaged_block_is_left_out(data: object) -> None:
    block = {"type": "redacted_thinking", "data": data, "origin": "gemini"}
    message = {**UNSIGNED, "thinking_blocks": [block]}
    assert with_signatures([message], "gemini-2.5-pro")[0]["tool_calls"] == UNSIGNED["tool_calls"]


@pytest.mark.parametrize("choices", [None, [], [7], [{"message": 7}], [{"message": {}}]])
def test_an_answer_without_signatures_is_left_as_it_is(choices: object) -> None:
    value = {"choices": choices}
    assert with_blocks(value, "message") is value
