"""The server: starlette on uvicorn in a thread, on a free port of 127.0.0.1."""

from __future__ import annotations

import asyncio
import json
import math
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from policy_router.providers.simulated import embeddings, messages, responses, wire
from policy_router.providers.simulated.behaviour import (
    Behaviour,
    ByBody,
    Cut,
    Fail,
    Garble,
    RateLimited,
    Redirect,
    Say,
    Stall,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send


@dataclass(frozen=True, slots=True)
class _Dialect:
    """How answers look in the format of one provider.

    Attributes:
        answer: The whole answer for a model, what it says, and the request.
        events: The same answer as the events of a stream.
        error: The error object of a failure.
        event: An event as it is sent.
        end: What is sent at the end of a stream.
    """

    answer: Callable[[str, Say, Mapping[str, Any]], dict[str, Any]]
    events: Callable[[str, Say, Mapping[str, Any]], Iterable[dict[str, Any]]]
    error: Callable[[Fail], dict[str, Any]]
    event: Callable[[Mapping[str, Any]], bytes]
    end: bytes = b""


_CHAT: Final = _Dialect(wire.answer, wire.chunks, wire.error, wire.event, b"data: [DONE]\n\n")
_MESSAGES: Final = _Dialect(messages.answer, messages.events, messages.error, messages.event)
_RESPONSES: Final = _Dialect(responses.answer, responses.events, responses.error, responses.event)
_EMBEDDINGS: Final = _Dialect(embeddings.answer, wire.chunks, wire.error, wire.event)
_Played = Say | Fail | Stall | Cut | Garble | Redirect
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with no time to linger, so that closing sends RST instead of FIN."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One request that arrived.

    Attributes:
        model: The requested model.
        stream: Whether a stream was requested.
        headers: The headers of the request.
        body: The body of the request.
        disconnected: Set when the client closed the connection before its answer was complete.
    """

    model: str
    stream: bool
    headers: Mapping[str, str]
    body: Mapping[str, Any]
    disconnected: threading.Event = field(default_factory=threading.Event, compare=False)


class Simulated:
    """A scripted provider: a context manager that serves from entry to exit.

    Args:
        scripts: Model name to a behaviour, or to several that are played in turn, the last one
            forever. Models without a script answer with their name.
        port: The port on 127.0.0.1; 0 takes a free one.
        clock: Seconds from any origin, for `RateLimited`.
    """

    def __init__(
        self,
        scripts: Mapping[str, Behaviour | Sequence[Behaviour]] | None = None,
        *,
        port: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._scripts = {name: _played(script) for name, script in (scripts or {}).items()}
        self._turns: dict[str, int] = {}
        self._windows: dict[str, tuple[float, int]] = {}
        self._clock = clock
        self._port = port
        self._hits: list[Hit] = []
        self._transports: dict[tuple[str, int], asyncio.Transport] = {}
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self._socket: socket.socket | None = None

    def __enter__(self) -> Self:
        # Bound here and not in the thread, so that the port is known and open before it is called.
        self._socket = socket.create_server(("127.0.0.1", self._port))
        config = uvicorn.Config(
            self._app(),
            http=_protocol(self._transports),
            loop="asyncio",  # behaviours reach down to its transports
            lifespan="off",
            access_log=False,
            log_config=None,
            log_level="critical",  # a cut connection is intended, not an error
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), name="simulated-provider", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stops serving and waits for the thread. Does nothing the second time."""
        if self._server is None or self._thread is None or self._socket is None:
            return
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()
        self._server = self._thread = self._socket = None

    @property
    def url(self) -> str:
        """The `api_base` to call, such as http://127.0.0.1:40000/v1."""
        if self._socket is None:
            raise RuntimeError("the simulated provider is not running")
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}/v1"

    @property
    def requests(self) -> tuple[Hit, ...]:
        """The chat requests that arrived, the oldest first."""
        return tuple(self._hits)

    def wait(self) -> None:
        """Blocks until the server ends."""
        if self._thread is not None:
            self._thread.join()

    def _app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v1/chat/completions", self._chat, methods=["POST"]),
                Route("/v1/messages", self._messages, methods=["POST"]),
                Route("/v1/responses", self._responses, methods=["POST"]),
                Route("/v1/embeddings", self._embeddings, methods=["POST"]),
                Route("/v1/models", self._models, methods=["GET"]),
            ]
        )

    async def _models(self, _: Request) -> Response:
        data = [{"id": name, "object": "model", "owned_by": "simulated"} for name in self._scripts]
        return JSONResponse({"object": "list", "data": data})

    async def _chat(self, request: Request) -> Response:
        return await self._play(request, _CHAT)

    async def _messages(self, request: Request) -> Response:
        return await self._play(request, _MESSAGES)

    async def _responses(self, request: Request) -> Response:
        return await self._play(request, _RESPONSES)

    async def _embeddings(self, request: Request) -> Response:
        return await self._play(request, _EMBEDDINGS)

    async def _play(self, request: Request, dialect: _Dialect) -> Response:
        try:
            body = json.loads(await request.body())
            hit = Hit(str(body["model"]), bool(body.get("stream")), dict(request.headers), body)
        except (ValueError, KeyError, TypeError):
            return _refuse(Fail(400, message="a JSON object with a `model` is needed"), dialect)
        self._hits.append(hit)
        client = request.scope["client"]
        transport = self._transports[tuple(client)]
        return _Acting(self._behaviour(hit.model, body), hit, transport, dialect)

    def _behaviour(self, model: str, body: Mapping[str, Any]) -> _Played:
        script = self._scripts.get(model, (Say(),))
        turn = self._turns.get(model, 0)
        self._turns[model] = turn + 1
        chosen = script[min(turn, len(script) - 1)]
        if isinstance(chosen, ByBody):
            return chosen.choose(body)
        return self._limited(model, chosen) if isinstance(chosen, RateLimited) else chosen

    def _limited(self, model: str, limit: RateLimited) -> _Played:
        now = self._clock()
        started, used = self._windows.get(model, (now, 0))
        if now - started >= limit.window:
            started, used = now, 0
        self._windows[model] = (started, used + 1)
        if used < limit.requests:
            return limit.then
        wait = math.ceil(started + limit.window - now)
        return Fail(429, "rate_limit_exceeded", "requests", "too many requests", retry_after=wait)


class _Acting(Response):
    """A response that carries out a behaviour, down to the TCP connection."""

    def __init__(
        self, behaviour: _Played, hit: Hit, transport: asyncio.Transport, dialect: _Dialect
    ) -> None:
        super().__init__()
        self._dialect = dialect
        self._behaviour = behaviour
        self._hit = hit
        self._transport = transport

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        watch = asyncio.ensure_future(_disconnection(receive))
        act = asyncio.ensure_future(self._act(scope, receive, send))
        await asyncio.wait({watch, act}, return_when=asyncio.FIRST_COMPLETED)
        if not act.done():
            self._hit.disconnected.set()
            act.cancel()
        watch.cancel()
        await asyncio.gather(act, watch, return_exceptions=True)

    async def _act(self, scope: Scope, receive: Receive, send: Send) -> None:
        match self._behaviour:
            case Say() as say:
                await self._say(say, scope, receive, send)
            case Fail() as fail:
                await self._fail(fail, scope, receive, send)
            case Stall() as stall:
                await self._stall(stall, send)
            case Cut() as cut:
                await self._cut(cut, send)
            case Garble(body, kind, status):
                await Response(body, status, media_type=kind)(scope, receive, send)
            case Redirect(to, status):
                await RedirectResponse(to, status)(scope, receive, send)

    async def _say(self, say: Say, scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(say.latency)
        if not self._hit.stream:
            whole = self._dialect.answer(self._hit.model, say, self._hit.body)
            await JSONResponse(whole)(scope, receive, send)
            return
        await _start(send)
        for event in self._dialect.events(self._hit.model, say, self._hit.body):
            await _send(send, self._dialect.event(event))
            await asyncio.sleep(say.pause)
        if say.done:
            await _send(send, self._dialect.end)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _fail(self, fail: Fail, scope: Scope, receive: Receive, send: Send) -> None:
        if not (fail.stream_error and self._hit.stream):
            await _refuse(fail, self._dialect)(scope, receive, send)
            return
        await _start(send)
        await _send(send, self._dialect.event(self._dialect.error(fail)))
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _stall(self, stall: Stall, send: Send) -> None:
        await self._begin(send, stall.after, stall.text)
        await asyncio.Event().wait()  # until the client closes, or the server ends

    async def _cut(self, cut: Cut, send: Send) -> None:
        await self._begin(send, cut.after, cut.text)
        if cut.reset:
            raw = self._transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._transport.abort()
        else:
            self._transport.close()  # flushes what was sent, then an early FIN

    async def _begin(self, send: Send, after: int | None, text: str) -> None:
        """Sends the beginning of an answer: some words of a stream, or that part of a JSON body."""
        if after is None:
            return
        beginning = "".join(wire.words(text)[:after])
        if self._hit.stream:
            await _start(send)
            said = Say(beginning, finish=None, usage=None)
            for event in self._dialect.events(self._hit.model, said, {}):
                await _send(send, self._dialect.event(event))
            return
        whole = self._dialect.answer(self._hit.model, Say(text), self._hit.body)
        encoded = json.dumps(whole).encode()
        length = (b"content-length", str(len(encoded)).encode())
        await _start(send, b"application/json", [length])
        here = encoded.find(beginning.encode())  # embeddings have none of the words
        await _send(send, encoded[: len(encoded) // 2 if here < 0 else here + len(beginning)])


def _played(script: Behaviour | Sequence[Behaviour]) -> tuple[Behaviour, ...]:
    behaviours = (script,) if isinstance(script, Behaviour) else tuple(script)
    if not behaviours:
        raise ValueError("a script needs at least one behaviour")
    return behaviours


def _refuse(fail: Fail, dialect: _Dialect) -> Response:
    headers = dict(fail.headers)
    if fail.retry_after is not None:
        headers["retry-after"] = str(fail.retry_after)
    return JSONResponse(dialect.error(fail), fail.status, headers)


async def _disconnection(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _start(
    send: Send, kind: bytes = b"text/event-stream", more: Iterable[tuple[bytes, bytes]] = ()
) -> None:
    headers = [(b"content-type", kind), *more]
    await send({"type": "http.response.start", "status": 200, "headers": headers})


async def _send(send: Send, data: bytes) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": True})


def _protocol(transports: dict[tuple[str, int], asyncio.Transport]) -> type[H11Protocol]:
    """uvicorn's protocol that sends at once, and records the transport of each connection by the
    address of its client: ASGI has no message for "drop this connection"."""

    class Noting(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn declares it
            super().connection_made(transport)
            # Else the body of an answer waits for the client to acknowledge the headers.
            raw = transport.get_extra_info("socket")
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.client is not None:
                transports[self.client] = transport

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            if self.client is not None:
                transports.pop(self.client, None)

    return Noting
