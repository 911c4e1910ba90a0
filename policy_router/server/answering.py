"""Answers requests in the dialect of the client, whole or as a stream."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from policy_router.base_errors import PolicyRouterError
from policy_router.domain.dialect import Dialect
from policy_router.providers.requests.reasoning_origin import origin_of
from policy_router.server import answer_headers
from policy_router.server.dialects.neutral import Envelope
from policy_router.server.dialects.translators import TRANSLATORS
from policy_router.server.endpoints.route import decision_reply
from policy_router.server.problems import notice_of
from policy_router.server.reading import read_call
from policy_router.server.refusal import stopped
from policy_router.server.relay import RelayedEvents, relayed_answer, relays
from policy_router.server.replies import json_bytes, json_reply, while_connected
from policy_router.server.sse import EventResponse
from policy_router.server.trace import FIELD, history, wants_trace

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from policy_router.domain.models import Model
    from policy_router.execution.answer import Answer
    from policy_router.execution.stream import AnswerStream
    from policy_router.server.call import HttpCall
    from policy_router.server.dialects.events import StreamWriter
    from policy_router.server.readiness import Readiness
    from policy_router.server.reading import AnswerCall


def answers(dialect: Dialect) -> Callable[[HttpCall], Awaitable[Response]]:
    """Return the function that answers the calls of an endpoint.

    Args:
        dialect: The format of its bodies and answers.
    """

    async def answer(call: HttpCall) -> Response:
        wanted = await read_call(call, dialect)
        if wanted.decides_only:
            return await decision_reply(call, wanted)
        with while_connected(call.request.scope, call.request.receive):
            if wanted.request.stream:
                stream = await call.router.acompletion(
                    wanted.messages, stream=True, **wanted.options
                )
            else:
                whole = await call.router.acompletion(
                    wanted.messages, stream=False, **wanted.options
                )
        return (
            _streamed(call, wanted, stream)
            if wanted.request.stream
            else _whole(call, wanted, whole)
        )

    return answer


def _whole(call: HttpCall, wanted: AnswerCall, answer: Answer) -> Response:
    request = wanted.request
    headers = {
        **answer_headers.of_decision(wanted.policy, answer.decision),
        **answer_headers.of_answer(answer.served_by, answer.attempts, whole=True),
        **_ignored(wanted, _served(answer)),
    }
    traced = wants_trace(call.request.headers)
    relayed = relayed_answer(answer.response, request.dialect) if wanted.passes else None
    if relayed is not None:
        if not traced:
            return Response(relayed, headers=headers, media_type="application/json")
        body = json.loads(relayed)
    else:
        shown = answer.model or answer.served_by
        envelope = _envelope(answer, shown)
        body = TRANSLATORS[request.dialect].write_answer(answer.response, request, envelope)
    if traced:
        body[FIELD] = history(answer.decision, answer.attempts)
    return json_reply(body, headers=headers)


def _streamed(call: HttpCall, wanted: AnswerCall, stream: AnswerStream) -> Response:
    request = wanted.request
    headers = {
        **answer_headers.of_decision(wanted.policy, stream.decision),
        **answer_headers.of_answer(stream.served_by, stream.attempts, whole=False),
        **_ignored(wanted, _served(stream)),
    }
    traced = wants_trace(call.request.headers)
    return EventResponse(
        _events(wanted, stream, call.readiness, traced=traced),
        headers,
        close=stream.aclose,
        comment=TRANSLATORS[request.dialect].ping,
        ping=call.settings.ping_seconds,
        stopping=lambda: call.readiness.stopping,
    )


async def _events(
    wanted: AnswerCall, stream: AnswerStream, readiness: Readiness, *, traced: bool
) -> AsyncGenerator[bytes, None]:
    """Yield an answer as events; an error ends them, so that none takes it for complete."""
    request = wanted.request
    writer, relay = None, RelayedEvents(request.dialect, holds=wanted.passes)
    try:
        async for chunk in stream:
            if writer is None:
                envelope = _envelope(stream, chunk.model or stream.served_by)
                writer = TRANSLATORS[request.dialect].open_stream(request, envelope)
            relayed = relay.take(chunk)
            if relayed is None:
                for event in writer.read(chunk):
                    yield event.encode()
            else:
                writer.follow(chunk)
                if relayed:
                    yield relayed
    except (PolicyRouterError, asyncio.CancelledError) as error:
        for last in _failed(error, writer, readiness):
            yield last
        return
    if traced:
        yield _trace_event(request.dialect, stream)
    if relay.holds:
        yield relay.end()
    elif writer is not None:
        for event in writer.end():
            yield event.encode()


def _failed(
    error: PolicyRouterError | asyncio.CancelledError,
    writer: StreamWriter | None,
    readiness: Readiness,
) -> list[bytes]:
    """The last events of a stream that breaks. Raises CancelledError unless the server stops."""
    if isinstance(error, asyncio.CancelledError):
        if not readiness.stopping:
            raise error
        error = stopped()
    # An error before the first chunk has a status of its own, and is no part of the stream.
    return [] if writer is None else [event.encode() for event in writer.fail(notice_of(error))]


def _trace_event(dialect: Dialect, stream: AnswerStream) -> bytes:
    """The history of a streamed answer, as an event that clients of the dialect skip."""
    trace: dict[str, Any] = {FIELD: history(stream.decision, stream.attempts)}
    if dialect is Dialect.CHAT:
        chunk = {
            "id": f"chatcmpl-{stream.decision_id}",
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": stream.served_by,
            "choices": [],
        }
        return b"data: " + json_bytes({**chunk, **trace}) + b"\n\n"
    return b": " + json_bytes(trace) + b"\n\n"


def _envelope(answer: Answer | AnswerStream, shown: str) -> Envelope:
    origin = origin_of(_served(answer))
    return Envelope(answer.decision_id, shown, int(time.time()), origin)


def _served(answer: Answer | AnswerStream) -> Model:
    """The model that answered, as the policy had it that decided."""
    candidates = answer.decision.candidates
    return next(each.model for each in candidates if each.name == answer.served_by)


def _ignored(wanted: AnswerCall, model: Model) -> dict[str, str]:
    """The header that names the fields which the model was not sent."""
    if not (wanted.withheld or wanted.request.dropped):
        return {}
    passed_on = wanted.passes and relays(model, wanted.request.dialect)
    return answer_headers.of_ignored(wanted.withheld if passed_on else wanted.request.dropped)
