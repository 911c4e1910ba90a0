"""Builds the answers, events and errors of OpenAI's Responses API as plain data."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from policy_router.providers.simulated.wire import text_of, usage, words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from policy_router.providers.simulated.behaviour import Fail, Say

_CREATED: Final = 1_700_000_000
"""A fixed time, so that the same script always sends the same bytes."""
_INCOMPLETE: Final = {"length": "max_output_tokens", "content_filter": "content_filter"}


def answer(model: str, say: Say, body: Mapping[str, Any]) -> dict[str, Any]:
    """A whole `response`."""
    whole = {**_frame(model, "completed"), "completed_at": _CREATED}
    whole["reasoning"] = {**whole["reasoning"], **(body.get("reasoning") or {})}
    if say.finish in _INCOMPLETE:
        whole["status"], whole["completed_at"] = "incomplete", None
        whole["incomplete_details"] = {"reason": _INCOMPLETE[say.finish]}
    used = _usage(model, say, body)
    return {**whole, "output": _output(model, say), **({} if used is None else {"usage": used})}


def events(model: str, say: Say, body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The same answer as the events of a stream."""
    whole = answer(model, say, body)
    for number, event in enumerate(_events(model, whole, ends=say.finish is not None)):
        yield {**event, "sequence_number": number}


def error(fail: Fail) -> dict[str, Any]:
    """The event of a failure; a refusal with a status has the same object under `error`."""
    kind = fail.type or ("server_error" if fail.status >= 500 else "invalid_request_error")
    shown = {"message": fail.message, "code": fail.code, "param": None}
    return {"type": "error", **shown, "error": {**shown, "type": kind}}


def event(data: Mapping[str, Any]) -> bytes:
    """One server-sent event, which has the type as its name."""
    return f"event: {data['type']}\ndata: {json.dumps(data)}\n\n".encode()


def _output(model: str, say: Say) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    if say.reasoning:
        summary = [{"type": "summary_text", "text": say.reasoning}]
        items.append({"type": "reasoning", "id": "rs_1", "summary": summary})
    text = text_of(model, say)
    if text:
        part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
        message = {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant"}
        items.append({**message, "content": [part]})
    for number, call in enumerate(say.tool_calls):
        function = {"name": call["function"]["name"], "arguments": call["function"]["arguments"]}
        item = {"type": "function_call", "id": f"fc_{number}", "call_id": call["id"]}
        items.append({**item, "status": "completed", **function})
    return items


def _events(model: str, whole: dict[str, Any], *, ends: bool) -> Iterator[dict[str, Any]]:
    began = {**_frame(model, "in_progress"), "output": []}
    yield {"type": "response.created", "response": began}
    yield {"type": "response.in_progress", "response": began}
    for index, item in enumerate(whole["output"]):
        place = {"item_id": item["id"], "output_index": index}
        yield {
            "type": "response.output_item.added",
            "output_index": index,
            "item": {**item, **_EMPTY[item["type"]]},
        }
        yield from _pieces(item, place)
        if ends:
            yield {"type": "response.output_item.done", "output_index": index, "item": item}
    if ends:
        yield {"type": f"response.{whole['status']}", "response": whole}


_EMPTY: Final[Mapping[str, Mapping[str, Any]]] = {
    "message": {"status": "in_progress", "content": []},
    "function_call": {"status": "in_progress", "arguments": ""},
    "reasoning": {"summary": []},
}


def _pieces(item: dict[str, Any], place: dict[str, Any]) -> Iterator[dict[str, Any]]:
    match item:
        case {"type": "message", "content": [part]}:
            here = {**place, "content_index": 0}
            empty = {**part, "text": ""}
            yield {"type": "response.content_part.added", **here, "part": empty}
            for word in words(part["text"]):
                yield {"type": "response.output_text.delta", **here, "delta": word, "logprobs": []}
            text = {"text": part["text"], "logprobs": []}
            yield {"type": "response.output_text.done", **here, **text}
            yield {"type": "response.content_part.done", **here, "part": part}
        case {"type": "function_call", "arguments": str(text), "name": str(name)}:
            for piece in (text[:5], text[5:]):
                yield {"type": "response.function_call_arguments.delta", **place, "delta": piece}
            done = {"name": name, "arguments": text}
            yield {"type": "response.function_call_arguments.done", **place, **done}
        case {"summary": [part]}:
            here = {**place, "summary_index": 0}
            yield {"type": "response.reasoning_summary_part.added", **here, "part": part}
            delta = {"delta": part["text"]}
            yield {"type": "response.reasoning_summary_text.delta", **here, **delta}
            text = {"text": part["text"]}
            yield {"type": "response.reasoning_summary_text.done", **here, **text}
            yield {"type": "response.reasoning_summary_part.done", **here, "part": part}


def _usage(model: str, say: Say, body: Mapping[str, Any]) -> dict[str, Any] | None:
    """The usage in the words of this API; one that the script states is sent as it is."""
    used = usage(model, say, body)
    if used is None or not isinstance(say.usage, str):
        return None if used is None else dict(used)
    return {
        "input_tokens": used["prompt_tokens"],
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": used["completion_tokens"],
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": used["total_tokens"],
    }


def _frame(model: str, status: str) -> dict[str, Any]:
    return {
        "id": f"resp_{model}",
        "object": "response",
        "created_at": _CREATED,
        "model": model,
        "status": status,
        **_USUAL,
    }


_USUAL: Final[Mapping[str, Any]] = {
    "background": False,
    "completed_at": None,
    "error": None,
    "frequency_penalty": 0,
    "incomplete_details": None,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "output": [],
    "parallel_tool_calls": True,
    "presence_penalty": 0,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": "default",
    "store": False,
    "temperature": 1,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1,
    "truncation": "disabled",
    "usage": None,
}
"""The fields of a response where neither script nor request says otherwise."""
