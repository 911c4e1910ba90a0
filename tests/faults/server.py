"""A server on raw sockets: what it sends is bytes, and how it ends is up to the row of the
table."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
import threading
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER with no time to linger, so that closing sends RST instead of FIN."""
_HEAD_END: Final = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Play:
    """What the server does with a request.

    Attributes:
        parts: Bytes to send in order; a number is a pause in seconds.
        end: What follows: it closes, resets, or says nothing until the client closes.
        more: Bytes that are sent again and again after the parts, until the client closes.
        at: When it begins: at a connection that was accepted, or at a request that was read. At
            `never`, nobody listens.
    """

    parts: tuple[bytes | float, ...] = ()
    end: Literal["close", "reset", "silence"] = "close"
    more: bytes = b""
    at: Literal["accept", "request", "never"] = "request"


class RawServer:
    """Serves plays from entry to exit, in a thread. Each has a path of its own: `/NAME/...`.

    Attributes:
        hits: Requests and connections that arrived, by name; every path counts.
        open: Connections that are open.
    """

    def __init__(self) -> None:
        self.hits: Counter[str] = Counter()
        self.open = 0
        self._plays: dict[str, Callable[[bool], Play]] = {}
        self._own_ports: dict[str, asyncio.Server] = {}
        self._writers: set[asyncio.StreamWriter] = set()
        self._taken: list[socket.socket] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="faults", daemon=True)
        self._server: asyncio.Server | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._do(asyncio.start_server(self._serve, "127.0.0.1", 0))
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        for taken in self._taken:
            taken.close()

    def serve(self, name: str, play: Callable[[bool], Play]) -> str:
        """Play this at a path.

        Args:
            name: The name of the path.
            play: What happens; gets whether a stream is requested.

        Returns:
            The address, without a slash at its end.
        """
        if play(False).at == "never":
            taken = socket.socket()
            taken.bind(("127.0.0.1", 0))
            self._taken.append(taken)
            return f"http://127.0.0.1:{taken.getsockname()[1]}/{name}"
        if play(False).at == "accept":
            return self._serve_at_accept(name, play(False))
        assert self._server is not None
        self._plays[name] = play
        return f"{_address(self._server)}/{name}"

    def _serve_at_accept(self, name: str, play: Play) -> str:
        async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.hits[name] += 1
            self._writers.add(writer)
            await self._act(play, writer, reader)

        server = self._do(asyncio.start_server(accepted, "127.0.0.1", 0))
        self._own_ports[name] = server
        return f"{_address(server)}/{name}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        self._writers.add(writer)
        try:
            head = await reader.readuntil(_HEAD_END)
            path = head.split(b" ", 2)[1].decode()
            body = await reader.readexactly(_length(head))
            name = path.strip("/").partition("/")[0]
            self.hits[name] += 1
            stream = "stream" in path or _streams(body)
            await self._act(self._plays[name](stream), writer, reader)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
        finally:
            self.open -= 1

    async def _act(
        self, play: Play, writer: asyncio.StreamWriter, reader: asyncio.StreamReader
    ) -> None:
        with contextlib.suppress(ConnectionError):
            for part in play.parts:
                if isinstance(part, bytes):
                    writer.write(part)
                    await writer.drain()
                else:
                    await asyncio.sleep(part)
            while play.more and not writer.is_closing():
                writer.write(play.more)
                await writer.drain()
            if play.end == "silence":
                await reader.read()
        if play.end == "reset":
            raw = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()
        writer.close()
        self._writers.discard(writer)

    async def _stop(self) -> None:
        for server in (self._server, *self._own_ports.values()):
            assert server is not None
            server.close()
        for writer in self._writers:
            writer.transport.abort()
        others = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
        await asyncio.gather(*others, return_exceptions=True)

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)


def _address(server: asyncio.Server) -> str:
    return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def _length(head: bytes) -> int:
    lines = (line.partition(b":") for line in head.lower().split(b"\r\n"))
    return next((int(value) for name, _, value in lines if name == b"content-length"), 0)


def _streams(body: bytes) -> bool:
    try:
        return bool(json.loads(body).get("stream"))
    except ValueError:
        return False
