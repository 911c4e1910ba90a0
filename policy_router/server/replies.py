"""Responses in JSON, and work that ends when the client has left."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect
from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from starlette.types import Receive


def json_bytes(value: object) -> bytes:
    """Return a value as compact JSON; half a surrogate pair, which UTF-8 lacks, is escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        return text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


def json_reply(
    value: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a response in JSON."""
    return Response(json_bytes(value), status, headers, media_type="application/json")


@asynccontextmanager
async def while_connected(receive: Receive) -> AsyncIterator[None]:
    """Cancel what the block does when the client closes the connection.

    Args:
        receive: Receives from the client, which has sent its whole request.

    Raises:
        ClientDisconnect: The client closed the connection; what the block did has ended, so that
            what it reserved is settled.
    """
    task = asyncio.current_task()
    assert task is not None  # noqa: S101  a coroutine runs in a task
    requested, left = task.cancelling(), False

    def cancel(watching: asyncio.Task[None]) -> None:
        nonlocal left
        if not watching.cancelled():
            watching.exception()  # a server that cannot say who is there has lost the client too
            left = task.cancel()

    watching = asyncio.ensure_future(_disconnection(receive))
    watching.add_done_callback(cancel)
    try:
        yield
    except asyncio.CancelledError:
        if left and task.cancelling() == requested + 1:
            raise ClientDisconnect from None
        raise
    finally:
        watching.remove_done_callback(cancel)
        watching.cancel()
        if left:
            task.uncancel()


async def _disconnection(receive: Receive) -> None:
    """Wait until the client closes the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass
