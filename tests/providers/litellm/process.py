"""A fresh process that calls models through LiteLLM, and reports as JSON what the calls did.

python -m tests.providers.litellm.process NAME

Whatever LiteLLM does once in a process (imports, downloads, warnings) is only seen in a new one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
import tempfile
import threading
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from policy_router import Router
from policy_router.domain.models import Model
from policy_router.errors import RoutingError
from policy_router.providers.failures.failure import CallFailed
from policy_router.providers.litellm.caller import LiteLLMCaller
from policy_router.providers.litellm.library import REFUSING
from policy_router.providers.requests.body import Body
from policy_router.providers.simulated import Simulated

if TYPE_CHECKING:
    from collections.abc import Callable

REPORT = "report: "
WORD = "lovage"
BODY = Body(messages=[{"role": "user", "content": f"the secret is {WORD}"}])


def model_at(provider: str, url: str) -> Model:
    return Model("m", f"{provider}/m", "t", 0, api_base=url, api_key_env="MY_KEY")


async def _call(caller: LiteLLMCaller, model: Model, *, stream: bool) -> str | None:
    """The kind of the failure; None for an answer."""
    try:
        if stream:
            async for _ in await caller.stream(model, BODY, 30):
                pass
        else:
            await caller.call(model, BODY, 30)
    except CallFailed as failed:
        return failed.failure.kind.value
    return None


def first() -> dict[str, Any]:
    """What the first calls of a process import, connect to, start and log."""
    logged: list[str] = []

    class Keeping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            logged.append(record.getMessage())

    logging.basicConfig(level=logging.DEBUG, handlers=[Keeping()])
    warnings.simplefilter("error")  # as a strict program would
    connected: list[Any] = []

    def watch(event: str, args: tuple[Any, ...]) -> None:
        if event == "socket.connect":
            connected.append(args[1])

    sys.addaudithook(watch)
    imported: dict[str, list[str]] = {}
    failures: dict[str, str | None] = {}

    async def main(url: str) -> None:
        async with LiteLLMCaller() as caller:
            await caller.prepare([model_at(provider, url) for provider in REFUSING])
            for provider in sorted(REFUSING):
                for stream in (False, True):
                    name = f"{provider} {'stream' if stream else 'whole'}"
                    before = set(sys.modules)
                    failures[name] = await _call(caller, model_at(provider, url), stream=stream)
                    imported[name] = sorted(set(sys.modules) - before)
            await asyncio.sleep(0.1)

    with Simulated() as provider:
        asyncio.run(main(provider.url))
        ours = provider.url
        hits = len(provider.requests)
    return {
        "hits": hits,
        "failures": failures,
        "imported": {name: modules for name, modules in imported.items() if modules},
        "connected": sorted({f"http://{a[0]}:{a[1]}/v1" for a in connected if a} - {ours}),
        "threads": sorted(t.name for t in threading.enumerate()),
        "proxy": "litellm.proxy.proxy_server" in sys.modules,
        "prompt in log": [line[:300] for line in logged if WORD in line],
    }


class Ollama(BaseHTTPRequestHandler):
    """Answers chats at once; any other path gets no answer while the test runs."""

    paths: list[str] = []  # noqa: RUF012  one server in this process
    over = threading.Event()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self.paths.append(self.path)
        if self.path != "/api/chat":
            self.over.wait(60)
        answer = {
            "model": "m",
            "message": {"role": "assistant", "content": "hi"},
            "done": True,
            "done_reason": "stop",
            "prompt_eval_count": 5,
            "eval_count": 3,
        }
        payload = json.dumps(answer).encode() + b"\n"
        self.send_response(200)
        self.send_header("content-type", "application/x-ndjson")
        self.send_header("content-length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base's name
        """Says nothing."""


def ollama() -> dict[str, Any]:
    """The paths that an Ollama server is asked for."""

    async def main(url: str) -> list[str | None]:
        async with LiteLLMCaller() as caller:
            model = Model("m", "ollama_chat/never-heard-of", "t", 0, api_base=url)
            await caller.prepare([model])
            kinds = [await _call(caller, model, stream=stream) for stream in (False, True)]
            await asyncio.sleep(0.1)  # the tasks that LiteLLM starts for its logging
            return kinds

    with ThreadingHTTPServer(("127.0.0.1", 0), Ollama) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        failures = asyncio.run(main(f"http://127.0.0.1:{server.server_port}"))
        Ollama.over.set()
        server.shutdown()
    return {"failures": failures, "paths": Ollama.paths}


def late() -> dict[str, Any]:
    """What is logged where somebody else imported LiteLLM before."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    import litellm  # noqa: F401  that is the case

    lines: list[str] = []

    class Keeping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    logger = logging.getLogger("policy_router")
    logger.setLevel(logging.INFO)
    logger.addHandler(Keeping())
    for name in ("LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS", "LITELLM_MODE", "HF_HUB_OFFLINE"):
        os.environ.pop(name, None)
    asyncio.run(LiteLLMCaller().prepare())
    return {"logged": lines}


POLICY = """\
version: 1
models:
  m: {{ model: openai/m, api_base: "{url}", tier: standard, price: free, context: 32k,
       can: [tools, json, reasoning] }}
  other: {{ like: m, model: azure/m, effort: low, tags: [other] }}
tasks:
  code: {{ keywords: [traceback], pattern: 'def +[a-z]+' }}
  chat: {{}}
"""
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
CALLS: tuple[dict[str, Any], ...] = (
    {}, {"stream": True}, {"tools": [TOOL]}, {"response_format": {"type": "json_object"}},
    {"model": "other"},
)  # fmt: skip


def warmed() -> dict[str, Any]:
    """What each first call of its kind imports after warming, and what warming sends."""
    connected: list[str] = []

    def watch(event: str, args: tuple[Any, ...]) -> None:
        if event == "socket.connect":
            connected.append(str(args[1]))

    sys.addaudithook(watch)
    imported: dict[str, list[str]] = {}

    async def ask(router: Router, options: dict[str, Any]) -> None:
        hello = [{"role": "user", "content": "hello"}]
        with contextlib.suppress(RoutingError):  # an answer is not what is looked at
            if options.get("stream"):
                async with await router.acompletion(hello, **options) as stream:
                    [chunk async for chunk in stream]
            else:
                await router.acompletion(hello, **options)

    async def main(path: Path) -> None:
        before = set(sys.modules)
        journal = f"sqlite:///{path.parent}/journal.db"
        async with Router.open(path, watch="off", warm=True, journal=journal) as router:
            imported["warm"] = ["litellm"] if "litellm" in set(sys.modules) - before else []
            sent.append(list(connected))
            for i, options in enumerate(CALLS):
                before = set(sys.modules)
                await ask(router, options)
                if router.journal is not None:
                    await asyncio.to_thread(router.journal.flush)
                imported[f"{i}"] = sorted(set(sys.modules) - before)

    sent: list[list[str]] = []
    with Simulated() as provider, tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "policy.yaml")
        path.write_text(POLICY.format(url=provider.url), encoding="utf-8")
        asyncio.run(main(path))
        hits = len(provider.requests)
    return {"imported": imported, "sent while warming": sent[0], "hits": hits}


NAMES: dict[str, Callable[[], dict[str, Any]]] = {
    "first": first,
    "ollama": ollama,
    "late": late,
    "warmed": warmed,
}

if __name__ == "__main__":
    os.environ["MY_KEY"] = "sk-mine"
    # LiteLLM logs to stdout too.
    print(REPORT + json.dumps(NAMES[sys.argv[1]]()))  # noqa: T201  its report
