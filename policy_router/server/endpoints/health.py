"""The liveness and readiness probes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse, Response

if TYPE_CHECKING:
    from policy_router.server.call import HttpCall


async def show_root(_: HttpCall) -> Response:
    """Answer clients that check the address of the server."""
    return Response()


async def show_health(_: HttpCall) -> Response:
    """Answer as long as the server runs."""
    return PlainTextResponse("ok\n")


async def show_readiness(call: HttpCall) -> Response:
    """Return whether requests can be answered now, and if not, why."""
    problem = await call.readiness.problem(call.router)
    if problem is None:
        return PlainTextResponse("ready\n")
    return PlainTextResponse(f"not ready: {problem}\n", 503)
