"""OpenAI's Responses API: the translation both ways, and calls on loopback."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given

from policy_router.domain.decision import Candidate
from policy_router.domain.dialect import Dialect
from policy_router.domain.fallback import Fallback
from policy_router.domain.models import Model, Via
from policy_router.domain.original import OriginalRequest
from policy_router.errors import AllModelsFailedError, RoutingError
from policy_router.execution.executor import Executor
from policy_router.providers.answers.accumulate import join_chunks
from policy_router.providers.default_caller import DefaultCaller
from policy_router.providers.failures.failure import CallFailed, FailureKind
from policy_router.providers.requests.body import Body
from policy_router.providers.responses_wire.answer import read_response
from policy_router.providers.responses_wire.caller import ResponsesWireCaller
from policy_router.providers.responses_wire.original import responses_body
from policy_router.providers.responses_wire.request import to_responses_request
from policy_router.providers.responses_wire.stream import ResponseStream
from policy_router.providers.routes import Route, route_of
from policy_router.providers.simulated import Cut, Fail, Say, Simulated
from policy_router.server.dialects.responses.request import read_request
from policy_router.server.dialects.translators import TRANSLATORS
from tests.execution.make import HELLO, decision
from tests.server.dialects.make import ENVELOPE, Said, said

GPT = Model("gpt", "openai/responses/gpt-5", "heavy", 2, via=Via.DIRECT)
USER = {"role": "user", "content": "hi"}
ASKED = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}
SCHEMA = {"type": "object", "properties": {}, "additionalProperties": False}
LOOK = {"type": "function", "function": {"name": "look", "parameters": SCHEMA}}
CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}


def translated(*, reasons: bool = False, stream: bool = False, **body: Any) -> dict[str, Any]:
    body.setdefault("messages", [USER])
    return to_responses_request(body, name="gpt-5", reasons=reasons, stream=stream)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, {}),
        ({"max_tokens": 99}, {"max_output_tokens": 99}),
        ({"max_completion_tokens": 9}, {"max_output_tokens": 16}),
        (
            {"temperature": 0.5, "top_p": 1, "user": "u"},
            {"temperature": 0.5, "top_p": 1, "user": "u"},
        ),
        ({"seed": 1, "presence_penalty": 1.0}, {}),
        ({"stream": True}, {"stream": True}),
        ({"reasons": True}, {"include": ["reasoning.encrypted_content"]}),
        (
            {"reasoning_effort": "low"},
            {
                "reasoning": {"effort": "low", "summary": "auto"},
                "include": ["reasoning.encrypted_content"],
            },
        ),
        ({"verbosity": "low"}, {"text": {"verbosity": "low"}}),
        (
            {"response_format": {"type": "json_object"}},
            {"text": {"format": {"type": "json_object"}}},
        ),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "a", "schema": SCHEMA, "strict": True},
                }
            },
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
        ),
        (
            {"tools": [LOOK], "tool_choice": "required", "parallel_tool_calls": False},
            {
                "tools": [
                    {"type": "function", "name": "look", "parameters": SCHEMA, "strict": False}
                ],
                "tool_choice": "required",
                "parallel_tool_calls": False,
            },
        ),
        (
            {"tools": [LOOK], "tool_choice": {"type": "function", "function": {"name": "look"}}},
            {
                "tools": [
                    {"type": "function", "name": "look", "parameters": SCHEMA, "strict": False}
                ],
                "tool_choice": {"type": "function", "name": "look"},
            },
        ),
    ],
)
def test_parameters_become_fields(body: dict[str, Any], expected: dict[str, Any]) -> None:
    sent = translated(**body)
    assert sent == {"model": "gpt-5", "input": [ASKED], "store": False, **expected}


def test_messages_become_items() -> None:
    talk = [
        {"role": "system", "content": "be short"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "see"},
                {"type": "image_url", "image_url": {"url": "https://x/y", "detail": "low"}},
                {"type": "file", "file": {"file_data": "data:x;base64,AA", "filename": "a"}},
                {"type": "file", "file": {"file_data": "data:text/plain;base64,AA"}},
                {"type": "file", "file": {"file_data": "https://x/a.pdf", "filename": "a.pdf"}},
            ],
        },
        {
            "role": "assistant",
            "content": "so",
            "thinking_blocks": [{"type": "redacted_thinking", "data": "gAAA"}],
            "tool_calls": [CALL],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "done"},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]},
    ]
    assert translated(messages=talk)["input"] == [
        {
            "type": "message",
            "role": "system",
            "content": [{"type": "input_text", "text": "be short"}],
        },
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "see"},
                {"type": "input_image", "image_url": "https://x/y", "detail": "low"},
                {"type": "input_file", "file_data": "data:x;base64,AA", "filename": "a"},
                {
                    "type": "input_file",
                    "file_data": "data:text/plain;base64,AA",
                    "filename": "document.txt",
                },
                {"type": "input_file", "file_url": "https://x/a.pdf"},
            ],
        },
        {"type": "reasoning", "summary": [], "encrypted_content": "gAAA"},
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "so"}],
        },
        {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "done"},
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "refusal", "refusal": "no"}],
        },
    ]


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ({"n": 2}, "more than one answer"),
        ({"stop": ["END"]}, "`stop`"),
        ({"logprobs": True}, "`logprobs`"),
        ({"tools": [{"type": "custom"}]}, "a tool of type `custom`"),
        ({"tools": [LOOK], "tool_choice": {"type": "custom"}}, "`tool_choice` of type `custom`"),
        (
            {"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]},
            "a part of type `input_audio`",
        ),
    ],
)
def test_what_the_api_cannot_express_is_refused(body: dict[str, Any], what: str) -> None:
    with pytest.raises(CallFailed) as caught:
        translated(**body)
    assert caught.value.failure.kind is FailureKind.UNSUPPORTED
    assert what in caught.value.failure.detail


# -- there and back -------------------------------------------------------------------------------


@given(answer=said())
def test_an_answer_comes_out_as_it_went_in(answer: Said) -> None:
    """What the server writes for a client, this caller reads as the same answer."""
    request = read_request({"input": "hi", "include": ["reasoning.encrypted_content"]})
    writer = TRANSLATORS[Dialect.RESPONSES].open_stream(request, ENVELOPE)
    events = [event for chunk in answer.chunks for event in writer.read(chunk)] + writer.end()
    stream = ResponseStream()
    chunks = [chunk for event in events for chunk in stream.read(dict(event.data))]  # type: ignore[arg-type]
    joined = join_chunks(chunks, chunks[-1].usage)
    expected = join_chunks(answer.chunks, answer.chunks[-1].usage)
    message, wanted = joined.choices[0].message, expected.choices[0].message
    assert message.text == wanted.text
    assert message.reasoning_content == wanted.reasoning_content
    assert message.tool_calls == wanted.tool_calls
    assert joined.choices[0].finish_reason == answer.reason
    used = joined.usage
    assert used is not None
    assert (used.prompt_tokens, used.cached_tokens, used.reasoning_tokens) == (100, 60, 5)
    whole = read_response(dict(events[-1].data)["response"])  # type: ignore[arg-type]
    assert whole.choices[0].message.tool_calls == wanted.tool_calls
    assert whole.choices[0].message.text == wanted.text
    assert whole.choices[0].finish_reason == answer.reason


def test_encrypted_reasoning_goes_back_to_openai_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    own = {"type": "redacted_thinking", "data": "gAAA", "origin": "openai"}
    other = {"type": "thinking", "thinking": "hm", "signature": "s", "origin": "claude"}
    talk = [USER, {"role": "assistant", "content": "so", "thinking_blocks": [other, own]}, USER]
    sent = json.loads(
        ResponsesWireCaller().make_request(GPT, Body(messages=talk), stream=False).body
    )
    assert [item["type"] for item in sent["input"]] == [
        "message",
        "reasoning",
        "message",
        "message",
    ]


def test_a_clients_own_body_goes_through() -> None:
    packed = "policy-router.packed.claude:e30="
    fields = {
        "model": "auto",
        "input": [
            ASKED,
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"},
            {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": packed},
            {"type": "reasoning", "id": "rs_3", "summary": []},
        ],
        "tools": [{"type": "web_search"}],
        "reasoning": {"effort": "low", "summary": "auto"},
        "service_tier": "priority",
        "new_field": 1,
    }
    original = OriginalRequest(Dialect.RESPONSES, fields, {})
    body = Body(messages=[USER], reasoning_effort="low")
    sent = responses_body(original, body, GPT)
    assert sent == {
        **{k: v for k, v in fields.items() if k != "service_tier"},
        "input": [*fields["input"][:2], fields["input"][3]],  # type: ignore[index]
    }


def test_only_a_direct_model_of_that_name_is_called_so() -> None:
    assert route_of(GPT) is Route.RESPONSES_WIRE
    for name, via in (
        ("openai/gpt-5", Via.DIRECT),
        ("openai/responses/gpt-5", Via.LITELLM),
        ("openrouter/responses/gpt-5", Via.DIRECT),
    ):
        assert route_of(Model("m", name, "heavy", 2, via=via)) is not Route.RESPONSES_WIRE


# -- on loopback ----------------------------------------------------------------------------------


def served(behaviour: Any, *, stream: bool) -> Any:
    """The answer of a simulated model, or the error in which the request ended."""

    async def work(url: str) -> Any:
        model = Model("gpt", "openai/responses/gpt-5", "t", 0, via=Via.DIRECT, api_base=url)
        decided = decision(Candidate(model, "written order", ""))
        caller = DefaultCaller()
        executor = Executor(caller, sleep=lambda _: asyncio.sleep(0))
        try:
            if not stream:
                return (await executor.run(decided, Fallback(), HELLO)).response
            async with await executor.stream(decided, Fallback(), HELLO) as chunks:
                return join_chunks([chunk async for chunk in chunks], None)
        except RoutingError as error:
            return error
        finally:
            await caller.aclose()

    with Simulated({"gpt-5": behaviour}) as provider:
        return asyncio.run(work(provider.url))


EACH_WAY = pytest.mark.parametrize("stream", [False, True])


@EACH_WAY
def test_a_model_answers_over_http(stream: bool) -> None:
    answer = served(
        Say("one two", reasoning="hm", tool_calls=[CALL], finish="tool_calls"), stream=stream
    )
    (choice,) = answer.choices
    assert choice.message.content == "one two"
    assert choice.message.reasoning_content == "hm"
    assert [call.function.name for call in choice.message.tool_calls] == ["look"]
    assert choice.message.tool_calls[0].function.arguments == "{}"
    assert choice.finish_reason == "tool_calls"


@EACH_WAY
def test_an_answer_that_is_cut_short_is_marked(stream: bool) -> None:
    assert (
        served(Say("one two", finish="length"), stream=stream).choices[0].finish_reason == "length"
    )


@EACH_WAY
@pytest.mark.parametrize(
    ("behaviour", "kind"),
    [
        (Fail(429, retry_after=1), FailureKind.RATE_LIMITED),
        (Fail(500), FailureKind.SERVER_ERROR),
        (Cut(0), FailureKind.CONNECTION_LOST),
    ],
)
def test_a_failure_is_classified(behaviour: Any, kind: FailureKind, stream: bool) -> None:
    error = served(behaviour, stream=stream)
    assert isinstance(error, AllModelsFailedError)
    assert error.attempts[-1].failure == kind


# -- events ---------------------------------------------------------------------------------------


def read(*events: dict[str, Any]) -> list[Any]:
    stream = ResponseStream()
    return [chunk for event in events for chunk in stream.read(event)]


def test_a_call_that_comes_as_a_whole_is_read_once() -> None:
    item = {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"}
    begun = {**item, "arguments": ""}
    place = {"output_index": 0}
    done = {"type": "response.output_item.done", **place, "item": item}
    added = {"type": "response.output_item.added", **place, "item": begun}
    delta = {"type": "response.function_call_arguments.delta", **place, "delta": "{}"}
    whole = {"type": "response.function_call_arguments.done", **place, "arguments": "{}"}
    for events in (
        [done],
        [added, done],
        [added, whole, done],
        [added, delta, whole, done],
        [{**added, "item": item}, done],
    ):
        joined = join_chunks(read(*events), None)
        ((call,),) = (choice.message.tool_calls for choice in joined.choices)
        assert (call.id, call.function.name, call.function.arguments) == ("c1", "look", "{}")
    assert not read(delta)


def test_parts_of_reasoning_are_paragraphs_and_what_is_encrypted_follows() -> None:
    name = "response.reasoning_summary_text.delta"
    sealed = {"type": "reasoning", "summary": [], "encrypted_content": "gAAA"}
    chunks = read(
        {"type": name, "output_index": 0, "summary_index": 0, "delta": "a"},
        {"type": name, "output_index": 0, "summary_index": 0, "delta": "b"},
        {"type": name, "output_index": 0, "summary_index": 1, "delta": "c"},
        {"type": "response.output_item.done", "output_index": 0, "item": sealed},
        {"type": "response.something_new"},
    )
    assert "".join(chunk.choices[0].delta.reasoning_content or "" for chunk in chunks) == "ab\n\nc"
    assert chunks[-1].raw["choices"][0]["delta"]["thinking_blocks"] == [
        {"type": "redacted_thinking", "data": "gAAA"}
    ]


def test_citations_are_those_of_a_chat_completion() -> None:
    cited = {"type": "url_citation", "url": "https://x", "start_index": 0, "end_index": 1}
    other = {"type": "file_citation", "file_id": "f"}
    parts = [
        {"type": "output_text", "text": "one", "annotations": [other, cited]},
        {"type": "output_text", "text": "two", "annotations": [cited]},
    ]
    message = {"type": "message", "role": "assistant", "content": parts}
    value = {"object": "response", "status": "completed", "output": [message]}

    def page(start: int) -> dict[str, Any]:
        place = {"url": "https://x", "start_index": start, "end_index": start + 1}
        return {"type": "url_citation", "url_citation": place}

    raw = read_response(value).choices[0].message.model_dump()
    assert raw["annotations"] == [page(0), page(3)]
    added = {"type": "response.output_text.annotation.added"}
    (chunk,) = ResponseStream().read({**added, "annotation": cited})
    assert chunk.choices[0].delta.model_dump()["annotations"] == [page(0)]
    assert ResponseStream().read({**added, "annotation": other}) == ()


def test_a_response_that_fails_states_its_error() -> None:
    failed = {"status": "failed", "error": {"code": "server_error", "message": "x"}}
    (chunk,) = read({"type": "response.failed", "response": failed})
    assert chunk.choices[0].error == failed["error"]


@pytest.mark.parametrize("event", [{}, {"object": "response"}])
def test_what_is_no_event_is_malformed(event: dict[str, Any]) -> None:
    with pytest.raises(CallFailed) as caught:
        read(event)
    assert caught.value.failure.kind is FailureKind.MALFORMED


def test_what_is_no_response_is_malformed() -> None:
    with pytest.raises(CallFailed, match="not a response"):
        read_response({"object": "chat.completion"})


def test_an_incomplete_response_says_why() -> None:
    refused = {
        "object": "response",
        "status": "incomplete",
        "incomplete_details": {"reason": "content_filter"},
        "output": [
            {"type": "message", "content": [{"type": "refusal", "refusal": "no"}]},
            {"type": "reasoning", "summary": [], "encrypted_content": "gAAA"},
        ],
    }
    answer = read_response(refused)
    assert answer.choices[0].finish_reason == "content_filter"
    assert answer.choices[0].message.refusal == "no"
    assert answer.usage is None
