"""Simulated sources of models on loopback, with the shapes of real answers, and worse ones."""

from __future__ import annotations

import copy
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

METADATA = "http://169.254.169.254/latest/meta-data/iam/security-credentials/"


def openrouter_row(name: str, prompt: str, completion: str, **more: Any) -> dict[str, Any]:
    """A model as OpenRouter lists it."""
    return {
        "id": name,
        "canonical_slug": name.partition(":")[0],
        "hugging_face_id": "",
        "name": name,
        "created": 1_753_230_546,
        "description": "A model.",
        "context_length": 262_144,
        "architecture": {
            "modality": "text->text", "input_modalities": ["text"], "output_modalities": ["text"],
            "tokenizer": "Other", "instruct_type": None,
        },
        "pricing": {
            "prompt": prompt, "completion": completion, "request": "0", "image": "0",
            "web_search": "0", "internal_reasoning": "0",
        },
        "top_provider": {
            "context_length": 262_144, "max_completion_tokens": 65_536, "is_moderated": False,
        },
        "per_request_limits": None,
        "supported_parameters": ["max_tokens", "temperature", "tools", "tool_choice"],
        "expiration_date": None,
        **more,
    }  # fmt: skip


OPENROUTER = [
    openrouter_row("qwen/qwen3-coder:free", "0", "0"),
    openrouter_row("qwen/qwen3-coder", "0.00000022", "0.00000095"),
    openrouter_row("openrouter/auto", "-1", "-1"),
    openrouter_row(
        "anthropic/claude-sonnet-4.5", "0.000003", "0.000015",
        architecture={"input_modalities": ["text", "image", "file"], "output_modalities": ["text"]},
        supported_parameters=["tools", "structured_outputs", "reasoning"],
    ),
]  # fmt: skip
OLLAMA_TAGS = {
    "models": [
        {
            "name": "llama3.2:latest", "model": "llama3.2:latest",
            "modified_at": "2026-11-04T14:56:49.277302595-07:00", "size": 2_019_393_189,
            "digest": "a80c4f17acd55265feec403c7aef86be0c25983ab279d83f3bcd3abbcb5b8b72",
            "details": {
                "parent_model": "", "format": "gguf", "family": "llama", "families": ["llama"],
                "parameter_size": "3.2B", "quantization_level": "Q4_K_M",
            },
        },
        {"name": "qwen2.5-coder:14b", "model": "qwen2.5-coder:14b", "size": 9_000_000_000},
        {"name": "gpt-oss:120b-cloud", "remote_host": "https://ollama.com:443"},
        {"name": "nomic-embed-text:latest", "model": "nomic-embed-text:latest"},
        {"name": "minilm:latest", "model": "minilm:latest"},
    ]
}  # fmt: skip
OLLAMA_SHOW: dict[str, Any] = {
    "llama3.2:latest": {
        "parameters": 'num_ctx                        8192\nstop                           "x"',
        "details": {"family": "llama"},
        "model_info": {"general.architecture": "llama", "llama.context_length": 131_072},
        "capabilities": ["completion", "tools"],
    },
    "qwen2.5-coder:14b": {
        "model_info": {"general.architecture": "qwen2", "qwen2.context_length": 32_768},
        "capabilities": ["completion", "tools", "insert"],
    },
    "minilm:latest": {"model_info": {}, "capabilities": ["embedding"]},
}
OLLAMA_PS = {
    "models": [
        {"name": "qwen2.5-coder:14b", "model": "qwen2.5-coder:14b", "size_vram": 5_000_000_000,
         "expires_at": "2026-11-30T14:38:31-07:00", "context_length": 4_096},
    ]
}  # fmt: skip
LMSTUDIO_V1 = {
    "models": [
        {
            "type": "llm", "publisher": "qwen", "key": "qwen/qwen3.5-9b",
            "display_name": "Qwen3.5 9B", "architecture": "qwen3", "params_string": "9B",
            "quantization": {"name": "Q4_K_M", "bits_per_weight": 4}, "size_bytes": 5_200_000_000,
            "loaded_instances": [{"id": "qwen/qwen3.5-9b", "config": {"context_length": 4_096}}],
            "max_context_length": 262_144, "format": "gguf",
            "capabilities": {"vision": True, "trained_for_tool_use": True},
        },
        {"type": "llm", "key": "google/gemma-4-4b", "loaded_instances": [],
         "max_context_length": 32_768,
         "capabilities": {"vision": False, "trained_for_tool_use": False}},
        {"type": "embedding", "key": "text-embedding-nomic", "loaded_instances": []},
    ]
}  # fmt: skip
LMSTUDIO_V0 = {
    "object": "list",
    "data": [
        {"id": "qwen2-vl-7b", "object": "model", "type": "vlm", "state": "loaded",
         "max_context_length": 32_768, "loaded_context_length": 8_192},
        {"id": "meta-llama-3.1-8b", "object": "model", "type": "llm", "state": "not-loaded",
         "max_context_length": 131_072, "capabilities": ["tool_use"]},
        {"id": "nomic", "object": "model", "type": "embeddings", "state": "not-loaded"},
    ],
}  # fmt: skip
VLLM = {
    "object": "list",
    "data": [
        {"id": "Qwen/Qwen2.5-32B-Instruct", "object": "model", "created": 1_764_500_000,
         "owned_by": "vllm", "root": "Qwen/Qwen2.5-32B-Instruct", "parent": None,
         "max_model_len": 32_768, "permission": [{"id": "modelperm-1", "object": "x"}]},
    ],
}  # fmt: skip


class SimulatedSources:
    """A server that answers like each source, below its name.

    Attributes:
        root: Its address.
        asked: The requests so far: method and path.
        headers: The headers of each.
        bodies: The decoded body of each; None without one.
        sent: Bytes of bodies that were sent.
        answers: Path -> the decoded answer, or a function that writes to the handler itself.
        release: Set when slow answers may end.
    """

    def __init__(self) -> None:
        self.root = ""
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.bodies: list[Any] = []
        self.sent = 0
        self.release = threading.Event()
        self.answers: dict[str, Any] = {}
        self.openrouter = copy.deepcopy(OPENROUTER)
        self.show = copy.deepcopy(OLLAMA_SHOW)
        self.answers |= {
            "/ollama/api/tags": copy.deepcopy(OLLAMA_TAGS),
            "/ollama/api/ps": copy.deepcopy(OLLAMA_PS),
            "/lmstudio/api/v1/models": copy.deepcopy(LMSTUDIO_V1),
            "/lmstudio0/api/v0/models": copy.deepcopy(LMSTUDIO_V0),
            "/lmstudio9/v1/models": {"data": [{"id": "old-one"}]},
            "/vllm/v1/models": copy.deepcopy(VLLM),
            "/any/v1/models": {"data": [{"id": "one"}, {"id": "two", "max_model_len": 9_000}]},
        }

    def answer(self, handler: BaseHTTPRequestHandler, body: bytes) -> Any:
        path, _, query = handler.path.partition("?")
        if path == "/openrouter/api/v1/models" and path not in self.answers:
            half = len(self.openrouter) // 2
            if not query:
                following = f"{self.root}/openrouter/api/v1/models?offset={half}"
                links = {"first": None, "next": following}
                return {"data": self.openrouter[:half], "links": links, "total_count": 4}
            return {"data": self.openrouter[half:], "links": {"next": None}, "total_count": 4}
        if path == "/ollama/api/show":
            return self.show.get(json.loads(body)["model"])
        return self.answers.get(path)


def redirecting(to: str) -> Callable[[BaseHTTPRequestHandler], None]:
    """Answers with a redirect."""

    def write(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("location", to)
        handler.send_header("content-length", "0")
        handler.end_headers()

    return write


def huge(
    sources: SimulatedSources, megabytes: int = 50
) -> Callable[[BaseHTTPRequestHandler], None]:
    """Answers with a body that never ends, or not for a long time."""

    def write(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-type", "application/json")
        handler.send_header("content-length", str(megabytes << 20))
        handler.end_headers()
        handler.wfile.write(b'{"data": [')
        piece = b" " * (1 << 16)
        for _ in range(megabytes * 16):
            handler.wfile.write(piece)
            sources.sent += len(piece)

    return write


def slow(sources: SimulatedSources) -> Callable[[BaseHTTPRequestHandler], None]:
    """Answers byte by byte, and stops in the middle."""

    def write(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-length", "1000")
        handler.end_headers()
        handler.wfile.write(b'{"data"')
        handler.wfile.flush()
        sources.release.wait(60)

    return write


def raw(body: bytes, status: int = 200) -> Callable[[BaseHTTPRequestHandler], None]:
    """Answers with these bytes."""

    def write(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return write


@contextmanager
def simulated() -> Iterator[SimulatedSources]:
    """Run the simulated sources while a block runs."""
    sources = SimulatedSources()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = self.rfile.read(length)
            sources.asked.append(f"{self.command} {self.path}")
            sources.bodies.append(json.loads(body) if body else None)
            sources.headers.append({k.lower(): v for k, v in self.headers.items()})
            answer = sources.answer(self, body)
            try:
                if callable(answer):
                    answer(self)
                elif answer is None:
                    self.send_error(404)
                else:
                    raw(json.dumps(answer).encode())(self)
            except OSError:
                self.close_connection = True

        do_POST = do_GET  # noqa: N815  the name that the server looks for

        def log_message(self, *_: object) -> None:
            """Tests print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    sources.root = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield sources
    finally:
        sources.release.set()
        server.shutdown()
        thread.join()
        server.server_close()
