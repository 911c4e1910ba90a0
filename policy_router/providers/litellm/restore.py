"""Restores in LiteLLM's answers what came on the wire."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Final, Self

from policy_router.providers.chat import choices, field
from policy_router.providers.classify import classify
from policy_router.providers.complete import ended, is_broken, is_complete
from policy_router.providers.error_body import read_error_body
from policy_router.providers.failure import CallFailed, Failure, FailureKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from policy_router.providers.caller import Chunks
    from policy_router.providers.raw_answer import Seen
    from policy_router.providers.wire import Wire


def fault(wire: Wire, prompt: object, now: float) -> Failure | None:
    """What is wrong with a 200, as far as it has come: an error object, or an event that cannot be
    read. How it ended is judged with the answer."""
    raw = wire.answer
    if raw is None:
        return None
    if raw.errors:
        evidence = read_error_body(
            raw.errors, status=wire.status, headers=wire.headers, prompt=prompt, now=now
        )
        return classify(evidence)
    if raw.garbled:
        return Failure(FailureKind.MALFORMED, "an event of the stream cannot be read", wire.status)
    return None


_OURS: Final = frozenset({"stop", "length", "tool_calls", "function_call", "content_filter"})
"""The words of the format that answers are in here."""


def restored(answer: Any, wire: Wire) -> Any:
    """A whole answer with the finish reasons that came, where a library wrote others."""
    for choice in choices(answer):
        seen = _seen(wire).get(field(choice, "index") or 0)
        if seen is not None:
            choice.finish_reason = _reason(seen, field(choice, "finish_reason"))
    return answer


def _seen(wire: Wire) -> Mapping[int, Seen]:
    return {} if wire.answer is None else wire.answer.seen


def _reason(seen: Seen, told: str | None) -> str | None:
    """Why a choice ended. told: what the library says; it stands where it only translates."""
    if seen.native is not None and is_broken(seen.native):
        return seen.native
    if not is_complete(seen.finish) or seen.finish in _OURS:
        return seen.finish
    return told


class Watched:
    """The chunks of a library, as truthful as what came on the wire: with the finish reasons and
    the refusals that the library loses. Raises CallFailed for an error or an unreadable event that
    it passed over."""

    def __init__(
        self, chunks: Chunks, wire: Wire, prompt: object, clock: Callable[[], float]
    ) -> None:
        self._chunks = chunks
        self._wire = wire
        self._prompt = prompt
        self._clock = clock
        self._refused: set[int] = set()
        self._told: set[int] = set()
        self._last: Any = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        try:
            chunk = await self._next()
        except StopAsyncIteration:
            # A library that knows one finish reason for all choices ends before the others have.
            if self._last is None or not self._untold():
                raise
            chunk = copy.copy(self._last)
            first = choices(chunk)[0]
            chunk.choices = [_without_words(first, index, "stop") for index in self._untold()]
        self._restore(chunk)
        return chunk

    async def aclose(self) -> None:
        await self._chunks.aclose()

    async def _next(self) -> Any:
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
        for choice in choices(chunk):
            if field(field(choice, "delta"), "refusal"):
                self._refused.add(field(choice, "index") or 0)
        return chunk

    def _untold(self) -> list[int]:
        """Choices that have ended on the wire, and the library did not say so."""
        seen = _seen(self._wire)
        return [i for i in sorted(seen) if seen[i].finish is not None and i not in self._told]

    def _check(self) -> None:
        failure = fault(self._wire, self._prompt, self._clock())
        if failure is None and any(seen.whole for seen in _seen(self._wire).values()):
            failure = Failure(FailureKind.MALFORMED, "a whole answer in place of a stream", 200)
        if failure is not None:
            raise CallFailed(failure)

    def _check_endings(self) -> None:
        """A library may stumble over the very reason why a choice ended."""
        for seen in _seen(self._wire).values():
            failure = ended(seen.finish, calls=True, original=seen.native) if seen.finish else None
            if failure is not None:
                raise CallFailed(failure)

    def _restore(self, chunk: Any) -> None:
        """Puts right how choices end in this chunk, where the library says that one does."""
        each = choices(chunk)
        if not each:
            return
        self._last = chunk
        ending = [choice for choice in each if field(choice, "finish_reason")]
        if not ending:
            return
        indices = {field(choice, "index") or 0 for choice in each}
        added = [_without_words(each[0], i) for i in self._untold() if i not in indices]
        for choice in [*ending, *added]:
            index = field(choice, "index") or 0
            seen = _seen(self._wire).get(index)
            if seen is None:
                continue
            choice.finish_reason = _reason(seen, choice.finish_reason)
            if seen.finish is not None:
                self._told.add(index)
            if seen.refusal and index not in self._refused:
                self._refused.add(index)
                choice.delta.refusal = seen.refusal
        chunk.choices = [*each, *added]


_GUESSED: Final = frozenset({FailureKind.MALFORMED, FailureKind.UNKNOWN})
"""What a failure is taken for when only the library speaks of it."""


def _without_words(choice: Any, index: int, finish: str | None = None) -> Any:
    """A choice of another index that says nothing."""
    made = copy.deepcopy(choice)
    made.index = index
    made.finish_reason = finish or made.finish_reason
    for name in ("content", "tool_calls", "function_call", "reasoning_content", "refusal"):
        if getattr(made.delta, name, None):
            setattr(made.delta, name, None)
    return made
