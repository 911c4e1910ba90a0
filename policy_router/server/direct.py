"""Dispatches common calls directly, without Starlette's routing."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

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


class Direct:
    """Answers calls of known paths itself, and leaves all others to another application.

    Args:
        endpoints: What answers, by method and path.
        others: What takes all other calls, and those of a mounted application.
    """

    def __init__(self, endpoints: Mapping[tuple[str, str], Endpoint], others: ASGIApp) -> None:
        self._endpoints = endpoints
        self._others = others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a call."""
        answer = None
        if scope["type"] == "http" and not scope.get("root_path"):
            answer = self._endpoints.get((scope["method"], scope["path"]))
        if answer is None:
            await self._others(scope, receive, send)
            return
        response = await answer(IndexedRequest(scope, receive, send))
        await response(scope, receive, send)


class DirectStarlette(Starlette):
    """An application that goes to its endpoints directly.

    Starlette tries route after route, and wraps each call in handlers of exceptions, which the
    endpoints here never raise.

    Args:
        endpoints: What answers, by method and path.
        **options: As for Starlette.
    """

    def __init__(self, endpoints: Mapping[tuple[str, str], Endpoint], **options: Any) -> None:
        super().__init__(**options)
        self._endpoints = endpoints
        self._own = tuple(self.user_middleware)

    def build_middleware_stack(self) -> ASGIApp:
        """Return what takes each call; where a program has added middleware, Starlette's stack."""
        stack = super().build_middleware_stack()
        if tuple(self.user_middleware) != self._own:
            return stack
        app: ASGIApp = Direct(self._endpoints, stack)
        for cls, args, kwargs in reversed(self._own):
            app = cls(app, *args, **kwargs)
        return app
