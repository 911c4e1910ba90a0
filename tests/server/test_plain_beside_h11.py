"""A connection answers the same bytes alike, whether or not plain requests pass h11 by."""

from __future__ import annotations

import asyncio
import re
import socket
from contextlib import closing
from typing import Any, Final

import h11
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from uvicorn.server import ServerState

from policy_router.server.protocol import TimedHeaders

MOST: Final = 1_000
"""Bytes that headers may have."""
TURNS: Final = 20
"""Turns of the event loop in which a request that is there is answered."""
METHODS: Final = (b"GET", b"POST", b"HEAD", b"OPTIONS", b"get", b"PO ST")
TARGETS: Final = (
    b"/", b"/unread", b"/a?b?c", b"/a#b", b"/a%2fb", b"/a b", b"//b/c", b"http://b/c", b"b:1", b"*",
    b"", b"/\xff", b"/\x7f", b"/;{}|^`[]\\",
)  # fmt: skip
VERSIONS: Final = (b"HTTP/1.1", b"HTTP/1.0", b"HTTP/1.10", b"HTTP/2.0", b"http/1.1", b"HTTP/1.1 ")
LINES: Final = (
    b"Host: a", b"host:", b"Host : a", b" folded", b"\tfolded", b"Content-Length: 3",
    b"content-length:\t03 ", b"Content-Length: +3", b"Content-Length: -3", b"Content-Length: 3, 3",
    b"Content-Length: 3, 4", b"Content-Length: 0x3", b"Content-Length: 1_0", b"Content-Length:",
    b"Content-Length: \xb3", b"Content-Length: 40", b"Content_Length: 3",
    b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity", b"Transfer-Encoding : chunked",
    b"transfer-encoding:\tchunked", b"Transfer-Encoding: gzip, chunked", b"Connection: close",
    b"Connection: Keep-Alive", b"Connection: keep-alive, close", b"Connection: upgrade",
    b"Connection:", b"Proxy-Connection: close", b"Upgrade: h2c", b"Expect: 100-continue",
    b"Trailer: x", b"x: \0", b"x: \x0b", b"x: \x7f", b"x: \xff", b"x:: y", b"x(: y", b": y", b"x",
    b"x:\t y\tz \t", b"x: " + b"y" * MOST,
)  # fmt: skip
BODIES: Final = (
    b"", b"abc", b"abcde", b"\r\n", b"3\r\nabc\r\n0\r\n\r\n", b"GET /in HTTP/1.1\r\nhost: a\r\n\r\n"
)  # fmt: skip


def usually(usual: bytes, *others: bytes) -> st.SearchStrategy[bytes]:
    """The first in most cases."""
    return st.sampled_from([usual] * 12 + list(others))


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """A request, plain or with something unusual or wrong about it."""
    body = draw(st.sampled_from(BODIES))
    if draw(st.booleans()):
        return b"POST /plain HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n%s" % (
            len(body),
            body,
        )
    ends = usually(b"\r\n", b"\n", b"\r", b"\r\r\n")
    start = (
        draw(usually(b"POST", *METHODS)),
        draw(usually(b"/unread", *TARGETS)),
        draw(usually(b"HTTP/1.1", *VERSIONS)),
    )
    lines = draw(st.lists(st.sampled_from(LINES), max_size=3))
    lines.insert(0, draw(usually(b"Host: a", b"x: y")))
    head = b"".join(line + draw(ends) for line in (b" ".join(start), *lines))
    return head + draw(usually(b"\r\n", b"\n", b"", b" \r\n")) + body


@st.composite
def pieces(draw: st.DrawFn) -> list[bytes]:
    """What a client sends, cut anywhere."""
    data = b"".join(draw(st.lists(requests(), min_size=1, max_size=3)))
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=4)))
    parts = zip([0, *cuts], [*cuts, len(data)], strict=True)
    return [data[begin:end] for begin, end in parts if begin < end]


class Written(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self, end: socket.socket) -> None:
        super().__init__({"socket": end})
        self.data = b""
        self.closed = False

    def write(self, data: Any) -> None:
        self.data += b"" if self.closed else data

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        """Nothing more is sent than what is there."""

    def resume_reading(self) -> None:
        """Nothing more is sent than what is there."""


class OnlyH11(TimedHeaders):
    """Leaves every request to h11."""

    def _h11_is_idle(self) -> bool:
        return False


async def talk(kind: type[TimedHeaders], parts: list[bytes]) -> tuple[list[Any], bytes, bool]:
    """Send bytes to a connection.

    Returns:
        What the application saw of each request, what was answered, and whether it was closed.
    """
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        names = ("method", "path", "raw_path", "query_string", "headers", "http_version")
        body, more = b"", scope["path"] != "/unread"
        record = [*(scope[name] for name in names), None]
        record[4] = sorted(record[4])  # h11 puts `host` first
        seen.append(record)
        while more and (message := await receive())["type"] == "http.request":
            body, more = body + message["body"], message["more_body"]
        if more:
            return
        record[-1] = body
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"ok"})

    config = uvicorn.Config(
        app, lifespan="off", log_config=None, ws="none", h11_max_incomplete_event_size=MOST
    )
    config.load()
    state = ServerState()
    with closing(socket.socket()) as end:
        connection, written = kind(config, state, {}), Written(end)
        connection.connection_made(written)
        for part in parts:
            if written.closed:
                break
            try:
                connection.data_received(part)
            except h11.LocalProtocolError:  # uvicorn answers what follows the last request
                written.close()
            for _ in range(TURNS):
                await asyncio.sleep(0)
        closed = written.closed
        connection.connection_lost(None)
        await asyncio.gather(*state.tasks)
    # After a plain request h11 knows nothing of the client, and refuses the next in other words.
    refused = re.sub(rb"400 Bad Request.*", b"400", written.data, flags=re.DOTALL)
    return seen, refused.replace(b"200 OK", b"200 "), closed


@given(pieces())
def test_a_connection_answers_the_same_bytes_alike(parts: list[bytes]) -> None:
    async def main() -> None:
        assert await talk(TimedHeaders, parts) == await talk(OnlyH11, parts)

    asyncio.run(main())
