"""A provider in a process of its own, that is slow or never ends, in the format of every API.

    with slow_server() as url:
        ...  # call url + "/v1/chat/completions"

    python -m tests.slow_server

What is not a request for an answer, such as Ollama's `/api/show`, takes `ASIDE` seconds. A prompt
that contains `endless` is answered without an end, any other prompt after `BEFORE` seconds.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final

from policy_router.providers.simulated import Say, messages, responses, wire

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

BEFORE: Final = 3.0
ASIDE: Final = 40.0
MOST: Final = 1024 * 1024 * 1024
"""Bytes of what has no end: enough to be seen in the memory of a client that reads them all."""
PIECE: Final = "a word " * 1_000
SAID: Final = Say("a few words")


@contextmanager
def slow_server(before: float = BEFORE) -> Iterator[str]:
    """Serve from a process of its own; its address, without a path."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.slow_server", str(before)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield process.stdout.readline().strip()
        process.stdin.close()


def gemini(text: str, finish: str | None = "STOP") -> dict[str, Any]:
    """A part of an answer in Gemini's format."""
    candidate = {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}
    used = {"promptTokenCount": 2, "candidatesTokenCount": 3, "totalTokenCount": 5}
    ended = {} if finish is None else {"finishReason": finish}
    return {"candidates": [{**candidate, **ended}], "usageMetadata": used, "modelVersion": "m"}


def ollama(text: str, *, done: bool = True) -> dict[str, Any]:
    """A part of an answer in Ollama's format."""
    said = {"model": "m", "message": {"role": "assistant", "content": text}, "done": done}
    counted = {"done_reason": "stop", "prompt_eval_count": 5, "eval_count": 3}
    return {**said, **counted} if done else said


def line(data: dict[str, Any]) -> bytes:
    """A line of JSON."""
    return json.dumps(data).encode() + b"\n"


def chat_events(body: dict[str, Any]) -> Iterable[bytes]:
    """A stream in OpenAI's format."""
    yield from map(wire.event, wire.chunks("m", SAID, body))
    yield b"data: [DONE]\n\n"


class Handler(BaseHTTPRequestHandler):
    """Answers in the format of the path."""

    before = BEFORE

    def do_GET(self) -> None:
        time.sleep(ASIDE)
        self._send(200, "application/json", [b"{}"])

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)) or b"{}")
        path = self.path.partition("?")[0]
        parts: Iterable[bytes]
        stream = bool(body.get("stream")) or path.endswith(":streamGenerateContent")
        if path.endswith("/api/chat"):
            kind, whole = "application/x-ndjson", line(ollama("a few words"))
            stream = body.get("stream") is not False
            parts, more = [whole], line(ollama(PIECE, done=False))
        elif "enerateContent" in path:
            whole = json.dumps(gemini("a few words")).encode()
            kind, parts = "text/event-stream", [wire.event(gemini("a few words"))]
            more = wire.event(gemini(PIECE, None))
        elif path.endswith("/messages"):
            whole = json.dumps(messages.answer("m", SAID, body)).encode()
            kind, parts = "text/event-stream", map(messages.event, messages.events("m", SAID, body))
            text = {"type": "text_delta", "text": PIECE}
            more = messages.event({"type": "content_block_delta", "index": 0, "delta": text})
        elif path.endswith("/responses"):
            whole = json.dumps(responses.answer("m", SAID, body)).encode()
            events = responses.events("m", SAID, body)
            kind, parts = "text/event-stream", map(responses.event, events)
            piece = {"type": "response.output_text.delta", "item_id": "msg_m", "delta": PIECE}
            more = responses.event({**piece, "output_index": 0, "content_index": 0})
        elif path.endswith("/chat/completions"):
            whole = json.dumps(wire.answer("m", SAID, body)).encode()
            kind, parts = "text/event-stream", chat_events(body)
            more = wire.event(wire.delta("m", {"content": PIECE}))
        else:
            time.sleep(ASIDE)
            self._send(200, "application/json", [b"{}"])
            return
        if "endless" in json.dumps(body):
            self._go_on(kind, list(parts), more, stream=stream, head=whole)
            return
        time.sleep(self.before)
        if stream:
            self._send(200, kind, parts)
        else:
            self._send(200, "application/json", [whole])

    def _go_on(
        self, kind: str, parts: list[bytes], more: bytes, *, stream: bool, head: bytes
    ) -> None:
        """Begin as any answer does, and never end."""
        if stream:
            begin = parts[:3] if len(parts) > 3 else []
        else:
            kind, begin = "application/json", [head[: head.index(b"a few words")]]
            more = PIECE.encode()
        sent = 0
        self._head(200, kind)
        try:
            for part in begin:
                self.wfile.write(part)
            while sent < MOST:
                self.wfile.write(more)
                sent += len(more)
        except OSError:
            return

    def _send(self, status: int, kind: str, parts: Iterable[bytes]) -> None:
        self._head(status, kind)
        try:
            for part in parts:
                self.wfile.write(part)
        except OSError:
            return

    def _head(self, status: int, kind: str) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("connection", "close")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base's name
        """Say nothing."""


def main() -> None:
    """Serve until the standard input ends."""
    Handler.before = float(sys.argv[1])
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sys.stdout.write(f"http://127.0.0.1:{server.server_port}\n")
        sys.stdout.flush()
        sys.stdin.read()
        server.shutdown()


if __name__ == "__main__":
    main()
