"""Decides a request without calling a model for its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.domain.dialect import Dialect
from policy_router.server import answer_headers
from policy_router.server.reading import read_call
from policy_router.server.replies import json_reply, while_connected

if TYPE_CHECKING:
    from starlette.responses import Response

    from policy_router.server.call import HttpCall


async def decide_only(call: HttpCall) -> Response:
    """Return the decision on the body of a chat request, which may leave out the messages."""
    wanted = await read_call(call, Dialect.CHAT, without_messages=True)
    async with while_connected(call.request.receive):
        decision = await call.router.aroute(
            wanted.messages, stream=wanted.request.stream, **wanted.options
        )
    headers = {
        **answer_headers.of_decision(wanted.policy, decision),
        **answer_headers.of_ignored(wanted.request.dropped),
    }
    return json_reply(decision.as_dict(), headers=headers)
