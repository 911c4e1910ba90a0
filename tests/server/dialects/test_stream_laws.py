"""Laws of the streams in every dialect: whatever is cut off, they end properly."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest
from anthropic.types import RawMessageStreamEvent
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionChunk
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from policy_router.domain.dialect import Dialect
from policy_router.providers.answers.accumulate import join_chunks
from policy_router.providers.requests.packed_reasoning import unpack
from policy_router.server.dialects.machine import State
from policy_router.server.dialects.messages import stream as messages_stream
from policy_router.server.dialects.neutral import ErrorNotice, NeutralRequest
from policy_router.server.dialects.pieces import Kind
from policy_router.server.dialects.responses import stream as responses_stream
from policy_router.server.dialects.translators import TRANSLATORS
from tests.server.dialects.make import ENVELOPE, Said, call, chunk, said, usage_chunk

if TYPE_CHECKING:
    from collections.abc import Iterable

    from policy_router.server.dialects.events import ServerEvent

RESPONSE_EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
MESSAGE_EVENT: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
LOST = ErrorNotice(502, "stream_broken", "the connection to the model was lost")
EACH_DIALECT = pytest.mark.parametrize("dialect", list(TRANSLATORS))


def request(dialect: Dialect, **fields: Any) -> NeutralRequest:
    return NeutralRequest(dialect, "auto", stream=True, body={}, wants_usage=True, **fields)


def written(dialect: Dialect, chunks: Iterable[Any], *, error: bool = False) -> list[ServerEvent]:
    stream = TRANSLATORS[dialect].open_stream(request(dialect), ENVELOPE)
    events = [event for each in chunks for event in stream.read(each)]
    events += stream.fail(LOST) if error else stream.end()
    # Nothing is written after the end.
    assert not [*stream.read(chunk({"content": "late"})), *stream.end(), *stream.fail(LOST)]
    return events


def check_chat(events: list[ServerEvent]) -> bool:
    """Whether the stream is complete; every event is one that OpenAI's library knows."""
    *rest, last = events
    for event in rest:
        assert isinstance(event.data, dict)
        ChatCompletionChunk.model_validate(event.data, strict=True)
    if last.data == "[DONE]":
        return True
    assert isinstance(last.data, dict)
    assert last.data["error"]["message"]
    return False


def check_messages(events: list[ServerEvent]) -> bool:
    """Whether the stream is complete; blocks follow each other, as Anthropic's library expects."""
    blocks, running = 0, False
    for number, event in enumerate(events):
        assert isinstance(event.data, dict)
        assert event.name == event.data["type"]
        if event.name != "error":
            MESSAGE_EVENT.validate_python(event.data)
        match event.name:
            case "message_start":
                assert number == 0
            case "content_block_start":
                assert not running
                assert event.data["index"] == blocks
                running = True
            case "content_block_delta":
                assert running
                assert event.data["index"] == blocks
            case "content_block_stop":
                assert running
                assert event.data["index"] == blocks
                blocks, running = blocks + 1, False
            case "message_delta":
                assert not running
                assert number == len(events) - 2
            case "message_stop" | "error":
                assert number == len(events) - 1
            case other:
                pytest.fail(other)
    return events[-1].name == "message_stop"


def check_responses(events: list[ServerEvent]) -> bool:
    """Whether the stream is complete; what is added is done, in order."""
    added: list[str] = []
    running = ""
    for number, event in enumerate(events):
        data: Any = event.data
        assert event.name == data["type"]
        assert data["sequence_number"] == number
        parsed = RESPONSE_EVENT.validate_python(data)
        assert parsed.type == event.name
        match event.name:
            case "response.output_item.added":
                assert not running
                assert data["output_index"] == len(added)
                running = data["item"]["id"]
            case "response.output_item.done":
                assert data["item"]["id"] == running
                assert data["output_index"] == len(added)
                added.append(running)
                running = ""
            case "response.created" | "response.in_progress":
                assert number < 2
            case "response.completed" | "response.incomplete" | "response.failed":
                assert number == len(events) - 1
                assert not running or event.name == "response.failed"
                assert [item["id"] for item in data["response"]["output"]] == added
            case _:
                assert data["item_id"] == running
                assert data["output_index"] == len(added)
    return events[-1].name in ("response.completed", "response.incomplete")


CHECKS = {
    Dialect.CHAT: check_chat,
    Dialect.MESSAGES: check_messages,
    Dialect.RESPONSES: check_responses,
}


@EACH_DIALECT
@given(answer=said(), data=st.data())
def test_a_stream_goes_on_after_chunks_that_were_passed_on(
    dialect: Dialect, answer: Said, data: st.DataObject
) -> None:
    passed = data.draw(st.integers(0, len(answer.chunks)))
    whole = TRANSLATORS[dialect].open_stream(request(dialect), ENVELOPE)
    rest = TRANSLATORS[dialect].open_stream(request(dialect), ENVELOPE)
    for each in answer.chunks[:passed]:
        whole.read(each)
        rest.follow(each)
    for each in answer.chunks[passed:]:
        assert rest.read(each) == whole.read(each)
    assert rest.end() == whole.end()


@EACH_DIALECT
@given(answer=said())
def test_a_stream_ends_properly_wherever_it_is_cut(dialect: Dialect, answer: Said) -> None:
    for cut in range(len(answer.chunks) + 1):
        chunks = answer.chunks[:cut]
        assert CHECKS[dialect](written(dialect, chunks)) == (cut >= answer.finished)
        assert not CHECKS[dialect](written(dialect, chunks, error=True))


def message_of(events: Iterable[ServerEvent]) -> dict[str, Any]:
    """The message that a client puts together of the events."""
    message: dict[str, Any] = {}
    for event in events:
        data: Any = event.data
        match data["type"]:
            case "message_start":
                message = data["message"]
            case "content_block_start":
                message["content"].append({**data["content_block"], "json": ""})
            case "content_block_delta":
                block, delta = message["content"][data["index"]], data["delta"]
                match delta["type"]:
                    case "text_delta":
                        block["text"] += delta["text"]
                    case "thinking_delta":
                        block["thinking"] += delta["thinking"]
                    case "signature_delta":
                        block["signature"] += delta["signature"]
                    case "input_json_delta":
                        block["json"] += delta["partial_json"]
            case "content_block_stop":
                block = message["content"][data["index"]]
                text = block.pop("json")
                if block["type"] == "tool_use":
                    block["input"] = json.loads(text)
            case "message_delta":
                message |= data["delta"]
                message["usage"] |= data["usage"]
    return message


@given(answer=said())
def test_a_streamed_message_is_the_whole_one(answer: Said) -> None:
    message = message_of(written(Dialect.MESSAGES, answer.chunks))
    whole = join_chunks(answer.chunks, answer.chunks[-1].usage)
    expected = TRANSLATORS[Dialect.MESSAGES].write_answer(
        whole, request(Dialect.MESSAGES), ENVELOPE
    )
    if answer.signature:  # what joins chunks leaves signatures out
        expected["content"][0]["signature"] = answer.signature
    assert message == expected


@given(answer=said(), wants_thoughts=st.booleans())
def test_a_streamed_response_is_the_whole_one(answer: Said, wants_thoughts: bool) -> None:
    asked = replace(request(Dialect.RESPONSES), wants_thoughts=wants_thoughts)
    stream = TRANSLATORS[Dialect.RESPONSES].open_stream(asked, ENVELOPE)
    events = [event for each in answer.chunks for event in stream.read(each)] + stream.end()
    data: Any = events[-1].data
    whole = join_chunks(answer.chunks, answer.chunks[-1].usage)
    expected = TRANSLATORS[Dialect.RESPONSES].write_answer(whole, asked, ENVELOPE)
    if answer.signature and wants_thoughts:  # what joins chunks leaves signatures out
        block = {"type": "thinking", "thinking": answer.reasoning, "signature": answer.signature}
        item = expected["output"][0]
        sealed = data["response"]["output"][0]["encrypted_content"]
        assert unpack(sealed) == {**block, "origin": ENVELOPE.origin}
        item["encrypted_content"] = sealed
    assert data["response"] == expected
    assert data["response"]["status"] == (
        "incomplete" if answer.reason == "length" else "completed"
    )
    texts: dict[str, str] = {}
    for event in events:
        given_data: Any = event.data
        if event.name.endswith(".delta"):
            key = given_data["item_id"]
            texts[key] = texts.get(key, "") + given_data["delta"]
    said_texts = [
        answer.reasoning,
        answer.text,
        *(json.dumps(a, ensure_ascii=False) for *_, a in answer.calls),
    ]
    assert list(texts.values()) == [text for text in said_texts if text]


@given(answer=said())
def test_a_streamed_chat_answer_is_the_whole_one(answer: Said) -> None:
    from policy_router.providers.answers.adapt import to_chunk
    from policy_router.providers.answers.usage import to_usage

    events = written(Dialect.CHAT, answer.chunks)
    again = [to_chunk(event.data) for event in events if event.data != "[DONE]"]
    used = again[-1].usage
    assert used is not None
    assert used == to_usage(used.raw)
    joined = join_chunks(again, used)
    expected = join_chunks(answer.chunks, answer.chunks[-1].usage)
    assert joined.choices == expected.choices
    assert used.cached_tokens == 60
    assert used.total_tokens == 120


CASES: list[tuple[str, list[Any], list[dict[str, Any]]]] = [
    (
        "parallel calls whose fragments interleave",
        [
            call(0, "", "look", "a"),
            call(1, "", "run", "b"),
            call(1, '{"cmd":'),
            call(0, '{"at":'),
            call(1, '"ls"}'),
            call(0, '"x"}'),
        ],
        [
            {"type": "tool_use", "id": "a", "name": "look", "input": {"at": "x"}},
            {"type": "tool_use", "id": "b", "name": "run", "input": {"cmd": "ls"}},
        ],
    ),
    (
        "a call whose arguments come before its end and text after it",
        [call(0, '{"at":', "look", "a"), chunk({"content": "so"}), call(0, '"x"}')],
        [
            {"type": "tool_use", "id": "a", "name": "look", "input": {"at": "x"}},
            {"type": "text", "text": "so"},
        ],
    ),
    (
        "a late fragment of white space",
        [call(0, "{}", "look", "a"), call(1, "{}", "run", "b"), call(0, "\n")],
        [
            {"type": "tool_use", "id": "a", "name": "look", "input": {}},
            {"type": "tool_use", "id": "b", "name": "run", "input": {}},
        ],
    ),
    (
        "a call without arguments, and one without an id",
        [call(0, "", "look", "a"), call(1, "", "run")],
        [
            {"type": "tool_use", "id": "a", "name": "look", "input": {}},
            {"type": "tool_use", "id": "call_abc123_1", "name": "run", "input": {}},
        ],
    ),
    (
        "a call whose name comes late",
        [call(0, "", call_id="a"), call(0, "{", "look"), call(0, "}")],
        [{"type": "tool_use", "id": "a", "name": "look", "input": {}}],
    ),
    (
        "reasoning between calls",
        [
            call(0, "{}", "look", "a"),
            chunk({"reasoning_content": "hm"}),
            call(1, "{}", "run", "b"),
        ],
        [
            {"type": "tool_use", "id": "a", "name": "look", "input": {}},
            {"type": "thinking", "thinking": "hm", "signature": "policy-router.claude:"},
            {"type": "tool_use", "id": "b", "name": "run", "input": {}},
        ],
    ),
    (
        "reasoning that is hidden, and reasoning that is encrypted",
        [
            chunk({"thinking_blocks": [{"type": "thinking", "thinking": "", "signature": "s"}]}),
            chunk({"thinking_blocks": [{"type": "redacted_thinking", "data": "d"}]}),
            chunk({"content": "so"}),
        ],
        [
            {"type": "thinking", "thinking": "", "signature": "s"},
            {"type": "redacted_thinking", "data": "d"},
            {"type": "text", "text": "so"},
        ],
    ),
    (
        "a block of reasoning that comes at once",
        [chunk({"thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "s"}]})],
        [{"type": "thinking", "thinking": "hm", "signature": "s"}],
    ),
    (
        "reasoning in pieces with its block, as LiteLLM sends it",
        [
            chunk(
                {
                    "reasoning_content": "h",
                    "thinking_blocks": [{"type": "thinking", "thinking": "h", "signature": None}],
                }
            ),
            chunk(
                {
                    "reasoning_content": "m",
                    "thinking_blocks": [{"type": "thinking", "thinking": "m", "signature": None}],
                }
            ),
            chunk(
                {
                    "reasoning_content": "",
                    "thinking_blocks": [{"type": "thinking", "thinking": "", "signature": "s"}],
                }
            ),
        ],
        [{"type": "thinking", "thinking": "hm", "signature": "s"}],
    ),
    (
        "a refusal",
        [chunk({"refusal": "I can"}), chunk({"refusal": "not"})],
        [{"type": "text", "text": "I cannot"}],
    ),
]


ALSO: Final[dict[str, dict[str, Any]]] = {
    "text": {"citations": None},
    "tool_use": {"caller": {"type": "direct"}},
}
"""What Anthropic's blocks have besides what a model says."""


@pytest.mark.parametrize(("name", "chunks", "content"), CASES, ids=[case[0] for case in CASES])
def test_a_stream_of_messages_has_the_blocks(
    name: str, chunks: list[Any], content: list[dict[str, Any]]
) -> None:
    events = written(Dialect.MESSAGES, [*chunks, chunk({}, "stop"), usage_chunk()])
    assert check_messages(events)
    assert message_of(events)["content"] == [{**ALSO.get(b["type"], {}), **b} for b in content]


def test_the_arguments_of_one_call_are_not_held_back() -> None:
    stream = TRANSLATORS[Dialect.MESSAGES].open_stream(request(Dialect.MESSAGES), ENVELOPE)
    stream.read(call(0, "", "look", "a"))
    (event,) = stream.read(call(0, '{"at'))
    assert event.data["delta"] == {"type": "input_json_delta", "partial_json": '{"at'}  # type: ignore[index]


@pytest.mark.parametrize(
    ("table", "missing"),
    [(messages_stream.TABLE, {State.IN_REFUSAL}), (responses_stream.TABLE, set())],
)
def test_every_state_of_a_stream_has_its_row(table: Any, missing: set[State]) -> None:
    assert table.keys() == set(State) - missing
    belonging = {Kind.ARGUMENTS, Kind.CITATION}  # to a call, or to a text
    said_kinds = set(Kind) - belonging - {Kind.BEGIN, Kind.END}
    for state in set(table) - {State.NEW, State.FINISHED, State.CLOSED}:
        assert table[state].keys() - belonging == said_kinds
    for state in set(table) - {State.CLOSED}:
        assert table[state][Kind.FAIL][1] is State.CLOSED


def test_an_error_before_the_first_chunk_is_the_only_event() -> None:
    (event,) = written(Dialect.MESSAGES, [], error=True)
    assert event.encode() == (
        b'event: error\ndata: {"type": "error", "error": {"type": "api_error", "message": '
        b'"the connection to the model was lost", "code": "stream_broken"}}\n\n'
    )


def test_usage_is_left_out_of_a_chat_stream_unless_it_is_wanted() -> None:
    silent = NeutralRequest(Dialect.CHAT, "auto", stream=True, body={})
    stream = TRANSLATORS[Dialect.CHAT].open_stream(silent, ENVELOPE)
    events = [*stream.read(chunk({"content": "so"}, "stop", usage={"prompt_tokens": 1}))]
    events += [*stream.read(usage_chunk()), *stream.end()]
    assert [e.data == "[DONE]" or "usage" in e.data for e in events] == [False, True]


def test_each_choice_of_a_chat_stream_ends() -> None:
    from policy_router.providers.answers.adapt import to_chunk

    def one(index: int, text: str, reason: str | None = None) -> Any:
        choice = {"index": index, "delta": {"content": text}, "finish_reason": reason}
        return to_chunk({"choices": [choice]})

    both = [one(0, "a"), one(1, "b"), one(0, "a", "stop")]
    assert not check_chat(written(Dialect.CHAT, both))
    assert check_chat(written(Dialect.CHAT, [*both, one(1, "b", "length")]))
