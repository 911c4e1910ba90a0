"""A transport that joins writes which follow each other closely.

uvicorn writes the headers of an answer, its body and its end one after the other. Each would be a
system call, which takes longer than everything else about the write.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import asyncio

_MOST: Final = 64 * 1024
"""Bytes that wait at most, so that the transport sees how much a slow client has to take."""


class CorkedTransport:
    """Buffers writes to another transport until the next turn of the event loop.

    Everything but `write`, `is_closing` and `close` is left to the other one.

    Args:
        transport: The other one.
        loop: Its event loop.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._waiting: list[bytes] = []
        self._size = 0

    def write(self, data: bytes) -> None:
        """Write some bytes, soon."""
        if not data:
            return
        if not self._waiting:
            self._loop.call_soon(self.flush)
        self._waiting.append(data)
        self._size += len(data)
        if self._size >= _MOST:
            self.flush()

    def flush(self) -> None:
        """Write what waits, now."""
        if self._waiting:
            data = b"".join(self._waiting)
            self._waiting.clear()
            self._size = 0
            self._transport.write(data)

    def is_closing(self) -> bool:
        """Return whether the transport is closed, or closes when all was written."""
        return self._transport.is_closing()

    def close(self) -> None:
        """Close the transport when all was written."""
        self.flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
