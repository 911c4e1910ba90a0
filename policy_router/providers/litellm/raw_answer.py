"""What a provider answered on the wire, below the library that reads it for us.

LiteLLM invents statuses and finish reasons, skips events that it cannot read, and knows one finish
reason for all choices. What came is noted here on its way through the HTTP client: error objects,
and how each choice ended. It is noted only, in step with the reader; a body that is too long or
compressed in an unknown way is not judged.
"""

from __future__ import annotations

import copy
import json
import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Self

from policy_router.providers.chat import choices, field
from policy_router.providers.classify import classify
from policy_router.providers.complete import ended, is_broken, is_complete
from policy_router.providers.failure import CallFailed, Failure, FailureKind
from policy_router.providers.litellm.evidence import of_body

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from policy_router.providers.caller import Chunks
    from policy_router.providers.litellm.wire import Wire

_MOST: Final = 16 * 1024 * 1024
"""Bytes of one body, or one event, that are kept to be read."""


@dataclass(slots=True)
class Seen:
    """One choice as it came. finish: the reason as the provider wrote it."""

    finish: str | None = None
    native: str | None = None
    refusal: str = ""
    whole: bool = False


class RawAnswer:
    """What came with a status of success.

    errors: bodies and events that tell of an error all the same. seen: the choices by index.
    garbled: an event of the stream is no JSON.
    """

    def __init__(self) -> None:
        self.errors: list[Any] = []
        self.seen: dict[int, Seen] = {}
        self.garbled = False

    def absorb(self, value: Any) -> None:
        """Notes a body, or an event of a stream, in any of the wire formats."""
        if isinstance(value, list):
            for each in value:
                self.absorb(each)
        if not isinstance(value, dict):
            return
        if value.get("error") or value.get("type") == "error":
            self.errors.append(value)
        for name, reason in (("choices", "finish_reason"), ("candidates", "finishReason")):
            each = value.get(name)
            for choice in each if isinstance(each, list) else ():
                if isinstance(choice, dict):
                    self._choice(choice, reason)
        self._other_formats(value)

    def _choice(self, choice: dict[str, Any], reason: str) -> None:
        if choice.get("error"):
            self.errors.append({"error": choice["error"]})
        index = choice.get("index")
        seen = self.seen.setdefault(index if isinstance(index, int) else 0, Seen())
        seen.finish = _word(choice.get(reason)) or seen.finish
        seen.native = _word(choice.get("native_finish_reason")) or seen.native
        delta = choice.get("delta")
        seen.whole = seen.whole or (delta is None and isinstance(choice.get("message"), dict))
        refusal = delta.get("refusal") if isinstance(delta, dict) else None
        seen.refusal += refusal if isinstance(refusal, str) else ""

    def _other_formats(self, value: dict[str, Any]) -> None:
        """Anthropic and Ollama, which have one choice and no list of them."""
        delta = value.get("delta")
        holder = delta if value.get("type") == "message_delta" else value
        if value.get("type") in {"message", "message_start", "message_delta"}:
            seen = self.seen.setdefault(0, Seen())
            reason = holder.get("stop_reason") if isinstance(holder, dict) else None
            seen.finish = _word(reason) or seen.finish
        elif isinstance(value.get("done"), bool) and isinstance(value.get("message"), dict):
            seen = self.seen.setdefault(0, Seen())
            if value["done"]:
                seen.finish = _word(value.get("done_reason")) or "stop"


def _word(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def fault(wire: Wire, prompt: object, now: float) -> Failure | None:
    """What is wrong with a 200, as far as it has come: an error object, or an event that cannot be
    read. How it ended is judged with the answer."""
    raw = wire.answer
    if raw is None:
        return None
    if raw.errors:
        evidence = of_body(
            raw.errors, status=wire.status, headers=wire.headers, prompt=prompt, now=now
        )
        return classify(evidence)
    if raw.garbled:
        return Failure(FailureKind.MALFORMED, "an event of the stream cannot be read", wire.status)
    return None


# -- the body on its way through -------------------------------------------------------------------


def watch(response: Any) -> RawAnswer:
    """Notes the body of an HTTP response (of httpx) while it is read."""
    raw = RawAnswer()
    decoder = _decoder(response.headers.get("content-encoding", ""))
    if decoder is not None:
        response.stream = _tapped()(response.stream, _Reader(raw, decoder))
    return raw


@lru_cache(maxsize=1)
def _tapped() -> Any:
    """A byte stream of httpx that lets a reader see what passes. Made late, for httpx is only there
    when a model is called."""
    import httpx  # noqa: PLC0415  as above

    class Tapped(httpx.AsyncByteStream):
        def __init__(self, stream: Any, reader: _Reader) -> None:
            self._stream = stream
            self._reader = reader

        async def __aiter__(self) -> AsyncIterator[bytes]:
            async for data in self._stream:
                self._reader.feed(data)
                yield data
            self._reader.end()

        async def aclose(self) -> None:
            await self._stream.aclose()

    return Tapped


def _decoder(encoding: str) -> Any:
    """An object with `decompress(bytes)`; None for an encoding that is not known."""
    if encoding in {"", "identity"}:
        return _Plain()
    if encoding in {"gzip", "x-gzip", "deflate"}:
        return zlib.decompressobj(zlib.MAX_WBITS | 32)  # 32: gzip or zlib, whichever it is
    return None


class _Plain:
    def decompress(self, data: bytes) -> bytes:
        return data


class _Reader:
    """Takes a body apart: events of SSE, lines of JSON, or one JSON text."""

    def __init__(self, raw: RawAnswer, decoder: Any) -> None:
        self._raw = raw
        self._decoder = decoder
        self._rest = bytearray()
        self._searched = 0
        self._data: list[bytes] = []
        self._events: bool | None = None
        self._lines = True
        self._lost = False

    def feed(self, data: bytes) -> None:
        """Takes the next bytes."""
        if self._lost:
            return
        try:
            self._rest += self._decoder.decompress(data)
        except zlib.error:
            self._lose()
            return
        if self._events is None:
            start = self._rest[:_START].lstrip(b"\xef\xbb\xbf \t\r\n")
            if not start:
                return
            self._events = not start.startswith((b"{", b"[", b"<"))
        while self._lines and (line := self._line()) is not None:
            self._take(line)
        if len(self._rest) > _MOST:
            self._lose()

    def end(self) -> None:
        """Takes what is left at the end of the body. An event without its end was cut off."""
        if self._lost:
            return
        rest = bytes(self._rest).strip()
        if self._events:
            self._take(rest)
            self._absorb(b"\n".join(self._data))
        elif rest:
            self._absorb(rest)

    def _lose(self) -> None:
        """Forgets all: half of what was seen would be mistaken for half an answer."""
        self._lost = True
        self._rest.clear()
        self._raw.seen.clear()

    def _line(self) -> bytes | None:
        """The next whole line; None when there is none yet, or the body is one text of JSON."""
        cut = self._rest.find(b"\n", self._searched)
        if cut < 0:
            self._searched = len(self._rest)
            return None
        line = bytes(self._rest[:cut]).rstrip(b"\r")
        if not self._events and line.strip() and not self._is_json(line):
            self._lines = False
            return None
        del self._rest[: cut + 1]
        self._searched = 0
        return line

    def _take(self, line: bytes) -> None:
        if not self._events:
            self._absorb(line)
        elif line.startswith(b"data:"):
            self._data.append(line[5:].strip())
        elif not line:
            data, self._data = b"\n".join(self._data), []
            if not self._absorb(data) and data.startswith((b"{", b"[{")):
                self._raw.garbled = True

    def _is_json(self, line: bytes) -> bool:
        return _parsed(line) is not _NOTHING

    def _absorb(self, text: bytes) -> bool:
        value = _parsed(text)
        if value is _NOTHING:
            return False
        self._raw.absorb(value)
        return True


_START: Final = 64
_NOTHING: Final = object()


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return _NOTHING


# -- the truth put back into what a library made of it ---------------------------------------------

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
