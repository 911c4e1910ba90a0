"""Writes an answer as an event stream of OpenAI's Responses API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from policy_router.providers.requests.packed_reasoning import pack
from policy_router.server.dialects.events import ServerEvent
from policy_router.server.dialects.machine import State, Table, TableStream
from policy_router.server.dialects.neutral import UNFINISHED, ClientTool
from policy_router.server.dialects.pieces import Kind, Piece
from policy_router.server.dialects.responses.items import (
    call_item,
    ending,
    free_text,
    message_item,
    reasoning_item,
    refusal_part,
    response,
    text_part,
)

if TYPE_CHECKING:
    from policy_router.server.dialects.events import StreamWriter
    from policy_router.server.dialects.neutral import Envelope, NeutralRequest


def open_stream(request: NeutralRequest, envelope: Envelope) -> StreamWriter:
    """Return the writer of a stream.

    Args:
        request: What the client asked for.
        envelope: The metadata of the answer: id, model, time.
    """
    return TableStream(TABLE, ResponseWriter(request, envelope), envelope)


class ResponseWriter:
    """Writes the events that the state table asks for."""

    def __init__(self, request: NeutralRequest, envelope: Envelope) -> None:
        self._request = request
        self._envelope = envelope
        self._sequence = 0
        self._output: list[dict[str, Any]] = []
        self._parts: list[dict[str, Any]] = []
        self._text: list[str] = []
        self._citations: list[dict[str, Any]] = []
        self._call_id = ""
        self._tool = ClientTool("")
        self._finish = ""

    # -- the response ------------------------------------------------------------------------

    def start(self, _: Piece) -> list[ServerEvent]:
        """The response begins."""
        begun = response(self._request, self._envelope, [], status="in_progress")
        return [
            self._event("response.created", response=begun),
            self._event("response.in_progress", response=begun),
        ]

    def finish(self, piece: Piece) -> list[ServerEvent]:
        """The model ended; what was used may still follow."""
        self._finish = piece.text
        return []

    def end(self, piece: Piece) -> list[ServerEvent]:
        """The response ends."""
        status, incomplete = ending(self._finish)
        ended = response(
            self._request,
            self._envelope,
            self._output,
            status=status,
            incomplete=incomplete,
            used=piece.usage,
        )
        return [self._event(f"response.{status}", response=ended)]

    def fail(self, piece: Piece) -> list[ServerEvent]:
        """The stream breaks. An item that is open stays open, since it is not complete."""
        failed = response(
            self._request,
            self._envelope,
            self._output,
            status="failed",
            error=piece.error or UNFINISHED,
        )
        return [self._event("response.failed", response=failed)]

    # -- what the model says -------------------------------------------------------------------

    def open_message(self, _: Piece) -> list[ServerEvent]:
        """A message begins."""
        self._parts = []
        return [self._added(message_item(self._id("msg"), [], "in_progress"))]

    def open_text(self, _: Piece) -> list[ServerEvent]:
        """A part of the message that is text begins."""
        self._text, self._citations = [], []
        return [self._part_event("response.content_part.added", part=text_part(""))]

    def add_text(self, piece: Piece) -> list[ServerEvent]:
        """Text follows."""
        self._text.append(piece.text)
        name = "response.output_text.delta"
        return [self._part_event(name, delta=piece.text, logprobs=[])]

    def cite(self, piece: Piece) -> list[ServerEvent]:
        """The text that came cites a page."""
        number = len(self._citations)
        self._citations.append(dict(piece.citation or {}))
        name = "response.output_text.annotation.added"
        cited = self._citations[-1]
        return [self._part_event(name, annotation_index=number, annotation=cited)]

    def close_text(self, _: Piece) -> list[ServerEvent]:
        """The text ends."""
        text = "".join(self._text)
        done = self._part_event("response.output_text.done", text=text, logprobs=[])
        return [done, self._close_part(text_part(text, self._citations))]

    def open_refusal(self, _: Piece) -> list[ServerEvent]:
        """A part of the message that is a refusal begins."""
        self._text = []
        return [self._part_event("response.content_part.added", part=refusal_part(""))]

    def add_refusal(self, piece: Piece) -> list[ServerEvent]:
        """More of the refusal follows."""
        self._text.append(piece.text)
        return [self._part_event("response.refusal.delta", delta=piece.text)]

    def close_refusal(self, _: Piece) -> list[ServerEvent]:
        """The refusal ends."""
        text = "".join(self._text)
        done = self._part_event("response.refusal.done", refusal=text)
        return [done, self._close_part(refusal_part(text))]

    def close_message(self, piece: Piece) -> list[ServerEvent]:
        """The message ends."""
        status = ending(piece.text)[0] if piece.kind is Kind.FINISH else "completed"
        return [self._done(message_item(self._id("msg"), self._parts, status))]

    def _close_part(self, part: dict[str, Any]) -> ServerEvent:
        event = self._part_event("response.content_part.done", part=part)
        self._parts.append(part)
        return event

    def _part_event(self, name: str, **fields: object) -> ServerEvent:
        return self._item_event(name, "msg", content_index=len(self._parts), **fields)

    # -- what the model thinks -----------------------------------------------------------------

    def open_thought(self, _: Piece) -> list[ServerEvent]:
        """Reasoning begins."""
        self._text = []
        return [self._added(reasoning_item(self._id("rs"), "", None))]

    def open_summary(self, _: Piece) -> list[ServerEvent]:
        """The part of the reasoning begins that people may read."""
        part = {"type": "summary_text", "text": ""}
        return [self._summary_event("response.reasoning_summary_part.added", part=part)]

    def add_summary(self, piece: Piece) -> list[ServerEvent]:
        """More of that part follows."""
        self._text.append(piece.text)
        name = "response.reasoning_summary_text.delta"
        return [self._summary_event(name, delta=piece.text)]

    def close_summary(self, _: Piece) -> list[ServerEvent]:
        """That part ends."""
        text = "".join(self._text)
        part = {"type": "summary_text", "text": text}
        return [
            self._summary_event("response.reasoning_summary_text.done", text=text),
            self._summary_event("response.reasoning_summary_part.done", part=part),
        ]

    def close_thought(self, _: Piece) -> list[ServerEvent]:
        """The reasoning ends, and is not signed."""
        return [self._done(reasoning_item(self._id("rs"), "".join(self._text), None))]

    def close_signed(self, piece: Piece) -> list[ServerEvent]:
        """The reasoning ends, and is signed by its model."""
        text = "".join(self._text)
        return self._close_sealed(
            text, {"type": "thinking", "thinking": text, "signature": piece.text}
        )

    def close_redacted(self, piece: Piece) -> list[ServerEvent]:
        """The reasoning is one that only its model can read."""
        return self._close_sealed("", {"type": "redacted_thinking", "data": piece.text})

    def _close_sealed(self, text: str, block: dict[str, Any]) -> list[ServerEvent]:
        sealed = pack(block, self._envelope.origin) if self._request.wants_thoughts else None
        return [self._done(reasoning_item(self._id("rs"), text, sealed))]

    def _summary_event(self, name: str, **fields: object) -> ServerEvent:
        return self._item_event(name, "rs", summary_index=0, **fields)

    # -- what the model calls ------------------------------------------------------------------

    def open_call(self, piece: Piece) -> list[ServerEvent]:
        """A tool call begins."""
        self._text = []
        self._call_id, self._tool = piece.call_id, self._request.client_tool(piece.text)
        return [self._added(self._call_item("", "in_progress"))]

    def add_arguments(self, piece: Piece) -> list[ServerEvent]:
        """Arguments follow. Those of a custom tool are free text, which shows at their end."""
        self._text.append(piece.text)
        if self._tool.is_custom:
            return []
        name = "response.function_call_arguments.delta"
        return [self._item_event(name, "fc", delta=piece.text)]

    def close_call(self, piece: Piece) -> list[ServerEvent]:
        """The call ends."""
        arguments = "".join(self._text) or "{}"
        status = ending(piece.text)[0] if piece.kind is Kind.FINISH else "completed"
        if self._tool.is_custom:
            given = free_text(arguments)
            events = [
                self._item_event("response.custom_tool_call_input.delta", "fc", delta=given),
                self._item_event("response.custom_tool_call_input.done", "fc", input=given),
            ]
        else:
            name = "response.function_call_arguments.done"
            called = self._tool.name
            events = [self._item_event(name, "fc", arguments=arguments, name=called)]
        return [*events, self._done(self._call_item(arguments, status))]

    def _call_item(self, arguments: str, status: str) -> dict[str, Any]:
        return call_item(self._id("fc"), self._call_id, self._tool, arguments, status)

    # -- events --------------------------------------------------------------------------------

    def _id(self, prefix: str) -> str:
        """The id of the item that is open."""
        return f"{prefix}_{self._envelope.id}_{len(self._output)}"

    def _added(self, item: dict[str, Any]) -> ServerEvent:
        index = len(self._output)
        return self._event("response.output_item.added", output_index=index, item=item)

    def _done(self, item: dict[str, Any]) -> ServerEvent:
        index = len(self._output)
        self._output.append(item)
        return self._event("response.output_item.done", output_index=index, item=item)

    def _item_event(self, event: str, prefix: str, /, **fields: object) -> ServerEvent:
        index = len(self._output)
        return self._event(event, item_id=self._id(prefix), output_index=index, **fields)

    def _event(self, event: str, /, **fields: object) -> ServerEvent:
        number = self._sequence
        self._sequence += 1
        return ServerEvent({"type": event, "sequence_number": number, **fields}, event)


_W = ResponseWriter
_TEXT = (_W.open_text, _W.add_text)
_SAY = (_W.open_message, *_TEXT)
_REFUSE = (_W.open_refusal, _W.add_refusal)
_THINK = (_W.open_thought, _W.open_summary, _W.add_summary)
_SIGNED = (_W.open_thought, _W.close_signed)
_REDACTED = (_W.open_thought, _W.close_redacted)
_END_TEXT = (_W.close_text, _W.close_message)
_END_REFUSAL = (_W.close_refusal, _W.close_message)
_END_THOUGHT = (_W.close_summary, _W.close_thought)

TABLE: Final[Table[ResponseWriter]] = {
    State.NEW: {
        Kind.BEGIN: ((_W.start,), State.IDLE),
        Kind.FAIL: ((_W.start, _W.fail), State.CLOSED),
    },
    State.IDLE: {
        Kind.TEXT: (_SAY, State.IN_TEXT),
        Kind.REFUSAL: ((_W.open_message, *_REFUSE), State.IN_REFUSAL),
        Kind.REASONING: (_THINK, State.IN_THOUGHT),
        Kind.SIGNATURE: (_SIGNED, State.IDLE),
        Kind.REDACTED: (_REDACTED, State.IDLE),
        Kind.CALL: ((_W.open_call,), State.IN_CALL),
        Kind.FINISH: ((_W.finish,), State.FINISHED),
        Kind.FAIL: ((_W.fail,), State.CLOSED),
    },
    State.IN_TEXT: {
        Kind.TEXT: ((_W.add_text,), State.IN_TEXT),
        Kind.CITATION: ((_W.cite,), State.IN_TEXT),
        Kind.REFUSAL: ((_W.close_text, *_REFUSE), State.IN_REFUSAL),
        Kind.REASONING: ((*_END_TEXT, *_THINK), State.IN_THOUGHT),
        Kind.SIGNATURE: ((*_END_TEXT, *_SIGNED), State.IDLE),
        Kind.REDACTED: ((*_END_TEXT, *_REDACTED), State.IDLE),
        Kind.CALL: ((*_END_TEXT, _W.open_call), State.IN_CALL),
        Kind.FINISH: ((*_END_TEXT, _W.finish), State.FINISHED),
        Kind.FAIL: ((_W.fail,), State.CLOSED),
    },
    State.IN_REFUSAL: {
        Kind.TEXT: ((_W.close_refusal, *_TEXT), State.IN_TEXT),
        Kind.REFUSAL: ((_W.add_refusal,), State.IN_REFUSAL),
        Kind.REASONING: ((*_END_REFUSAL, *_THINK), State.IN_THOUGHT),
        Kind.SIGNATURE: ((*_END_REFUSAL, *_SIGNED), State.IDLE),
        Kind.REDACTED: ((*_END_REFUSAL, *_REDACTED), State.IDLE),
        Kind.CALL: ((*_END_REFUSAL, _W.open_call), State.IN_CALL),
        Kind.FINISH: ((*_END_REFUSAL, _W.finish), State.FINISHED),
        Kind.FAIL: ((_W.fail,), State.CLOSED),
    },
    State.IN_THOUGHT: {
        Kind.TEXT: ((*_END_THOUGHT, *_SAY), State.IN_TEXT),
        Kind.REFUSAL: ((*_END_THOUGHT, _W.open_message, *_REFUSE), State.IN_REFUSAL),
        Kind.REASONING: ((_W.add_summary,), State.IN_THOUGHT),
        Kind.SIGNATURE: ((_W.close_summary, _W.close_signed), State.IDLE),
        Kind.REDACTED: ((*_END_THOUGHT, *_REDACTED), State.IDLE),
        Kind.CALL: ((*_END_THOUGHT, _W.open_call), State.IN_CALL),
        Kind.FINISH: ((*_END_THOUGHT, _W.finish), State.FINISHED),
        Kind.FAIL: ((_W.fail,), State.CLOSED),
    },
    State.IN_CALL: {
        Kind.ARGUMENTS: ((_W.add_arguments,), State.IN_CALL),
        Kind.TEXT: ((_W.close_call, *_SAY), State.IN_TEXT),
        Kind.REFUSAL: ((_W.close_call, _W.open_message, *_REFUSE), State.IN_REFUSAL),
        Kind.REASONING: ((_W.close_call, *_THINK), State.IN_THOUGHT),
        Kind.SIGNATURE: ((_W.close_call, *_SIGNED), State.IDLE),
        Kind.REDACTED: ((_W.close_call, *_REDACTED), State.IDLE),
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
"""What each piece of an answer becomes. A message stays open from text to refusal and back."""
