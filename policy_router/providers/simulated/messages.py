"""Builds the answers, events and errors of Anthropic's messages format as plain data."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from policy_router.providers.simulated.wire import text_of, usage, words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from policy_router.providers.simulated.behaviour import Fail, Say

_REASONS: Final = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}
_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


def answer(model: str, say: Say, body: Mapping[str, Any]) -> dict[str, Any]:
    """A whole `message`."""
    content: list[dict[str, Any]] = []
    if say.reasoning:
        content.append({"type": "thinking", "thinking": say.reasoning, "signature": "signed"})
    text = text_of(model, say)
    if text:
        content.append({"type": "text", "text": text, "citations": None})
    for call in say.tool_calls:
        function = call["function"]
        use = {"type": "tool_use", "id": call["id"], "name": function["name"]}
        given = json.loads(function["arguments"] or "{}")
        content.append({**use, "input": given, "caller": {"type": "direct"}})
    whole = {**_frame(model), "content": content, "stop_reason": _reason(say)}
    used = _usage(model, say, body)
    return whole if used is None else {**whole, "usage": used}


def events(model: str, say: Say, body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The same answer as the events of a stream."""
    whole = answer(model, say, body)
    used = whole.pop("usage", None)
    blocks = whole["content"]
    start = {**whole, "content": [], "stop_reason": None}
    if used is not None:
        start["usage"] = {**used, "output_tokens": 0}
    yield {"type": "message_start", "message": start}
    yield {"type": "ping"}
    for index, block in enumerate(blocks):
        yield from _block(index, block)
    if whole["stop_reason"] is not None:
        end: dict[str, Any] = {
            "type": "message_delta",
            "delta": {"stop_reason": whole["stop_reason"]},
        }
        yield end if used is None else {**end, "usage": used}
        if say.done:
            yield {"type": "message_stop"}


def _block(index: int, block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    empty: dict[str, Any]
    match block["type"]:
        case "text":
            empty = {**block, "text": ""}
            deltas = [{"type": "text_delta", "text": word} for word in words(block["text"])]
        case "thinking":
            empty = {"type": "thinking", "thinking": "", "signature": ""}
            deltas = [
                {"type": "thinking_delta", "thinking": block["thinking"]},
                {"type": "signature_delta", "signature": block["signature"]},
            ]
        case _:
            empty = {**block, "input": {}}  # the arguments follow in pieces
            text = json.dumps(block["input"]) if block["input"] else ""
            pieces = [text[:5], text[5:]] if text else []
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    yield {"type": "content_block_start", "index": index, "content_block": empty}
    for delta in deltas:
        yield {"type": "content_block_delta", "index": index, "delta": delta}
    yield {"type": "content_block_stop", "index": index}


def error(fail: Fail) -> dict[str, Any]:
    """Anthropic's error object. A code takes the place of the type that fits the status."""
    kind = fail.code or fail.type or _TYPES.get(fail.status, "api_error")
    return {"type": "error", "error": {"type": kind, "message": fail.message}}


def event(data: Mapping[str, Any]) -> bytes:
    """One server-sent event, which has the type as its name."""
    return f"event: {data['type']}\ndata: {json.dumps(data)}\n\n".encode()


def _reason(say: Say) -> str | None:
    return None if say.finish is None else _REASONS.get(say.finish, say.finish)


def _usage(model: str, say: Say, body: Mapping[str, Any]) -> dict[str, Any] | None:
    """The usage in Anthropic's words; one that the script states is sent as it is."""
    used = usage(model, say, body)
    if used is None or not isinstance(say.usage, str):
        return None if used is None else dict(used)
    counts = {"input_tokens": used["prompt_tokens"], "output_tokens": used["completion_tokens"]}
    return {**_UNUSED, **counts}


_UNUSED: Final[Mapping[str, Any]] = {
    "cache_creation": None,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": 0,
    "inference_geo": None,
    "output_tokens_details": {"thinking_tokens": 0},
    "server_tool_use": None,
    "service_tier": "standard",
}
"""The fields of a usage besides its counts."""


def _frame(model: str) -> dict[str, Any]:
    frame = {"id": f"msg_{model}", "type": "message", "role": "assistant", "model": model}
    return {**frame, "container": None, "stop_sequence": None, "stop_details": None}
