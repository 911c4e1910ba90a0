"""Translates streams in Anthropic's wire format to chunks in OpenAI's chat format."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from policy_router.providers.answers.adapt import to_chunk
from policy_router.providers.anthropic_wire.answer import ending, usage_of
from policy_router.providers.failures.failure import CallFailed, Failure, FailureKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.providers.answers.chat import ChatChunk


_NOT_ENDED: Final = MappingProxyType({"finish_reason": None})


class MessageStream:
    """One stream: its events in order become chunks.

    Args:
        names: The original name of each tool that was sent under another one.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._frame: dict[str, Any] = {"object": "chat.completion.chunk"}
        self._usage: dict[str, Any] = {}
        self._calls: dict[object, _Call] = {}
        self._thinking: dict[object, dict[str, Any]] = {}

    def read(self, event: dict[str, Any]) -> tuple[ChatChunk, ...]:
        """Take the next event.

        Returns:
            The chunks that it adds, none or one.

        Raises:
            CallFailed: It is no event of a stream.
        """
        match event.get("type"):
            case "message_start":
                return self._started(_mapping(event, "message"))
            case "content_block_start":
                return self._block_started(event.get("index"), _mapping(event, "content_block"))
            case "content_block_delta":
                return self._block_grew(event.get("index"), _mapping(event, "delta"))
            case "content_block_stop":
                return self._block_ended(event.get("index"))
            case "message_delta":
                self._usage |= _mapping(event, "usage")
                ended = ending(_mapping(event, "delta"))
                return () if ended["finish_reason"] is None else self._chunk({}, ended)
            case "message_stop":
                usage = usage_of(self._usage or None)
                return (to_chunk({**self._frame, "choices": [], "usage": usage}),)
            case "message":
                detail = "a whole answer in place of a stream"
                raise CallFailed(Failure(FailureKind.MALFORMED, detail))
            case str():
                return ()  # `ping`, and whatever the format gains
        raise CallFailed(Failure(FailureKind.MALFORMED, "an event without a type"))

    def _started(self, message: Mapping[str, Any]) -> tuple[ChatChunk, ...]:
        self._frame |= {"id": message.get("id"), "model": message.get("model")}
        self._usage |= _mapping(message, "usage")
        return self._chunk({"role": "assistant", "content": ""})

    def _block_started(self, index: object, block: Mapping[str, Any]) -> tuple[ChatChunk, ...]:
        match block.get("type"):
            case "tool_use":
                call = self._calls[index] = _Call(len(self._calls), block.get("input"))
                name = str(block.get("name") or "")
                function = {"name": self._names.get(name, name), "arguments": ""}
                return self._chunk(
                    _piece(call, {"id": block.get("id"), "type": "function", "function": function})
                )
            case "thinking" | "redacted_thinking":
                self._thinking[index] = dict(block)
            case "text" if block.get("text"):
                return self._chunk({"content": block["text"]})
        return ()

    def _block_grew(self, index: object, delta: Mapping[str, Any]) -> tuple[ChatChunk, ...]:
        thinking = self._thinking.get(index, {})
        match delta.get("type"):
            case "text_delta":
                return self._chunk({"content": delta.get("text")})
            case "input_json_delta" if index in self._calls:
                call = self._calls[index]
                arguments = delta.get("partial_json") or ""
                call.began = call.began or bool(arguments)
                return self._chunk(_piece(call, {"function": {"arguments": arguments}}))
            case "thinking_delta":
                text = delta.get("thinking") or ""
                thinking["thinking"] = str(thinking.get("thinking") or "") + text
                return self._chunk({"reasoning_content": text})
            case "signature_delta":
                signature = delta.get("signature") or ""
                thinking["signature"] = str(thinking.get("signature") or "") + signature
        return ()

    def _block_ended(self, index: object) -> tuple[ChatChunk, ...]:
        thinking = self._thinking.pop(index, None)
        if thinking is not None:
            return self._chunk({"thinking_blocks": [thinking]})
        call = self._calls.get(index)
        if call is not None and not call.began:
            # A call without arguments has no pieces of them; OpenAI's format has `{}`.
            return self._chunk(_piece(call, {"function": {"arguments": call.whole}}))
        return ()

    def _chunk(
        self, delta: dict[str, Any], ended: Mapping[str, Any] = _NOT_ENDED
    ) -> tuple[ChatChunk, ...]:
        choice = {"index": 0, "delta": delta, **ended}
        return (to_chunk({**self._frame, "choices": [choice]}),)


class _Call:
    """A tool call of the answer.

    Attributes:
        number: Its number among the calls, from 0.
        whole: Its arguments, if they came with its beginning.
        began: Whether a piece of its arguments arrived.
    """

    def __init__(self, number: int, given: object) -> None:
        self.number = number
        self.whole = json.dumps(given) if isinstance(given, dict) else "{}"
        self.began = False


def _piece(call: _Call, fields: dict[str, Any]) -> dict[str, Any]:
    return {"tool_calls": [{"index": call.number, **fields}]}


def _mapping(holder: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = holder.get(name)
    return value if isinstance(value, dict) else {}
