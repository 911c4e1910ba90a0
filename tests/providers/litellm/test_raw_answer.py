"""What is seen of an answer on its way through a real client of HTTP."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import json
import zlib
from typing import TYPE_CHECKING, Any, Self

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.providers.adapt import to_answer, to_chunk
from policy_router.providers.body_tap import BodyReader, tap
from policy_router.providers.failure import CallFailed, Failure, FailureKind
from policy_router.providers.litellm.restore import RestoredChunks, raw_failure, restored
from policy_router.providers.raw_answer import RawAnswer, RawChoice
from policy_router.providers.wire import Wire
from tests.execution.make import FakeCaller, FakeChunks, chunk, response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Mapping

    from policy_router.providers.chat import ChatChunk


class Body(httpx.AsyncByteStream):
    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


def seen(*pieces: bytes, headers: Mapping[str, str] | None = None) -> RawAnswer:
    """What was noted of a body that came in these pieces; what was read is all of it."""

    async def go() -> RawAnswer:
        answers = [httpx.Response(200, headers=headers, stream=Body(pieces))]
        transport = httpx.MockTransport(lambda _: answers.pop())
        noted: list[RawAnswer] = []

        async def note(each: httpx.Response) -> None:
            noted.append(tap(each))

        async with httpx.AsyncClient(
            transport=transport, event_hooks={"response": [note]}
        ) as client:
            read = await client.get("http://provider")
        if not headers:
            assert read.content == b"".join(pieces)
        return noted[0]

    return asyncio.run(go())


def event(value: Any, end: bytes = b"\n\n") -> bytes:
    return b"data: " + json.dumps(value).encode() + end


def choice(index: int = 0, finish_reason: str | None = None, **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": index, "delta": {}, "finish_reason": finish_reason, **more}]}


TWO = [choice(0), choice(1), choice(1, "length"), choice(0, "stop")]
STREAM = b": a comment\n\n" + b"".join(map(event, TWO)) + b"data: [DONE]\n\n"
BOTH = {0: RawChoice("stop"), 1: RawChoice("length")}


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
        # a stream that repeats the message so far beside the delta
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


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"error": "boom"}', FailureKind.MALFORMED),
        (b'{"error": {"code": 429, "message": "boom"}}', FailureKind.RATE_LIMITED),
        (b'{"error": null, "choices": []}', None),
        (b'{\n  "error": {"code": "insufficient_quota"}\n}', FailureKind.QUOTA_EXHAUSTED),
        (event({"error": {"code": 401}}), FailureKind.CREDENTIAL),
        (event({"type": "error", "error": {"type": "overloaded_error"}}), FailureKind.OVERLOADED),
        (event(choice(0, "error", error={"code": 503})), FailureKind.SERVER_ERROR),
        (event(choice()) + b'data: {"choices": [{"del\n\n' + event(choice(0, "stop")),
         FailureKind.MALFORMED),
        (event(choice()) + b"data: ping\n\n" + event(choice(0, "stop")), None),
        (b"<html>", None),
        (b"", None),
    ],
)  # fmt: skip
def test_errors_in_a_200(body: bytes, kind: FailureKind | None) -> None:
    wire = Wire(status=200, answer=seen(body))
    failure = raw_failure(wire, None, 0.0)
    assert (failure.kind if failure else None) is kind
    assert failure is None or failure.status == 200


def test_nothing_is_wrong_with_what_was_not_seen() -> None:
    assert raw_failure(Wire(), None, 0.0) is None
    answer = to_answer(response())
    assert restored(answer, Wire()) is answer
    assert answer.choices[0].finish_reason == "stop"


@pytest.mark.parametrize(
    ("came", "told", "right"),
    [
        (RawChoice("error"), "stop", "error"),
        (RawChoice(None), "stop", None),
        (RawChoice("length"), "stop", "length"),
        (RawChoice("STOP"), "tool_calls", "tool_calls"),
        (RawChoice("end_turn"), "stop", "stop"),
        (RawChoice("MALFORMED_FUNCTION_CALL"), "stop", "MALFORMED_FUNCTION_CALL"),
        (RawChoice("stop", native_finish_reason="network_error"), "stop", "network_error"),
        (RawChoice("stop", native_finish_reason="a word of its own"), "stop", "stop"),
    ],
)
def test_the_reason_that_came_is_put_back(came: RawChoice, told: str, right: str | None) -> None:
    raw = RawAnswer()
    raw.choices[0] = came
    answer = restored(to_answer(response(finish=told)), Wire(status=200, answer=raw))
    assert answer.choices[0].finish_reason == right


class AdaptedChunks:
    """The chunks of a script as typed values."""

    def __init__(self, chunks: FakeChunks) -> None:
        self._chunks = chunks

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ChatChunk:
        return to_chunk(await anext(self._chunks))

    async def aclose(self) -> None:
        await self._chunks.aclose()


def watched(raw: RawAnswer, *chunks_of_it: Any, items: Iterable[Any] = ()) -> list[Any]:
    """What comes of a library's chunks; a failure is the last of it."""

    async def go() -> list[Any]:
        chunks = AdaptedChunks(FakeChunks(FakeCaller(), chunks_of_it or items))
        came: list[Any] = []
        try:
            async for each in RestoredChunks(
                chunks, Wire(status=200, answer=raw), None, lambda: 0.0
            ):
                came.append(each)  # noqa: PERF401  what came before a failure is wanted too
        except CallFailed as failed:
            came.append(failed.failure)
        return came

    return asyncio.run(go())


def ends(chunks: list[Any]) -> list[tuple[int, str | None]]:
    return [(each.index, each.finish_reason) for c in chunks for each in c.choices]


def test_every_choice_ends_for_its_own_reason() -> None:
    raw = RawAnswer()
    raw.choices = dict(BOTH)
    came = watched(raw, chunk("a"), chunk(finish="length"))
    assert ends(came) == [(0, None), (0, "stop"), (1, "length")]


def test_a_choice_that_ends_after_the_library_did_ends_all_the_same() -> None:
    raw = RawAnswer()
    raw.choices = {0: RawChoice("stop"), 1: RawChoice(None)}

    def late() -> Iterator[Any]:
        yield chunk(finish="stop")
        yield chunk("late")
        raw.choices[1].finish_reason = "length"

    came = watched(raw, items=late())
    assert ends(came) == [(0, "stop"), (0, None), (1, "length")]


def test_a_reason_that_did_not_come_is_taken_away() -> None:
    raw = RawAnswer()
    raw.choices = {0: RawChoice(None)}
    assert ends(watched(raw, chunk("a", "stop"), chunk("b", "stop"))) == [(0, None), (0, None)]


def test_a_refusal_that_the_library_dropped() -> None:
    raw = RawAnswer()
    raw.choices[0] = RawChoice("stop", refusal="I cannot do that")
    (last,) = watched(raw, chunk(finish="stop"))
    assert last.choices[0].delta.refusal == "I cannot do that"
    kept = watched(raw, chunk(refusal="I cannot do that"), chunk(finish="stop"))
    assert kept[-1].choices[0].delta.refusal is None


def test_an_error_that_the_library_passed_over() -> None:
    raw = RawAnswer()
    raw.add({"error": {"code": 429}})
    assert [f.kind for f in watched(raw, chunk("a"))] == [FailureKind.RATE_LIMITED]
    assert [f.kind for f in watched(raw)] == [FailureKind.RATE_LIMITED]


def test_a_library_that_stumbles_says_less_than_what_came() -> None:
    raw = RawAnswer()
    raw.choices[0] = RawChoice("insufficient_system_resource")
    (failure,) = watched(raw, Failure(FailureKind.MALFORMED))
    assert failure.kind is FailureKind.OVERLOADED
    (failure,) = watched(raw, Failure(FailureKind.CONNECTION_LOST))
    assert failure.kind is FailureKind.CONNECTION_LOST
    raw.choices[0] = RawChoice("stop")
    (failure,) = watched(raw, Failure(FailureKind.MALFORMED))
    assert failure.kind is FailureKind.MALFORMED


def test_a_whole_answer_in_place_of_a_stream() -> None:
    raw = RawAnswer()
    raw.choices[0] = RawChoice("stop", is_whole=True)
    (failure,) = watched(raw, chunk(finish="stop"))
    assert failure.kind is FailureKind.MALFORMED
