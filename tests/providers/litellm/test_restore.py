"""LiteLLM's answers with what came on the wire put back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Self

import pytest

from policy_router.providers.answers.adapt import to_answer, to_chunk
from policy_router.providers.answers.raw_answer import RawAnswer, RawChoice
from policy_router.providers.failures.failure import CallFailed, Failure, FailureKind
from policy_router.providers.http.wire import Wire
from policy_router.providers.litellm.restore import RestoredChunks, raw_failure, restored
from tests.execution.make import FakeCaller, FakeChunks, chunk, response
from tests.providers.bodies import BOTH, choice, event, seen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from policy_router.providers.answers.chat import ChatChunk


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
def test_the_finish_reason_of_the_provider_is_restored(
    came: RawChoice, told: str, right: str | None
) -> None:
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

    def arrived(self) -> None:
        """None: the script does not say."""

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


def test_a_finish_reason_that_the_provider_did_not_send_is_removed() -> None:
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
