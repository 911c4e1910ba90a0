"""Responses in JSON, and work that ends when the client has left."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Final

from starlette.requests import ClientDisconnect
from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Receive, Scope

WHEN_LEFT: Final = "policy_router.when_left"
"""The extension of a scope that takes a function to call when the client has closed the connection,
or None for none. It saves the task that waits for `http.disconnect`."""
BODY_HERE: Final = "policy_router.body_here"
"""The extension of a scope that takes the `receive` of the application, and returns the body if all
of it has arrived and nothing has received or would change it, else None. It saves a wait."""


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
        scope: The call, of which the whole request was received.
        receive: Receives from the client.

    Raises:
        ClientDisconnect: The client closed the connection; what the block did has ended, so that
            what it reserved is settled.
    """

    __slots__ = ("_left", "_receive", "_requested", "_task", "_watching", "_when_left")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        extensions = scope.get("extensions")
        self._when_left = extensions.get(WHEN_LEFT) if extensions else None
        self._receive = receive
        self._left = False
        self._watching: asyncio.Task[None] | None = None

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  a coroutine runs in a task
        self._task, self._requested = task, task.cancelling()
        if self._when_left is not None:
            self._when_left(self._cancel)
        else:
            self._watching = asyncio.ensure_future(_disconnection(self._receive))
            self._watching.add_done_callback(self._client_left)

    def _client_left(self, watching: asyncio.Task[None]) -> None:
        if not watching.cancelled():
            watching.exception()  # a server that cannot say who is there has lost the client too
            self._cancel()

    def _cancel(self) -> None:
        self._left = self._task.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> None:
        alone = self._left and self._task.cancelling() == self._requested + 1
        if self._when_left is not None:
            self._when_left(None)
        if self._watching is not None:
            self._watching.remove_done_callback(self._client_left)
            self._watching.cancel()
        if self._left:
            self._task.uncancel()
        if alone and kind is not None and issubclass(kind, asyncio.CancelledError):
            raise ClientDisconnect from None


async def _disconnection(receive: Receive) -> None:
    """Wait until the client closes the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass
