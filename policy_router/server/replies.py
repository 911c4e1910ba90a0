"""Responses in JSON, and work that ends when the client has left."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect
from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

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


class while_connected:  # noqa: N801  used as a function
    """Cancels what the block does when the client closes the connection.

    Args:
        receive: Receives from the client, which has sent its whole request.

    Raises:
        ClientDisconnect: The client closed the connection; what the block did has ended, so that
            what it reserved is settled.
    """

    __slots__ = ("_left", "_receive", "_requested", "_task", "_watching")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._left = False

    async def __aenter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  a coroutine runs in a task
        self._task, self._requested = task, task.cancelling()
        self._watching = asyncio.ensure_future(_disconnection(self._receive))
        self._watching.add_done_callback(self._cancel)

    def _cancel(self, watching: asyncio.Task[None]) -> None:
        if not watching.cancelled():
            watching.exception()  # a server that cannot say who is there has lost the client too
            self._left = self._task.cancel()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> None:
        alone = self._left and self._task.cancelling() == self._requested + 1
        self._watching.remove_done_callback(self._cancel)
        self._watching.cancel()
        if self._left:
            self._task.uncancel()
        if alone and kind is not None and issubclass(kind, asyncio.CancelledError):
            raise ClientDisconnect from None


async def _disconnection(receive: Receive) -> None:
    """Wait until the client closes the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass
