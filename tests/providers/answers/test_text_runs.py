"""Events that only add text, and arrive together, are read as one chunk of a relayed stream."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy_router.domain.dialect import Dialect
from policy_router.domain.models import Model
from policy_router.domain.original import OriginalRequest
from policy_router.providers.answers.text_runs import TextFrame, same_answer, text_of, with_text
from policy_router.providers.failures.failure import CallFailed
from policy_router.providers.openai_wire.caller import OpenAIWireCaller
from policy_router.providers.requests.body import Body
from policy_router.providers.requests.bounds import BOUNDS
from policy_router.providers.simulated import Garble, Simulated

if TYPE_CHECKING:
    from policy_router.providers.answers.chat import ChatChunk

USER = {"role": "user", "content": "hi"}
PLAIN = {"index": 0, "delta": {"content": "a"}, "finish_reason": None}


def event(**fields: Any) -> dict[str, Any]:
    return {"id": "x", "model": "m", "choices": [PLAIN], **fields}


def choice(**fields: Any) -> dict[str, Any]:
    return event(choices=[{**PLAIN, **fields}])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (event(), "a"),
        (event(usage=None, created=5), "a"),
        (choice(logprobs=None), "a"),
        (event(usage={"prompt_tokens": 1}), None),
        (event(choices=[]), None),
        (event(choices=None), None),
        (event(choices=[PLAIN, PLAIN]), None),
        (event(choices=["a"]), None),
        (choice(index=1), None),
        (choice(index=False), None),
        (choice(finish_reason="stop"), None),
        (choice(logprobs={"content": []}), None),
        (choice(error={"code": 1}), None),
        (choice(delta=None), None),
        (choice(delta={"content": ""}), None),
        (choice(delta={"content": None}), None),
        (choice(delta={"content": [{"type": "text", "text": "a"}]}), None),
        (choice(delta={"role": "assistant", "content": "a"}), None),
        (choice(delta={"content": "a", "reasoning_content": "b"}), None),
    ],
)
def test_which_events_only_add_text(value: dict[str, Any], text: str | None) -> None:
    assert text_of(value) == text


def test_events_of_another_answer_are_not_joined() -> None:
    assert same_answer(event(), event(created=7))
    assert not same_answer(event(), event(id="y"))
    assert not same_answer(event(), event(model="n"))
    assert text_of(with_text(event(), "ab")) == "ab"


@pytest.mark.parametrize(
    "data",
    [
        b'{"choices":[{"index":0,"delta":{"content":"a b"}}]}',
        b'{"id": "x", "choices": [{"delta": {"content":  "a b"}, "index": 0}], "created": 5}',
    ],
)
def test_what_is_around_a_text(data: bytes) -> None:
    frame = TextFrame.of(data, "a b")
    assert frame is not None
    assert frame.before + b"a b" + frame.after == data
    for text in ("c", "ü", "a, b", "\n", '"', "\\a"):
        other = data.replace(b'"a b"', json.dumps(text).encode())
        assert frame.texts_in([other]) == [text]
        assert frame.texts_in([data, other, data]) == ["a b", text, "a b"]
    for said in (b'""', b"null", b"7", b'"a", "role": "user"', b'"\xff"', b'"\t"', b'"\\ud800"'):
        assert frame.texts_in([data.replace(b'"a b"', said)]) == []
    for other in (data + b" ", b" " + data, data[1:], data[:-1], frame.before, b""):
        assert frame.texts_in([data, other, data]) == ["a b"]
    assert frame.texts_in([]) == []


@pytest.mark.parametrize(
    "said",
    [
        (b"a\\", b"b"),
        (b'a","b', b"c"),
        (b'a",', b',"b'),
        (b'",', b"b"),
        (b'"', b'"'),
        (b"a]", b"\t"),
    ],
)
def test_texts_that_end_each_other_are_not_read_together(said: tuple[bytes, bytes]) -> None:
    frame = TextFrame(b'{"content": "', b'"}')
    alike = [frame.before + text + frame.after for text in said]
    assert frame.texts_in(alike) == []


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b'{"choices":[{"delta":{"content":"b"}}]}', "a"),
        (b'{"choices":[{"delta":{"content":"\\ud800"}}]}', "\ud800"),
        (b'{"choices":[{"delta":{"conten\\u0074":"a"}}]}', "a"),
        (b'{"content":"a","choices":[{"delta":{"content":"a"}}]}', "a"),
        (b'{"choices":[{"delta":{"content" : "a"}}]}', "a"),
    ],
)
def test_where_it_is_not_obvious(data: bytes, text: str) -> None:
    assert TextFrame.of(data, text) is None


TEXTS = st.text(st.characters(codec="utf-8"), max_size=6)


@given(TEXTS, TEXTS, st.booleans())
def test_a_frame_has_any_text(first: str, second: str, ascii_only: bool) -> None:
    one, other = (
        json.dumps(choice(delta={"content": text}), ensure_ascii=ascii_only).encode()
        for text in (first, second)
    )
    frame = TextFrame.of(one, first)
    assert frame is not None
    found = frame.texts_in([other, one])
    assert found == [second, first][: len(found)]
    assert found or not second or second.endswith("\\")


def chunks_of(stream: bytes, *, relayed: bool) -> list[ChatChunk]:
    """The chunks of a stream, as far as it goes."""

    async def go(url: str) -> list[ChatChunk]:
        original = OriginalRequest(Dialect.CHAT, {"messages": [USER]}) if relayed else None
        body = Body(BOUNDS, original, messages=[USER])
        model = Model("a", "openai/a", "t", 0, api_base=url)
        caller, read = OpenAIWireCaller(), []
        try:
            async with aclosing(await caller.stream(model, body.sent_to(model), 30)) as chunks:
                while True:
                    try:
                        read.append(await anext(chunks))
                    except (StopAsyncIteration, CallFailed):
                        return read
        finally:
            await caller.aclose()

    with Simulated({"a": Garble(stream.decode(), "text/event-stream")}) as server:
        return asyncio.run(go(server.url))


def lines(*values: dict[str, Any]) -> bytes:
    return b"".join(b"data: " + json.dumps(value).encode() + b"\n\n" for value in values)


EVENTS = st.sampled_from(
    [
        event(),
        choice(delta={"content": "b c"}),
        choice(delta={"content": "ü"}),
        choice(delta={"content": 'a "b" \n'}),
        choice(delta={"content": "c"}),
        choice(delta={"role": "assistant", "content": ""}),
        choice(delta={"reasoning_content": "hm"}),
        choice(delta={"tool_calls": [{"index": 0, "id": "t", "function": {"name": "f"}}]}),
        choice(delta={}, finish_reason="stop"),
        event(choices=[], usage={"prompt_tokens": 1, "completion_tokens": 2}),
        event(id="other"),
        {"error": {"message": "broken", "code": 500}},
    ]
)


@given(st.lists(EVENTS, max_size=12))
@settings(max_examples=25, deadline=None)
def test_joining_changes_neither_text_nor_bytes(values: list[dict[str, Any]]) -> None:
    stream = lines(*values)
    joined, single = (chunks_of(stream, relayed=each) for each in (True, False))
    assert "".join(c.text for c in joined) == "".join(c.text for c in single)
    assert [c.finish_reason for c in joined if c.finish_reason] == [
        c.finish_reason for c in single if c.finish_reason
    ]
    assert [c.usage for c in joined if c.usage] == [c.usage for c in single if c.usage]
    assert b"".join(c.original.data for c in joined if c.original) == b"".join(
        c.original.data for c in single if c.original
    )
    assert sum(c.size for c in joined) == sum(c.size for c in single)


def test_text_that_arrives_together_is_one_chunk() -> None:
    stream = lines(*[event()] * 5, choice(delta={}, finish_reason="stop"))
    assert len(chunks_of(stream, relayed=False)) == 6
    joined = chunks_of(stream, relayed=True)
    assert [(c.text, c.finish_reason) for c in joined] == [("aaaaa", None), ("", "stop")]
