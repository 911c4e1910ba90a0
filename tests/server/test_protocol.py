"""Connections of clients, as the server sets them up."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from policy_router.server.protocol import TimedHeaders
from policy_router.server.serving import listen


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    """An application that is never asked. uvicorn calls one that takes no arguments."""


def test_a_body_does_not_wait_for_the_client_to_acknowledge_the_headers() -> None:
    async def main() -> int:
        loop = asyncio.get_running_loop()
        found: asyncio.Future[int] = loop.create_future()
        lost = asyncio.Event()

        class Seen(TimedHeaders):
            def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn declares it
                super().connection_made(transport)
                raw = transport.get_extra_info("socket")
                found.set_result(raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

            def connection_lost(self, exc: Exception | None) -> None:
                super().connection_lost(exc)
                lost.set()

        config = uvicorn.Config(nothing, lifespan="off", log_config=None)
        listener = listen("127.0.0.1", 0)
        server = await loop.create_server(lambda: Seen(config, ServerState(), {}), sock=listener)
        async with server:
            _, writer = await asyncio.open_connection(*listener.getsockname())
            await found
            writer.close()
            await writer.wait_closed()
            await lost.wait()
        return found.result()

    assert asyncio.run(main()) != 0
