"""Returns the files of the active policy, so that it can be compared with others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.server.refusal import RefusedCallError
from policy_router.server.replies import json_reply

if TYPE_CHECKING:
    from starlette.responses import Response

    from policy_router.server.call import HttpCall


async def show_policy(call: HttpCall) -> Response:
    """Return the texts that the active policy was made from, with credentials masked."""
    active = call.router.active
    if not active.sources:
        message = "the active policy was not loaded from files"
        raise RefusedCallError(404, "no_files", message)
    return json_reply(
        {
            "name": active.policy.name,
            "revision": active.revision,
            "loaded_at": active.loaded_at,
            "files": [{"name": name, "text": text} for name, text in active.sources.items()],
        }
    )
