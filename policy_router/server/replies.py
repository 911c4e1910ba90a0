"""Responses in JSON, and work that ends when the client has left."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, TypeVar

from starlette.requests import ClientDisconnect
from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

    from starlette.types import Receive

T = TypeVar("T")


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


async def while_connected(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """Return what some work returns; cancel it when the client closes the connection.

    The work has ended in any case, so that what it reserved is settled.

    Args:
        receive: Receives from the client, which has sent its whole request.
        work: The work.

    Raises:
        ClientDisconnect: The client closed the connection.
    """
    doing = asyncio.ensure_future(work)
    watching = asyncio.ensure_future(disconnection(receive))
    try:
        await asyncio.wait((doing, watching), return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            return doing.result()
        raise ClientDisconnect
    finally:
        watching.cancel()
        doing.cancel()
        await asyncio.gather(doing, watching, return_exceptions=True)


async def disconnection(receive: Receive) -> None:
    """Wait until the client closes the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass
