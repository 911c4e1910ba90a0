"""One call of an endpoint, and the table that endpoints are listed in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from policy_router.domain.dialect import Dialect
    from policy_router.observe.prometheus import PrometheusMetrics
    from policy_router.router.router import Router
    from policy_router.server.identity.access import Access
    from policy_router.server.identity.principal import Principal
    from policy_router.server.readiness import Readiness
    from policy_router.server.settings import ServerSettings
    from policy_router.server.ui.board import Board


@dataclass(frozen=True, slots=True)
class HttpCall:
    """One call of an endpoint.

    Attributes:
        request: The request over HTTP.
        principal: Who makes it.
        router: The router that answers it.
        settings: The limits of the server.
        readiness: Whether the server can answer now.
        metrics: The metrics; None where none are kept.
        board: The data of the page; None without one.
    """

    request: Request
    principal: Principal
    router: Router
    settings: ServerSettings
    readiness: Readiness
    metrics: PrometheusMetrics | None = None
    board: Board | None = None


Handler: TypeAlias = "Callable[[HttpCall], Awaitable[Response]]"
"""Answers a call. It raises what `problems` knows how to tell the client."""


@dataclass(frozen=True, slots=True)
class HttpEndpoint:
    """One row of the table of endpoints.

    Attributes:
        method: The HTTP method.
        path: The path, with parameters in braces.
        access: Who may call it.
        answer: Answers a call.
        dialect: The format in which it reports errors.
        browser: Whether browsers show it, which send a key as the password of basic authentication.
    """

    method: str
    path: str
    access: Access
    answer: Handler
    dialect: Dialect
    browser: bool = False
