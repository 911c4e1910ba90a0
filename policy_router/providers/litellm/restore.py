"""Restores in LiteLLM's answers what the provider sent.

LiteLLM invents finish reasons, knows one finish reason for all choices of an answer, and drops
refusals and events that it cannot read. What the provider sent was noted while LiteLLM read it
(`body_tap`), and is put back here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, Self

from policy_router.providers.answers.chat import ChunkChoice
from policy_router.providers.answers.completeness import ending_failure, is_broken, is_complete
from policy_router.providers.answers.message import Delta
from policy_router.providers.failures.classify import classify
from policy_router.providers.failures.error_body import read_error_body
from policy_router.providers.failures.failure import CallFailed, Failure, FailureKind, FailureScope

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from policy_router.providers.answers.chat import ChatAnswer, ChatChunk
    from policy_router.providers.answers.raw_answer import RawChoice
    from policy_router.providers.caller import Chunks
    from policy_router.providers.http.wire import Wire


def raw_failure(wire: Wire, prompt: object, now: float) -> Failure | None:
    """What is wrong with an answer of status 200, as far as it has arrived.

    Args:
        wire: What the connection saw.
        prompt: The prompt, so that no echo of it is kept.
        now: Unix time.

    Returns:
        The failure that an error object states, or that an unreadable event is; None when there is
        neither. How the answer ended is judged with the answer.
    """
    raw = wire.answer
    if raw is None:
        return None
    if raw.too_long:
        return too_long(wire)
    if raw.errors:
        evidence = read_error_body(
            raw.errors, status=wire.status, headers=wire.headers, prompt=prompt, now=now
        )
        return classify(evidence)
    if raw.unreadable:
        return Failure(FailureKind.MALFORMED, "an event of the stream cannot be read", wire.status)
    return None


def too_long(wire: Wire) -> Failure:
    """The failure of an answer that was cut off because it is longer than it may be."""
    detail = f"the answer has more than {wire.most:,} bytes"
    # As for a direct call: how long an answer may be follows from the request.
    scope = FailureScope.REQUEST
    return Failure(FailureKind.MALFORMED, detail, wire.status, scope_override=scope)


_OPENAI_REASONS: Final = frozenset(
    {"stop", "length", "tool_calls", "function_call", "content_filter"}
)
"""Finish reasons of OpenAI's format, in which answers are given here."""


def restored(answer: ChatAnswer, wire: Wire) -> ChatAnswer:
    """A whole answer with the finish reasons of the provider, where the library wrote others."""
    raw = _raw_choices(wire)
    choices = tuple(
        replace(choice, finish_reason=_reason(raw[choice.index], choice.finish_reason))
        if choice.index in raw
        else choice
        for choice in answer.choices
    )
    return answer if choices == answer.choices else replace(answer, choices=choices)


def _raw_choices(wire: Wire) -> Mapping[int, RawChoice]:
    return {} if wire.answer is None else wire.answer.choices


def _reason(raw: RawChoice, reported: str | None) -> str | None:
    """Why a choice ended. The library's reason stands where it only translates."""
    if raw.native_finish_reason is not None and is_broken(raw.native_finish_reason):
        return raw.native_finish_reason
    if not is_complete(raw.finish_reason) or raw.finish_reason in _OPENAI_REASONS:
        return raw.finish_reason
    return reported


class RestoredChunks:
    """The chunks of a library with the finish reasons and the refusals that the provider sent.

    Iterating raises CallFailed for an error or an unreadable event that the library passed over.
    """

    def __init__(
        self, chunks: Chunks, wire: Wire, prompt: object, clock: Callable[[], float]
    ) -> None:
        self._chunks = chunks
        self._wire = wire
        self._prompt = prompt
        self._clock = clock
        self._refused: set[int] = set()
        self._reported: set[int] = set()
        self._last: ChatChunk | None = None
        self._began = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ChatChunk:
        try:
            chunk = await self._next()
        except StopAsyncIteration:
            # A library that knows one finish reason for all choices ends before the others have.
            last, unreported = self._last, self._unreported()
            if last is None or not unreported:
                raise
            choices = tuple(ChunkChoice(index, Delta(), "stop") for index in unreported)
            chunk = replace(last, choices=choices)
        return self._restored(chunk)

    def arrived(self) -> ChatChunk | None:
        """None: the library does not say."""
        return None

    async def aclose(self) -> None:
        """Closes the library's stream."""
        await self._chunks.aclose()

    async def _next(self) -> ChatChunk:
        try:
            chunk = await self._chunks.__anext__()
        except StopAsyncIteration:
            self._check()
            raise
        except CallFailed as failed:
            self._check()
            if failed.failure.kind in _GUESSED:
                self._check_endings()
            raise
        self._check()
        raw = self._wire.answer
        if chunk.finish_reason is not None and raw is not None and raw.is_empty:
            raise _without_reason(FailureKind.MALFORMED)  # the library made one up
        self._began = self._began or chunk.has_output
        for choice in chunk.choices:
            if choice.delta.refusal:
                self._refused.add(choice.index)
        return chunk

    def _unreported(self) -> list[int]:
        """Choices that ended on the wire, and have not ended in the library's chunks."""
        raw = _raw_choices(self._wire)
        return [
            i for i in sorted(raw) if raw[i].finish_reason is not None and i not in self._reported
        ]

    def _check(self) -> None:
        failure = raw_failure(self._wire, self._prompt, self._clock())
        if failure is None and any(raw.is_whole for raw in _raw_choices(self._wire).values()):
            failure = Failure(FailureKind.MALFORMED, "a whole answer in place of a stream", 200)
        if failure is not None:
            raise CallFailed(failure)

    def _check_endings(self) -> None:
        """A library may stumble over the very reason why a choice ended."""
        for raw in _raw_choices(self._wire).values():
            failure = (
                ending_failure(raw.finish_reason, calls=True, original=raw.native_finish_reason)
                if raw.finish_reason
                else None
            )
            if failure is not None:
                raise CallFailed(failure)
        if self._began and any(r.finish_reason is None for r in _raw_choices(self._wire).values()):
            raise _without_reason(FailureKind.CONNECTION_LOST)

    def _restored(self, chunk: ChatChunk) -> ChatChunk:
        """The chunk with the true endings of its choices, if the library reports that one ends."""
        if not chunk.choices:
            return chunk
        if chunk.finish_reason is not None:
            indices = {choice.index for choice in chunk.choices}
            reason = chunk.choices[0].finish_reason
            added = [
                ChunkChoice(index, Delta(), reason)
                for index in self._unreported()
                if index not in indices
            ]
            choices = [self._ending(c) if c.finish_reason else c for c in chunk.choices]
            choices += map(self._ending, added)
            chunk = replace(chunk, choices=tuple(choices))
        self._last = chunk
        return chunk

    def _ending(self, choice: ChunkChoice) -> ChunkChoice:
        """A choice that ends, with its own finish reason and with a refusal that was dropped."""
        index = choice.index
        raw = _raw_choices(self._wire).get(index)
        if raw is None:
            return choice
        if raw.finish_reason is not None:
            self._reported.add(index)
        choice = replace(choice, finish_reason=_reason(raw, choice.finish_reason))
        if raw.refusal and index not in self._refused:
            self._refused.add(index)
            return replace(choice, delta=replace(choice.delta, refusal=raw.refusal))
        return choice


def _without_reason(kind: FailureKind) -> CallFailed:
    return CallFailed(Failure(kind, "the stream ended without a finish reason"))


_GUESSED: Final = frozenset({FailureKind.MALFORMED, FailureKind.UNKNOWN})
"""The kinds of a failure of which only the library gives evidence."""
