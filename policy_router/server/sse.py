"""A stream of server-sent events, with keep-alive comments; it ends when the client leaves."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Final

from starlette.requests import ClientDisconnect
from starlette.responses import Response

from policy_router.resilience.time_limit import TimeLimit
from policy_router.server.replies import while_connected

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping

    from starlette.types import Receive, Scope, Send

_HEADERS: Final = {
    "cache-control": "no-cache",
    "x-accel-buffering": "no",  # nginx would hold the events back otherwise
}
_LAST: Final = 1.0
"""Seconds in which a client must take the last events when the server stops."""
_MOST: Final = 256
"""Events that wait to be sent at most."""


class EventResponse(Response):
    """A response of server-sent events.

    Args:
        events: The events as bytes.
        headers: Further headers.
        close: Ends what the events come from; awaited when they end or the client leaves, even
            before the first of them.
        comment: What is sent when there is no event for some time; clients skip it.
        ping: Seconds without an event after which that is sent.
        stopping: Whether the server stops. When it cancels the response then, the last events of
            `events` are still sent.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        events: AsyncGenerator[bytes, None],
        headers: Mapping[str, str],
        *,
        close: Callable[[], Awaitable[None]],
        comment: bytes,
        ping: float,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__(headers={**_HEADERS, **headers})
        del self.headers["content-length"]
        self._events = events
        self._close = close
        self._comment = comment
        self._ping = ping
        self._stopping = stopping
        self._waiting: list[bytes] = []
        self._arrived = asyncio.Event()
        self._taken = asyncio.Event()
        self._ended = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events."""
        try:
            with suppress(ClientDisconnect), while_connected(scope, receive):
                await self._send(send)
        finally:
            await self._close()

    async def _send(self, send: Send) -> None:
        """Send what has arrived together, so that a fast stream takes few calls to the system."""
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        reading = asyncio.ensure_future(self._read())
        try:
            while self._waiting or not self._ended:
                try:
                    with TimeLimit(self._ping):
                        await self._arrived.wait()
                except TimeoutError:
                    self._waiting.append(self._comment)
                body = b"".join(self._waiting)
                self._waiting.clear()
                self._arrived.clear()
                self._taken.set()
                if body:
                    await send({"type": "http.response.body", "body": body, "more_body": True})
            await reading
        except asyncio.CancelledError:
            if not self._stopping():
                raise
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            with suppress(TimeoutError), TimeLimit(_LAST):
                body = b"".join(self._waiting)
                await send({"type": "http.response.body", "body": body, "more_body": True})
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _read(self) -> None:
        """Read the events; wait with the next ones while a slow client has many to take."""
        try:
            async with aclosing(self._events):
                async for event in self._events:
                    self._waiting.append(event)
                    self._arrived.set()
                    if len(self._waiting) >= _MOST:
                        self._taken.clear()
                        await self._taken.wait()
        finally:
            self._ended = True
            self._arrived.set()
