"""Writes an answer as a stream of chat completion chunks."""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from policy_router.providers.answers.chat import NO_USAGE
from policy_router.server.dialects.chat.answer import framed, restore
from policy_router.server.dialects.errors import openai_error
from policy_router.server.dialects.events import ServerEvent
from policy_router.server.dialects.neutral import UNFINISHED
from policy_router.server.dialects.usage import chat_usage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from policy_router.providers.answers.chat import ChatChunk
    from policy_router.server.dialects.events import StreamWriter
    from policy_router.server.dialects.neutral import Envelope, ErrorNotice, NeutralRequest

DONE: Final = ServerEvent("[DONE]")
"""The last event of a stream that is complete."""


class ChatState(StrEnum):
    """How far a stream is: nothing, something, all choices, or all of it is written."""

    NEW = "new"
    RUNNING = "running"
    FINISHED = "finished"
    CLOSED = "closed"


class _Event(StrEnum):
    """What happens to a stream: a chunk, one that ends all choices, its end, an error."""

    CHUNK = "chunk"
    LAST = "last"
    END = "end"
    FAIL = "fail"


def open_stream(request: NeutralRequest, envelope: Envelope) -> StreamWriter:
    """Return the writer of a stream.

    Args:
        request: What the client asked for.
        envelope: The metadata of the answer: id, model, time.
    """
    return ChatStream(request, envelope)


class ChatStream:
    """A stream of chunks. Implements StreamWriter."""

    def __init__(self, request: NeutralRequest, envelope: Envelope) -> None:
        self._request = request
        self._envelope = envelope
        self._usage = NO_USAGE
        self._begun: set[int] = set()
        self._ended: set[int] = set()
        self._called: set[tuple[int, int]] = set()
        self.progress = ChatState.NEW
        """How far the stream is."""

    def read(self, chunk: ChatChunk) -> list[ServerEvent]:
        """Take the next chunk, and return the events that it adds."""
        return self._step(self._event(chunk), chunk)

    def follow(self, chunk: ChatChunk) -> None:
        """Take the next chunk, whose events the client gets as the provider sent them."""
        entry = _TABLE[self.progress].get(self._event(chunk))
        if entry is None:
            return
        _, self.progress = entry
        self._note(chunk)
        for choice in chunk.choices:
            for number, call in enumerate(choice.delta.tool_calls):
                self._called.add((choice.index, number if call.index is None else call.index))

    def end(self) -> list[ServerEvent]:
        """Take the end of the stream. Without a finish reason it ends in an error."""
        return self._step(_Event.END, UNFINISHED)

    def fail(self, error: ErrorNotice) -> list[ServerEvent]:
        """Take an error after which there is no more of the stream."""
        return self._step(_Event.FAIL, error)

    def _event(self, chunk: ChatChunk) -> _Event:
        """What a chunk means for the stream."""
        begun = self._begun.union(choice.index for choice in chunk.choices)
        ended = self._ended.union(c.index for c in chunk.choices if c.finish_reason)
        return _Event.LAST if begun and begun == ended else _Event.CHUNK

    def _note(self, chunk: ChatChunk) -> None:
        """Remember the usage, and which choices have begun and ended."""
        if chunk.usage is not None:
            self._usage = chunk.usage
        for choice in chunk.choices:
            self._begun.add(choice.index)
            if choice.finish_reason:
                self._ended.add(choice.index)

    def _step(self, event: _Event, value: ChatChunk | ErrorNotice) -> list[ServerEvent]:
        entry = _TABLE[self.progress].get(event)
        if entry is None:
            return []
        write, self.progress = entry
        return write(self, value)

    def write_chunk(self, chunk: Any) -> list[ServerEvent]:
        """A chunk, whose usage waits for the end."""
        begun = set(self._begun)
        self._note(chunk)
        if not chunk.choices:
            return []
        body: dict[str, Any] = chunk.model_dump()
        for choice, written in zip(chunk.choices, body["choices"], strict=True):
            delta = written["delta"]
            restore(delta, self._request, self._envelope)
            for number, call in enumerate(delta.get("tool_calls") or ()):
                self._identify(choice.index, number, call)
            if choice.index not in begun:
                begun.add(choice.index)
                written["delta"] = {"role": "assistant", **delta}
        return [ServerEvent(framed(body, "chat.completion.chunk", self._envelope))]

    def _identify(self, choice: int, number: int, call: dict[str, Any]) -> None:
        """Give a call an index and an id, where its provider gave none."""
        index = call.setdefault("index", number)
        if (choice, index) not in self._called:
            self._called.add((choice, index))
            call["id"] = call.get("id") or self._envelope.call_id(index)

    def write_end(self, _: Any) -> list[ServerEvent]:
        """The usage, if the client wants it, and the mark of the end."""
        if not self._request.wants_usage:
            return [DONE]
        body = framed({"choices": []}, "chat.completion.chunk", self._envelope)
        return [ServerEvent({**body, "usage": chat_usage(self._usage)}), DONE]

    def write_error(self, error: Any) -> list[ServerEvent]:
        """The error; the mark of the end would make the answer look complete."""
        return [ServerEvent(openai_error(error))]


_S = ChatStream
_Step: TypeAlias = "tuple[Callable[[ChatStream, Any], list[ServerEvent]], ChatState]"
_TABLE: Final[Mapping[ChatState, Mapping[_Event, _Step]]] = MappingProxyType(
    {
        ChatState.NEW: {
            _Event.CHUNK: (_S.write_chunk, ChatState.RUNNING),
            _Event.LAST: (_S.write_chunk, ChatState.FINISHED),
            _Event.END: (_S.write_error, ChatState.CLOSED),
            _Event.FAIL: (_S.write_error, ChatState.CLOSED),
        },
        ChatState.RUNNING: {
            _Event.CHUNK: (_S.write_chunk, ChatState.RUNNING),
            _Event.LAST: (_S.write_chunk, ChatState.FINISHED),
            _Event.END: (_S.write_error, ChatState.CLOSED),
            _Event.FAIL: (_S.write_error, ChatState.CLOSED),
        },
        ChatState.FINISHED: {
            _Event.CHUNK: (_S.write_chunk, ChatState.RUNNING),
            _Event.LAST: (_S.write_chunk, ChatState.FINISHED),
            _Event.END: (_S.write_end, ChatState.CLOSED),
            _Event.FAIL: (_S.write_error, ChatState.CLOSED),
        },
        ChatState.CLOSED: {},
    }
)
"""What is written for each event, and how far the stream is then."""
