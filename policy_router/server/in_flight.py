"""Tracks the calls in flight, so that the server can wait for them before it ends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


class CallsInFlight:
    """Keeps the tasks of the calls that are being answered.

    Args:
        app: What answers them.
        tasks: Where the tasks are kept.
    """

    def __init__(self, app: ASGIApp, tasks: set[asyncio.Task[None]]) -> None:
        self._app = app
        self._tasks = tasks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a call; its task is kept in the meantime."""
        task = asyncio.current_task()
        if task is None or scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self._tasks.add(task)
        try:
            await self._app(scope, receive, send)
        finally:
            self._tasks.discard(task)
