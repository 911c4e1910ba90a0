"""Calls models over HTTP in the wire format of OpenAI's chat completions."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any, Final, Self

from policy_router.providers.adapt import to_answer, to_chunk
from policy_router.providers.classify import classify
from policy_router.providers.connections import Connections
from policy_router.providers.error_body import parse_json, read_error_body
from policy_router.providers.event_stream import EventStream, EventTooLarge
from policy_router.providers.failure import CallFailed, Failure, FailureKind
from policy_router.providers.openai_wire.endpoints import ENDPOINTS, endpoint_of, wire_name
from policy_router.providers.wire import Wire, current
from policy_router.providers.wire_body import for_provider, provider_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable
    from contextlib import AbstractAsyncContextManager

    import aiohttp

    from policy_router.domain.models import Model
    from policy_router.providers.body import Body
    from policy_router.providers.caller import Chunks
    from policy_router.providers.chat import ChatAnswer, ChatChunk

_PATH: Final = "/chat/completions"
_SUCCESS: Final = range(200, 300)
_END: Final = b"[DONE]"
_CAPS: Final = ("max_completion_tokens", "max_tokens")
_PROMPTS: Final = frozenset({"messages", "tools", "prediction", "stop"})
_MIB: Final = 1024 * 1024
_TOKEN_BYTES: Final = 4096
"""The most bytes that one token takes in an answer, with its frame and its log probabilities."""
_MOST_BYTES: Final = 64 * _MIB
"""The most bytes that are read of an answer whose length nothing else bounds."""


class OpenAIWireCaller:
    """A Caller for endpoints that speak OpenAI's wire format.

    Close it in the event loop that used it. Keys are read from the environment at each call and
    never stored.
    """

    def __init__(self) -> None:
        """Make a caller; it opens no connection until a model is called."""
        self._connections = Connections()

    async def prepare(self, models: Iterable[Model] = ()) -> None:  # noqa: ARG002  one client for all
        """Import the HTTP client."""
        import aiohttp  # noqa: F401, PLC0415  only where a model is called directly

    async def aclose(self) -> None:
        """Close the connections of the running event loop."""
        await self._connections.aclose()

    async def call(self, model: Model, body: Body, timeout: float) -> ChatAnswer:  # noqa: ASYNC109, ARG002  see Caller; the executor enforces its own limits
        """A whole answer. Raises CallFailed."""
        wire = current() or Wire()
        prompt = _prompt(body)
        try:
            async with self._post(model, body, wire, stream=False) as response:
                _refuse_status(wire, prompt)
                text = await _read(response, _most_bytes(model, body))
        except CallFailed:
            raise
        except Exception as error:  # noqa: BLE001  whatever the connection raised becomes a Failure
            raise _lost(error, wire) from None
        value = parse_json(text)
        _refuse_error(value, wire, prompt)
        if not isinstance(value, dict):
            raise CallFailed(
                Failure(FailureKind.MALFORMED, "the answer is not a JSON object", wire.status)
            )
        return to_answer(value)

    async def stream(self, model: Model, body: Body, timeout: float) -> Chunks:  # noqa: ASYNC109, ARG002  as above
        """The chunks of an answer, usage included. Raises CallFailed, also while iterating."""
        wire = current() or Wire()
        prompt = _prompt(body)
        connection = self._post(model, body, wire, stream=True)
        try:
            response = await connection.__aenter__()
        except CallFailed:
            raise
        except Exception as error:  # noqa: BLE001  as above
            raise _lost(error, wire) from None
        chunks = _Stream(connection, response, wire, prompt, _most_bytes(model, body))
        try:
            _refuse_status(wire, prompt)
        except CallFailed:
            await chunks.aclose()
            raise
        return chunks

    def _post(
        self, model: Model, body: Body, wire: Wire, *, stream: bool
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """The connection with the answer to a request. Raises CallFailed for a missing key."""
        endpoint = endpoint_of(model)
        address = model.api_base or (None if endpoint is None else endpoint.address)
        if endpoint is None or address is None:
            raise CallFailed(
                Failure(
                    FailureKind.INTERNAL,
                    f"`{model.name}` has no address that can be called directly",
                    sent=False,
                )
            )
        headers = {"Content-Type": "application/json"}
        key = _key(model)
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        sent = _renamed(for_provider(body, provider_of(model), model), endpoint.cap)
        sent["model"] = wire_name(model)
        if stream:
            sent |= {"stream": True, "stream_options": {"include_usage": True}}
        encoded = json.dumps(sent, ensure_ascii=False).encode("utf-8", "surrogatepass")
        url = address.rstrip("/") + _PATH
        return self._connections.post(url, headers=headers, body=encoded, wire=wire)


class _Stream:
    """The chunks of one answer, in the order of its events."""

    def __init__(
        self,
        connection: AbstractAsyncContextManager[aiohttp.ClientResponse],
        response: aiohttp.ClientResponse,
        wire: Wire,
        prompt: list[Any],
        most_bytes: int,
    ) -> None:
        self._connection = connection
        self._wire = wire
        self._prompt = prompt
        self._events = _events(response, wire, most_bytes)
        self._closed = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ChatChunk:
        try:
            data = await self._events.__anext__()
        except (StopAsyncIteration, CallFailed):
            raise
        except Exception as error:  # noqa: BLE001  as above
            raise _lost(error, self._wire) from None
        value = parse_json(data)
        _refuse_error(value, self._wire, self._prompt)
        if not isinstance(value, dict):
            raise CallFailed(
                Failure(
                    FailureKind.MALFORMED, "an event of the stream is not JSON", self._wire.status
                )
            )
        choices = value.get("choices")
        first = choices[0] if isinstance(choices, list) and choices else None
        if isinstance(first, dict) and "delta" not in first and "message" in first:
            raise CallFailed(
                Failure(FailureKind.MALFORMED, "a whole answer in place of a stream", 200)
            )
        return to_chunk(value)

    async def aclose(self) -> None:
        """Close the connection."""
        if not self._closed:
            self._closed = True
            await self._events.aclose()
            await self._connection.__aexit__(None, None, None)


async def _events(
    response: aiohttp.ClientResponse, wire: Wire, most_bytes: int
) -> AsyncGenerator[bytes]:
    """The data of each event up to the end of the stream.

    A server that does not stream answers with one JSON document, which counts as one event.
    """
    streamed = "json" not in response.content_type
    stream, rest, size = EventStream(), b"", 0
    async for data in response.content.iter_any():
        size += len(data)
        if size > most_bytes:
            raise CallFailed(_too_long(most_bytes, wire))
        if not streamed:
            rest += data
            continue
        try:
            events = stream.feed(data)
        except EventTooLarge:
            raise CallFailed(_too_long(most_bytes, wire)) from None
        for event in events:
            if event.strip() == _END:
                return
            yield event
    last = stream.end() if streamed else rest
    if last is not None and last.strip() not in {b"", _END}:
        yield last


async def _read(response: aiohttp.ClientResponse, most_bytes: int) -> bytes:
    """The whole body. Raises CallFailed for one that is too long."""
    read = bytearray()
    async for data in response.content.iter_any():
        read += data
        if len(read) > most_bytes:
            raise CallFailed(_too_long(most_bytes, None))
    return bytes(read)


def _too_long(most_bytes: int, wire: Wire | None) -> Failure:
    detail = f"the answer has more than {most_bytes:,} bytes"
    return Failure(FailureKind.MALFORMED, detail, None if wire is None else wire.status)


def _most_bytes(model: Model, body: Body) -> int:
    """The most bytes that an answer can have."""
    caps = [body[name] for name in _CAPS if name in body]
    tokens = caps[0] if caps else model.max_output
    if tokens is None:
        return _MOST_BYTES
    return min(_MIB + tokens * (body.get("n") or 1) * _TOKEN_BYTES, _MOST_BYTES)


def _renamed(sent: dict[str, Any], cap: str) -> dict[str, Any]:
    """The parameters with the cap on the answer under the name that the endpoint knows."""
    caps = [sent.pop(name) for name in _CAPS if name in sent]
    return {**sent, cap: caps[0]} if caps else sent


def _key(model: Model) -> str | None:
    """The key of a call; None for a server that needs none. Raises CallFailed for a missing one."""
    name = model.api_key_env
    if name is None:
        name = ENDPOINTS[provider_of(model)].key_variable if model.api_base is None else None
        if name is None:
            return None
    key = os.environ.get(name)
    if not key:
        detail = f"environment variable {name} is not set"
        raise CallFailed(Failure(FailureKind.CREDENTIAL, detail, sent=False))
    return key


def _prompt(body: Body) -> list[Any]:
    return [value for name, value in body.items() if name in _PROMPTS]


def _refuse_status(wire: Wire, prompt: list[Any]) -> None:
    """Raise CallFailed for a status that is not a success."""
    if wire.status in _SUCCESS:
        return
    value = parse_json(wire.body) if wire.body else None
    raise CallFailed(_stated(value, wire, prompt))


def _refuse_error(value: object, wire: Wire, prompt: list[Any]) -> None:
    """Raise CallFailed for an error object in an answer of a success status."""
    if isinstance(value, dict) and (value.get("error") or value.get("type") == "error"):
        raise CallFailed(_stated(value, wire, prompt))


def _stated(value: object, wire: Wire, prompt: list[Any]) -> Failure:
    """The failure that a status, and the body if it is JSON, state."""
    values = [] if value is None else [value]
    evidence = read_error_body(
        values, status=wire.status, headers=wire.headers, prompt=prompt, now=time.time()
    )
    return classify(evidence)


def _lost(error: Exception, wire: Wire) -> CallFailed:
    """The failure of a connection that could not be opened, or broke."""
    import aiohttp  # noqa: PLC0415  as above

    unopened = (
        aiohttp.ClientConnectorError,
        aiohttp.ClientSSLError,
        aiohttp.InvalidURL,
        TimeoutError,
    )
    broken = aiohttp.ServerConnectionError, aiohttp.ClientPayloadError, OSError
    if isinstance(error, unopened):
        kind, detail = FailureKind.CONNECT, "no connection"
    elif isinstance(error, broken):
        kind, detail = FailureKind.CONNECTION_LOST, "the connection was lost"
    elif isinstance(error, aiohttp.ClientError):
        kind, detail = FailureKind.MALFORMED, "the answer is not HTTP"
    else:
        kind, detail = FailureKind.INTERNAL, "the call failed inside this process"
    detail = f"{detail}: {type(error).__name__}"
    return CallFailed(Failure(kind, detail, wire.status, sent=not wire.unsent))
