"""Reloads the policy files on request."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from policy_router.live.status import ReloadState
from policy_router.server.replies import json_reply

if TYPE_CHECKING:
    from starlette.responses import Response

    from policy_router.server.call import HttpCall


async def reload_policy(call: HttpCall) -> Response:
    """Return what became of the files: 200 when they are in use, 422 when they cannot be."""
    status = await asyncio.to_thread(call.router.reload)
    return json_reply(
        {
            "state": status.state.value,
            "revision": status.revision,
            "errors": [str(error) for error in status.errors],
        },
        422 if status.state is ReloadState.DEGRADED and status.errors else 200,
    )
