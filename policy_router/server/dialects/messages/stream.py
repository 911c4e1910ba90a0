"""Writes an answer as an event stream of Anthropic's Messages API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from policy_router.providers.answers.chat import NO_USAGE
from policy_router.providers.requests.reasoning_origin import marked
from policy_router.server.dialects.errors import anthropic_error
from policy_router.server.dialects.events import ServerEvent
from policy_router.server.dialects.machine import State, Table, TableStream
from policy_router.server.dialects.messages.answer import frame, text_block, tool_block
from policy_router.server.dialects.messages.endings import stop_reason
from policy_router.server.dialects.neutral import UNFINISHED
from policy_router.server.dialects.pieces import Kind, Piece
from policy_router.server.dialects.usage import messages_usage

if TYPE_CHECKING:
    from policy_router.server.dialects.events import StreamWriter
    from policy_router.server.dialects.neutral import Envelope, NeutralRequest

PING: Final = ServerEvent({"type": "ping"}, "ping")
"""Keeps a connection open while a model says nothing."""


def open_stream(request: NeutralRequest, envelope: Envelope) -> StreamWriter:
    """Return the writer of a stream.

    Args:
        request: What the client asked for.
        envelope: The metadata of the answer: id, model, time.
    """
    return TableStream(TABLE, MessageWriter(request, envelope), envelope)


class MessageWriter:
    """Writes the events that the state table asks for."""

    def __init__(self, request: NeutralRequest, envelope: Envelope) -> None:
        self._request = request
        self._envelope = envelope
        self._block = -1
        self._calls = False
        self._has_arguments = False
        self._finish = Piece(Kind.FINISH)

    def start(self, _: Piece) -> list[ServerEvent]:
        """The message begins."""
        message = {
            **frame(self._envelope),
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": messages_usage(NO_USAGE),
        }
        return [_event("message_start", message=message)]

    def open_text(self, _: Piece) -> list[ServerEvent]:
        """A block of text begins."""
        return self._open(text_block(""))

    def add_text(self, piece: Piece) -> list[ServerEvent]:
        """Text follows."""
        return self._delta({"type": "text_delta", "text": piece.text})

    def open_thought(self, _: Piece) -> list[ServerEvent]:
        """A block of reasoning begins."""
        return self._open({"type": "thinking", "thinking": "", "signature": ""})

    def add_thought(self, piece: Piece) -> list[ServerEvent]:
        """Reasoning follows."""
        return self._delta({"type": "thinking_delta", "thinking": piece.text})

    def sign(self, piece: Piece) -> list[ServerEvent]:
        """The reasoning is signed by its model."""
        signature = marked(piece.text, self._envelope.origin)
        return self._delta({"type": "signature_delta", "signature": signature})

    def leave_unsigned(self, _: Piece) -> list[ServerEvent]:
        """The reasoning is marked with whose it is."""
        signature = marked("", self._envelope.origin)
        return self._delta({"type": "signature_delta", "signature": signature})

    def whole_thought(self, piece: Piece) -> list[ServerEvent]:
        """A block of reasoning that only its model can read."""
        data = marked(piece.text, self._envelope.origin)
        return [*self._open({"type": "redacted_thinking", "data": data}), *self.close(piece)]

    def open_call(self, piece: Piece) -> list[ServerEvent]:
        """A tool call begins."""
        self._calls = True
        self._has_arguments = False
        name = self._request.client_tool(piece.text).name
        return self._open(tool_block(piece.call_id, name, {}))

    def add_arguments(self, piece: Piece) -> list[ServerEvent]:
        """Arguments of the call follow."""
        self._has_arguments = True
        return self._delta({"type": "input_json_delta", "partial_json": piece.text})

    def close_call(self, piece: Piece) -> list[ServerEvent]:
        """The call ends. One without arguments has an empty object."""
        empty = [] if self._has_arguments else self.add_arguments(Piece(Kind.ARGUMENTS, "{}"))
        return [*empty, *self.close(piece)]

    def close(self, _: Piece) -> list[ServerEvent]:
        """The block ends."""
        return [_event("content_block_stop", index=self._block)]

    def finish(self, piece: Piece) -> list[ServerEvent]:
        """The model ended; what was used may still follow."""
        self._finish = piece
        return []

    def end(self, piece: Piece) -> list[ServerEvent]:
        """The message ends."""
        matched = self._finish.matched
        reason = stop_reason(self._finish.text, matched, calls=self._calls)
        sequence = matched if reason == "stop_sequence" and matched else None
        ending = {"stop_reason": reason, "stop_sequence": sequence}
        delta = {**ending, "stop_details": None, "container": None}
        usage = messages_usage(piece.usage)
        return [_event("message_delta", delta=delta, usage=usage), _event("message_stop")]

    def fail(self, piece: Piece) -> list[ServerEvent]:
        """The stream breaks."""
        return [ServerEvent(anthropic_error(piece.error or UNFINISHED), "error")]

    def _open(self, block: dict[str, Any]) -> list[ServerEvent]:
        self._block += 1
        return [_event("content_block_start", index=self._block, content_block=block)]

    def _delta(self, delta: dict[str, Any]) -> list[ServerEvent]:
        return [_event("content_block_delta", index=self._block, delta=delta)]


def _event(name: str, **fields: object) -> ServerEvent:
    return ServerEvent({"type": name, **fields}, name)


_W = MessageWriter

TABLE: Final[Table[MessageWriter]] = {
    State.NEW: {
        Kind.BEGIN: ((_W.start,), State.IDLE),
        Kind.FAIL: ((_W.fail,), State.CLOSED),
    },
    State.IDLE: {
        Kind.TEXT: ((_W.open_text, _W.add_text), State.IN_TEXT),
        Kind.REFUSAL: ((_W.open_text, _W.add_text), State.IN_TEXT),
        Kind.REASONING: ((_W.open_thought, _W.add_thought), State.IN_THOUGHT),
        Kind.SIGNATURE: ((_W.open_thought, _W.sign, _W.close), State.IDLE),
        Kind.REDACTED: ((_W.whole_thought,), State.IDLE),
        Kind.CALL: ((_W.open_call,), State.IN_CALL),
        Kind.FINISH: ((_W.finish,), State.FINISHED),
        Kind.FAIL: ((_W.fail,), State.CLOSED),
    },
    State.IN_TEXT: {
        Kind.TEXT: ((_W.add_text,), State.IN_TEXT),
        Kind.REFUSAL: ((_W.add_text,), State.IN_TEXT),
        Kind.REASONING: ((_W.close, _W.open_thought, _W.add_thought), State.IN_THOUGHT),
        Kind.SIGNATURE: ((_W.close, _W.open_thought, _W.sign, _W.close), State.IDLE),
        Kind.REDACTED: ((_W.close, _W.whole_thought), State.IDLE),
        Kind.CALL: ((_W.close, _W.open_call), State.IN_CALL),
        Kind.FINISH: ((_W.close, _W.finish), State.FINISHED),
        Kind.FAIL: ((_W.fail,), State.CLOSED),
    },
    State.IN_THOUGHT: {
        Kind.TEXT: ((_W.leave_unsigned, _W.close, _W.open_text, _W.add_text), State.IN_TEXT),
        Kind.REFUSAL: ((_W.leave_unsigned, _W.close, _W.open_text, _W.add_text), State.IN_TEXT),
        Kind.REASONING: ((_W.add_thought,), State.IN_THOUGHT),
        Kind.SIGNATURE: ((_W.sign, _W.close), State.IDLE),
        Kind.REDACTED: ((_W.leave_unsigned, _W.close, _W.whole_thought), State.IDLE),
        Kind.CALL: ((_W.leave_unsigned, _W.close, _W.open_call), State.IN_CALL),
        Kind.FINISH: ((_W.leave_unsigned, _W.close, _W.finish), State.FINISHED),
        Kind.FAIL: ((_W.fail,), State.CLOSED),
    },
    State.IN_CALL: {
        Kind.ARGUMENTS: ((_W.add_arguments,), State.IN_CALL),
        Kind.TEXT: ((_W.close_call, _W.open_text, _W.add_text), State.IN_TEXT),
        Kind.REFUSAL: ((_W.close_call, _W.open_text, _W.add_text), State.IN_TEXT),
        Kind.REASONING: ((_W.close_call, _W.open_thought, _W.add_thought), State.IN_THOUGHT),
        Kind.SIGNATURE: ((_W.close_call, _W.open_thought, _W.sign, _W.close), State.IDLE),
        Kind.REDACTED: ((_W.close_call, _W.whole_thought), State.IDLE),
        Kind.CALL: ((_W.close_call, _W.open_call), State.IN_CALL),
        Kind.FINISH: ((_W.close_call, _W.finish), State.FINISHED),
        Kind.FAIL: ((_W.fail,), State.CLOSED),
    },
    State.FINISHED: {
        Kind.END: ((_W.end,), State.CLOSED),
        Kind.FAIL: ((_W.fail,), State.CLOSED),
    },
    State.CLOSED: {},
}
"""What each piece of an answer becomes. A stream of messages has one block open at a time."""
