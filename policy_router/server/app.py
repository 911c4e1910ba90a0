"""The application: its endpoints, and what happens around each call."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from policy_router.base_errors import PolicyRouterError
from policy_router.domain.dialect import Dialect
from policy_router.live.pinning import pinned
from policy_router.server import (
    counting,
    embedding,
    feedback,
    health,
    models,
    reload,
    route,
    scrape,
)
from policy_router.server.access import Access, local_user, permit
from policy_router.server.answering import answers
from policy_router.server.call import HttpCall, HttpEndpoint
from policy_router.server.openapi import document
from policy_router.server.principal import Principal
from policy_router.server.problems import defect_reply, error_reply
from policy_router.server.readiness import Readiness
from policy_router.server.refusal import RefusedCallError
from policy_router.server.replies import json_reply
from policy_router.server.settings import SETTINGS
from policy_router.server.under_way import UnderWay

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from starlette.types import Lifespan

    from policy_router.observe.prometheus import PrometheusMetrics
    from policy_router.router import Router
    from policy_router.server.access import Identify
    from policy_router.server.settings import ServerSettings


async def _describe(_: HttpCall) -> Response:
    """Return the description of all endpoints."""
    return json_reply(document(ENDPOINTS))


ENDPOINTS: Final[tuple[HttpEndpoint, ...]] = (
    HttpEndpoint(
        "POST", "/v1/chat/completions", Access.CALLERS, answers(Dialect.CHAT), Dialect.CHAT
    ),
    HttpEndpoint(
        "POST", "/v1/responses", Access.CALLERS, answers(Dialect.RESPONSES), Dialect.RESPONSES
    ),
    HttpEndpoint(
        "POST", "/v1/messages", Access.CALLERS, answers(Dialect.MESSAGES), Dialect.MESSAGES
    ),
    HttpEndpoint(
        "POST", "/v1/messages/count_tokens", Access.CALLERS, counting.count, Dialect.MESSAGES
    ),
    HttpEndpoint("POST", "/v1/embeddings", Access.CALLERS, embedding.embed, Dialect.CHAT),
    HttpEndpoint("POST", "/v1/feedback", Access.CALLERS, feedback.take_feedback, Dialect.CHAT),
    HttpEndpoint("POST", "/v1/route", Access.CALLERS, route.decide_only, Dialect.CHAT),
    HttpEndpoint("GET", "/v1/models", Access.CALLERS, models.list_models, Dialect.CHAT),
    HttpEndpoint("GET", "/v1/models/{name:path}", Access.CALLERS, models.show_model, Dialect.CHAT),
    HttpEndpoint("POST", "/-/reload", Access.ADMINS, reload.reload_policy, Dialect.CHAT),
    HttpEndpoint("GET", "/metrics", Access.ADMINS, scrape.show_metrics, Dialect.CHAT),
    HttpEndpoint("GET", "/openapi.json", Access.EVERYONE, _describe, Dialect.CHAT),
    HttpEndpoint("HEAD", "/", Access.EVERYONE, health.show_root, Dialect.CHAT),
    HttpEndpoint("GET", "/healthz", Access.EVERYONE, health.show_health, Dialect.CHAT),
    HttpEndpoint("GET", "/readyz", Access.EVERYONE, health.show_readiness, Dialect.CHAT),
)
"""Every endpoint. The tests of access are generated from this table."""
_SETTLING: Final = 5.0
"""Seconds that calls have to settle when the server has cancelled them."""
_ANONYMOUS: Final = Principal()
_CLIENT_LEFT: Final = 499
"""The status in logs of a call whose client left before its answer."""


def create_app(
    router: Router,
    *,
    identify: Identify = local_user,
    settings: ServerSettings = SETTINGS,
    metrics: PrometheusMetrics | None = None,
    readiness: Readiness | None = None,
    lifespan: Lifespan[Starlette] | None = None,
) -> Starlette:
    """Make an ASGI application that serves a router.

        app = FastAPI()
        app.mount("/llm", create_app(router))

    Args:
        router: What answers. Whoever opened it closes it.
        identify: Says who makes a call. By default only this machine can call, and everything is
            allowed to it; a `KeyRing` knows callers by their keys.
        settings: The limits of the server.
        metrics: What `/metrics` shows; the router must be given it as an observer.
        readiness: What `/readyz` shows, for a program that says by it when the server stops.
            Default: its own.
        lifespan: What happens before the first call and after the last, as Starlette takes it;
            `closes` makes one. A mounted application has none.

    Returns:
        The application.
    """
    tasks: set[asyncio.Task[None]] = set()
    readiness = Readiness() if readiness is None else readiness
    make_call = partial(
        HttpCall, router=router, settings=settings, readiness=readiness, metrics=metrics
    )
    app = Starlette(
        routes=[
            Route(
                endpoint.path,
                _guarded(endpoint, identify, make_call),
                methods=[endpoint.method],
            )
            for endpoint in ENDPOINTS
        ],
        exception_handlers={HTTPException: _no_endpoint},
        middleware=[Middleware(UnderWay, tasks=tasks)],
        lifespan=lifespan,
    )
    app.state.under_way, app.state.readiness = tasks, readiness
    app.router.redirect_slashes = False
    return app


def closes(router: Router) -> Lifespan[Starlette]:
    """Return a lifespan that makes a router ready before the first call and closes it at the end.

    Args:
        router: The router, which nothing else closes.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        # An application that the router's own is mounted in has neither.
        readiness = getattr(app.state, "readiness", Readiness())
        under_way = getattr(app.state, "under_way", ())
        readiness.preparing = True
        async with router:
            readiness.preparing = False
            yield
            readiness.stopping = True
            # What the grace time of the server cut short settles its holds, which needs the store.
            if under_way:
                await asyncio.wait(under_way, timeout=_SETTLING)

    return lifespan


def _guarded(
    endpoint: HttpEndpoint, identify: Identify, make_call: Callable[[Request, Principal], HttpCall]
) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint with the check of who calls, and an answer to everything it raises."""

    async def answer(request: Request) -> Response:
        try:
            principal = _ANONYMOUS if endpoint.access is Access.EVERYONE else identify(request)
            permit(endpoint.access, principal)
            call = make_call(request, principal)
            if endpoint.access is not Access.CALLERS:
                return await endpoint.answer(call)
            with pinned(call.router):  # what reads the request and what decides it see one policy
                return await endpoint.answer(call)
        except PolicyRouterError as error:
            return error_reply(error, endpoint.dialect)
        except ClientDisconnect:
            return Response(status_code=_CLIENT_LEFT)
        except Exception as defect:  # noqa: BLE001  no call may end the server
            return defect_reply(defect, endpoint.path, endpoint.dialect)

    return answer


async def _no_endpoint(request: Request, problem: Exception) -> Response:
    """Answer a call for a path or a method that does not exist."""
    assert isinstance(problem, HTTPException)  # noqa: S101  as registered
    refusal = RefusedCallError(404, "no_endpoint", "there is no such endpoint")
    if problem.status_code == 405:
        message = f"this endpoint does not take {request.method}"
        headers = dict(problem.headers or {})
        refusal = RefusedCallError(405, "method_not_allowed", message, headers=headers)
    return error_reply(refusal, Dialect.CHAT)
