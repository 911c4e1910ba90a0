"""Dispatches common calls directly, without Starlette's routing."""

from __future__ import annotations

import asyncio
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

Endpoint: TypeAlias = "Callable[[Request], Awaitable[Response]]"
"""Answers a call; it raises nothing."""


class IndexedHeaders(Headers):
    """Headers that are found by their names without a search.

    Args:
        scope: The call.
    """

    def __init__(self, scope: Scope) -> None:
        super().__init__(scope=scope)
        self._pairs = [
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in self._list
        ]
        self._values = dict(reversed(self._pairs))  # of one that is sent twice, the first counts

    def __getitem__(self, key: str) -> str:
        return self._values[key.lower()]

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and key.lower() in self._values

    def items(self) -> list[tuple[str, str]]:  # type: ignore[override]  # as Starlette's are
        """Return all headers in the order in which they were sent."""
        return self._pairs

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a header, or another one where it was not sent."""
        return self._values.get(key.lower(), default)


class IndexedRequest(Request):
    """A request whose headers are found by their names without a search."""

    @cached_property
    def headers(self) -> Headers:
        """The headers."""
        return IndexedHeaders(self.scope)


class DirectStarlette(Starlette):
    """An application that goes to its endpoints directly, and knows the calls in flight.

    Starlette tries route after route, and wraps each call in handlers of exceptions, which the
    endpoints here never raise. It still takes the calls of other paths, those of a mounted
    application, and all where a program has added middleware.

    Args:
        endpoints: What answers, by method and path.
        under_way: Where the tasks of the calls in flight are kept, so that a server can wait for
            them before it ends.
        **options: As for Starlette.
    """

    def __init__(
        self,
        endpoints: Mapping[tuple[str, str], Endpoint],
        under_way: set[asyncio.Task[None]],
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._endpoints = endpoints
        self._under_way = under_way

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a call; its task is kept in the meantime."""
        task = asyncio.current_task()
        if task is None or scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        self._under_way.add(task)
        try:
            answer = None
            if not (self.user_middleware or scope.get("root_path")):
                answer = self._endpoints.get((scope["method"], scope["path"]))
            if answer is None:
                await super().__call__(scope, receive, send)
                return
            scope["app"] = self
            response = await answer(IndexedRequest(scope, receive, send))
            await response(scope, receive, send)
        finally:
            self._under_way.discard(task)
