"""Says whether the server is there and ready, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse, Response

if TYPE_CHECKING:
    from policy_router.server.call import HttpCall


async def show_root(_: HttpCall) -> Response:
    """Answer the call that some clients make to see whether the address is right."""
    return Response()


async def show_health(_: HttpCall) -> Response:
    """Answer as long as the server runs."""
    return PlainTextResponse("ok\n")


async def show_readiness(_: HttpCall) -> Response:
    """Answer once the policy is loaded and what calls models is ready: before that, no
    connection is accepted."""
    return PlainTextResponse("ready\n")
