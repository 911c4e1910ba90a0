"""Streams decisions to a browser in batches, at a rate that it can show."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from policy_router.server.refusal import RefusedCallError
from policy_router.server.sse import EventResponse
from policy_router.server.ui.all_processes import newest, pulse_now
from policy_router.server.ui.board import WATCHERS
from policy_router.server.ui.browser import HEADERS

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from policy_router.server.readiness import Readiness
    from policy_router.server.ui.panel_call import PanelCall

EVERY: Final = 0.5
"""Seconds between two looks for new requests."""
MOST: Final = 12
"""Requests that are sent at a time; how many more there were is said."""
_PULSE: Final = 4
"""Looks between two looks at the numbers of the last hour."""
_PING: Final = 15.0


def follow_decisions(wanted: PanelCall, readiness: Readiness) -> EventResponse:
    """Return a stream of the requests that end from now on.

    Args:
        wanted: Which requests are shown, and how.
        readiness: Whether the server stops, which ends the stream.

    Raises:
        RefusedCallError: As many browsers follow already as may.
    """
    board = wanted.board
    if board.watching >= WATCHERS:
        message = f"{WATCHERS} pages follow the decisions already: close one of them"
        raise RefusedCallError(429, "too_many_watchers", message, headers={"retry-after": "60"})
    board.watching += 1

    async def close() -> None:
        board.watching -= 1

    events = _events(wanted, readiness)
    return EventResponse(events, HEADERS, close=close, comment=b": still here\n\n", ping=_PING)


async def _events(wanted: PanelCall, readiness: Readiness) -> AsyncGenerator[bytes, None]:
    board = wanted.board
    begun = await newest(wanted, board.recent.last, {}, MOST)
    own, last, look = begun.own, begun.last, 0
    yield b"retry: 2000\nevent: begin\ndata: 1\n\n"
    while not readiness.stopping:
        await asyncio.sleep(EVERY - time.monotonic() % EVERY)  # all at once, to share the work
        look += 1
        if board.peers is not None or board.recent.last != own:
            found = await newest(wanted, own, last, MOST)
            own, last = found.own, found.last
            if found.rows:
                yield _event("rows", found.rows)
            if found.more:
                yield _event("more", str(found.more))
        if look % _PULSE == 0:
            yield await board.made("pulse", EVERY * _PULSE / 2, lambda: _pulse(wanted))


async def _pulse(wanted: PanelCall) -> bytes:
    return _event("pulse", await pulse_now(wanted))


def _event(kind: str, data: str) -> bytes:
    lines = "\n".join(f"data: {line}" for line in data.split("\n"))
    return f"event: {kind}\n{lines}\n\n".encode()
