"""Counts the input tokens of a message without calling a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.server.dialects.messages.count import count_tokens
from policy_router.server.incoming import read_object
from policy_router.server.replies import json_reply

if TYPE_CHECKING:
    from starlette.responses import Response

    from policy_router.server.call import HttpCall


async def count(call: HttpCall) -> Response:
    """Return the estimate that decisions are made on."""
    body = await read_object(call.request, call.settings)
    return json_reply(count_tokens(body))
