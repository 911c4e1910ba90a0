"""What we rely on in LiteLLM, a test per behaviour; run with its oldest and its newest release.

What happens once in a process is looked at in a fresh one (litellm_process.py).
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack, nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from policy_router.domain.models import Model
from policy_router.providers.failures.failure import CallFailed, FailureKind
from policy_router.providers.http.wire import Wire, watching
from policy_router.providers.litellm.caller import LiteLLMCaller
from policy_router.providers.litellm.library import ENVIRONMENT, REFUSING, finish_reason_seen, load
from policy_router.providers.simulated import Cut, Fail, Say, Simulated
from tests.execution.make import HELLO
from tests.providers.litellm.process import REPORT
from tests.providers.litellm.test_caller import at, failure_of, settle

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module", autouse=True)
def loaded() -> None:
    load()  # seconds of work that no request of these tests should pay for


def process(name: str) -> dict[str, Any]:
    """What a fresh process reports."""
    environment = {k: v for k, v in os.environ.items() if k not in ENVIRONMENT}
    done = subprocess.run(
        [sys.executable, "-m", "tests.providers.litellm.process", name],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    (line,) = (line for line in done.stdout.splitlines() if line.startswith(REPORT))
    report: dict[str, Any] = json.loads(line.removeprefix(REPORT))
    return report


@pytest.fixture(scope="module")
def first() -> dict[str, Any]:
    return process("first")


def test_prepared_calls_import_nothing(first: dict[str, Any]) -> None:
    assert first["imported"] == {}


def test_a_router_that_is_warm_imports_nothing_more_and_has_sent_nothing() -> None:
    report = process("warmed")
    imported = report["imported"]
    assert imported.pop("warm") == ["litellm"]
    assert {i: modules for i, modules in imported.items() if modules} == {}
    assert report["sent while warming"] == []
    assert report["hits"] >= len(imported) - 1


def test_the_first_calls_connect_only_to_the_provider(first: dict[str, Any]) -> None:
    assert first["connected"] == []
    # Older releases log in a pool of threads.
    foreign = [name for name in first["threads"] if not name.startswith("litellm-logging")]
    assert foreign == ["MainThread"]
    assert first["proxy"] is False


def test_a_program_that_makes_errors_of_warnings_gets_its_answers(first: dict[str, Any]) -> None:
    spoken_by_the_simulation = {
        name: kind
        for name, kind in first["failures"].items()
        if name.split()[0] not in {"anthropic", "gemini", "ollama_chat"}
    }
    assert set(spoken_by_the_simulation.values()) == {None}


def test_no_library_logs_the_prompt_of_our_calls(first: dict[str, Any]) -> None:
    assert first["prompt in log"] == []


def test_an_ollama_server_gets_no_request_but_the_one_for_the_answer() -> None:
    assert process("ollama") == {"failures": [None, None], "paths": ["/api/chat", "/api/chat"]}


def test_a_late_fence_is_logged() -> None:
    (line,) = process("late")["logged"]
    late = "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS, LITELLM_MODE, HF_HUB_OFFLINE"
    assert line == f"litellm was imported before; these came too late: {late}"


def test_the_fence_is_up() -> None:
    litellm = load()

    assert litellm.disable_hf_tokenizer_download is True
    assert litellm.suppress_debug_info is True
    assert litellm.turn_off_message_logging is True
    assert "litellm.proxy.proxy_server" not in sys.modules


def test_a_stream_with_a_llama_name_loads_no_tokenizer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sk-mine")

    async def go(url: str) -> None:
        model = Model("m", "groq/llama-3.3-70b-versatile", "t", 0, api_key_env="MY_KEY")
        async with LiteLLMCaller() as caller:
            stream = await caller.stream(at(model, url), HELLO, 60)
            assert [c.finish_reason async for c in stream if c.finish_reason] == ["stop"]
            await settle()

    with Simulated() as provider:
        asyncio.run(go(provider.url))
    assert "tokenizers" not in sys.modules


class Away(BaseHTTPRequestHandler):
    """Sends every POST elsewhere, whatever provider's path it came by."""

    went: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self.went.append(self.path)
        self.send_response(307)
        self.send_header("location", "/elsewhere")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base's name
        """Says nothing."""


@pytest.fixture(scope="module")
def away() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Away) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("provider", sorted(REFUSING))
def test_no_redirect_is_followed(provider: str, away: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sk-mine")
    Away.went.clear()
    model = Model("m", f"{provider}/m", "t", 0, api_base=away, api_key_env="MY_KEY")
    assert failure_of(model).kind is FailureKind.REDIRECTED
    assert len(Away.went) == 2, "one whole answer, one stream"
    assert "/elsewhere" not in Away.went


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("script", [Say("hi"), Fail(429, retry_after=1), Fail(500)])
def test_one_call_is_one_request(script: Say | Fail, stream: bool) -> None:
    async def go(url: str) -> None:
        async with LiteLLMCaller() as caller:
            model = Model("m", "openai/m", "t", 0, api_base=url)
            try:
                if stream:
                    async for _ in await caller.stream(model, HELLO, 60):
                        pass
                else:
                    await caller.call(model, HELLO, 60)
            except CallFailed:
                assert isinstance(script, Fail)
            await settle()

    with Simulated({"m": script}) as provider:
        asyncio.run(go(provider.url))
        assert len(provider.requests) == 1


@pytest.mark.parametrize("cut", [False, True])
def test_a_stream_reports_whether_the_provider_ended_it(cut: bool) -> None:
    async def go(url: str) -> bool:
        async with LiteLLMCaller() as caller:
            model = Model("m", "groq/m", "t", 0, api_base=url, api_key_env="MY_KEY")
            stream: Any = await caller.stream(model, HELLO, 60)
            with pytest.raises(CallFailed) if cut else nullcontext():
                async for _ in stream:
                    pass
            await settle()
            return finish_reason_seen(stream._chunks._wrapper)

    os.environ["MY_KEY"] = "sk-mine"
    script = Cut(after=2) if cut else Say("one two three four")
    with Simulated({"m": script}) as provider:
        assert asyncio.run(go(provider.url)) is not cut


def test_the_wire_shows_the_status_whatever_the_library_says() -> None:
    async def go(url: str) -> Wire:
        async with LiteLLMCaller() as caller:
            with watching(Wire()) as wire, pytest.raises(CallFailed):
                await caller.call(Model("m", "openai/m", "t", 0, api_base=url), HELLO, 60)
            await settle()
            return wire

    with Simulated({"m": Fail(429, message="slow down", retry_after=7)}) as provider:
        wire = asyncio.run(go(provider.url))
    assert (wire.watched, wire.handed_over, wire.sent, wire.status) == (True, True, True, 429)
    assert wire.headers["retry-after"] == "7"
    assert json.loads(wire.body)["error"]["message"] == "slow down"


@pytest.fixture
def full() -> Iterator[str]:
    """The address of a server with no room for another connection: connecting takes for ever."""
    with ExitStack() as ends:
        server = ends.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            waiting = ends.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        yield f"http://127.0.0.1:{server.getsockname()[1]}/v1"


def test_a_request_that_waits_for_a_connection_is_known_to_be_unsent(full: str) -> None:
    async def go() -> Wire:
        wire = Wire()

        async def ask() -> None:
            with watching(wire):
                await caller.call(Model("m", "openai/m", "t", 0, api_base=full), HELLO, 60)

        async with LiteLLMCaller() as caller:
            task = asyncio.ensure_future(ask())
            while not wire.handed_over:  # noqa: ASYNC110  a Wire is plain data, without events
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        return wire

    assert asyncio.run(go()).unsent
