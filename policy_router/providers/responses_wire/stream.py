"""Translates streams of OpenAI's Responses API to chunks in OpenAI's chat format."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from policy_router.providers.answers.adapt import to_chunk
from policy_router.providers.answers.citations import chat_citation
from policy_router.providers.failures.failure import CallFailed, Failure, FailureKind
from policy_router.providers.responses_wire.answer import (
    finish_reason,
    frame,
    thinking,
    to_call,
    usage_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from policy_router.providers.answers.chat import ChatChunk

_Handler: TypeAlias = "Callable[[ResponseStream, dict[str, Any]], tuple[ChatChunk, ...]]"


class ResponseStream:
    """One stream: its events in order become chunks."""

    def __init__(self) -> None:
        self._frame: dict[str, Any] = {}
        self._calls: dict[object, int] = {}
        self._with_arguments: set[object] = set()
        self._summary: tuple[object, object] | None = None

    def read(self, event: dict[str, Any]) -> tuple[ChatChunk, ...]:
        """Take the next event.

        Returns:
            The chunks that it adds.

        Raises:
            CallFailed: It is no event of a stream.
        """
        event_type = event.get("type")
        if isinstance(event_type, str):
            handler = _HANDLERS.get(event_type)
            return () if handler is None else handler(self, event)
        if event.get("object") == "response":
            detail = "a whole answer in place of a stream"
            raise CallFailed(Failure(FailureKind.MALFORMED, detail))
        raise CallFailed(Failure(FailureKind.MALFORMED, "an event without a type"))

    def began(self, event: Mapping[str, Any]) -> tuple[ChatChunk, ...]:
        """The response begins."""
        self._frame = frame(_mapping(event, "response"))
        return self._chunk({"role": "assistant", "content": ""})

    def text(self, event: Mapping[str, Any]) -> tuple[ChatChunk, ...]:
        """Text follows."""
        return self._chunk({"content": event.get("delta")})

    def citation(self, event: Mapping[str, Any]) -> tuple[ChatChunk, ...]:
        """The text that came cites a page."""
        made = chat_citation(_mapping(event, "annotation"))
        return () if made is None else self._chunk({"annotations": [made]})

    def refusal(self, event: Mapping[str, Any]) -> tuple[ChatChunk, ...]:
        """Text follows that says why the model refuses."""
        return self._chunk({"refusal": event.get("delta")})

    def thought(self, event: Mapping[str, Any]) -> tuple[ChatChunk, ...]:
        """Reasoning follows; its parts are paragraphs."""
        part = event.get("output_index"), event.get("summary_index")
        parted = "\n\n" if self._summary not in (None, part) else ""
        self._summary = part
        return self._chunk({"reasoning_content": f"{parted}{event.get('delta') or ''}"})

    def item_began(self, event: Mapping[str, Any]) -> tuple[ChatChunk, ...]:
        """An item begins; of those, only calls say something by that."""
        index, item = event.get("output_index"), _mapping(event, "item")
        if item.get("type") != "function_call":
            return ()
        number = self._calls[index] = len(self._calls)
        if item.get("arguments"):
            self._with_arguments.add(index)
        return self._chunk({"tool_calls": [{"index": number, **to_call(item)}]})

    def arguments(self, event: Mapping[str, Any]) -> tuple[ChatChunk, ...]:
        """Arguments of a call follow."""
        return self._arguments(event.get("output_index"), event.get("delta"))

    def all_arguments(self, event: Mapping[str, Any]) -> tuple[ChatChunk, ...]:
        """The arguments of a call are there, which may not have come in pieces."""
        index = event.get("output_index")
        return (
            () if index in self._with_arguments else self._arguments(index, event.get("arguments"))
        )

    def item_ended(self, event: Mapping[str, Any]) -> tuple[ChatChunk, ...]:
        """An item is there as a whole; a part of it may not have come before."""
        item = _mapping(event, "item")
        if item.get("type") == "function_call":
            if event.get("output_index") not in self._calls:
                return self.item_began(event)
            return self.all_arguments({**event, "arguments": item.get("arguments")})
        blocks = thinking(item) if item.get("type") == "reasoning" else []
        return self._chunk({"thinking_blocks": blocks}) if blocks else ()

    def ended(self, event: Mapping[str, Any]) -> tuple[ChatChunk, ...]:
        """The response ended."""
        response = _mapping(event, "response")
        reason = finish_reason(response, bool(self._calls))
        usage = usage_of(response.get("usage"))
        return (
            *self._chunk({}, reason),
            to_chunk({**self._frame, "choices": [], "usage": usage}),
        )

    def failed(self, event: Mapping[str, Any]) -> tuple[ChatChunk, ...]:
        """The response failed."""
        error = _mapping(event, "response").get("error") or {"message": "the response failed"}
        choice = {"index": 0, "delta": {}, "finish_reason": None, "error": error}
        return (to_chunk({**self._frame, "choices": [choice]}),)

    def _arguments(self, index: object, arguments: object) -> tuple[ChatChunk, ...]:
        if index not in self._calls or not arguments:
            return ()
        self._with_arguments.add(index)
        piece = {"index": self._calls[index], "function": {"arguments": arguments}}
        return self._chunk({"tool_calls": [piece]})

    def _chunk(self, delta: dict[str, Any], reason: str | None = None) -> tuple[ChatChunk, ...]:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        return (to_chunk({**self._frame, "choices": [choice]}),)


_HANDLERS: Final[Mapping[str, _Handler]] = MappingProxyType(
    {
        "response.created": ResponseStream.began,
        "response.output_text.delta": ResponseStream.text,
        "response.output_text.annotation.added": ResponseStream.citation,
        "response.refusal.delta": ResponseStream.refusal,
        "response.reasoning_summary_text.delta": ResponseStream.thought,
        "response.reasoning_text.delta": ResponseStream.thought,
        "response.output_item.added": ResponseStream.item_began,
        "response.function_call_arguments.delta": ResponseStream.arguments,
        "response.function_call_arguments.done": ResponseStream.all_arguments,
        "response.output_item.done": ResponseStream.item_ended,
        "response.completed": ResponseStream.ended,
        "response.incomplete": ResponseStream.ended,
        "response.failed": ResponseStream.failed,
    }
)
"""What reads each event; the others repeat these, or are new in the API."""


def _mapping(holder: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = holder.get(name)
    return value if isinstance(value, dict) else {}
