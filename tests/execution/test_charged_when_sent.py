"""A call is charged when bytes of its body were sent, and only then.

Every caller against servers that fail at each step of the way: the name, the connection, TLS, the
answer. What is not charged is in no row of the ledger, and holds nothing.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from policy_router import Router
from policy_router.errors import RoutingError
from policy_router.ledger.memory import MemoryStore
from policy_router.loading import load
from policy_router.providers.default_caller import DefaultCaller

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.ledger.reader import LedgerEntry

HELLO = [{"role": "user", "content": "hello"}]
POLICY = """
version: 1
tiers: [light]
models:
  m:
    model: {provider}/m
    api_base: "{url}"
    api_key_env: CHARGED_KEY
    tier: light
    context: 8k
    price: {{input: $1/M, output: $1/M}}
    via: {via}
budgets: {{all: {{cap: $100/month}}}}
fallback: {{deadline: 1h, first_token_within: 30m, stall: 30m}}
"""
CALLERS = [
    pytest.param("openai", "direct", id="openai_wire"),
    pytest.param("anthropic", "direct", id="anthropic_wire"),
    pytest.param("openai", "litellm", id="litellm, openai"),
    pytest.param("anthropic", "litellm", id="litellm, anthropic"),
    pytest.param("groq", "litellm", id="litellm, groq"),
]
pytestmark = pytest.mark.parametrize(("provider", "via"), CALLERS)


class Upstream:
    """A server made of a socket. hits: the bodies that arrived whole."""

    def __init__(self, answer: bytes | None) -> None:
        self.hits: list[bytes] = []
        self._answer = answer
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self._open.append(connection)
            threading.Thread(target=self._read, args=(connection,), daemon=True).start()

    def _read(self, connection: socket.socket) -> None:
        data = b""
        try:
            while True:
                new = connection.recv(65536)
                if not new:
                    return
                data += new
                head, _, body = data.partition(b"\r\n\r\n")
                length = next(
                    (int(x.split(b":")[1]) for x in head.lower().split(b"\r\n")
                     if x.startswith(b"content-length:")),
                    None,
                )  # fmt: skip
                if length is not None and len(body) >= length:
                    self.hits.append(body)
                    data = b""
                    if self._answer is not None:
                        connection.sendall(self._answer)
        except OSError:
            return

    def close(self) -> None:
        self._socket.close()
        for connection in self._open:
            connection.close()


@contextmanager
def upstream(answer: bytes | None) -> Iterator[Upstream]:
    server = Upstream(answer)
    try:
        yield server
    finally:
        server.close()


@contextmanager
def full() -> Iterator[str]:
    """A server with no room for another connection: connecting takes for ever."""
    with ExitStack() as ends:
        server = ends.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            waiting = ends.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def silent_tls() -> Iterator[str]:
    """A server that takes connections and never answers the first message of TLS."""
    with upstream(None) as server:
        yield server.url.replace("http:", "https:")


@contextmanager
def refused() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    yield f"http://127.0.0.1:{port}"


@contextmanager
def unknown_name() -> Iterator[str]:
    yield "https://no-such-host.invalid"


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARGED_KEY", "sk-none")
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


async def play(url: str, provider: str, via: str, *, stream: bool, **options: Any) -> Any:
    """Asks once. Returns the ledger's rows, what is held, and the answer or the error."""
    store = MemoryStore()
    base = url if provider == "anthropic" else f"{url}/v1"
    policy = load(text=POLICY.format(provider=provider, url=base, via=via))
    outcome: Any
    async with Router(policy, DefaultCaller(), store=store) as router:
        await router.warm()
        cancel_at_once = options.pop("cancel_at_once", False)
        task = asyncio.create_task(_ask(router, stream=stream, **options))
        if cancel_at_once:
            for _ in range(3):
                await asyncio.sleep(0)
            task.cancel()
        try:
            outcome = await task
        except (RoutingError, asyncio.CancelledError) as error:
            outcome = error
    rows: list[LedgerEntry] = [row async for row in store.rows()]
    held = sum(balance.held for balance in await store.balances())
    return rows, held, outcome


async def _ask(router: Router, *, stream: bool, **options: Any) -> Any:
    if not stream:
        return await router.acompletion(HELLO, **options)
    async with await router.acompletion(HELLO, stream=True, **options) as chunks:
        return [chunk async for chunk in chunks]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", [full, silent_tls, refused, unknown_name])
def test_what_was_not_sent_is_not_charged(
    provider: str, via: str, fault: Any, *, stream: bool
) -> None:
    if fault is silent_tls and via == "litellm":
        fault = full  # its HTTP client leaves a socket to the garbage collector when cut in TLS
    with fault() as url:
        rows, held, outcome = asyncio.run(play(url, provider, via, stream=stream, deadline=1.2))
    assert isinstance(outcome, RoutingError)
    assert outcome.attempts
    assert (rows, held) == ([], 0)
    assert [attempt.cost_nano_usd for attempt in outcome.attempts] == [0] * len(outcome.attempts)


@pytest.mark.parametrize("stream", [False, True])
def test_what_is_cancelled_before_it_is_sent_is_not_charged(
    provider: str, via: str, *, stream: bool
) -> None:
    with full() as url:
        rows, held, outcome = asyncio.run(
            play(url, provider, via, stream=stream, cancel_at_once=True)
        )
    assert isinstance(outcome, asyncio.CancelledError)
    assert (rows, held) == ([], 0)


@pytest.mark.parametrize("stream", [False, True])
def test_what_was_sent_and_not_answered_is_charged_whole(
    provider: str, via: str, *, stream: bool
) -> None:
    with upstream(None) as server:
        rows, held, outcome = asyncio.run(
            play(server.url, provider, via, stream=stream, deadline=1.5)
        )
        assert len(server.hits) == 1
    assert isinstance(outcome, RoutingError)
    (row,) = rows
    assert row.cost > 0
    assert row.estimated
    assert held == 0


REFUSAL = json.dumps({"error": {"message": "too slow", "type": "timeout"}}).encode()


@pytest.mark.parametrize("stream", [False, True])
def test_a_408_counts_as_a_request_each_time_it_arrived(
    provider: str, via: str, *, stream: bool
) -> None:
    head = (
        "HTTP/1.1 408 Request Timeout\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(REFUSAL)}\r\nConnection: close\r\n\r\n"
    )
    with upstream(head.encode() + REFUSAL) as server:
        rows, held, outcome = asyncio.run(play(server.url, provider, via, stream=stream))
        hits = len(server.hits)
    assert isinstance(outcome, RoutingError)
    assert len(outcome.attempts) == hits
    assert [row.cost for row in rows] == [0] * hits
    assert held == 0
