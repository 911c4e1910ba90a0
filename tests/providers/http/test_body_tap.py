"""What is recorded of an answer while a real HTTP client reads it."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import json
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.providers.answers.raw_answer import RawAnswer, RawChoice
from policy_router.providers.http.body_tap import BodyReader, tap
from tests.providers.bodies import BOTH, STREAM, Body, choice, event, seen

if TYPE_CHECKING:
    from collections.abc import Callable


@given(st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_a_stream_is_seen_however_it_is_cut_into_pieces(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(STREAM)]
    pieces = [STREAM[a:b] for a, b in itertools.pairwise(places)]
    assert seen(*pieces).choices == BOTH


@pytest.mark.parametrize(
    "body",
    [
        STREAM.replace(b"\n", b"\r\n"),
        STREAM.rstrip(),
        b"\xef\xbb\xbf\n" + STREAM,
        b"event: message\n" + STREAM,
    ],
)
def test_forms_of_a_stream(body: bytes) -> None:
    assert seen(body).choices == BOTH


def test_a_packed_stream() -> None:
    packed = {"content-encoding": "gzip"}
    assert seen(gzip.compress(STREAM), headers=packed).choices == BOTH


def test_a_body_that_is_lost_on_the_way_is_not_judged() -> None:
    packed = gzip.compress(STREAM)
    raw = RawAnswer()
    reader = BodyReader(raw, zlib.decompressobj(zlib.MAX_WBITS | 32))
    reader.feed(packed[:-20])
    assert raw.choices
    reader.feed(b"x" * 100)
    reader.feed(b"more")
    reader.end()
    assert raw.choices == {}


def test_a_body_too_long_to_keep_is_not_judged() -> None:
    raw = RawAnswer()
    reader = BodyReader(raw, zlib.decompressobj(zlib.MAX_WBITS | 32))
    reader.feed(gzip.compress(STREAM + b"data: " + b"x" * (17 * 1024 * 1024)))
    assert raw.choices == {}


@pytest.mark.parametrize("rest", [b'data: {"choices": [{"del', b'data: {"error": tru', b"da"])
def test_an_event_that_was_cut_off_is_no_garbled_one(rest: bytes) -> None:
    raw = seen(event(choice()), rest)
    assert (raw.unreadable, raw.choices) == (False, {0: RawChoice()})


def test_what_cannot_be_unpacked_is_not_judged() -> None:
    answer = RawAnswer()
    unknown = httpx.Response(200, headers={"content-encoding": "snappy"}, stream=Body([]))
    assert tap(unknown).choices == answer.choices


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        # OpenAI's answer, in one line and over several
        (json.dumps({"choices": [{"message": {}, "finish_reason": "stop"}]}),
         RawChoice("stop", is_whole=True)),
        (json.dumps({"choices": [{"message": {}, "finish_reason": None}]}, indent=2),
         RawChoice(None, is_whole=True)),
        (json.dumps({"choices": [{"message": {}, "finish_reason": "x",
                                  "native_finish_reason": "y"}]}) + "\n",
         RawChoice("x", native_finish_reason="y", is_whole=True)),
        # a stream that repeats the message so far in addition to the delta
        (event({"choices": [{"delta": {}, "message": {}, "finish_reason": "stop"}]}).decode(),
         RawChoice("stop")),
        # Gemini
        (event({"candidates": [{"content": {}}]}).decode(), RawChoice(None)),
        (event({"candidates": [{"index": 0, "finishReason": "STOP"}]}).decode(), RawChoice("STOP")),
        (json.dumps([{"candidates": [{}]}, {"candidates": [{"finishReason": "MAX_TOKENS"}]}]),
         RawChoice("MAX_TOKENS")),
        # Anthropic
        (json.dumps({"type": "message", "stop_reason": "end_turn"}), RawChoice("end_turn")),
        (event({"type": "message_start", "message": {}}).decode()
         + event({"type": "message_delta", "delta": {"stop_reason": "tool_use"}}).decode(),
         RawChoice("tool_use")),
        # Ollama, a line each
        ('{"message": {}, "done": false}\n{"message": {}, "done": true, "done_reason": "length"}\n',
         RawChoice("length")),
        ('{"message": {}, "done": false}\n{"message": {}, "done": true}', RawChoice("stop")),
    ],
)  # fmt: skip
def test_wire_formats(body: str, expected: RawChoice) -> None:
    assert seen(body.encode()).choices == {0: expected}


def read_within(most: int, *pieces: bytes, encoding: str) -> RawAnswer:
    """What was recorded of a body that may have so many bytes; reading it may fail."""

    async def go() -> RawAnswer:
        headers = {"content-encoding": encoding}
        response = httpx.Response(200, headers=headers, stream=Body(pieces))
        raw = tap(response, most)
        with suppress(httpx.ReadError):
            async for _ in response.aiter_bytes():
                pass
        return raw

    return asyncio.run(go())


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "identity": bytes,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
}


@pytest.mark.parametrize("encoding", PACKED)
@pytest.mark.parametrize("pieces", [1, 7])
def test_a_body_is_bounded_by_what_it_unpacks_to(encoding: str, pieces: int) -> None:
    body = STREAM + b": " + b"x" * 1_000_000 + b"\n\n"
    packed = PACKED[encoding](body)
    step = -(-len(packed) // pieces)
    parts = [packed[at : at + step] for at in range(0, len(packed), step)]
    assert read_within(len(body) - 1, *parts, encoding=encoding).too_long
    whole = read_within(len(body), *parts, encoding=encoding)
    assert (whole.too_long, whole.choices) == (False, BOTH)


def test_no_more_is_unpacked_than_is_read() -> None:
    """A gibibyte of nothing packs into a megabyte."""
    raw = RawAnswer()
    reader = BodyReader(raw, zlib.decompressobj(zlib.MAX_WBITS | 32), most=1_000)
    bomb = gzip.compress(b"x" * 50_000_000)
    for at in range(0, len(bomb), 1_000):
        reader.feed(bomb[at : at + 1_000])
    assert reader.size == 1_001


def test_a_body_that_is_not_judged_any_more_is_still_bounded() -> None:
    body = b"data: " + b"x" * (17 * 1024 * 1024)
    for encoding, pack in PACKED.items():
        packed = pack(body)
        parts = [packed[at : at + 65_536] for at in range(0, len(packed), 65_536)]
        assert read_within(len(body) - 1, *parts, encoding=encoding).too_long
        assert not read_within(len(body), *parts, encoding=encoding).too_long


def test_a_body_that_is_packed_in_an_unknown_way_is_bounded_as_it_comes() -> None:
    assert read_within(99, b"x" * 100, encoding="snappy").too_long
    assert not read_within(100, b"x" * 100, encoding="snappy").too_long
