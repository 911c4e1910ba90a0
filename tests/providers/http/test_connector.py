"""Connections that resume only what they paused."""

from __future__ import annotations

import asyncio
import gzip
import os

import pytest

from policy_router.providers.http.connections import Connections
from policy_router.providers.http.wire import Wire

BODY = os.urandom(1024) * 4096
CHUNKS = b"".join(
    b"%x\r\n%s\r\n" % (1000, BODY[at : at + 1000]) for at in range(0, 4_000_000, 1000)
)


@pytest.mark.parametrize(
    ("headers", "sent", "whole"),
    [
        (b"content-length: %d" % len(BODY), BODY, BODY),
        (b"transfer-encoding: chunked", CHUNKS + b"0\r\n\r\n", BODY[:4_000_000]),
        (b"content-encoding: gzip\r\nconnection: close", gzip.compress(BODY), BODY),
    ],
    ids=["length", "chunks", "gzip"],
)
def test_a_body_that_is_read_slowly_arrives_whole_and_never_fills_the_memory(
    headers: bytes, sent: bytes, whole: bytes
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        writer.write(b"HTTP/1.1 200 OK\r\n" + headers + b"\r\n\r\n" + sent)
        await writer.drain()
        writer.close()

    async def main() -> tuple[bytes, int]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        connections, got, held = Connections(), bytearray(), 0
        url = f"http://127.0.0.1:{port}/"
        try:
            async with connections.post(url, headers={}, body=b"{}", wire=Wire()) as answer:
                while data := await answer.content.readany():
                    got += data
                    for _ in range(20):  # the other side sends meanwhile
                        await asyncio.sleep(0)
                    held = max(held, answer.content.total_bytes - len(got))
        finally:
            await connections.aclose()
            server.close()
        return bytes(got), held

    got, held = asyncio.run(main())
    assert got == whole
    assert held < len(whole) / 2
