"""HTTP/1.1 as uvicorn speaks it over h11, with a limit on the time that headers may take.

Plain requests, which nearly all are, pass h11 by; see `plain_requests`.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, ClassVar, Final

import h11
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, FlowControl
from uvicorn.protocols.http.h11_impl import H11Protocol

from policy_router.server.corked import CorkedTransport
from policy_router.server.exchange import Exchange
from policy_router.server.plain_requests import read_plain
from policy_router.server.settings import SETTINGS

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from policy_router.server.plain_requests import PlainRequest
    from policy_router.server.settings import ServerSettings

_READING: Final = 0.05
"""Seconds in which the event loop reads what is there."""


def protocol(settings: ServerSettings) -> type[TimedHeaders]:
    """Return the protocol of a server's connections.

    uvicorn limits the size of headers and the time between two requests, but waits forever for the
    end of headers that have begun, and measures their size only while they are incomplete. h11
    refuses most of what two servers could read as different requests: lengths that differ, white
    space before a colon. `_Strict` refuses the rest.
    """

    class Timed(TimedHeaders):
        seconds = settings.header_seconds
        header_bytes = settings.header_bytes

    return Timed


class TimedHeaders(H11Protocol):
    """Closes a connection whose request has not arrived up to the end of its headers in time.

    Attributes:
        seconds: The seconds that the headers of a request may take.
        header_bytes: The bytes that they may have together.
    """

    seconds: ClassVar[float] = SETTINGS.header_seconds
    header_bytes: ClassVar[int] = SETTINGS.header_bytes
    _deadline: asyncio.TimerHandle | None = None
    _exchange: Exchange | None = None
    """The plain request that has no complete answer yet."""
    _following: bytes = b""
    """What the client sent after that request, without waiting for the answer."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn declares it
        """Begin to wait for the first request."""
        corked = CorkedTransport(transport, self.loop)
        self.conn = _Strict(h11.SERVER, self.header_bytes)
        super().connection_made(corked)  # type: ignore[arg-type]  # it stands in for a transport
        self.flow = _PatientFlow(self.transport, self._has_enough)
        # asyncio does this itself only for sockets that were made with the number of TCP. Without
        # it, the body of an answer waits some 40 ms for the client to acknowledge the headers.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Take bytes of a request; wait for the headers of the next one, unless they are there."""
        exchange = self._exchange
        if exchange is not None:
            self._follow(exchange.feed(data))
            if exchange.response_complete:  # the rest of a body that was not read
                self._expect_soon()
                self._go_on()
            return
        if self._h11_is_idle() and (request := read_plain(data, self.header_bytes)) is not None:
            self._stop()
            self._unset_keepalive_if_required()
            self._answer(request)
            return
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop()
        elif self._deadline is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._stop()
        super().connection_lost(exc)
        if self._exchange is not None:
            self._exchange.leave()

    def on_response_complete(self) -> None:
        """Go on; read on, unless the next requests are there already."""
        super().on_response_complete()
        if not self.transport.is_closing():
            self.flow.resume_reading()

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection on which nothing has come for long.

        A request may be there that was not read yet, since a busy machine gave this process no time
        for it. So the connection is closed a moment later, when everything that is there was read.
        """
        self.timeout_keep_alive_task = self.loop.call_later(
            _READING, super().timeout_keep_alive_handler
        )

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing: anyone may ask for a WebSocket, and gets an answer over HTTP."""

    def _has_enough(self) -> bool:
        """Whether the client has sent a lot that belongs to later requests."""
        if len(self._following) > HIGH_WATER_LIMIT:
            return True
        conn = self.conn
        return conn.their_state is h11.DONE and len(conn.trailing_data[0]) > HIGH_WATER_LIMIT

    def _h11_is_idle(self) -> bool:
        conn = self.conn
        idle = conn.our_state is h11.IDLE and conn.their_state is h11.IDLE
        return idle and not conn.trailing_data[0]

    def _answer(self, request: PlainRequest) -> None:
        """Have the application answer a plain request."""
        scope: Any = {
            "type": "http",
            "asgi": {"version": self.config.asgi_version, "spec_version": "2.3"},
            "http_version": "1.1",
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "method": request.method,
            "root_path": self.root_path,
            "path": self.root_path + request.path,
            "raw_path": (self.root_path + request.path).encode(),
            "query_string": request.query,
            "headers": request.headers,
            "state": self.app_state.copy(),
        }
        exchange = self._exchange = self.cycle = Exchange(
            request,
            scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            default_headers=self.server_state.default_headers,
            on_response=self._end,
        )
        task = self.loop.create_task(exchange.run_asgi(self.app))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)
        self._follow(exchange.feed(request.begun))

    def _follow(self, data: bytes) -> None:
        """Keep what belongs to the next request until this one has its answer."""
        if data:
            self._following += data
            if len(self._following) > HIGH_WATER_LIMIT:
                self.flow.pause_reading()

    def _end(self) -> None:
        """Go on when the answer is complete. h11 took no part in it, so it has nothing to do."""
        self.server_state.total_requests += 1
        if not self.transport.is_closing():
            self._expect_soon()
            self.flow.resume_reading()
        self._go_on()

    def _expect_soon(self) -> None:
        """Close the connection if nothing more comes for some time."""
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

    def _go_on(self) -> None:
        """Go on with the next request, if this one has arrived."""
        if self._exchange is None or self._exchange.missing:
            return
        self._exchange = None
        following, self._following = self._following, b""
        if following and not self.transport.is_closing():
            self.data_received(following)

    def _wait(self) -> None:
        self._deadline = self.loop.call_later(self.seconds, self._give_up)

    def _stop(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        if self._exchange is None and self.conn.their_state is h11.IDLE:
            self.transport.close()


class _Strict(h11.Connection):
    """Takes no request with large headers, and none of which another server may see another end.

    Args:
        our_role: As h11 has it.
        most: Bytes that the headers may have together.
    """

    def __init__(self, our_role: type[h11.SERVER], most: int) -> None:
        super().__init__(our_role, most)
        self._most = most

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """Return the next event.

        Raises:
            RemoteProtocolError: What the client sent is no request that is taken.
        """
        event = super().next_event()
        if isinstance(event, h11.Request):
            names = {name for name, _ in event.headers}
            if b"transfer-encoding" in names and (
                b"content-length" in names or event.http_version < b"1.1"
            ):
                raise h11.RemoteProtocolError("two lengths of one body")
            size = sum(len(name) + len(value) + 4 for name, value in event.headers)
            if len(event.target) + size > self._most:
                raise h11.RemoteProtocolError("large headers", error_status_hint=431)
        return event


class _PatientFlow(FlowControl):
    """Reads nothing more while there is enough to answer.

    uvicorn reads on whenever the application asks for the body, also when the body is there. So a
    client that sends requests without waiting for answers could fill the memory.

    Args:
        transport: What is read from.
        has_enough: Whether there is enough.
    """

    def __init__(self, transport: asyncio.Transport, has_enough: Callable[[], bool]) -> None:
        super().__init__(transport)
        self._has_enough = has_enough

    def resume_reading(self) -> None:
        """Read on, unless there is enough."""
        if not self._has_enough():
            super().resume_reading()
