"""The formats that providers answer in, as plain data and as bytes of HTTP."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from policy_router.providers.simulated import Fail, Say, messages, responses, wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

TEXT: Final = "one two three four"
USAGE: Final = {"prompt_tokens": 7, "completion_tokens": 4, "total_tokens": 11}


@dataclass(frozen=True, slots=True)
class Dialect:
    """The format of one kind of provider.

    Attributes:
        name: Its name.
        answer: The whole answer of what is said.
        events: The same as the events of a stream.
        error: The body of a failure.
        frame: An event as it is sent.
        end: What is sent after the last event.
        stream_type: The content type of a stream.
    """

    name: str
    answer: Callable[[Say], dict[str, Any]]
    events: Callable[[Say], Iterable[dict[str, Any]]]
    error: Callable[[Fail], dict[str, Any]]
    frame: Callable[[Mapping[str, Any]], bytes]
    end: bytes = b""
    stream_type: str = "text/event-stream"

    def frames(self, say: Say) -> list[bytes]:
        """The events of an answer as they are sent, without the end."""
        return [self.frame(event) for event in self.events(say)]

    def begun(self, words: int = 2) -> list[bytes]:
        """The beginning of a stream that says the first words of the text."""
        some = "".join(wire.words(TEXT)[:words])
        return [
            self.frame(event)
            for event in self.events(Say(some, finish=None, usage=None))
            if not _ends(event)
        ]


def _ends(event: Mapping[str, Any]) -> bool:
    return bool(event.get("done")) or event.get("type") in {"message_stop", "response.completed"}


# -- HTTP ---------------------------------------------------------------------------------------


def head(status: int, kind: str = "application/json", *more: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"content-type: {kind}", "connection: close", *more]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def whole(body: bytes, status: int = 200, kind: str = "application/json", *more: str) -> bytes:
    """A response with a length."""
    return head(status, kind, f"content-length: {len(body)}", *more) + body


def chunk(data: bytes) -> bytes:
    """A chunk of a response without a length."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


LAST: Final = b"0\r\n\r\n"
"""The end of a response without a length."""


# -- Gemini -------------------------------------------------------------------------------------

_FINISH: Final = {"stop": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY"}


def _gemini(text: str, finish: str | None, usage: object) -> dict[str, Any]:
    candidate: dict[str, Any] = {
        "index": 0,
        "content": {"role": "model", "parts": [{"text": text}]},
    }
    if finish is not None:
        candidate["finishReason"] = _FINISH.get(finish, finish)
    counted = {"promptTokenCount": 7, "candidatesTokenCount": 4, "totalTokenCount": 11}
    used = {} if usage is None else {"usageMetadata": counted}
    return {"candidates": [candidate], "modelVersion": "m", "responseId": "r", **used}


def _gemini_answer(say: Say) -> dict[str, Any]:
    return _gemini(say.text or "", say.finish, say.usage)


def _gemini_events(say: Say) -> Iterator[dict[str, Any]]:
    words = wire.words(say.text or "") or [""]
    for word in words[:-1]:
        yield _gemini(word, None, None)
    yield _gemini(words[-1], say.finish, say.usage)


_GRPC: Final = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED",
                404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE"}  # fmt: skip


def _gemini_error(fail: Fail) -> dict[str, Any]:
    word = _GRPC.get(fail.status, "INTERNAL")
    reason = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": fail.code}]
    details = {"details": reason} if fail.code else {}
    return {"error": {"code": fail.status, "message": fail.message, "status": word, **details}}


# -- Ollama -------------------------------------------------------------------------------------


def _ollama(text: str, done: str | None, usage: object) -> dict[str, Any]:
    event: dict[str, Any] = {"model": "m", "created_at": "2026-01-01T00:00:00Z", "done": bool(done),
                             "message": {"role": "assistant", "content": text}}  # fmt: skip
    if done:
        event["done_reason"] = done
    if done and usage is not None:
        event |= {"prompt_eval_count": 7, "eval_count": 4}
    return event


def _ollama_events(say: Say) -> Iterator[dict[str, Any]]:
    for word in wire.words(say.text or ""):
        yield _ollama(word, None, None)
    if say.finish is not None:
        yield _ollama("", say.finish, say.usage)


# -- all of them --------------------------------------------------------------------------------


def _of(module: Any, events: Any) -> tuple[Any, Any]:
    def counted(say: Say) -> Say:
        return say

    return (lambda say: module.answer("m", counted(say), _BODY)), (
        lambda say: events("m", counted(say), _BODY)
    )


_BODY: Final = {"stream_options": {"include_usage": True},
                "messages": [{"content": "a b c d e f g"}],
                "input": "a b c d e f g"}  # fmt: skip

CHAT: Final = Dialect("chat", *_of(wire, wire.chunks), wire.error, wire.event, b"data: [DONE]\n\n")
MESSAGES: Final = Dialect(
    "messages", *_of(messages, messages.events), messages.error, messages.event
)
RESPONSES: Final = Dialect(
    "responses", *_of(responses, responses.events), responses.error, responses.event
)
GEMINI: Final = Dialect("gemini", _gemini_answer, _gemini_events, _gemini_error, wire.event)
OLLAMA: Final = Dialect(
    "ollama",
    lambda say: _ollama(say.text or "", say.finish, say.usage),
    _ollama_events,
    lambda fail: {"error": fail.message},
    lambda event: json.dumps(event).encode() + b"\n",
    stream_type="application/x-ndjson",
)
