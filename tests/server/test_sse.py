"""How a stream of events ends when the server cuts it off."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from policy_router.server.sse import EventResponse

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


@pytest.mark.parametrize("stopping", [True, False])
def test_the_last_events_are_sent_when_the_server_stops(*, stopping: bool) -> None:
    sent: list[bytes] = []
    closed: list[bool] = []

    async def cut_off() -> None:
        begun, never = asyncio.Event(), asyncio.Event()

        async def events() -> AsyncGenerator[bytes, None]:
            yield b"first"
            try:
                await never.wait()
            except asyncio.CancelledError:
                yield b"last"

        async def send(message: Any) -> None:
            sent.append(message.get("body", b""))
            if sent[-1]:
                begun.set()

        async def receive() -> Any:
            await never.wait()

        async def close() -> None:
            closed.append(True)

        response = EventResponse(
            events(), {}, close=close, comment=b"", ping=60, stopping=lambda: stopping
        )
        answering = asyncio.ensure_future(response({"type": "http"}, receive, send))
        await begun.wait()
        answering.cancel()
        await answering

    if stopping:
        asyncio.run(cut_off())
        assert sent == [b"", b"first", b"last", b""]
    else:
        with pytest.raises(asyncio.CancelledError):
            asyncio.run(cut_off())
        assert sent == [b"", b"first"]
    assert closed == [True]
