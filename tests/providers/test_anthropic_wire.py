"""Anthropic's wire format: the translation both ways, and calls on loopback."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from litellm.llms.anthropic.chat.transformation import AnthropicConfig

from policy_router.domain.decision import Candidate
from policy_router.domain.fallback import Fallback
from policy_router.domain.models import Model
from policy_router.errors import BadRequestError, RoutingError
from policy_router.execution.executor import Executor
from policy_router.providers.answers.accumulate import join_chunks
from policy_router.providers.answers.usage import to_usage
from policy_router.providers.anthropic_wire.answer import read_message, usage_of
from policy_router.providers.anthropic_wire.caller import AnthropicWireCaller
from policy_router.providers.anthropic_wire.request import to_messages_request
from policy_router.providers.anthropic_wire.stream import MessageStream
from policy_router.providers.anthropic_wire.tool_names import original_names, sent_name
from policy_router.providers.failures.failure import CallFailed, FailureKind
from policy_router.providers.requests.body import Body
from policy_router.providers.requests.wire_body import for_provider
from policy_router.providers.simulated import Cut, Fail, Garble, Redirect, Say, Simulated, messages
from tests.execution.make import HELLO, decision

if TYPE_CHECKING:
    from collections.abc import Callable

    from policy_router.providers.simulated import Behaviour

USER = {"role": "user", "content": "hi"}
LOOK = {
    "type": "function",
    "function": {
        "name": "look",
        "description": "Looks.",
        "parameters": {"type": "object", "properties": {"at": {"type": "string"}}},
    },
}
CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "look", "arguments": '{"at": "x"}'},
}


def translated(max_output: int | None = None, stream: bool = False, **body: Any) -> dict[str, Any]:
    body.setdefault("messages", [USER])
    return to_messages_request(body, name="claude", max_output=max_output, stream=stream)


def turns(*messages: dict[str, Any]) -> list[Any]:
    result: list[Any] = translated(messages=list(messages))["messages"]
    return result


TEXT = {"type": "text", "text": "hi"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, {"max_tokens": 4096}),
        ({"max_output": 8000}, {"max_tokens": 8000}),
        ({"max_tokens": 7, "max_output": 8000}, {"max_tokens": 7}),
        ({"max_completion_tokens": 9}, {"max_tokens": 9}),
        ({"temperature": 0.3, "top_p": 0.5}, {"temperature": 0.3, "top_p": 0.5}),
        ({"temperature": 1.7}, {"temperature": 1.0}),
        ({"seed": 1, "frequency_penalty": 1.0, "logprobs": False}, {}),
        ({"stop": "END"}, {"stop_sequences": ["END"]}),
        ({"stop": ["END", " "]}, {"stop_sequences": ["END"]}),
        ({"stop": ["\n"]}, {}),
        ({"thinking": {"type": "adaptive"}}, {"thinking": {"type": "adaptive"}}),
        ({"stream": True}, {"stream": True}),
        (
            {
                "response_format": {"type": "json_schema", "json_schema": {"schema": {"a": 1}}},
                "output_config": {"effort": "low"},
            },
            {
                "output_config": {
                    "effort": "low",
                    "format": {"type": "json_schema", "schema": {"a": 1}},
                }
            },
        ),
        ({"response_format": {"type": "text"}}, {}),
        (
            {"tools": [LOOK]},
            {
                "tools": [
                    {
                        "name": "look",
                        "description": "Looks.",
                        "input_schema": LOOK["function"]["parameters"],  # type: ignore[index]  # a dict
                    }
                ]
            },
        ),
        (
            {"tools": [{"type": "function", "function": {"name": "a"}, "cache_control": {"x": 1}}]},
            {
                "tools": [
                    {
                        "name": "a",
                        "input_schema": {"type": "object", "properties": {}},
                        "cache_control": {"x": 1},
                    }
                ]
            },
        ),
    ],
)
def test_parameters(body: dict[str, Any], expected: dict[str, Any]) -> None:
    request = translated(**body)
    base = {
        "model": "claude",
        "max_tokens": 4096,
        "messages": [{"role": "user", "content": [TEXT]}],
    }
    assert request == base | expected


@pytest.mark.parametrize(
    ("body", "choice"),
    [
        ({"tool_choice": "auto"}, {"type": "auto"}),
        ({"tool_choice": "required"}, {"type": "any"}),
        ({"tool_choice": "none", "parallel_tool_calls": False}, {"type": "none"}),
        (
            {"tool_choice": {"type": "function", "function": {"name": "look"}}},
            {"type": "tool", "name": "look"},
        ),
        ({"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}),
        ({"parallel_tool_calls": True}, None),
        ({}, None),
    ],
)
def test_tool_choice(body: dict[str, Any], choice: dict[str, Any] | None) -> None:
    assert translated(tools=[LOOK], **body).get("tool_choice") == choice


CLOSED: dict[str, Any] = {
    "type": "object",
    "properties": {
        "type": {"type": "string", "enum": ["a", "b"]},
        "list": {"type": "array", "items": {"anyOf": [{"$ref": "#/$defs/x"}, {"type": "null"}]}},
    },
    "required": ["type", "list"],
    "additionalProperties": False,
    "$defs": {"x": {"type": "object", "properties": {}, "additionalProperties": False}},
}


@pytest.mark.parametrize(
    ("name", "function", "strict"),
    [
        ("claude-opus-4-7", {"strict": True, "parameters": CLOSED}, True),
        ("claude-opus-4-7", {"strict": False, "parameters": CLOSED}, False),
        ("claude-opus-4-7", {"parameters": CLOSED}, False),
        ("claude-opus-4-7", {"strict": True}, False),
        ("claude-opus-4-7", {"strict": True, "parameters": {"type": "object"}}, False),
        ("claude-sonnet-4-20250514", {"strict": True, "parameters": CLOSED}, False),
        ("glm-5", {"strict": True, "parameters": CLOSED}, False),
        *(
            (
                "claude-opus-4-7",
                {"strict": True, "parameters": {**CLOSED, "properties": {"a": inner}}},
                False,
            )
            for inner in (
                {"type": "integer", "minimum": 1},
                {"type": "array", "items": {"type": "object", "properties": {}}},
                {"anyOf": [{"type": "string", "maxLength": 3}]},
                {"$ref": "https://example.org/schema"},
                {"type": "array", "items": True},
            )
        ),
    ],
)
def test_a_tool_is_strict_where_anthropic_takes_its_schema(
    name: str, function: dict[str, Any], strict: bool
) -> None:
    tool = {"type": "function", "function": {"name": "f", **function}}
    body = {"messages": [USER], "tools": [tool] * 21}
    sent = to_messages_request(body, name=name, max_output=None, stream=False)["tools"]
    assert [each.get("strict", False) for each in sent] == [strict] * 20 + [False]


@pytest.mark.parametrize("effort", ["none", "minimal", "low", "medium", "high", "max"])
@pytest.mark.parametrize("name", ["claude-sonnet-4-5", "claude-opus-4-7"])
def test_litellm_sets_the_same_effort(name: str, effort: str) -> None:
    model = Model("m", f"anthropic/{name}", "t", 0)
    body = {"messages": [USER], "max_tokens": 64_000, "temperature": 1.0}
    sent = for_provider(body | {"reasoning_effort": effort}, "anthropic", model)
    config = AnthropicConfig()
    parameters = {k: v for k, v in sent.items() if k != "messages"}
    mapped = config.map_openai_params(parameters, {}, name, drop_params=True)
    mapped |= {k: v for k, v in parameters.items() if k == "thinking"}
    theirs = config.transform_request(name, [dict(USER)], mapped, {}, {})
    ours = to_messages_request(sent, name=name, max_output=None, stream=False)
    assert plain(ours) == plain(theirs)
    assert ("thinking" in ours) == (effort != "none")


def test_a_client_s_own_settings_of_thinking_stay() -> None:
    given = {"type": "enabled", "budget_tokens": 2000}
    assert translated(reasoning_effort="low", thinking=given)["thinking"] == given
    adaptive = translated(reasoning_effort="max", output_config={"format": {"x": 1}})
    assert adaptive["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert adaptive["output_config"] == {"format": {"x": 1}, "effort": "max"}


def test_system_messages_are_collected() -> None:
    cached = {"type": "text", "text": "c", "cache_control": {"type": "ephemeral"}}
    request = translated(
        messages=[
            {"role": "system", "content": "a"},
            USER,
            {"role": "developer", "content": [cached, {"type": "text", "text": ""}]},
        ]
    )
    assert request["system"] == [{"type": "text", "text": "a"}, cached]
    assert request["messages"] == [{"role": "user", "content": [TEXT]}]


def test_a_conversation_with_tools() -> None:
    thinking = {"type": "thinking", "thinking": "hm", "signature": "s"}
    empty = {"id": "call_2", "type": "function", "function": {"name": "look", "arguments": ""}}
    broken = {"id": "call_3", "type": "function", "function": {"name": "look", "arguments": "{a"}}
    assert turns(
        USER,
        {
            "role": "assistant",
            "content": "",
            "thinking_blocks": [thinking],
            "tool_calls": [CALL, empty, broken],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "seen"},
        {"role": "user", "content": "and?"},
        {"role": "tool", "tool_call_id": "call_2", "content": ""},
    ) == [
        {"role": "user", "content": [TEXT]},
        {
            "role": "assistant",
            "content": [
                thinking,
                {"type": "tool_use", "id": "call_1", "name": "look", "input": {"at": "x"}},
                {"type": "tool_use", "id": "call_2", "name": "look", "input": {}},
                {
                    "type": "tool_use",
                    "id": "call_3",
                    "name": "look",
                    "input": {"arguments": "{a"},
                },
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "call_1",
                    "content": [{"type": "text", "text": "seen"}],
                },
                {"type": "tool_result", "tool_use_id": "call_2"},
                {"type": "text", "text": "and?"},
            ],
        },
    ]


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (
            {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
            {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}},
        ),
        (
            {"type": "image_url", "image_url": "data:image/png;base64,QUJD"},
            {
                "type": "image",
                "source": {"type": "base64", "media_type": "image/png", "data": "QUJD"},
            },
        ),
        (
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,QUJD"}},
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "QUJD"},
            },
        ),
        (
            {"type": "file", "file": {"file_data": "https://x/a.pdf", "filename": "a.pdf"}},
            {
                "type": "document",
                "source": {"type": "url", "url": "https://x/a.pdf"},
                "title": "a.pdf",
            },
        ),
        ({"type": "refusal", "refusal": "no"}, {"type": "text", "text": "no"}),
        ({"type": "redacted_thinking", "data": "x"}, {"type": "redacted_thinking", "data": "x"}),
    ],
)
def test_parts(part: dict[str, Any], block: dict[str, Any]) -> None:
    assert turns({"role": "user", "content": [part]}) == [{"role": "user", "content": [block]}]


def test_an_answer_to_be_continued_has_no_white_space_at_its_end() -> None:
    assert turns(USER, {"role": "assistant", "content": "Once \n"})[1]["content"] == [
        {"type": "text", "text": "Once"}
    ]
    assert len(turns(USER, {"role": "assistant", "content": " \n"})) == 1
    assert len(turns(USER, {"role": "assistant", "content": None})) == 1


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"n": 2}, "`n`"),
        ({"response_format": {"type": "json_object"}}, "`json_object`"),
        ({"prediction": {"type": "content", "content": "x"}}, "`prediction`"),
        ({"audio": {"voice": "x"}}, "`audio`"),
        ({"logprobs": True}, "`logprobs`"),
        ({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, "`custom`"),
        ({"tools": [LOOK], "tool_choice": {"type": "allowed_tools"}}, "`allowed_tools`"),
        ({"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "`input_audio`"),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}
                ]
            },
            "stored at another provider",
        ),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "image_url", "image_url": "data:image/svg+xml,<svg/>"}
                        ],
                    }
                ]
            },
            "base64",
        ),
    ],
)
def test_what_cannot_be_expressed_is_refused_by_name(body: dict[str, Any], named: str) -> None:
    with pytest.raises(CallFailed) as raised:
        translated(**body)
    failure = raised.value.failure
    assert (failure.kind, failure.sent) == (FailureKind.UNSUPPORTED, False)
    assert named in failure.detail


@pytest.mark.parametrize(
    "body",
    [
        {"tools": [{"type": "function", "function": None}]},
        {"tools": ["look"]},
        {"tools": [LOOK], "tool_choice": {"type": "function"}},
        {"response_format": {"type": "json_schema"}},
        {"response_format": "json"},
        {"stop": 5},
        {"stop": [5]},
        {"temperature": "hot"},
        {"messages": [{"role": "user", "content": [{"type": "file", "file": "x"}]}]},
        {"messages": [{"role": "assistant", "content": "x", "tool_calls": [None]}]},
        {"messages": [{"role": "assistant", "tool_calls": [{"function": "x"}]}]},
        {"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": 5}}]}]},
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_request_of_another_form_is_no_failure_of_the_program(
    body: dict[str, Any], stream: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model is not called, and nothing is charged for it."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "k")
    model = Model("m", "anthropic/claude-haiku-4-5", "light", 0)
    with pytest.raises(CallFailed) as raised:
        AnthropicWireCaller().make_request(
            model, Body(**{"messages": [USER], **body}), stream=stream
        )
    failure = raised.value.failure
    assert (failure.kind, failure.sent) == (FailureKind.BAD_REQUEST, False)


@given(st.text(min_size=1, max_size=80))
def test_every_name_of_a_tool_is_sent_in_an_accepted_form_and_comes_back(name: str) -> None:
    sent = sent_name(name)
    assert 0 < len(sent) <= 64
    assert all(c.isascii() and (c.isalnum() or c in "_-") for c in sent)
    assert original_names([name]).get(sent, sent) == name
    assert sent_name(sent) == sent


def test_long_names_stay_apart() -> None:
    names = ["mcp__server__" + "x" * 60 + str(i) for i in range(50)]
    assert len({sent_name(name) for name in names}) == 50


CONVERSATIONS: list[dict[str, Any]] = [
    {"messages": [USER], "max_tokens": 5},
    {
        "messages": [{"role": "system", "content": "Be brief."}, USER],
        "max_tokens": 5,
        "temperature": 0.2,
        "stop": ["END"],
    },
    {
        "messages": [
            USER,
            {"role": "assistant", "content": "Looking.", "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "call_1", "content": "seen"},
        ],
        "max_tokens": 5,
        "tools": [LOOK],
        "tool_choice": "required",
    },
    {
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is it?"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}},
                ],
            },
        ],
        "max_tokens": 5,
    },
]


def plain(value: Any) -> Any:
    """A request with every content as a list of blocks, as both translations mean the same."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    made = {k: plain(v) for k, v in value.items() if v is not None}
    for name in ("content", "system"):
        if isinstance(made.get(name), str):
            made[name] = [{"type": "text", "text": made[name]}]
    if "input_schema" in made or made.get("type") == "custom":
        made.pop("type", None)
    return made


@pytest.mark.parametrize("body", CONVERSATIONS)
def test_litellm_translates_these_requests_alike(body: dict[str, Any]) -> None:
    config = AnthropicConfig()
    parameters = {k: v for k, v in body.items() if k != "messages"}
    mapped = config.map_openai_params(parameters, {}, "claude-sonnet-4-5", drop_params=True)
    theirs = config.transform_request(
        "claude-sonnet-4-5", json.loads(json.dumps(body["messages"])), mapped, {}, {}
    )
    ours = to_messages_request(body, name="claude-sonnet-4-5", max_output=None, stream=False)
    assert plain(ours) == plain(theirs)


SAID = [
    Say("hello you"),
    Say("hello", finish="length", reasoning="let me think"),
    Say("", tool_calls=[CALL], finish="tool_calls"),
    Say(
        "Looking.",
        tool_calls=[CALL, {**CALL, "id": "call_2", "function": {"name": "x", "arguments": ""}}],
        finish="tool_calls",
    ),
]


@pytest.mark.parametrize("say", SAID)
def test_a_stream_and_a_whole_answer_say_the_same(say: Say) -> None:
    whole = read_message(messages.answer("m", say, {}), {})
    stream = MessageStream({})
    chunks = [c for event in messages.events("m", say, {}) for c in stream.read(event)]
    usage = next(chunk.usage for chunk in chunks if chunk.usage is not None)
    joined = join_chunks(chunks, usage)
    one, other = whole.choices[0], joined.choices[0]
    assert (one.message.content or "") == (other.message.content or "") == say.text
    assert one.message.reasoning_content == other.message.reasoning_content
    assert [(c.id, c.function) for c in one.message.tool_calls] == [
        (c.id, c.function) for c in other.message.tool_calls
    ]
    assert one.finish_reason == other.finish_reason == say.finish
    assert whole.usage is not None
    assert whole.usage.completion_tokens == usage.completion_tokens
    assert (whole.id, whole.model) == (joined.id, joined.model) == ("msg_m", "m")


def test_thinking_comes_back_with_its_signature() -> None:
    say = Say("a", reasoning="hm")
    expected = [{"type": "thinking", "thinking": "hm", "signature": "signed"}]
    whole = read_message(messages.answer("m", say, {}), {}).model_dump()
    assert whole["choices"][0]["message"]["thinking_blocks"] == expected  # type: ignore[index]  # plain JSON
    stream = MessageStream({})
    deltas = [
        chunk.model_dump()["choices"][0]["delta"]  # type: ignore[index]  # as above
        for event in messages.events("m", say, {})
        for chunk in stream.read(event)
        if chunk.choices
    ]
    assert [d["thinking_blocks"] for d in deltas if "thinking_blocks" in d] == [expected]


def test_interleaved_calls_get_their_own_pieces() -> None:
    stream = MessageStream({"short": "the long name"})

    def start(index: int, name: str) -> dict[str, Any]:
        block = {"type": "tool_use", "id": f"id{index}", "name": name, "input": {}}
        return {"type": "content_block_start", "index": index, "content_block": block}

    def piece(index: int, text: str) -> dict[str, Any]:
        delta = {"type": "input_json_delta", "partial_json": text}
        return {"type": "content_block_delta", "index": index, "delta": delta}

    script = [start(1, "short"), start(2, "b"), piece(2, '{"b"'), piece(1, '{"a": 1}'),
              piece(2, ": 2}"), {"type": "content_block_stop", "index": 1},
              {"type": "content_block_stop", "index": 2}]  # fmt: skip
    answer = join_chunks([c for event in script for c in stream.read(event)], None)
    calls = answer.choices[0].message.tool_calls
    assert [(c.id, c.function.name, c.function.arguments) for c in calls] == [
        ("id1", "the long name", '{"a": 1}'),
        ("id2", "b", '{"b": 2}'),
    ]


def test_events_that_are_no_part_of_an_answer() -> None:
    stream = MessageStream({})
    for event in (
        {"type": "ping"},
        {"type": "something_new", "x": 1},
        {"type": "content_block_delta", "index": 9, "delta": {"type": "citations_delta"}},
        {"type": "content_block_delta", "index": 9, "delta": {"type": "input_json_delta"}},
        {"type": "content_block_start", "index": 9, "content_block": {"type": "server_tool_use"}},
        {"type": "content_block_stop", "index": 9},
        {"type": "message_delta", "delta": None},
    ):
        assert stream.read(event) == ()
    text = {"type": "content_block_start", "content_block": {"type": "text", "text": "a"}}
    assert stream.read(text)[0].text == "a"


@pytest.mark.parametrize(
    "value", [{"x": 1}, {"type": "message"}, {"type": "message", "content": 1}]
)
def test_a_body_that_is_no_message(value: dict[str, Any]) -> None:
    with pytest.raises(CallFailed) as raised:
        read_message(value, {})
    assert raised.value.failure.kind is FailureKind.MALFORMED


@pytest.mark.parametrize(
    ("used", "prompt", "cached", "written", "output"),
    [
        ({"input_tokens": 10, "output_tokens": 3}, 10, 0, 0, 3),
        (
            {
                "input_tokens": 1000,
                "cache_read_input_tokens": 500,
                "cache_creation_input_tokens": 200,
                "output_tokens": 3,
            },
            1700, 500, 200, 3,
        ),
        ({"output_tokens": 3}, None, 0, 0, 3),
        ({"input_tokens": "many", "output_tokens": -1}, None, 0, 0, None),
    ],
)  # fmt: skip
def test_usage(used: dict[str, Any], prompt: Any, cached: int, written: int, output: Any) -> None:
    usage = to_usage(usage_of(used))
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens) == (prompt, output)
    assert (usage.cached_tokens, usage.cache_write_tokens) == (cached, written)


def test_what_was_thought_is_a_part_of_the_usage() -> None:
    used = {"output_tokens": 20, "output_tokens_details": {"thinking_tokens": 5}}
    usage = to_usage(usage_of(used))
    assert usage is not None
    assert usage.reasoning_tokens == 5


def test_no_usage() -> None:
    assert usage_of(None) is None
    assert to_usage(usage_of("many")) is None


# -- calls on loopback -----------------------------------------------------------------------


def called(work: Callable[[Executor, str], Any], scripts: dict[str, Any]) -> tuple[Any, list[str]]:
    async def go(url: str) -> Any:
        caller = AnthropicWireCaller()
        try:
            return await work(Executor(caller, sleep=lambda _: asyncio.sleep(0)), url)
        except RoutingError as error:
            return error
        finally:
            await caller.aclose()

    with Simulated(scripts) as provider:
        return asyncio.run(go(provider.url)), [hit.model for hit in provider.requests]


def decided(names: Any, url: str) -> Any:
    models = (Model(n, f"anthropic/{n}", "t", 0, api_base=url) for n in names)
    return decision(*(Candidate(model, "written order", "") for model in models))


def run(scripts: dict[str, Any], body: Body = HELLO) -> tuple[Any, list[str]]:
    async def work(executor: Executor, url: str) -> Any:
        return await executor.run(decided(scripts, url), Fallback(), body)

    return called(work, scripts)


def read(scripts: dict[str, Any]) -> Any:
    """(text, error, failures, called) of a stream."""
    texts: list[str] = []

    async def work(executor: Executor, url: str) -> Any:
        async with await executor.stream(decided(scripts, url), Fallback(), HELLO) as stream:
            async for chunk in stream:
                texts.append(chunk.text)  # noqa: PERF401  what came before an error counts
            return stream

    outcome, asked = called(work, scripts)
    error = outcome if isinstance(outcome, RoutingError) else None
    return "".join(texts), error, [a.failure for a in outcome.attempts], asked


FAULTS: dict[str, tuple[Behaviour, list[str]]] = {
    "429": (Fail(429, retry_after=30), ["rate_limited"]),
    "401": (Fail(401), ["credential"]),
    "403": (Fail(403), ["forbidden"]),
    "404": (Fail(404), ["model_gone"]),
    "500": (Fail(500), ["server_error", "server_error"]),
    "529": (Fail(529), ["overloaded"]),
    "billing": (Fail(400, "billing_error"), ["quota_exhausted"]),
    "cut": (Cut(), ["connection_lost", "connection_lost"]),
    "reset": (Cut(reset=True), ["connection_lost", "connection_lost"]),
    "redirect": (Redirect("http://127.0.0.1:9/v1/messages"), ["redirected"]),
    "empty": (Say(""), ["empty"]),
    "html": (Garble(), ["malformed"]),
    "JSON": (Garble('{"object": "x"}', "application/json"), ["malformed"]),
}
STREAM_ONLY: dict[str, tuple[Behaviour, list[str]]] = {
    "error event": (Fail(529, stream_error=True), ["overloaded"]),
    "no events": (Garble("", "text/event-stream"), ["malformed"]),
    "a whole answer": (
        Garble('{"type": "message", "content": []}', "application/json"),
        ["malformed"],
    ),
    "no finish": (Say("", finish=None), ["malformed"]),
}


@pytest.mark.parametrize("name", FAULTS)
def test_another_model_answers(name: str) -> None:
    script, failures = FAULTS[name]
    answer, asked = run({"a": script, "b": Say("fine")})
    assert [a.failure for a in answer.attempts] == [*failures, None]
    assert (answer.served_by, answer.choices[0].message.content) == ("b", "fine")
    assert asked == ["a"] * len(failures) + ["b"], "one hit upstream for each attempt"


@pytest.mark.parametrize("name", [*FAULTS, *STREAM_ONLY])
def test_another_model_streams(name: str) -> None:
    script, failures = (FAULTS | STREAM_ONLY)[name]
    text, error, attempts, asked = read({"a": script, "b": Say("one two")})
    assert (text, error, attempts) == ("one two", None, [*failures, None])
    assert asked == ["a"] * len(failures) + ["b"], "one hit upstream for each attempt"


@pytest.mark.parametrize("script", [Cut(2), Say("half of it", finish=None), Say("x", finish="odd")])
def test_half_a_stream_is_none(script: Behaviour) -> None:
    _, error, failures, _ = read({"a": script})
    assert error is not None
    assert failures[-1] in {"stream_broken", "malformed"}


@pytest.mark.parametrize("script", [Say("", finish="content_filter"), Say("no", finish="odd")])
def test_a_whole_answer_is_judged_by_its_stop_reason(script: Say) -> None:
    error, _ = run({"a": script})
    assert isinstance(error, RoutingError)
    assert isinstance(error, BadRequestError) == (script.finish == "content_filter")


def test_what_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sk-mine")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-theirs")
    long_name = "mcp__" + "x" * 80
    tool = {"type": "function", "function": {"name": long_name}}
    body = Body(messages=[USER], tools=[tool], max_tokens=9)
    use = {"id": "1", "type": "function", "function": {"name": sent_name(long_name),
                                                      "arguments": "{}"}}  # fmt: skip
    script = Say("", tool_calls=[use], finish="tool_calls")

    async def go(url: str) -> Any:
        caller = AnthropicWireCaller()
        await caller.prepare()
        answer = await caller.call(
            Model("a", "anthropic/a", "t", 0, api_base=url, api_key_env="MY_KEY"), body, 30
        )
        await caller.call(
            Model("a", "anthropic/a", "t", 0, api_base=url.removesuffix("/v1")), body, 30
        )
        monkeypatch.delenv("ANTHROPIC_API_KEY")
        with pytest.raises(CallFailed) as raised:
            await caller.call(Model("a", "anthropic/a", "t", 0), body, 30)
        await caller.aclose()
        return answer, raised.value.failure

    with Simulated({"a": script}) as provider:
        answer, failure = asyncio.run(go(provider.url))
        with_key, without = provider.requests
    assert answer.choices[0].message.tool_calls[0].function.name == long_name
    assert with_key.headers["x-api-key"] == "sk-mine"
    assert with_key.headers["anthropic-version"] == "2023-06-01"
    assert "x-api-key" not in without.headers
    assert (with_key.body["max_tokens"], with_key.body["model"]) == (9, "a")
    assert (failure.kind, failure.sent) == (FailureKind.CREDENTIAL, False)
