"""A stream of server-sent events: it ends when the client leaves, and says when nothing comes."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from policy_router.server.replies import disconnection

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping

    from starlette.types import Receive, Scope, Send

_HEADERS: Final = {
    "cache-control": "no-cache",
    "x-accel-buffering": "no",  # nginx would hold the events back otherwise
}


class EventResponse(Response):
    """A response of server-sent events.

    Args:
        events: The events as bytes.
        headers: Further headers.
        close: Ends what the events come from; awaited when they end or the client leaves, even
            before the first of them.
        comment: What is sent when there is no event for some time; clients skip it.
        ping: Seconds without an event after which that is sent.
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
    ) -> None:
        super().__init__(headers={**_HEADERS, **headers})
        del self.headers["content-length"]
        self._events = events
        self._close = close
        self._comment = comment
        self._ping = ping

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        """Send the events."""
        watching = asyncio.ensure_future(disconnection(receive))
        sending = asyncio.ensure_future(self._send(send))
        try:
            await asyncio.wait((sending, watching), return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                sending.result()
        finally:
            watching.cancel()
            sending.cancel()
            await asyncio.gather(sending, watching, return_exceptions=True)
            await self._close()

    async def _send(self, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        pinging = asyncio.ensure_future(self._keep_alive(send))
        try:
            async with aclosing(self._events):
                async for event in self._events:
                    self._last = asyncio.get_running_loop().time()
                    await send({"type": "http.response.body", "body": event, "more_body": True})
        finally:
            pinging.cancel()
            await asyncio.gather(pinging, return_exceptions=True)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _keep_alive(self, send: Send) -> None:
        loop = asyncio.get_running_loop()
        self._last = loop.time()
        while True:
            await asyncio.sleep(self._last + self._ping - loop.time())
            if loop.time() >= self._last + self._ping:
                self._last = loop.time()
                await send({"type": "http.response.body", "body": self._comment, "more_body": True})
