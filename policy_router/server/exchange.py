"""One plain request and its answer, between a connection and the application."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.h11_impl import RequestResponseCycle

from policy_router.server.replies import BODY_HERE, WHEN_LEFT

if TYPE_CHECKING:
    import logging
    from collections.abc import Awaitable, Callable, Sequence

    from uvicorn.protocols.http.flow_control import FlowControl

    from policy_router.server.plain_requests import PlainRequest

_STATUS_LINES: Final = MappingProxyType(
    {status.value: f"HTTP/1.1 {status} {status.phrase}\r\n".encode() for status in HTTPStatus}
)
_WITHOUT_BODY: Final = frozenset({204, 304})


class Exchange(RequestResponseCycle):
    """One request and its answer. The request is one that `read_plain` has read.

    Args:
        request: The request.
        scope: The same, as ASGI has it.
        transport: Where the answer is written.
        flow: Says when nothing more is to be read or written for now.
        logger: Gets what the application does wrong.
        default_headers: The headers of every answer.
        on_response: Called when the answer is complete.
    """

    def __init__(
        self,
        request: PlainRequest,
        scope: Any,
        *,
        transport: asyncio.Transport,
        flow: FlowControl,
        logger: logging.Logger,
        default_headers: Sequence[tuple[bytes, bytes]],
        on_response: Callable[[], None],
    ) -> None:
        self.scope = scope
        scope["extensions"] = {WHEN_LEFT: self.when_left, BODY_HERE: self.take_body}
        self.transport = transport
        self.flow = flow
        self.logger = logger
        self.default_headers = default_headers  # type: ignore[assignment]  # it is not changed
        self.on_response = on_response
        self.message_event = asyncio.Event()
        self.disconnected = self.response_started = self.response_complete = False
        self.keep_alive = self.more_body = True
        self.body = bytearray()
        self.missing = request.length
        """Bytes of the body that have not arrived."""
        self._received = False
        self._left: Callable[[], object] | None = None
        self._room: int | None = None
        """Bytes of the answer that are still to come; None where it is sent in chunks."""

    def feed(self, data: bytes) -> bytes:
        """Take more bytes from the client; return those that belong to the next request."""
        missing = self.missing
        taken = data if len(data) <= missing else data[:missing]
        self.missing = missing = missing - len(taken)
        if not self.response_complete:
            self.body += taken
            self.more_body = missing > 0
            if len(self.body) > HIGH_WATER_LIMIT and missing:
                self.flow.pause_reading()
            self.message_event.set()
        return data[len(taken) :]

    def when_left(self, leave: Callable[[], object] | None) -> None:
        """Call a function when the client has closed the connection; None calls none."""
        self._left = leave
        if self.disconnected and leave is not None:
            leave()

    def leave(self) -> None:
        """Note that the client has closed the connection."""
        if self.disconnected and self._left is not None:
            self._left()

    def take_body(self, receive: Callable[[], Awaitable[Any]]) -> bytes | None:
        """Return the body if all of it is here and was not received yet, else None.

        Args:
            receive: What the application receives by; a middleware that has another one in place of
                `receive` sees every part of the body.
        """
        if self.more_body or self._received or self.disconnected or receive != self.receive:
            return None
        self._received = True
        self.message_event.clear()
        body, self.body = bytes(self.body), bytearray()
        return body

    async def receive(self) -> Any:
        """Return the next part of the body, or that the client has disconnected."""
        self._received = True
        if not self.disconnected and not self.response_complete:
            self.flow.resume_reading()
            await self.message_event.wait()
            self.message_event.clear()
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        body, self.body = bytes(self.body), bytearray()
        return {"type": "http.request", "body": body, "more_body": self.more_body}

    async def send(self, message: Any) -> None:
        """Write the headers or a part of the answer."""
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        if self.response_complete:
            raise RuntimeError("the application sent something after the end of the answer")
        expected = "http.response.body" if self.response_started else "http.response.start"
        if message["type"] != expected:
            raise RuntimeError(f"`{message['type']}` was sent in place of `{expected}`")
        if not self.response_started:
            self.transport.write(self._head(message["status"], message.get("headers", ())))
            self.response_started = True
            return
        more = message.get("more_body", False)
        self._write(message.get("body", b""), more=more)
        if not more:
            self.response_complete = True
            del self.scope  # its circle with this exchange would wait for the collector
            self.message_event.set()
            if not self.keep_alive:
                self.transport.close()
            self.on_response()

    def _head(self, status: int, headers: Any) -> bytes:
        """The first lines of the answer."""
        lines = [_STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status]
        chunked = status not in _WITHOUT_BODY
        self._room = None if chunked else 0
        for name, value in (*self.default_headers, *headers):
            lines.append(b"%s: %s\r\n" % (name, value))
            if name == b"content-length":
                self._room, chunked = int(value), False
            elif name == b"connection" and value.lower() == b"close":
                self.keep_alive = False
        if chunked:
            lines.append(b"transfer-encoding: chunked\r\n")
        head = b"".join(lines)
        if not head.count(b"\r") == head.count(b"\n") == len(lines) or b"\0" in head:
            raise RuntimeError("a header has a character that would end it")
        return head + b"\r\n"

    def _write(self, body: bytes, *, more: bool) -> None:
        """Write a part of the answer."""
        if self._room is None:
            end = b"" if more else b"0\r\n\r\n"
            self.transport.write(b"%x\r\n%s\r\n%s" % (len(body), body, end) if body else end)
            return
        self._room -= len(body)
        if self._room < 0 or (self._room and not more):
            raise RuntimeError("the answer has another length than its `content-length`")
        self.transport.write(body)
