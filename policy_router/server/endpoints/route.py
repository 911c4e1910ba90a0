"""Returns the decision on a request, without calling a model for its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.domain.dialect import Dialect
from policy_router.server import answer_headers
from policy_router.server.reading import read_call
from policy_router.server.replies import json_reply, while_connected

if TYPE_CHECKING:
    from starlette.responses import Response

    from policy_router.server.call import HttpCall
    from policy_router.server.reading import AnswerCall


async def decide_only(call: HttpCall) -> Response:
    """Return the decision on the body of a chat request, which may leave out the messages."""
    return await decision_reply(call, await read_call(call, Dialect.CHAT, without_messages=True))


async def decision_reply(call: HttpCall, wanted: AnswerCall) -> Response:
    """Return the decision on a call for an answer, and give no answer.

    Args:
        call: The call.
        wanted: What it asks for.
    """
    with while_connected(call.request.scope, call.request.receive):
        decision = await call.router.aroute(
            wanted.messages, stream=wanted.request.stream, **wanted.options
        )
    headers = {
        **answer_headers.of_decision(wanted.policy, decision),
        **answer_headers.of_ignored(wanted.request.dropped),
    }
    return json_reply(decision.as_dict(), headers=headers)
