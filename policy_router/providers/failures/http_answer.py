"""Reads the answers that our own HTTP client gets, and classifies how they failed."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import from_json

from policy_router.domain.original import LARGEST_ERROR, OriginalError
from policy_router.providers.failures.classify import classify
from policy_router.providers.failures.error_body import parse_json, read_error_body
from policy_router.providers.failures.failure import CallFailed, Failure, FailureKind, FailureScope
from policy_router.providers.http.event_stream import (
    END,
    SIGNALS,
    EventStream,
    EventTooLarge,
    ServerSentEvent,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from policy_router.domain.dialect import Dialect
    from policy_router.domain.models import Model
    from policy_router.providers.http.connections import OpenResponse
    from policy_router.providers.http.wire import Wire
    from policy_router.providers.requests.body import Body

_JSON: Final = b"{"
"""How all events begin that are no signals, unless they are wrong."""
CAPS: Final = ("max_completion_tokens", "max_tokens")
"""The names of the cap on an answer in a chat body."""
_SUCCESS: Final = range(200, 300)
_PROMPTS: Final = frozenset({"messages", "tools", "prediction", "stop"})
_MIB: Final = 1024 * 1024
_TOKEN_BYTES: Final = 4096
"""The most bytes that one token takes in an answer, with its frame and its log probabilities."""
_MOST_BYTES: Final = 64 * _MIB
"""The most bytes that are read of an answer whose length nothing else bounds."""


def prompt_of(body: Body) -> list[Any]:
    """The text of the prompt, which no message about a failure may repeat."""
    return [value for name, value in body.parameters.items() if name in _PROMPTS]


def read_key(name: str) -> str:
    """The key in an environment variable. Raises CallFailed when there is none."""
    key = os.environ.get(name)
    if not key:
        detail = f"environment variable {name} is not set"
        raise CallFailed(Failure(FailureKind.CREDENTIAL, detail, sent=False))
    return key


def most_bytes(model: Model, body: Body) -> int:
    """The most bytes that an answer can have."""
    given = body.parameters
    tokens = next((given[name] for name in CAPS if name in given), model.max_output)
    if tokens is None:
        return _MOST_BYTES
    return min(_MIB + tokens * (given.get("n") or 1) * _TOKEN_BYTES, _MOST_BYTES)


async def read_whole(response: OpenResponse, most: int, wire: Wire) -> bytes:
    """The whole body.

    Args:
        response: The response, of which nothing was read.
        most: The most bytes that it may have.
        wire: What the connection saw.

    Raises:
        CallFailed: It has more bytes.
    """
    content, read = response.content, bytearray()
    while not content.at_eof():
        # A short answer is here as a whole by now; each piece of a long one is waited for.
        read += content.read_nowait() if content.is_eof() else await content.readany()
        if len(read) > most:
            raise _too_long(most, wire)
    return bytes(read)


async def read_events(
    response: OpenResponse, most: int, wire: Wire
) -> AsyncGenerator[list[ServerSentEvent]]:
    """The events up to the end of the stream, those together that arrive together.

    A server that does not stream answers with one JSON document, which counts as one event. The
    arguments are those of `read_whole`.

    Raises:
        CallFailed: It has more bytes.
    """
    if "json" in response.content_type:
        body = await read_whole(response, most, wire)
        if body.strip():
            yield [ServerSentEvent(body, body)]
        return
    stream, size = EventStream(), 0
    async for data in response.content.iter_any():
        size += len(data)
        if size > most:
            raise _too_long(most, wire)
        try:
            events = stream.feed(data)
        except EventTooLarge:
            raise _too_long(most, wire) from None
        sent: list[ServerSentEvent] = []
        ended = False
        for event in events:
            if not ended and event.data.startswith(_JSON):
                sent.append(event)
                continue
            signal = event.data.strip()
            ended = ended or signal == END
            if not ended and signal not in SIGNALS:
                sent.append(event)
        if sent:
            yield sent
        if ended:
            return
    last = stream.end()
    if last is not None and parse_json(last.data) is not None:
        yield [last]  # else it was cut off, as the missing end of the answer shows


def refuse_status(
    wire: Wire, prompt: list[Any], dialect: Dialect, credentials: Sequence[str]
) -> None:
    """Raise CallFailed for a status that is not a success.

    Args:
        wire: What the connection saw.
        prompt: What no message may repeat.
        dialect: The format of the request.
        credentials: The keys that it was sent with; an error that repeats one is not kept.
    """
    if wire.status not in _SUCCESS:
        failure = _stated(parse_json(wire.body), wire, prompt)
        original = _original(failure, wire, dialect, credentials)
        raise CallFailed(replace(failure, original=original))


def _original(
    failure: Failure, wire: Wire, dialect: Dialect, credentials: Sequence[str]
) -> OriginalError | None:
    """The error as it was sent, unless it is about the policy's own key or account."""
    ours = failure.scope in {FailureScope.KEY, FailureScope.ACCOUNT} or any(
        len(each) >= _SECRET and each.encode(errors="replace") in wire.body for each in credentials
    )
    if ours or wire.status is None or wire.status < _ERROR or len(wire.body) > LARGEST_ERROR:
        return None
    headers = {k: v for k, v in wire.headers.items() if k not in _OF_THE_CONNECTION}
    return OriginalError(dialect, wire.status, MappingProxyType(headers), wire.body)


_ERROR: Final = 400
_SECRET: Final = 8
"""Characters of the shortest key; what is shorter stands in for one, such as `none`."""
_OF_THE_CONNECTION: Final = frozenset(
    {
        "alt-svc",
        "anthropic-organization-id",
        "connection",
        "content-encoding",
        "content-length",
        "date",
        "keep-alive",
        "openai-organization",
        "openai-project",
        "proxy-authenticate",
        "server",
        "set-cookie",
        "strict-transport-security",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
        "www-authenticate",
    }
)
"""Headers of an answer that say nothing about what is in it, or name the account that pays."""


def read_object(data: bytes, wire: Wire, prompt: list[Any]) -> dict[str, Any]:
    """The JSON object in an answer of a success status.

    Args:
        data: The body, or the data of one event.
        wire: What the connection saw.
        prompt: What no message may repeat.

    Raises:
        CallFailed: It is not a JSON object, or it states an error.
    """
    try:
        value = from_json(data)
    except ValueError:  # `parse_json` takes more, and is slower
        value = parse_json(data)
    if not isinstance(value, dict):
        detail = "a part of the answer is not a JSON object"
        raise CallFailed(Failure(FailureKind.MALFORMED, detail, wire.status))
    if value.get("error") or value.get("type") == "error":
        raise CallFailed(_stated(value, wire, prompt))
    return value


def lost(error: Exception, wire: Wire) -> CallFailed:
    """The failure of a connection that could not be opened, or broke.

    Args:
        error: What the HTTP client raised.
        wire: What the connection saw.
    """
    import aiohttp  # noqa: PLC0415  only where a model is called directly

    unopened = (
        aiohttp.ClientConnectorError,
        aiohttp.ClientSSLError,
        aiohttp.InvalidURL,
        TimeoutError,
    )
    broken = aiohttp.ServerConnectionError, aiohttp.ClientPayloadError, OSError
    undecoded = aiohttp.http_exceptions.ContentEncodingError
    if isinstance(error, unopened):
        kind, detail = FailureKind.CONNECT, "no connection"
    elif isinstance(error.__cause__, undecoded):
        kind, detail = FailureKind.MALFORMED, "the answer cannot be decompressed"
    elif isinstance(error, broken):
        kind, detail = FailureKind.CONNECTION_LOST, "the connection was lost"
    elif isinstance(error, aiohttp.ClientError):
        kind, detail = FailureKind.MALFORMED, "the answer is not HTTP"
    else:
        kind, detail = FailureKind.INTERNAL, "the call failed inside this process"
    detail = f"{detail}: {type(error).__name__}"
    return CallFailed(Failure(kind, detail, wire.status, sent=not wire.unsent))


def _stated(value: object, wire: Wire, prompt: list[Any]) -> Failure:
    """The failure that a status states, with the body if it is JSON."""
    values = [] if value is None else [value]
    evidence = read_error_body(
        values, status=wire.status, headers=wire.headers, prompt=prompt, now=time.time()
    )
    return classify(evidence)


def _too_long(most: int, wire: Wire) -> CallFailed:
    detail = f"the answer has more than {most:,} bytes"
    # The limit follows from this request, so exceeding it is not held against the model.
    scope = FailureScope.REQUEST
    return CallFailed(Failure(FailureKind.MALFORMED, detail, wire.status, scope_override=scope))
