"""What a client of the server sends in each dialect, and how it reads what comes back."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_LINE: Final = re.compile(r"\r\n|\n|\r")


@dataclass(slots=True)
class Reading:
    """What a client makes of an answer.

    Attributes:
        text: The text of the answer.
        finish: Why it ended, in the words of chat completions; None where nothing says so.
        error: The error that ends a stream.
        complete: Whether a stream has the mark of its end.
        odd: What no client of this dialect expects.
    """

    text: str = ""
    finish: str | None = None
    error: Mapping[str, Any] | None = None
    complete: bool = False
    odd: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ApiClient:
    """A client of one dialect.

    Attributes:
        name: The name of its dialect.
        path: The endpoint that it calls.
        ask: The body of a request for at most 50 tokens, but for `model` and `stream`.
        read: Reads a whole answer.
        follow: Reads the events of a stream: the name and the data of each.
        error: Reads the body of an error; None where it is none of this dialect.
    """

    name: str
    path: str
    ask: Mapping[str, Any]
    read: Callable[[Mapping[str, Any]], Reading]
    follow: Callable[[Iterator[tuple[str, str]]], Reading]
    error: Callable[[Any], Mapping[str, Any] | None]

    def whole(self, body: bytes) -> Reading:
        """Reads a whole answer."""
        return self.read(json.loads(body))

    def stream(self, body: bytes) -> Reading:
        """Reads a stream."""
        return self.follow(events(body.decode()))


def events(text: str) -> Iterator[tuple[str, str]]:
    """The name and the data of each server-sent event, as the standard reads them."""
    data: list[str] = []
    name = ""
    for line in _LINE.split(text.removeprefix("\ufeff")):
        key, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                yield name, "\n".join(data)
            name, data = "", []
        elif key == "event":
            name = value
        elif key == "data":
            data.append(value)


# -- chat completions ---------------------------------------------------------------------------


def _read_chat(body: Mapping[str, Any]) -> Reading:
    choice = body["choices"][0]
    return Reading(choice["message"].get("content") or "", choice["finish_reason"])


def _follow_chat(events: Iterator[tuple[str, str]]) -> Reading:
    found, begun, ended = Reading(), set(), set()
    for _, data in events:
        if found.complete or found.error:
            found.odd.append(f"an event after the end: {data[:60]}")
        if data == "[DONE]":
            found.complete = True
            continue
        event = json.loads(data)
        if "error" in event:
            found.error = event["error"]
            continue
        for choice in event["choices"]:
            begun.add(choice["index"])
            found.text += (choice.get("delta") or {}).get("content") or ""
            if choice.get("finish_reason"):
                found.finish = choice["finish_reason"]
                ended.add(choice["index"])
    if begun != ended:
        found.finish = None
    return found


def _openai_error(body: Any) -> Mapping[str, Any] | None:
    error = body.get("error") if isinstance(body, dict) else None
    known = isinstance(error, dict) and isinstance(error.get("message"), str)
    return error if known else None


# -- messages -----------------------------------------------------------------------------------

_STOPS: Final = MappingProxyType(
    {"end_turn": "stop", "max_tokens": "length", "tool_use": "tool_calls"}
)


def _read_message(body: Mapping[str, Any]) -> Reading:
    text = "".join(block.get("text", "") for block in body["content"])
    return Reading(text, _STOPS.get(body["stop_reason"], body["stop_reason"]))


def _follow_messages(events: Iterator[tuple[str, str]]) -> Reading:
    found, started = Reading(), False
    for name, data in events:
        event = json.loads(data)
        if name and name != event["type"]:
            found.odd.append(f"{name} is not {event['type']}")
        if found.complete or found.error:
            found.odd.append(f"an event after the end: {data[:60]}")
        match event["type"]:
            case "message_start":
                started = True
            case "content_block_delta":
                found.text += event["delta"].get("text", "")
            case "message_delta":
                reason = event["delta"].get("stop_reason")
                found.finish = _STOPS.get(reason, reason)
            case "message_stop":
                found.complete = True
            case "error":
                found.error = event["error"]
        if not started and event["type"] not in {"error", "ping"}:
            found.odd.append(f"{event['type']} before the start")
    return found


def _anthropic_error(body: Any) -> Mapping[str, Any] | None:
    typed = isinstance(body, dict) and body.get("type") == "error"
    error = _openai_error(body) if typed else None
    return error if error and isinstance(error.get("type"), str) else None


# -- responses ----------------------------------------------------------------------------------


def _ending(response: Mapping[str, Any]) -> str | None:
    if response["status"] == "incomplete":
        reason = response["incomplete_details"]["reason"]
        return "length" if reason == "max_output_tokens" else str(reason)
    calls = any(item["type"] == "function_call" for item in response["output"])
    ended = "tool_calls" if calls else "stop"
    return ended if response["status"] == "completed" else None


def _read_response(body: Mapping[str, Any]) -> Reading:
    parts = [part for item in body["output"] for part in item.get("content", ())]
    return Reading("".join(part.get("text", "") for part in parts), _ending(body))


def _follow_responses(events: Iterator[tuple[str, str]]) -> Reading:
    found = Reading()
    for name, data in events:
        event = json.loads(data)
        if name and name != event["type"]:
            found.odd.append(f"{name} is not {event['type']}")
        if found.complete or found.error:
            found.odd.append(f"an event after the end: {data[:60]}")
        match event["type"]:
            case "response.output_text.delta":
                found.text += event["delta"]
            case "response.completed" | "response.incomplete":
                found.finish = _ending(event["response"])
                found.complete = True
            case "response.failed":
                found.error = event["response"]["error"]
            case "error":
                found.error = event
    return found


# -- all of them --------------------------------------------------------------------------------

PROMPT: Final = "hello there"
_CONVERSATION: Final = [{"role": "user", "content": PROMPT}]

CLIENTS: Final[Mapping[str, ApiClient]] = MappingProxyType(
    {
        client.name: client
        for client in (
            ApiClient(
                "chat",
                "/v1/chat/completions",
                {"messages": _CONVERSATION, "max_tokens": 50},
                _read_chat,
                _follow_chat,
                _openai_error,
            ),
            ApiClient(
                "messages",
                "/v1/messages",
                {"messages": _CONVERSATION, "max_tokens": 50},
                _read_message,
                _follow_messages,
                _anthropic_error,
            ),
            ApiClient(
                "responses",
                "/v1/responses",
                {"input": PROMPT, "max_output_tokens": 50},
                _read_response,
                _follow_responses,
                _openai_error,
            ),
        )
    }
)
"""The clients by the names of their dialects."""
