"""The application: its endpoints, and what happens around each call."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Final

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from policy_router.base_errors import PolicyRouterError
from policy_router.domain.dialect import Dialect
from policy_router.live.pinning import pinned
from policy_router.server.answering import answers
from policy_router.server.call import HttpCall, HttpEndpoint
from policy_router.server.direct import DirectStarlette
from policy_router.server.endpoints import (
    count_tokens,
    embeddings,
    feedback,
    health,
    metrics,
    models,
    policy,
    reload,
    report,
    route,
)
from policy_router.server.endpoints.openapi import document
from policy_router.server.identity.access import Access, local_user, permit
from policy_router.server.identity.principal import Principal
from policy_router.server.missing import read_by_client, refusal_of
from policy_router.server.problems import defect_reply, error_reply
from policy_router.server.readiness import Readiness
from policy_router.server.refusal import stopped
from policy_router.server.replies import json_reply
from policy_router.server.settings import SETTINGS
from policy_router.server.ui import pages
from policy_router.server.ui.board import Board
from policy_router.server.ui.browser import CHALLENGE, with_bearer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from starlette.applications import Starlette
    from starlette.types import Lifespan

    from policy_router.discovery.watch import OfferWatch
    from policy_router.observe.prometheus import PrometheusMetrics
    from policy_router.router.router import Router
    from policy_router.server.call import Handler
    from policy_router.server.identity.access import Identify
    from policy_router.server.settings import ServerSettings
    from policy_router.server.ui.peers import Peers


async def _describe(_: HttpCall) -> Response:
    """Return the description of all endpoints."""
    return json_reply(document(ENDPOINTS))


def _page(method: str, path: str, answer: Handler) -> HttpEndpoint:
    return HttpEndpoint(method, path, Access.ADMINS, answer, Dialect.CHAT, browser=True)


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
        "POST", "/v1/messages/count_tokens", Access.CALLERS, count_tokens.count, Dialect.MESSAGES
    ),
    HttpEndpoint("POST", "/v1/embeddings", Access.CALLERS, embeddings.embed, Dialect.CHAT),
    HttpEndpoint("POST", "/v1/feedback", Access.CALLERS, feedback.take_feedback, Dialect.CHAT),
    HttpEndpoint("POST", "/v1/route", Access.CALLERS, route.decide_only, Dialect.CHAT),
    HttpEndpoint("GET", "/v1/models", Access.CALLERS, models.list_models, Dialect.CHAT),
    HttpEndpoint("GET", "/v1/models/{name:path}", Access.CALLERS, models.show_model, Dialect.CHAT),
    HttpEndpoint("GET", "/-/policy", Access.ADMINS, policy.show_policy, Dialect.CHAT),
    HttpEndpoint("POST", "/-/reload", Access.ADMINS, reload.reload_policy, Dialect.CHAT),
    HttpEndpoint("GET", "/v1/report", Access.ADMINS, report.show_report, Dialect.CHAT),
    HttpEndpoint("GET", "/metrics", Access.ADMINS, metrics.show_metrics, Dialect.CHAT),
    _page("GET", "/ui", pages.show_all),
    _page("GET", "/ui/events", pages.follow),
    _page("GET", "/ui/static/{name}", pages.show_static),
    _page("GET", "/ui/part/{panel}", pages.show_part),
    _page("GET", "/ui/decisions/{decision}", pages.show_decision),
    _page("GET", "/ui/policy", pages.show_source),
    _page("POST", "/ui/try", pages.try_request),
    _page("GET", "/ui/{panel}", pages.show_panel),
    HttpEndpoint("GET", "/openapi.json", Access.EVERYONE, _describe, Dialect.CHAT),
    HttpEndpoint("HEAD", "/", Access.EVERYONE, health.show_root, Dialect.CHAT),
    HttpEndpoint("GET", "/healthz", Access.EVERYONE, health.show_health, Dialect.CHAT),
    HttpEndpoint("GET", "/readyz", Access.EVERYONE, health.show_readiness, Dialect.CHAT),
)
"""Every endpoint. The tests of access are generated from this table."""
_SETTLING: Final = 5.0
"""Seconds that calls have to settle when the server has cancelled them."""
_ANONYMOUS: Final = Principal()
_UNAUTHORIZED: Final = 401
_MODELS: Final = "/v1/models"
"""Where the paths begin that clients of both dialects call."""
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
    offers: OfferWatch | None = None,
    peers: Peers | None = None,
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
        offers: The state of the sources of models, for the page.
        peers: The other processes of the server, for the page.

    Returns:
        The application.
    """
    tasks: set[asyncio.Task[None]] = set()
    readiness = Readiness() if readiness is None else readiness
    board = Board.of(router, offers, peers)
    make_call = partial(
        HttpCall,
        router=router,
        settings=settings,
        readiness=readiness,
        metrics=metrics,
        board=board,
    )
    guarded = [
        (endpoint, _guarded(endpoint, identify, make_call, readiness)) for endpoint in ENDPOINTS
    ]
    app = DirectStarlette(
        {(each.method, each.path): answer for each, answer in guarded if "{" not in each.path},
        tasks,
        routes=[Route(each.path, answer, methods=[each.method]) for each, answer in guarded],
        exception_handlers={HTTPException: _no_endpoint},
        lifespan=lifespan,
    )
    app.state.under_way, app.state.readiness = tasks, readiness
    app.state.board = board
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
    endpoint: HttpEndpoint,
    identify: Identify,
    make_call: Callable[[Request, Principal], HttpCall],
    readiness: Readiness,
) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint with the check of who calls, and an answer to everything it raises."""

    async def answer(request: Request) -> Response:
        try:
            principal = _ANONYMOUS
            if endpoint.access is not Access.EVERYONE:
                principal = identify(with_bearer(request) if endpoint.browser else request)
            permit(endpoint.access, principal)
            call = make_call(request, principal)
            if endpoint.access is not Access.CALLERS:
                return await endpoint.answer(call)
            with pinned(call.router):  # what reads the request and what decides it see one policy
                return await endpoint.answer(call)
        except PolicyRouterError as error:
            dialect = endpoint.dialect
            if endpoint.path.startswith(_MODELS):
                dialect = read_by_client(endpoint.path, request.headers)
            reply = error_reply(error, dialect)
            if endpoint.browser and reply.status_code == _UNAUTHORIZED:
                reply.headers["www-authenticate"] = CHALLENGE
            return reply
        except ClientDisconnect:
            return Response(status_code=_CLIENT_LEFT)
        except asyncio.CancelledError:
            if not readiness.stopping:  # a program around it cancels what it answers
                raise
            return error_reply(stopped(), endpoint.dialect)
        except Exception as defect:  # noqa: BLE001  no call may end the server
            return defect_reply(defect, endpoint.path, endpoint.dialect)

    return answer


async def _no_endpoint(request: Request, problem: Exception) -> Response:
    """Answer a call for a path or a method that does not exist."""
    assert isinstance(problem, HTTPException)  # noqa: S101  as registered
    refusal = refusal_of(request, problem, _PATHS)
    return error_reply(refusal, read_by_client(request.scope["path"], request.headers))


_PATHS: Final = frozenset(endpoint.path for endpoint in ENDPOINTS if endpoint.path != "/")
