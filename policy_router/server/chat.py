"""Answers requests in the format of OpenAI's chat completions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from policy_router.base_errors import PolicyRouterError
from policy_router.domain.dialect import Dialect
from policy_router.server import answer_headers
from policy_router.server.problems import error_body
from policy_router.server.reading import read_call
from policy_router.server.replies import json_bytes, json_reply, while_connected
from policy_router.server.sse import EventResponse
from policy_router.server.trace import FIELD, history, wants_trace

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from starlette.responses import Response

    from policy_router.execution.answer import Answer
    from policy_router.execution.stream import AnswerStream
    from policy_router.server.call import HttpCall

_DONE: Final = b"data: [DONE]\n\n"


async def answer_chat(call: HttpCall) -> Response:
    """Answer a chat request, whole or as a stream."""
    wanted = await read_call(call)
    policy = call.router.policy
    ignored = answer_headers.of_ignored(wanted.ignored)
    traced = wants_trace(call.request.headers)
    receive = call.request.receive
    if wanted.stream:
        stream = await while_connected(
            receive, call.router.acompletion(wanted.messages, stream=True, **wanted.options)
        )
        headers = {
            **answer_headers.of_decision(policy, stream.decision),
            **answer_headers.of_answer(stream.served_by, stream.attempts, whole=False),
            **ignored,
        }
        return EventResponse(
            _events(stream, traced),
            headers,
            close=stream.aclose,
            ping=call.settings.ping_seconds,
        )
    answer = await while_connected(
        receive, call.router.acompletion(wanted.messages, stream=False, **wanted.options)
    )
    headers = {
        **answer_headers.of_decision(policy, answer.decision),
        **answer_headers.of_answer(answer.served_by, answer.attempts, whole=True),
        **ignored,
    }
    return json_reply(_whole(answer, traced), headers=headers)


def _whole(answer: Answer, traced: bool) -> dict[str, Any]:
    body = answer.model_dump(exclude_none=True)
    body["model"] = answer.served_by
    if traced:
        body[FIELD] = history(answer.decision, answer.attempts)
    return body


async def _events(stream: AnswerStream, traced: bool) -> AsyncGenerator[bytes, None]:
    """Yield the chunks of an answer as events; an error ends them without `[DONE]`."""
    last: dict[str, Any] = {}
    try:
        async for chunk in stream:
            last = chunk.model_dump(exclude_none=True)
            last["model"] = stream.served_by
            yield _event(last)
    except PolicyRouterError as error:
        yield _event(error_body(error, Dialect.CHAT))
        return
    if traced:
        yield _event({**last, "choices": [], FIELD: history(stream.decision, stream.attempts)})
    yield _DONE


def _event(value: dict[str, Any]) -> bytes:
    return b"data: " + json_bytes(value) + b"\n\n"
