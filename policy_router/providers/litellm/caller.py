"""Calls models through LiteLLM, which it reaches only through `library`."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Self
from weakref import WeakKeyDictionary

from policy_router.providers.answers.adapt import to_answer, to_chunk
from policy_router.providers.answers.embeddings import to_embeddings
from policy_router.providers.failures.classify import classify
from policy_router.providers.failures.evidence import read_exception
from policy_router.providers.failures.failure import CallFailed, Failure, FailureKind
from policy_router.providers.failures.http_answer import most_bytes
from policy_router.providers.http.wire import Wire, current, watching
from policy_router.providers.litellm import embedding_call, library, rehearsal
from policy_router.providers.litellm.reported import UNCOUNTED, reported_usage
from policy_router.providers.litellm.restore import RestoredChunks, raw_failure, restored, too_long
from policy_router.providers.requests.wire_body import for_provider, provider_of
from policy_router.redaction.trace import frames

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import httpx

    from policy_router.domain.models import Model
    from policy_router.providers.answers.chat import ChatAnswer, ChatChunk, Usage
    from policy_router.providers.answers.embeddings import EmbeddingAnswer
    from policy_router.providers.answers.message import Delta
    from policy_router.providers.caller import Chunks
    from policy_router.providers.requests.body import Body
    from policy_router.providers.requests.embedding_body import EmbeddingBody

_log: Final = logging.getLogger(__name__)

_NO_KEY: Final = "none"
_KEYLESS: Final = frozenset({"openai", "hosted_vllm"})
"""Self-hosted servers with OpenAI's API. Without a key in the policy they get a placeholder:
LiteLLM would send them OPENAI_API_KEY."""
_OPENAI_KEY: Final = "OPENAI_API_KEY"


class LiteLLMCaller:
    """A Caller that uses LiteLLM. Close it in the event loop that used it, or use `async with`.

    Keys are read from the environment at each call and never stored.
    """

    def __init__(self) -> None:
        self._litellm: Any = None
        self._ready_for: frozenset[str] = frozenset()
        # A client belongs to the event loop that opened its connections.
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, httpx.AsyncClient] = (
            WeakKeyDictionary()
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def prepare(self, models: Iterable[Model] = ()) -> None:
        """Imports LiteLLM and its code for these models in a thread, unless it is loaded."""
        names = frozenset(model.provider_model for model in models)
        if self._litellm is None or not names <= self._ready_for:
            self._litellm = await asyncio.to_thread(library.load)
            await asyncio.to_thread(rehearsal.warm, names)
            self._ready_for |= names

    async def aclose(self) -> None:
        """Closes the connections of the running event loop."""
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.aclose()

    async def call(self, model: Model, body: Body, timeout: float) -> ChatAnswer:  # noqa: ASYNC109  see Caller
        """A whole answer. Raises CallFailed."""
        with watching(current() or Wire()) as wire:
            try:
                answer = to_answer(await self._send(model, body, timeout, {}, wire))
            except CallFailed:
                raise
            except Exception as error:  # noqa: BLE001  any exception of a library becomes a Failure
                raise _failed(error, body, wire) from None
        failure = raw_failure(wire, _prompt(body), time.time())
        if failure is not None:
            raise CallFailed(failure)
        if provider_of(model) in UNCOUNTED:
            answer = replace(answer, usage=None)
        return restored(answer, wire)

    async def stream(self, model: Model, body: Body, timeout: float) -> Chunks:  # noqa: ASYNC109  see Caller
        """The chunks of an answer, usage included. Raises CallFailed, also while iterating."""
        options = {"stream": True, "stream_options": {"include_usage": True}}
        with watching(current() or Wire()) as wire:
            try:
                wrapper = await self._send(model, body, timeout, options, wire)
            except CallFailed:
                raise
            except Exception as error:  # noqa: BLE001  as above
                raise _failed(error, body, wire) from None
            counted = provider_of(model) not in UNCOUNTED
            chunks = _Stream(wrapper, body, wire, counted=counted)
            return RestoredChunks(chunks, wire, _prompt(body), time.time)

    async def embed(self, model: Model, body: EmbeddingBody, timeout: float) -> EmbeddingAnswer:  # noqa: ASYNC109  see Caller
        """Embeddings. Raises CallFailed."""
        if self._litellm is None:
            await self.prepare([model])
        with watching(current() or Wire()) as wire:
            wire.most = body.most_bytes
            try:
                value = await embedding_call.embed(
                    self._litellm,
                    model.provider_model,
                    body,
                    api_base=model.api_base,
                    key=lambda provider: _key(model, provider),
                    http=self._http,
                    seconds=timeout,
                    wire=wire,
                )
            except CallFailed:
                raise
            except Exception as error:  # noqa: BLE001  as above
                raise _failed(error, body, wire) from None
        return to_embeddings(value, len(body.inputs), as_base64=body.as_base64)

    async def _send(
        self, model: Model, body: Body, limit: float, options: Mapping[str, Any], wire: Wire
    ) -> Any:
        if self._litellm is None:
            await self.prepare([model])
        wire.most = most_bytes(model, body)
        return await library.send(
            self._litellm,
            model.provider_model,
            {**for_provider(body, provider_of(model), model), **options},
            api_base=model.api_base,
            key=lambda provider: _key(model, provider),
            http=self._http,
            seconds=limit,
            wire=wire,
        )

    def _http(self) -> httpx.AsyncClient:
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            client = self._clients[loop] = library.http_client()
        return client


class _Stream:
    """LiteLLM's stream, corrected: it ends normally only when the provider ended it, and its usage
    is what the provider counted."""

    def __init__(self, wrapper: Any, body: Body, wire: Wire, *, counted: bool) -> None:
        self._counted = counted
        self._wrapper = wrapper
        self._body = body
        self._wire = wire
        self._began = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ChatChunk:
        while True:
            try:
                with watching(self._wire):  # some of LiteLLM's streams only send when they are read
                    chunk = to_chunk(await self._wrapper.__anext__())
            except StopAsyncIteration:
                raise
            except Exception as error:  # noqa: BLE001  any exception of a library becomes a Failure
                raise _failed(error, self._body, self._wire) from None
            if chunk.usage is not None:
                chunk = replace(chunk, usage=self._usage(chunk.usage))
                if chunk.usage is None and not chunk.has_output:
                    continue  # it contains only a usage that LiteLLM made up
            self._began = self._began or any(_says(choice.delta) for choice in chunk.choices)
            if chunk.finish_reason is not None:
                self._check_finish()
            return chunk

    def arrived(self) -> ChatChunk | None:
        """None: the library does not say."""
        return None

    def _usage(self, made_up: Usage) -> Usage | None:
        """What the provider counted, in place of LiteLLM's own sum, which it makes up where the
        provider counted nothing."""
        usage = reported_usage(self._wrapper.chunks) if self._counted else None
        if usage is None or usage.service_tier:
            return usage
        return replace(usage, service_tier=made_up.service_tier)

    async def aclose(self) -> None:
        with watching(self._wire):
            await self._wrapper.aclose()

    def _check_finish(self) -> None:
        if not library.finish_reason_seen(self._wrapper):
            kind = FailureKind.CONNECTION_LOST if self._began else FailureKind.MALFORMED
            raise CallFailed(Failure(kind, "the stream ended without a finish reason"))


def _says(delta: Delta) -> bool:
    return bool(delta.content or delta.tool_calls)


def _key(model: Model, provider: str) -> str | None:
    """The key to call with; None leaves it to LiteLLM, which reads its own variables."""
    name = model.api_key_env
    if name is None:
        if provider in _KEYLESS and model.api_base is not None:
            return _NO_KEY
        if provider != "openai":
            return None
        name = _OPENAI_KEY
    key = os.environ.get(name)
    if not key:
        raise CallFailed(Failure(FailureKind.CREDENTIAL, f"environment variable {name} is not set"))
    return key


def _prompt(body: Mapping[str, Any]) -> list[Any]:
    return [value for name, value in body.items() if name in _PROMPTS]


def _failed(error: Exception, body: Mapping[str, Any], wire: Wire) -> CallFailed:
    if wire.answer is not None and wire.answer.too_long:
        return CallFailed(too_long(wire))
    failure = classify(read_exception(error, _prompt(body), time.time(), wire))
    if wire.watched and not wire.handed_over and failure.kind in _UNREAD:
        # LiteLLM could not even build the request: that is not the model's fault.
        failure = replace(failure, kind=FailureKind.INVALID_REQUEST)
    if wire.unsent:
        failure = replace(failure, sent=False)
    if failure.kind is FailureKind.INTERNAL:
        _log.error("a call through LiteLLM failed inside this process: %s", failure.detail)
    if failure.kind is FailureKind.UNKNOWN:
        _log.debug("a call failed in an unknown way: %s", frames(error))
    return CallFailed(failure)


_UNREAD: Final = frozenset({FailureKind.MALFORMED, FailureKind.UNKNOWN})
"""The kinds of failure that only LiteLLM's own message gives evidence of."""
_PROMPTS: Final = frozenset({"messages", "input", "tools", "prediction", "stop", "user"})
