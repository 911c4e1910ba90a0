"""OpenAI's responses: what is read of a request, and what an answer becomes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai.types.responses import Response

from policy_router.domain.models import Model
from policy_router.providers.requests.body import Body
from policy_router.providers.requests.packed_reasoning import unpack
from policy_router.providers.requests.wire_body import for_provider
from policy_router.server.dialects.fields import InvalidBodyError
from policy_router.server.dialects.neutral import ClientTool, Envelope, NeutralRequest
from policy_router.server.dialects.responses.answer import write_answer
from policy_router.server.dialects.responses.request import read_request
from policy_router.server.dialects.responses.stream import open_stream
from tests.server.dialects.make import ENVELOPE, answer, call, chunk, usage_chunk

CLAUDE = Model("claude", "anthropic/claude-opus-4-8", "heavy", 2)
GPT = Model("gpt", "openai/gpt-5", "heavy", 2)
SCHEMA = {"type": "object", "properties": {}, "additionalProperties": False}
LOOK = {"type": "function", "name": "look", "description": "Looks.", "parameters": SCHEMA}
FUNCTION = {
    "type": "function",
    "function": {"name": "look", "description": "Looks.", "parameters": SCHEMA},
}
PATCH = {
    "type": "custom",
    "name": "apply_patch",
    "description": "Edits files.",
    "format": {"type": "grammar", "syntax": "lark", "definition": "start: begin"},
}
AGENTS = {
    "type": "namespace",
    "name": "multi_agent_v1",
    "description": "Agents.",
    "tools": [{**LOOK, "name": "close_agent"}],
}
THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}


def read(**fields: Any) -> NeutralRequest:
    return read_request({"model": "auto", "input": "hi", **fields})


def messages(*items: dict[str, Any]) -> Any:
    return read(input=list(items)).body["messages"]


def message(role: str, *parts: dict[str, Any]) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": list(parts)}


def typed(text: str) -> dict[str, Any]:
    return {"type": "input_text", "text": text}


def function_call(call_id: str, name: str = "look", **fields: Any) -> dict[str, Any]:
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": "{}", **fields}


def called(call_id: str, name: str = "look", arguments: str = "{}") -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"id": call_id, "type": "function", "function": function}


HI = {"role": "user", "content": "hi"}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, {}),
        ({"max_output_tokens": 9}, {"max_tokens": 9}),
        (
            {"temperature": 0.5, "top_p": 0.9, "user": "u"},
            {"temperature": 0.5, "top_p": 0.9, "user": "u"},
        ),
        ({"stream": True}, {"stream_options": {"include_usage": True}}),
        ({"reasoning": {"effort": "xhigh", "summary": "auto"}}, {"reasoning_effort": "xhigh"}),
        ({"reasoning": None}, {}),
        ({"text": {"format": {"type": "text"}, "verbosity": "low"}}, {"verbosity": "low"}),
        (
            {"text": {"format": {"type": "json_object"}}},
            {"response_format": {"type": "json_object"}},
        ),
        (
            {"text": {"format": {"type": "json_schema", "name": "a", "schema": SCHEMA}}},
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "a", "schema": SCHEMA, "strict": False},
                }
            },
        ),
        (
            {
                "text": {
                    "format": {
                        "type": "json_schema",
                        "name": "a",
                        "schema": SCHEMA,
                        "strict": True,
                    }
                }
            },
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "a", "schema": SCHEMA, "strict": True},
                }
            },
        ),
        ({"tools": [LOOK]}, {"tools": [FUNCTION]}),
        (
            {"tools": [LOOK], "tool_choice": "required", "parallel_tool_calls": False},
            {"tools": [FUNCTION], "tool_choice": "required", "parallel_tool_calls": False},
        ),
        (
            {"tools": [LOOK], "tool_choice": {"type": "function", "name": "look"}},
            {
                "tools": [FUNCTION],
                "tool_choice": {"type": "function", "function": {"name": "look"}},
            },
        ),
        (
            {
                "tools": [LOOK, {**LOOK, "name": "run"}],
                "tool_choice": {
                    "type": "allowed_tools",
                    "mode": "auto",
                    "tools": [{"type": "function", "name": "look"}],
                },
            },
            {"tools": [FUNCTION], "tool_choice": "auto"},
        ),
        ({"tool_choice": "auto", "parallel_tool_calls": True, "tools": []}, {}),
    ],
)
def test_fields_become_parameters(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    assert read(**fields).body == {"messages": [HI], **expected}


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([{"role": "user", "content": "hi"}], [HI]),
        ([message("user", typed("hi"))], [HI]),
        ([message("developer", typed("be short"))], [{"role": "system", "content": "be short"}]),
        (
            [
                message(
                    "user",
                    typed("see"),
                    {"type": "input_image", "image_url": "https://x/y", "detail": "low"},
                    {"type": "input_file", "filename": "a.pdf", "file_data": "data:x;base64,AA"},
                )
            ],
            [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "see"},
                        {
                            "type": "image_url",
                            "image_url": {"url": "https://x/y", "detail": "low"},
                        },
                        {
                            "type": "file",
                            "file": {"filename": "a.pdf", "file_data": "data:x;base64,AA"},
                        },
                    ],
                }
            ],
        ),
        (
            [
                {
                    "type": "reasoning",
                    "id": "rs",
                    "summary": [{"type": "summary_text", "text": "hm"}],
                },
                message("assistant", {"type": "output_text", "text": "so"}),
                function_call("c1"),
                function_call("c2", arguments='{"a": 1}'),
                {"type": "function_call_output", "call_id": "c1", "output": "one"},
                {
                    "type": "function_call_output",
                    "call_id": "c2",
                    "output": [
                        typed("two"),
                        {"type": "input_image", "image_url": "data:image/png;base64,AA"},
                    ],
                },
                message("assistant", {"type": "output_text", "text": "done"}),
            ],
            [
                {
                    "role": "assistant",
                    "content": "so",
                    "reasoning_content": "hm",
                    "tool_calls": [called("c1"), called("c2", arguments='{"a": 1}')],
                },
                {"role": "tool", "tool_call_id": "c1", "content": "one"},
                {
                    "role": "tool",
                    "tool_call_id": "c2",
                    "content": [
                        {"type": "text", "text": "two"},
                        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}},
                    ],
                },
                {"role": "assistant", "content": "done"},
            ],
        ),
        (
            [
                {
                    "type": "custom_tool_call",
                    "call_id": "c1",
                    "name": "apply_patch",
                    "input": "*** ü",
                },
                {"type": "custom_tool_call_output", "call_id": "c1", "output": {"ok": True}},
                {
                    "type": "local_shell_call",
                    "call_id": "c2",
                    "action": {"type": "exec", "command": ["ls"]},
                },
                {"type": "local_shell_call_output", "call_id": "c2", "output": "a"},
            ],
            [
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [called("c1", "apply_patch", '{"input": "*** ü"}')],
                },
                {"role": "tool", "tool_call_id": "c1", "content": '{"ok": true}'},
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        called("c2", "local_shell", '{"type": "exec", "command": ["ls"]}')
                    ],
                },
                {"role": "tool", "tool_call_id": "c2", "content": "a"},
            ],
        ),
        (
            [function_call("c1", "close_agent", namespace="multi_agent_v1")],
            [
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [called("c1", "multi_agent_v1__close_agent")],
                }
            ],
        ),
    ],
)
def test_items_become_messages(items: list[Any], expected: list[Any]) -> None:
    assert messages(*items) == expected


def test_instructions_come_first() -> None:
    assert read(instructions="be short").body["messages"] == [
        {"role": "system", "content": "be short"},
        HI,
    ]


@pytest.mark.parametrize(
    ("fields", "message_text"),
    [
        (
            {"previous_response_id": "resp_1"},
            (
                "`previous_response_id` refers to what this server does not keep: send the whole "
                "conversation in `input`"
            ),
        ),
        ({"conversation": "c"}, "`conversation` refers to what this server does not keep"),
        ({"prompt": {"id": "p"}}, "`prompt` refers to what this server does not keep"),
        ({"background": True}, "`background` is not possible"),
        ({"input": None}, "`input` must be a list"),
        ({"input": []}, "`input` must contain at least one message"),
        ({"input": ["hi"]}, "`input[0]` must be an object"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "`input[0]` refers to an item"),
        ({"input": [{"role": "robot"}]}, "`input[0].role` must be one of"),
        ({"input": [{"role": "user", "content": 3}]}, "`input[0].content` must be a list"),
        ({"input": [{"type": "function_call", "name": "a"}]}, "`input[0].call_id` must be a str"),
        ({"instructions": ["x"]}, "`instructions` must be a string"),
        ({"text": {"format": {"type": "xml"}}}, "`text.format.type` must be one of"),
        ({"reasoning": {"effort": "huge"}}, "`reasoning.effort` must be one of"),
        ({"tools": [{"type": "function"}]}, "`tools[0].name` must be a string"),
        ({"tools": [LOOK], "tool_choice": "some"}, "`tool_choice` must be one of"),
        (
            {
                "tools": [LOOK],
                "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": []},
            },
            "`tool_choice.tools` must name at least one of the functions in `tools`",
        ),
    ],
)
def test_a_mistake_is_named_with_its_path(fields: dict[str, Any], message_text: str) -> None:
    with pytest.raises(InvalidBodyError) as caught:
        read(**fields)
    assert str(caught.value).startswith(message_text)
    assert caught.value.http_status == 400


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (
            {"tools": [{"type": "web_search"}]},
            "`tools` contains only what a provider runs itself: tools[0] (`web_search`)",
        ),
        (
            {"tools": [LOOK, {"type": "web_search"}], "tool_choice": {"type": "web_search"}},
            "`tool_choice` names `web_search`, which a provider runs itself",
        ),
        (
            {"input": [HI, {"type": "hologram"}]},
            "`input[1]` is `hologram`, which only its own provider can read",
        ),
        (
            {"input": [message("user", {"type": "input_image", "file_id": "f"})]},
            "`input[0].content[0]` is kept at a provider, where no other model can read it",
        ),
        (
            {"input": [HI, {"type": "compaction", "encrypted_content": "x"}]},
            "`input[1]` is `compaction`, which only its own provider can read",
        ),
    ],
)
def test_what_only_its_own_provider_can_do_needs_the_original(
    fields: dict[str, Any], reason: str
) -> None:
    assert read(**fields).needs_original == (reason,)


def test_what_no_other_provider_can_do_is_left_out_by_name() -> None:
    request = read(
        input=[HI, {"type": "web_search_call", "id": "w", "status": "completed"}],
        tools=[LOOK, {"type": "web_search", "external_web_access": False}],
        include=["reasoning.encrypted_content", "web_search_call.results"],
        store=True,
        truncation="disabled",
        prompt_cache_key="k",
        api_base="https://elsewhere",
        reasoning={"context": "all"},
    )
    assert request.dropped == (
        "prompt_cache_key",
        "api_base",
        "store",
        "input[1]",
        "tools[1] (`web_search`)",
        "reasoning.context",
        "include[1]",
    )
    assert request.wants_thoughts
    assert request.body["tools"] == [FUNCTION]
    assert not request.needs_original


def test_groups_and_custom_tools_become_functions_and_come_back() -> None:
    request = read(tools=[LOOK, PATCH, AGENTS])
    assert request.tools == {
        "apply_patch": ClientTool("apply_patch", is_custom=True),
        "multi_agent_v1__close_agent": ClientTool("close_agent", "multi_agent_v1"),
    }
    told = {tool["function"]["name"]: tool["function"] for tool in request.body["tools"]}
    assert list(told) == ["look", "apply_patch", "multi_agent_v1__close_agent"]
    assert told["apply_patch"]["description"] == (
        "Edits files.\n\nThe input must match this lark grammar:\nstart: begin"
    )
    assert told["apply_patch"]["parameters"]["required"] == ["input"]
    said = answer(
        {
            "tool_calls": [
                called("c1", "apply_patch", '{"input": "*** x"}'),
                called("c2", "multi_agent_v1__close_agent"),
                called("c3", "look"),
            ]
        },
        "tool_calls",
    )
    patch, agent, look = write_answer(said, request, ENVELOPE)["output"]
    assert patch == {
        "type": "custom_tool_call",
        "id": "fc_abc123_0",
        "call_id": "c1",
        "name": "apply_patch",
        "input": "*** x",
    }
    assert (agent["name"], agent["namespace"]) == ("close_agent", "multi_agent_v1")
    assert look["name"] == "look"
    assert "namespace" not in look


def test_a_custom_tool_is_streamed_as_free_text() -> None:
    request = read(tools=[PATCH], stream=True)
    stream = open_stream(request, ENVELOPE)
    chunks = [call(0, '{"inp', "apply_patch", "c1"), call(0, 'ut": "*** x"}')]
    events = [e for each in (*chunks, chunk({}, "tool_calls")) for e in stream.read(each)]
    names = [event.name for event in events]
    assert names[2:] == [
        "response.output_item.added",
        "response.custom_tool_call_input.delta",
        "response.custom_tool_call_input.done",
        "response.output_item.done",
    ]
    data: Any = events[3].data
    assert data["delta"] == "*** x"


def test_a_long_name_in_a_group_is_shortened_and_given_back() -> None:
    long = "a_very_long_name_of_a_tool_" * 3
    group = {**AGENTS, "tools": [{**LOOK, "name": long}]}
    request = read(tools=[group])
    ((short, tool),) = request.tools.items()
    assert len(short) <= 64
    assert tool == ClientTool(long, "multi_agent_v1")
    assert request.body["tools"][0]["function"]["name"] == short


# -- another model in the middle of a session ----------------------------------------------------


@pytest.mark.parametrize("origin", ["claude", "gemini"])
@pytest.mark.parametrize(
    "block", [THOUGHT, {"type": "redacted_thinking", "data": "ZGF0YQ=="}], ids=["signed", "hidden"]
)
def test_reasoning_comes_back_to_its_own_model_only(block: dict[str, Any], origin: str) -> None:
    asked = read(include=["reasoning.encrypted_content"])
    said = answer({"content": "so", "thinking_blocks": [block], "reasoning_content": "hm"})
    output = write_answer(said, asked, Envelope("abc123", "m", 0, origin))["output"]
    again = read(input=[HI, *output])
    assert again.body["messages"][1]["thinking_blocks"] == [{**block, "origin": origin}]
    for model in (CLAUDE, GPT):
        provider = model.provider_model.partition("/")[0]
        sent = for_provider(Body(**again.body), provider, model)["messages"][1]
        own = model is CLAUDE and origin == "claude"
        assert sent.get("thinking_blocks") == ([block] if own else None)


def test_what_people_may_read_stands_in_the_first_item() -> None:
    blocks = [{"type": "redacted_thinking", "data": each} for each in ("a", "b")]
    said = answer({"content": "so", "reasoning_content": "hm", "thinking_blocks": blocks})
    output = write_answer(said, read(), Envelope("abc123", "gpt", 0, "openai"))["output"]
    assert [item["summary"] for item in output[:2]] == [
        [{"type": "summary_text", "text": "hm"}],
        [],
    ]


PAGE = {"url": "https://example.org", "title": "A", "start_index": 0, "end_index": 2}
CITED = {"type": "url_citation", "url_citation": PAGE}


def test_citations_of_a_chat_completion_are_those_of_the_response() -> None:
    part = {
        "type": "output_text",
        "text": "so",
        "annotations": [{"type": "url_citation", **PAGE}],
        "logprobs": [],
    }
    whole = write_answer(answer({"content": "so", "annotations": [CITED, 1]}), read(), ENVELOPE)
    assert whole["output"][0]["content"] == [part]
    writer = open_stream(read(stream=True), ENVELOPE)
    chunks = [chunk({"content": "so"}), chunk({"content": "", "annotations": [CITED]}, "stop")]
    events = [event for each in chunks for event in writer.read(each)] + writer.end()
    told: list[Any] = [event.data for event in events]
    added = [data for data in told if data["type"] == "response.output_text.annotation.added"]
    assert [(data["annotation_index"], data["annotation"]) for data in added] == [
        (0, {"type": "url_citation", **PAGE})
    ]
    assert told[-1]["response"]["output"][0]["content"] == [part]


def test_reasoning_is_not_packed_unless_it_is_wanted() -> None:
    said = answer({"content": "so", "thinking_blocks": [THOUGHT], "reasoning_content": "hm"})
    item = write_answer(said, read(), ENVELOPE)["output"][0]
    assert item == {
        "type": "reasoning",
        "id": "rs_abc123_0",
        "summary": [{"type": "summary_text", "text": "hm"}],
    }


def test_encrypted_reasoning_of_openai_is_kept_for_openai() -> None:
    item = {"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "gAAAA"}
    request = read(input=[HI, item, function_call("c1")])
    assert request.body["messages"][1]["thinking_blocks"] == [
        {"type": "redacted_thinking", "data": "gAAAA", "origin": "openai"}
    ]
    sent = for_provider(Body(**request.body), "anthropic", CLAUDE)["messages"][1]
    assert "thinking_blocks" not in sent


@pytest.mark.parametrize(
    "packed", ["policy-router.packed.claude:%%", "policy-router.packed.x:WzFd"]
)
def test_damaged_reasoning_is_left_out(packed: str) -> None:
    assert unpack(packed) is None
    item = {"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": packed}
    request = read(input=[HI, item, function_call("c1")])
    assert request.dropped == ("input[1].encrypted_content",)


# -- answers --------------------------------------------------------------------------------------


def test_an_answer_is_a_response_that_openais_library_knows() -> None:
    asked = read(
        tools=[LOOK],
        tool_choice="auto",
        instructions="be short",
        temperature=0.5,
        max_output_tokens=9,
    )
    said = answer(
        {"content": "so", "refusal": "no", "reasoning_content": "hm", "tool_calls": [called("c1")]},
        "tool_calls",
    )
    written = write_answer(said, asked, ENVELOPE)
    response = Response.model_validate(written)
    assert response.id == "resp_abc123"
    assert [item.type for item in response.output] == ["reasoning", "message", "function_call"]
    assert response.output_text == "so"
    assert response.status == "completed"
    assert (response.instructions, response.temperature) == ("be short", 0.5)
    assert written["usage"] == {
        "input_tokens": 100,
        "input_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 10},
        "output_tokens": 20,
        "output_tokens_details": {"reasoning_tokens": 5},
        "total_tokens": 120,
    }


@pytest.mark.parametrize(
    ("reason", "status", "details"),
    [
        ("stop", "completed", None),
        ("length", "incomplete", {"reason": "max_output_tokens"}),
        ("content_filter", "incomplete", {"reason": "content_filter"}),
    ],
)
def test_the_reason_of_the_end(reason: str, status: str, details: Any) -> None:
    written = write_answer(answer({"content": "x"}, reason), read(), ENVELOPE)
    assert (written["status"], written["incomplete_details"]) == (status, details)
    stream = open_stream(read(stream=True), ENVELOPE)
    events = [*stream.read(chunk({"content": "x"}, reason)), *stream.read(usage_chunk())]
    events += stream.end()
    assert events[-1].name == f"response.{status}"
    data: Any = events[-1].data
    assert data["response"]["output"] == written["output"]
    assert data["response"]["output"][0]["status"] == status


@pytest.mark.parametrize(
    ("arguments", "given"),
    [('{"input": "x"}', "x"), ("free", "free"), ('{"other": 1}', '{"other": 1}'), ("[1]", "[1]")],
)
def test_the_input_of_a_custom_tool_is_never_lost(arguments: str, given: str) -> None:
    request = read(tools=[PATCH])
    said = answer({"tool_calls": [called("c1", "apply_patch", arguments)]}, "tool_calls")
    assert write_answer(said, request, ENVELOPE)["output"][0]["input"] == given


def test_an_error_in_a_stream_is_reported_in_the_response() -> None:
    stream = open_stream(read(stream=True), ENVELOPE)
    stream.read(chunk({"content": "so"}))
    (event,) = stream.end()
    data: Any = event.data
    assert event.name == "response.failed"
    assert data["response"]["error"] == {
        "code": "server_error",
        "message": "the stream ended before the answer was complete",
    }
    assert json.loads(event.encode().split(b"data: ")[1]) == data
