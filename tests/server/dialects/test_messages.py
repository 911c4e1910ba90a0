"""Anthropic's messages: what is read of a request, and what an answer becomes."""

from __future__ import annotations

from typing import Any

import pytest
from anthropic.types import Message
from hypothesis import given
from hypothesis import strategies as st

from policy_router.domain.dialect import Dialect
from policy_router.domain.models import Model
from policy_router.domain.original import OriginalRequest
from policy_router.providers.anthropic_wire.answer import read_message
from policy_router.providers.anthropic_wire.caller import AnthropicWireCaller
from policy_router.providers.anthropic_wire.request import to_messages_request
from policy_router.providers.anthropic_wire.stream import MessageStream
from policy_router.providers.requests.body import Body
from policy_router.providers.requests.original_body import chat_body, messages_body
from policy_router.providers.requests.wire_body import for_provider
from policy_router.server.dialects.fields import InvalidBodyError
from policy_router.server.dialects.messages.answer import write_answer
from policy_router.server.dialects.messages.count import count_tokens
from policy_router.server.dialects.messages.request import read_request
from policy_router.server.dialects.messages.stream import open_stream
from policy_router.server.dialects.neutral import Envelope, NeutralRequest
from tests.server.dialects.make import ENVELOPE, TEXTS, answer

CLAUDE = Model("claude", "anthropic/claude-opus-4-8", "heavy", 2)
GPT = Model("gpt", "openai/gpt-5", "heavy", 2)
GEMINI = Model("gemini", "gemini/gemini-3-pro", "heavy", 2)
USER = {"role": "user", "content": "hi"}
KEEP = {"type": "ephemeral"}
SCHEMA = {
    "type": "object",
    "properties": {"title": {"type": "string"}},
    "required": ["title"],
    "additionalProperties": False,
}
LOOK = {"name": "look", "description": "Looks.", "input_schema": {"type": "object"}}
SEARCH = {"type": "web_search_20250305", "name": "web_search"}
LONG = "mcp__" + "a_very_long_name_of_a_server__" * 3 + "tool"


def read(**fields: Any) -> NeutralRequest:
    return read_request({"model": "auto", "max_tokens": 9, "messages": [USER], **fields})


def chat(**fields: Any) -> dict[str, Any]:
    return dict(read(**fields).body)


def sent_to(model: Model, request: NeutralRequest) -> dict[str, Any]:
    """What a provider is sent for a request."""
    provider = model.provider_model.partition("/")[0]
    return for_provider(Body(**request.body), provider, model)


def claude_request(request: NeutralRequest) -> dict[str, Any]:
    """What Anthropic is sent for a request."""
    body = for_provider(Body(**request.body), "anthropic", CLAUDE, fields=frozenset({"is_error"}))
    return to_messages_request(body, name="claude", max_output=None, stream=False)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, {"max_tokens": 9}),
        ({"temperature": 0.5, "top_p": 0.9}, {"temperature": 0.5, "top_p": 0.9}),
        ({"stop_sequences": ["END"]}, {"stop": ["END"]}),
        ({"stream": True}, {"stream_options": {"include_usage": True}}),
        ({"thinking": {"type": "adaptive"}}, {"reasoning_effort": "high"}),
        (
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}},
            {"reasoning_effort": "low"},
        ),
        ({"output_config": {"effort": "max"}}, {"reasoning_effort": "max"}),
        (
            {"thinking": {"type": "disabled"}, "output_config": {"effort": "high"}},
            {"reasoning_effort": "none"},
        ),
        ({"thinking": {"type": "enabled", "budget_tokens": 1_024}}, {"reasoning_effort": "low"}),
        ({"thinking": {"type": "enabled", "budget_tokens": 4_096}}, {"reasoning_effort": "medium"}),
        ({"thinking": {"type": "enabled", "budget_tokens": 32_000}}, {"reasoning_effort": "high"}),
        (
            {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True},
                }
            },
        ),
        (
            {"output_format": {"type": "json_schema", "schema": {"type": "object"}}},
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "answer", "schema": {"type": "object"}},
                }
            },
        ),
    ],
)
def test_fields_become_parameters(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    body = chat(**fields)
    assert body.items() >= expected.items()
    assert body.keys() == {"messages", "max_tokens"} | expected.keys()


FUNCTION = {
    "type": "function",
    "function": {"name": "look", "description": "Looks.", "parameters": {"type": "object"}},
}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"tools": [LOOK]}, {"tools": [FUNCTION]}),
        ({"tools": [{**LOOK, "type": "custom"}]}, {"tools": [FUNCTION]}),
        (
            {"tools": [{**LOOK, "cache_control": KEEP}]},
            {"tools": [{**FUNCTION, "cache_control": KEEP}]},
        ),
        (
            {"tools": [LOOK], "tool_choice": {"type": "any"}},
            {"tools": [FUNCTION], "tool_choice": "required"},
        ),
        (
            {"tools": [LOOK], "tool_choice": {"type": "none"}},
            {"tools": [FUNCTION], "tool_choice": "none"},
        ),
        (
            {"tools": [LOOK], "tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
            {"tools": [FUNCTION], "tool_choice": "auto", "parallel_tool_calls": False},
        ),
        (
            {"tools": [LOOK], "tool_choice": {"type": "tool", "name": "look"}},
            {
                "tools": [FUNCTION],
                "tool_choice": {"type": "function", "function": {"name": "look"}},
            },
        ),
        ({"tools": [], "tool_choice": {"type": "auto"}}, {}),
    ],
)
def test_tools_become_functions(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    body = chat(**fields)
    assert {k: v for k, v in body.items() if k not in ("messages", "max_tokens")} == expected


IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}}
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
USE = {"type": "tool_use", "id": "t1", "name": "look", "input": {"at": "ü"}}
USED = {
    "id": "t1",
    "type": "function",
    "function": {"name": "look", "arguments": '{"at": "ü"}'},
}
THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        ([USER], [USER]),
        ([{"role": "user", "content": [{"type": "text", "text": "hi"}]}], [USER]),
        (
            [{"role": "user", "content": [{"type": "text", "text": "hi", "cache_control": KEEP}]}],
            [{"role": "user", "content": [{"type": "text", "text": "hi", "cache_control": KEEP}]}],
        ),
        (
            [USER, {"role": "system", "content": "be short"}, USER],
            [USER, {"role": "system", "content": "be short"}, USER],
        ),
        ([{"role": "user", "content": [IMAGE]}], [{"role": "user", "content": [PICTURE]}]),
        (
            [
                {
                    "role": "user",
                    "content": [{"type": "image", "source": {"type": "url", "url": "https://x/y"}}],
                }
            ],
            [
                {
                    "role": "user",
                    "content": [{"type": "image_url", "image_url": {"url": "https://x/y"}}],
                }
            ],
        ),
        (
            [
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "document",
                            "title": "a.pdf",
                            "source": {
                                "type": "base64",
                                "media_type": "application/pdf",
                                "data": "AA==",
                            },
                        },
                        {"type": "document", "source": {"type": "text", "data": "words"}},
                    ],
                }
            ],
            [
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "file",
                            "file": {
                                "filename": "a.pdf",
                                "file_data": "data:application/pdf;base64,AA==",
                            },
                        },
                        {"type": "text", "text": "words"},
                    ],
                }
            ],
        ),
        (
            [{"role": "assistant", "content": [THOUGHT, {"type": "text", "text": "so"}, USE]}],
            [
                {
                    "role": "assistant",
                    "content": "so",
                    "tool_calls": [USED],
                    "reasoning_content": "hm",
                    "thinking_blocks": [{**THOUGHT, "origin": "claude"}],
                }
            ],
        ),
        (
            [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "and now?"},
                        {"type": "tool_result", "tool_use_id": "t1", "content": "no"},
                        {
                            "type": "tool_result",
                            "tool_use_id": "t2",
                            "content": [{"type": "text", "text": "bad"}, IMAGE],
                            "is_error": True,
                            "cache_control": KEEP,
                        },
                    ],
                }
            ],
            [
                {"role": "tool", "tool_call_id": "t1", "content": "no"},
                {
                    "role": "tool",
                    "tool_call_id": "t2",
                    "content": [{"type": "text", "text": "bad"}, PICTURE],
                    "is_error": True,
                    "cache_control": KEEP,
                },
                {"role": "user", "content": "and now?"},
            ],
        ),
        (
            [
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "search_result",
                            "title": "T",
                            "source": "https://x",
                            "content": [{"type": "text", "text": "words"}],
                        }
                    ],
                }
            ],
            [{"role": "user", "content": "T\nhttps://x\nwords"}],
        ),
    ],
)
def test_turns_become_messages(turns: list[Any], expected: list[Any]) -> None:
    assert chat(messages=turns)["messages"] == expected


def test_the_system_prompt_comes_first_with_its_marks() -> None:
    system = [{"type": "text", "text": "a"}, {"type": "text", "text": "b", "cache_control": KEEP}]
    assert chat(system=system)["messages"] == [{"role": "system", "content": system}, USER]
    assert chat(system="a")["messages"][0] == {"role": "system", "content": "a"}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"messages": "hi"}, "`messages` must be a list"),
        ({"messages": []}, "`messages` must contain at least one message"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "`messages[0].role` must be one of"),
        ({"messages": [{"role": "user"}]}, "`messages[0].content` is missing"),
        ({"messages": [{"role": "user", "content": [{}]}]}, "`messages[0].content[0].type` must"),
        (
            {"messages": [{"role": "system", "content": [{"type": "tool_result"}]}]},
            "`messages[0].content[0].type` is `tool_result`, which only a turn of the user",
        ),
        ({"model": 3}, "`model` must be a string"),
        ({"stream": "yes"}, "`stream` must be `true` or `false`"),
        ({"stop_sequences": [3]}, "`stop_sequences[0]` must be a string"),
        ({"thinking": {"type": "sometimes"}}, "`thinking.type` must be one of `adaptive`"),
        ({"thinking": {"type": "enabled"}}, "`thinking.budget_tokens` must be an integer"),
        ({"output_config": {"effort": "huge"}}, "`output_config.effort` must be one of"),
        ({"output_config": {"format": {"type": "xml"}}}, "`output_config.format.type` must be one"),
        ({"tools": [{}]}, "`tools[0].name` must be a string"),
        ({"tools": [LOOK], "tool_choice": "auto"}, "`tool_choice` must be an object"),
    ],
)
def test_a_mistake_is_named_with_its_path(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidBodyError) as caught:
        read(**fields)
    assert str(caught.value).startswith(message)
    assert caught.value.http_status == 400
    assert f"`{caught.value.path}`" in message


def test_a_body_that_is_no_object_is_a_mistake() -> None:
    with pytest.raises(InvalidBodyError, match="`body` must be an object"):
        read_request([])


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (
            {"messages": [USER, {"role": "user", "content": [{"type": "hologram"}]}]},
            "`messages[1].content[0]` is `hologram`, which only its own provider can read",
        ),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "image", "source": {"type": "file", "file_id": "f"}}],
                    }
                ]
            },
            (
                "`messages[0].content[0].source` is kept at a provider, where no other model can "
                "read it: send the data"
            ),
        ),
        (
            {"tools": [SEARCH]},
            "`tools` contains only what a provider runs itself: tools[0] (`web_search_20250305`)",
        ),
        (
            {"tools": [LOOK, SEARCH], "tool_choice": {"type": "tool", "name": "web_search"}},
            "`tool_choice.name` is what a provider runs itself: tools[1] (`web_search_20250305`)",
        ),
    ],
)
def test_what_only_its_own_provider_can_do_needs_the_original(
    fields: dict[str, Any], reason: str
) -> None:
    request = read(**fields)
    assert request.needs_original == (reason,)
    assert Body(**request.body)["messages"]


def test_what_no_other_provider_can_do_is_left_out_by_name() -> None:
    request = read(
        tools=[{**LOOK, "defer_loading": True}, SEARCH],
        context_management={"edits": []},
        api_base="https://elsewhere",
        output_config={"effort": "low", "task_budget": 1},
        messages=[
            {
                "role": "user",
                "content": [
                    {
                        "type": "document",
                        "source": {"type": "text", "media_type": "text/plain", "data": "a"},
                        "citations": {"enabled": True},
                    }
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
                    {"type": "web_search_tool_result", "tool_use_id": "s", "content": []},
                    {"type": "text", "text": "so"},
                ],
            },
        ],
    )
    assert request.dropped == (
        "context_management",
        "api_base",
        "messages[0].content[0].citations",
        "messages[1].content[0]",
        "messages[1].content[1]",
        "tools[0].defer_loading",
        "tools[1] (`web_search_20250305`)",
        "output_config.task_budget",
    )
    assert request.body["tools"] == [FUNCTION]
    assert request.body["messages"][1] == {"role": "assistant", "content": "so"}


# -- another model in the middle of a session ----------------------------------------------------


def thoughts_sent(model: Model, *blocks: dict[str, Any]) -> Any:
    request = read(messages=[USER, {"role": "assistant", "content": [*blocks, USE]}])
    return sent_to(model, request)["messages"][1].get("thinking_blocks")


def test_reasoning_goes_back_to_its_own_model_only() -> None:
    gemini = {**THOUGHT, "signature": "policy-router.gemini:Z2Vt"}
    hidden = {"type": "redacted_thinking", "data": "policy-router.gemini:aGlk"}
    assert thoughts_sent(CLAUDE, THOUGHT, gemini, hidden) == [THOUGHT]
    assert thoughts_sent(GEMINI, THOUGHT, gemini, hidden) == [
        {**THOUGHT, "signature": "Z2Vt"},
        {"type": "redacted_thinking", "data": "aGlk"},
    ]
    assert thoughts_sent(GPT, THOUGHT, gemini, hidden) is None


def test_what_people_may_read_stands_beside_what_only_the_model_can_read() -> None:
    sealed = {"type": "redacted_thinking", "data": "ZGF0YQ"}
    said = answer({"content": "so", "reasoning_content": "hm", "thinking_blocks": [sealed]})
    written = write_answer(said, read(), Envelope("abc123", "gpt", 0, "openai"))["content"]
    assert written[:2] == [
        {"type": "thinking", "thinking": "hm", "signature": "policy-router.openai:"},
        {"type": "redacted_thinking", "data": "policy-router.openai:ZGF0YQ"},
    ]


def test_reasoning_without_a_signature_is_never_sent_as_a_block() -> None:
    said = answer({"content": "so", "reasoning_content": "hm"})
    envelope = Envelope("abc123", "deepseek", 0, "deepseek")
    written = write_answer(said, read(), envelope)["content"]
    assert written[0] == {
        "type": "thinking",
        "thinking": "hm",
        "signature": "policy-router.deepseek:",
    }
    request = read(messages=[USER, {"role": "assistant", "content": written}])
    assert request.body["messages"][1] == {
        "role": "assistant",
        "content": "so",
        "reasoning_content": "hm",
    }


@pytest.mark.parametrize("origin", ["claude", "gemini", "openai"])
def test_signed_reasoning_comes_back_as_it_was(origin: str) -> None:
    blocks = [THOUGHT, {"type": "redacted_thinking", "data": "ZGF0YQ=="}]
    said = answer({"content": "so", "thinking_blocks": blocks, "reasoning_content": "hm"})
    written = write_answer(said, read(), Envelope("abc123", "m", 0, origin))["content"]
    request = read(messages=[USER, {"role": "assistant", "content": written}])
    back = request.body["messages"][1]["thinking_blocks"]
    assert back == [{**block, "origin": origin} for block in blocks]


def test_reasoning_of_other_models_leaves_the_original_body_too() -> None:
    gemini = {**THOUGHT, "signature": "policy-router.gemini:Z2Vt"}
    unsigned = {**THOUGHT, "signature": "policy-router.deepseek:"}
    content = [gemini, THOUGHT, unsigned, {"type": "text", "text": "so"}, USE]
    fields = {"max_tokens": 9, "messages": [USER, {"role": "assistant", "content": content}]}
    original = OriginalRequest(Dialect.MESSAGES, fields, {})
    body = Body(**read_request(fields).body)
    sent = messages_body(original, body, CLAUDE)
    assert sent["messages"] == [USER, {"role": "assistant", "content": content[1:2] + content[3:]}]
    other = Model("other", "anthropic/gemini-3-pro", "heavy", 2)
    kept = messages_body(original, body, other)["messages"][1]["content"]
    assert kept[:2] == [{**THOUGHT, "signature": "Z2Vt"}, THOUGHT]
    chat = {"role": "assistant", "content": "so", "thinking_blocks": [{**THOUGHT, "origin": "x"}]}
    asked = OriginalRequest(Dialect.CHAT, {"messages": [USER, chat]}, {})
    assert chat_body(asked, body, CLAUDE)["messages"][1] == {"role": "assistant", "content": "so"}


def test_pictures_of_tools_are_shown_to_every_model() -> None:
    results = [
        {"type": "tool_result", "tool_use_id": "t1", "content": [IMAGE]},
        {
            "type": "tool_result",
            "tool_use_id": "t2",
            "content": [{"type": "text", "text": "two"}, IMAGE],
        },
    ]
    uses = [USE, {**USE, "id": "t2"}]
    turns = [
        USER,
        {"role": "assistant", "content": uses},
        {"role": "user", "content": results},
    ]
    more = [*turns, {"role": "assistant", "content": "so"}]
    for conversation in (turns, more):
        request = read(messages=conversation)
        told = sent_to(GPT, request)["messages"]
        assert told[2:5] == [
            {"role": "tool", "tool_call_id": "t1", "content": "The output follows."},
            {
                "role": "tool",
                "tool_call_id": "t2",
                "content": [{"type": "text", "text": "two"}],
            },
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "The output of tool call t1:"},
                    PICTURE,
                    {"type": "text", "text": "The output of tool call t2:"},
                    PICTURE,
                ],
            },
        ]
        assert len(told) == len(conversation) + 2
        assert claude_request(request)["messages"][2]["content"] == results


def test_a_failed_tool_is_shown_to_every_model() -> None:
    result = {"type": "tool_result", "tool_use_id": "t1", "content": "boom", "is_error": True}
    request = read(
        messages=[
            USER,
            {"role": "assistant", "content": [USE]},
            {"role": "user", "content": [result]},
        ]
    )
    told = sent_to(GPT, request)["messages"][-1]
    assert told == {"role": "tool", "tool_call_id": "t1", "content": "Error: boom"}
    (back,) = claude_request(request)["messages"][-1]["content"]
    assert back == {**result, "content": [{"type": "text", "text": "boom"}]}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("boom", "Error: boom"),
        ("", "Error:"),
        ("<tool_use_error>no</tool_use_error>", "<tool_use_error>no</tool_use_error>"),
        ("Error: boom", "Error: boom"),
        (
            [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
            [
                {"type": "text", "text": "Error:"},
                {"type": "text", "text": "a"},
                {"type": "text", "text": "b"},
            ],
        ),
    ],
)
def test_a_failure_is_reported_once(content: Any, told: Any) -> None:
    result = {"type": "tool_result", "tool_use_id": "t1", "content": content, "is_error": True}
    request = read(messages=[USER, {"role": "user", "content": [result]}])
    assert sent_to(GPT, request)["messages"][-1]["content"] == told


def test_long_names_of_tools_are_shortened_and_given_back() -> None:
    request = read(
        tools=[{**LOOK, "name": LONG}],
        tool_choice={"type": "tool", "name": LONG},
        messages=[USER, {"role": "assistant", "content": [{**USE, "name": LONG}]}],
    )
    (short,) = request.tools
    assert len(short) <= 64
    assert request.body["tools"][0]["function"]["name"] == short
    assert request.body["tool_choice"]["function"]["name"] == short
    assert request.body["messages"][1]["tool_calls"][0]["function"]["name"] == short
    said = answer({"tool_calls": [{**USED, "function": {"name": short, "arguments": "{}"}}]})
    assert write_answer(said, request, ENVELOPE)["content"][0]["name"] == LONG


# -- answers --------------------------------------------------------------------------------------


def test_an_answer_is_a_message_that_anthropics_library_knows() -> None:
    said = answer({"content": "so", "tool_calls": [USED], "thinking_blocks": [THOUGHT]})
    written = write_answer(said, read(), ENVELOPE)
    message = Message.model_validate(written)
    assert written["id"] == "msg_abc123"
    assert [block.type for block in message.content] == ["thinking", "text", "tool_use"]
    assert message.stop_reason == "tool_use"
    assert written["usage"] == {
        "input_tokens": 30,
        "cache_creation_input_tokens": 10,
        "cache_read_input_tokens": 60,
        "cache_creation": None,
        "output_tokens": 20,
        "output_tokens_details": {"thinking_tokens": 5},
        "server_tool_use": None,
        "service_tier": None,
        "inference_geo": None,
    }


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("stop", "end_turn"),
        ("end_turn", "end_turn"),
        ("eos", "end_turn"),
        ("length", "max_tokens"),
        ("content_filter", "refusal"),
        ("stop_sequence", "stop_sequence"),
        ("pause_turn", "pause_turn"),
        ("tool_calls", "end_turn"),
    ],
)
def test_the_reason_of_the_end(reason: str, expected: str) -> None:
    assert (
        write_answer(answer({"content": "x"}, reason), read(), ENVELOPE)["stop_reason"] == expected
    )


def test_the_stop_sequence_at_which_claude_ended_is_reported() -> None:
    message = {
        "type": "message",
        "content": [{"type": "text", "text": "x"}],
        "stop_reason": "stop_sequence",
        "stop_sequence": "END",
    }
    written = write_answer(read_message(message, {}), read(), ENVELOPE)
    assert (written["stop_reason"], written["stop_sequence"]) == ("stop_sequence", "END")
    delta = {"stop_reason": "stop_sequence", "stop_sequence": "END"}
    stream = open_stream(read(stream=True), ENVELOPE)
    for each in MessageStream({}).read({"type": "message_delta", "delta": delta}):
        stream.read(each)
    data: Any = stream.end()[0].data
    assert data["delta"] == {**delta, "stop_details": None, "container": None}


def test_an_answer_with_calls_that_ends_with_stop_waits_for_tools() -> None:
    said = answer({"content": None, "tool_calls": [{**USED, "id": None}]}, "stop")
    written = write_answer(said, read(), ENVELOPE)
    assert written["stop_reason"] == "tool_use"
    called = {**USE, "id": "call_abc123_0", "caller": {"type": "direct"}}
    assert written["content"] == [called]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [("", {}), ("{}", {}), ("[1]", {"arguments": "[1]"}), ("{", {"arguments": "{"})],
)
def test_arguments_that_are_no_object_are_kept(arguments: str, expected: dict[str, Any]) -> None:
    call = {**USED, "function": {"name": "look", "arguments": arguments}}
    written = write_answer(answer({"tool_calls": [call]}), read(), ENVELOPE)
    assert written["content"][0]["input"] == expected


def test_tokens_are_counted_without_a_model() -> None:
    short = count_tokens({"model": "m", "messages": [USER]})["input_tokens"]
    long = count_tokens({"model": "m", "messages": [USER], "system": "words " * 500})
    assert 0 < short < 50
    assert 500 <= long["input_tokens"] < 1_500


# -- there and back -------------------------------------------------------------------------------

_MARKED = st.fixed_dictionaries({}, optional={"cache_control": st.just(KEEP)})
_TEXT = st.builds(lambda text, mark: {"type": "text", "text": text, **mark}, TEXTS, _MARKED)
_IMAGE = st.builds(lambda mark: {**IMAGE, **mark}, _MARKED)
_INPUT = st.dictionaries(TEXTS, st.none() | st.integers() | TEXTS, max_size=2)
_RESULT_CONTENT = st.lists(_TEXT | _IMAGE, min_size=1, max_size=2)


@st.composite
def conversations(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Turns that alternate, in which every tool call has its result."""
    turns = [{"role": "user", "content": draw(st.lists(_TEXT | _IMAGE, min_size=1, max_size=3))}]
    for number in range(draw(st.integers(0, 3))):
        calls = [
            {
                "type": "tool_use",
                "id": f"toolu_{number}_{i}",
                "name": draw(st.sampled_from(["look", "run"])),
                "input": draw(_INPUT),
                **draw(_MARKED),
            }
            for i in range(draw(st.integers(1, 3)))
        ]
        before = draw(st.lists(st.just(THOUGHT), max_size=1))
        spoken = draw(st.lists(_TEXT, max_size=2))
        turns.append({"role": "assistant", "content": [*before, *spoken, *calls]})
        results = [
            {
                "type": "tool_result",
                "tool_use_id": call["id"],
                "content": draw(_RESULT_CONTENT),
                **({"is_error": True} if draw(st.booleans()) else {}),
                **draw(_MARKED),
            }
            for call in calls
        ]
        after = draw(st.lists(_TEXT | _IMAGE, max_size=2))
        turns.append({"role": "user", "content": [*results, *after]})
    return turns


_CHOICES = st.builds(
    lambda choice, serial: {**choice, **serial},
    st.sampled_from([{"type": "auto"}, {"type": "any"}, {"type": "tool", "name": "look"}]),
    st.sampled_from([{}, {"disable_parallel_tool_use": True}]),
) | st.just({"type": "none"})
_TOOLS = st.fixed_dictionaries(
    {"tools": st.just([LOOK, {**LOOK, "name": "run", "cache_control": KEEP}])},
    optional={"tool_choice": _CHOICES},
)
_REQUESTS = st.fixed_dictionaries(
    {"max_tokens": st.integers(1, 64_000), "messages": conversations()},
    optional={
        "system": st.lists(_TEXT, min_size=1, max_size=3),
        "temperature": st.floats(0, 1),
        "stop_sequences": st.lists(st.sampled_from(["END", "STOP"]), min_size=1, max_size=2),
        "output_config": st.just({"format": {"type": "json_schema", "schema": SCHEMA}}),
    },
)


def in_blocks(turns: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The turns with the one text that the format writes in two ways as a block."""
    return [
        {
            **turn,
            "content": [
                {**block, "content": [{"type": "text", "text": block["content"]}]}
                if isinstance(block.get("content"), str)
                else block
                for block in turn["content"]
            ],
        }
        for turn in turns
    ]


@given(_REQUESTS, st.just({}) | _TOOLS)
def test_a_request_to_anthropic_comes_out_as_it_went_in(
    fields: dict[str, Any], tools: dict[str, Any]
) -> None:
    sent = claude_request(read_request({"model": "claude", **fields, **tools}))
    assert in_blocks(sent.pop("messages")) == fields["messages"]
    expected = {"model": "claude", **fields, **tools}
    del expected["messages"]
    assert sent == expected


def test_the_caller_for_anthropic_sends_what_its_dialect_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import json

    monkeypatch.setenv("ANTHROPIC_API_KEY", "k")
    result = {"type": "tool_result", "tool_use_id": "t1", "content": "x", "is_error": True}
    turns = [
        USER,
        {"role": "assistant", "content": [THOUGHT, USE]},
        {"role": "user", "content": [result]},
    ]
    wire = AnthropicWireCaller().make_request(
        CLAUDE, Body(**read(messages=turns).body), stream=False
    )
    sent = json.loads(wire.body)["messages"]
    assert sent[1]["content"] == [THOUGHT, USE]
    assert sent[2]["content"][0]["is_error"] is True
