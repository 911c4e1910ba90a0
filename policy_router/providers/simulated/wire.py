"""Builds the answers, chunks and errors of OpenAI's chat format as plain data."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from policy_router.providers.simulated.behaviour import Fail, Say

_CREATED = 1_700_000_000
"""A fixed time, so that the same script always sends the same bytes."""


def words(text: str) -> list[str]:
    """The words of a text, each with the space after it; together they are the text."""
    return re.findall(r"\S+\s*|\s+", text)


def answer(model: str, say: Say, body: Mapping[str, Any]) -> dict[str, Any]:
    """A whole `chat.completion`."""
    message: dict[str, Any] = {"role": "assistant", "content": text_of(model, say)}
    message |= {"refusal": None, "annotations": []}
    if say.reasoning:
        message["reasoning_content"] = say.reasoning
    if say.tool_calls:
        message["tool_calls"] = list(say.tool_calls)
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": say.finish}
    whole = _frame(model, "chat.completion", [choice])
    used = usage(model, say, body)
    return whole if used is None else {**whole, "usage": used}


def chunks(model: str, say: Say, body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The same answer as `chat.completion.chunk`s: role, words, tool calls, finish, usage."""
    yield delta(model, {"role": "assistant", "content": ""})
    if say.reasoning:
        yield delta(model, {"reasoning_content": say.reasoning})
    for word in words(text_of(model, say)):
        yield delta(model, {"content": word})
    for index, call in enumerate(say.tool_calls):
        yield delta(model, {"tool_calls": [{"index": index, **call}]})
    if say.finish is not None:
        yield delta(model, {}, say.finish)
    used = usage(model, say, body)
    if used is not None and (body.get("stream_options") or {}).get("include_usage"):
        yield {**_frame(model, "chat.completion.chunk", []), "usage": used}


def delta(model: str, content: Mapping[str, Any], finish: str | None = None) -> dict[str, Any]:
    """One chunk."""
    choice = {"index": 0, "delta": dict(content), "finish_reason": finish}
    return _frame(model, "chat.completion.chunk", [choice])


def error(fail: Fail) -> dict[str, Any]:
    """OpenAI's error object."""
    kind = fail.type or ("server_error" if fail.status >= 500 else "invalid_request_error")
    return {"error": {"message": fail.message, "type": kind, "param": None, "code": fail.code}}


def event(data: Mapping[str, Any]) -> bytes:
    """One server-sent event."""
    return f"data: {json.dumps(data)}\n\n".encode()


def text_of(model: str, say: Say) -> str:
    """The text of the answer; by default it names the model."""
    return f"This is {model}." if say.text is None else say.text


def usage(model: str, say: Say, body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The usage object, counted in words unless the script has one."""
    if not isinstance(say.usage, str):
        return say.usage
    given = body.get("messages", body.get("input", ()))
    said = [given] if isinstance(given, str) else [m.get("content") or "" for m in given]
    sent = sum(len(str(text).split()) for text in said)
    got = len(text_of(model, say).split())
    return {"prompt_tokens": sent, "completion_tokens": got, "total_tokens": sent + got}


def _frame(model: str, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{model}",
        "object": kind,
        "created": _CREATED,
        "model": model,
        "service_tier": "default",  # LiteLLM cannot read an answer in Groq's name without it
        "choices": choices,
    }
