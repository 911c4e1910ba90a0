"""A real server on this machine that answers like Ollama, LM Studio and vLLM."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, ClassVar

from policy_router.discovery.local import (
    SOURCES,
    Discovered,
    discover,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.discovery.local import ServerKind

OLLAMA = {
    "models": [
        {"name": "llama3.2:latest", "size": 2_019_393_189},
        {"name": "qwen2.5:72b-instruct"},
        {"name": "gpt-oss:120b-cloud", "remote_host": "https://ollama.com:443"},
        {"name": "nomic-embed-text:latest"},
    ]
}
LMSTUDIO = {
    "data": [{"id": "qwen/qwen3.5-9b", "object": "model"}, {"id": "text-embedding-nomic"}],
    "object": "list",
}
VLLM = {"data": [{"id": "Qwen/Qwen2.5-32B-Instruct", "max_model_len": 32_768}]}
ANSWERS: dict[str, Any] = {"ollama": OLLAMA, "lmstudio": LMSTUDIO, "vllm": VLLM}


class _Answering(BaseHTTPRequestHandler):
    """Answers every path below a server's name with what that server would say."""

    answers: ClassVar[dict[str, tuple[int, bytes, dict[str, str]]]]
    asked: ClassVar[list[str]]
    keys: ClassVar[list[str | None]]
    hang: ClassVar[threading.Event]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.keys.append(self.headers["authorization"] or self.headers["x-api-key"])
        name = self.path.strip("/").split("/")[0]
        if name not in self.answers:
            self.send_error(404)
            return
        status, body, headers = self.answers[name]
        if name == "slow":
            self.hang.wait(30)
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Tests print nothing."""


class LocalServer:
    """A real server on this machine."""

    def __init__(self, handler: type[_Answering], port: int) -> None:
        self.handler, self.port = handler, port
        self.root = f"http://127.0.0.1:{port}"

    def says(self, name: str, answer: Any, status: int = 200, **headers: str) -> None:
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.handler.answers[name] = (status, body, headers)

    def sources(self, *names: str) -> list[ServerKind]:
        """The known sources, those of these names at this server, the others nowhere."""
        gone = f"{self.root}/gone"
        return [
            replace(s, base=f"{self.root}/{s.name}" if s.name in names else gone) for s in SOURCES
        ]


@contextmanager
def serving() -> Iterator[LocalServer]:
    class Handler(_Answering):
        answers: ClassVar[dict[str, tuple[int, bytes, dict[str, str]]]] = {}
        asked: ClassVar[list[str]] = []
        keys: ClassVar[list[str | None]] = []
        hang = threading.Event()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        place = LocalServer(Handler, server.server_address[1])
        for name, answer in ANSWERS.items():
            place.says(name, answer)
        yield place
    finally:
        Handler.hang.set()
        server.shutdown()
        thread.join()
        server.server_close()


def look(place: LocalServer, *names: str, environ: dict[str, str] | None = None) -> Discovered:
    return discover(environ or {}, sources=place.sources(*names), within=10)
