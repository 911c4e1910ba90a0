"""HTTP/1.1 as uvicorn speaks it over h11, with a limit on the time that headers may take."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from policy_router.server.corked import CorkedTransport

if TYPE_CHECKING:
    import asyncio

    from policy_router.server.settings import ServerSettings


def protocol(settings: ServerSettings) -> type[TimedHeaders]:
    """Return the protocol of a server's connections.

    uvicorn limits the size of headers and the time between two requests, but waits forever for the
    end of headers that have begun. h11 refuses what two servers could read as different requests:
    both `content-length` and `transfer-encoding`, lengths that differ, white space before a colon.
    """

    class Timed(TimedHeaders):
        seconds = settings.header_seconds

    return Timed


class TimedHeaders(H11Protocol):
    """Closes a connection whose request has not arrived up to the end of its headers in time.

    Attributes:
        seconds: The seconds that the headers of a request may take.
    """

    seconds: ClassVar[float] = 10.0
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn declares it
        """Begin to wait for the first request."""
        corked = CorkedTransport(transport, self.loop)
        super().connection_made(corked)  # type: ignore[arg-type]  # it stands in for a transport
        # asyncio does this itself only for sockets that were made with the number of TCP. Without
        # it, the body of an answer waits some 40 ms for the client to acknowledge the headers.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Wait for the headers of the next request, unless they are there."""
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop()
        elif self._deadline is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._stop()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._deadline = self.loop.call_later(self.seconds, self._give_up)

    def _stop(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        if self.conn.their_state is h11.IDLE:
            self.transport.close()
