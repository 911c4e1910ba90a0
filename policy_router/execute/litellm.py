"""Calls models through LiteLLM. The only module that imports it, and only at the first call.

What LiteLLM does by itself is fenced off here: downloads and `.env` files at import, retries,
following redirects, its judgement of errors, and its habit of ending a cut stream with an invented
`finish_reason`. One exception remains: Gemini's chunks all carry a finish reason, so a cut stream
of Gemini cannot be told from a whole one.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import time
from contextvars import ContextVar
from dataclasses import replace
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Self
from weakref import WeakKeyDictionary

from policy_router.execute.evidence import read
from policy_router.execute.failure import CallFailed, Failure, Kind, classify

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

    from policy_router.execute.caller import Body, Chunks
    from policy_router.model import Model

_log: Final = logging.getLogger(__name__)

ENVIRONMENT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else it fetches a price list at import
        "LITELLM_MODE": "PRODUCTION",  # else it reads the `.env` of whatever project it is in
        "HF_HUB_OFFLINE": "1",  # else it downloads tokenizers
    }
)
"""Must be set before the import to have an effect; an operator's own values win."""

_CONNECT: Final = 3.0
"""Seconds to get a connection."""
_GRACE: Final = 1.0
"""Seconds the connection waits beyond the executor's limit, so that the executor cuts first."""
_NO_KEY: Final = "none"
_KEYLESS: Final = frozenset({"openai", "hosted_vllm"})
"""Own servers spoken to in OpenAI's format. Without a key of the policy they get a made-up one:
LiteLLM would send them OPENAI_API_KEY."""
_OPENAI_KEY: Final = "OPENAI_API_KEY"
_BY_SDK: Final = frozenset(
    {
        "cerebras",
        "custom_openai",
        "deepinfra",
        "github",
        "lm_studio",
        "moonshot",
        "nvidia_nim",
        "openai",
        "perplexity",
        "sambanova",
    }
)
_BY_HTTP: Final = frozenset(
    {
        "anthropic",
        "deepseek",
        "fireworks_ai",
        "gemini",
        "groq",
        "hosted_vllm",
        "mistral",
        "ollama_chat",
        "openrouter",
        "together_ai",
        "xai",
    }
)
REFUSING: Final = _BY_SDK | _BY_HTTP
"""Providers whose LiteLLM code takes a client of ours, OpenAI's SDK or its own, which follows no
redirects. LiteLLM's own clients follow them; for other providers an egress rule must refuse."""

_loading: Final = threading.Lock()


def load() -> Any:
    """Imports LiteLLM, seconds of work, and fences it. Returns the module; safe in any thread.

    A server calls this in a thread at its start, so that no request pays for it.
    """
    with _loading:
        if "litellm" not in sys.modules:
            for name, value in ENVIRONMENT.items():
                os.environ.setdefault(name, value)
        else:
            late = [name for name in ENVIRONMENT if name not in os.environ]
            if late:
                _log.info("litellm was imported before; these came too late: %s", ", ".join(late))
        import litellm  # noqa: PLC0415  2,700 modules: only who calls a model pays for them

        litellm.disable_hf_tokenizer_download = True  # a tokenizer blocks the event loop for 47 s
        litellm.suppress_debug_info = True
        litellm.turn_off_message_logging = True
        return litellm


class LiteLLMCaller:
    """A Caller by LiteLLM. Close it in the event loop that used it, or use `async with`.

    Keys are read from the environment at each call and kept nowhere.
    """

    def __init__(self) -> None:
        self._litellm: Any = None
        # A client belongs to the event loop that opened its connections.
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, httpx.AsyncClient] = (
            WeakKeyDictionary()
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def prepare(self) -> None:
        """Imports LiteLLM, in a thread, unless that is done."""
        if self._litellm is None:
            self._litellm = await asyncio.to_thread(load)

    async def aclose(self) -> None:
        """Closes the connections of the running event loop."""
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.aclose()

    async def call(self, model: Model, body: Body, timeout: float) -> Any:  # noqa: ASYNC109  see Caller
        """A whole answer. Raises CallFailed."""
        wire = _Wire()
        try:
            return await self._send(model, body, timeout, {}, wire)
        except CallFailed:
            raise
        except Exception as error:  # noqa: BLE001  whatever a library raises becomes a Failure
            raise _failed(error, body, wire) from None

    async def stream(self, model: Model, body: Body, timeout: float) -> Chunks:  # noqa: ASYNC109  see Caller
        """The chunks of an answer, usage included. Raises CallFailed, also while iterating."""
        options = {"stream": True, "stream_options": {"include_usage": True}}
        wire = _Wire()
        try:
            wrapper = await self._send(model, body, timeout, options, wire)
        except CallFailed:
            raise
        except Exception as error:  # noqa: BLE001  as above
            raise _failed(error, body, wire) from None
        return _Stream(wrapper, body, wire)

    async def _send(
        self, model: Model, body: Body, limit: float, options: Mapping[str, Any], wire: _Wire
    ) -> Any:
        await self.prepare()
        litellm = self._litellm
        import httpx  # noqa: PLC0415  comes with LiteLLM; loaded by now

        _, provider, known_key, known_base = litellm.get_llm_provider(
            model.calls, api_base=model.api_base
        )
        key = _key(model, provider)
        # Built from scratch: nothing but the allow-listed parameters of Body can be in it.
        arguments = {
            **body,
            **options,
            "model": model.calls,
            "num_retries": 0,
            "max_retries": 0,  # both, or LiteLLM calls three times
            "drop_params": True,
            # Else a call with tools imports LiteLLM's proxy, which a plain install cannot, and
            # tools that name an MCP server would be run by it.
            "_skip_mcp_handler": True,
            "timeout": httpx.Timeout(limit + _GRACE, connect=min(_CONNECT, limit)),
        }
        if key is not None:
            arguments["api_key"] = key
        if model.api_base is not None:
            arguments["api_base"] = model.api_base
        client = self._client(provider, key or known_key, model.api_base or known_base)
        if client is not None:
            arguments["client"] = client
            wire.watched = True
        _wire.set(wire)
        return await litellm.acompletion(**arguments)

    def _client(self, provider: str, key: str | None, api_base: str | None) -> Any:
        """A client for this provider that refuses redirects, where LiteLLM takes one."""
        if provider in _BY_SDK and key is not None:
            import openai  # noqa: PLC0415  comes with LiteLLM

            return openai.AsyncOpenAI(
                api_key=key, base_url=api_base, http_client=self._http(), max_retries=0
            )
        if provider not in _BY_HTTP:
            return None
        from litellm.llms.custom_httpx.http_handler import (  # noqa: PLC0415  as in load
            AsyncHTTPHandler,
        )

        http = self._http()
        handler = AsyncHTTPHandler(transport=http._transport, follow_redirects=False)  # noqa: SLF001  replaced at once; spares it opening one of its own
        handler.client = http
        return handler

    def _http(self) -> httpx.AsyncClient:
        import httpx  # noqa: PLC0415  comes with LiteLLM

        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            client = httpx.AsyncClient(
                follow_redirects=False,
                # Prompts of different users share this client: it must not carry cookies along.
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
                limits=httpx.Limits(max_connections=1_000, max_keepalive_connections=100),
                event_hooks={"request": [_note]},
            )
            self._clients[loop] = client
        return client


class _Wire:
    """Whether a call has sent anything. watched: that would be seen, since the client is ours."""

    __slots__ = ("sent", "watched")

    def __init__(self) -> None:
        self.sent = self.watched = False


_wire: Final[ContextVar[_Wire]] = ContextVar("the call that is under way here")


async def _note(_: httpx.Request) -> None:
    wire = _wire.get(None)
    if wire is not None:
        wire.sent = True


class _Stream:
    """LiteLLM's stream, made honest: it ends normally only when the provider ended it."""

    def __init__(self, wrapper: Any, body: Body, wire: _Wire) -> None:
        self._wrapper = wrapper
        self._body = body
        self._wire = wire
        self._began = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        _wire.set(self._wire)  # some of LiteLLM's streams only send when they are read
        try:
            chunk = await self._wrapper.__anext__()
        except StopAsyncIteration:
            raise
        except Exception as error:  # noqa: BLE001  whatever a library raises becomes a Failure
            raise _failed(error, self._body, self._wire) from None
        choices = chunk.choices
        self._began = self._began or any(_says(choice.delta) for choice in choices)
        if any(choice.finish_reason for choice in choices):
            self._check_finish()
        return chunk

    async def aclose(self) -> None:
        await self._wrapper.aclose()

    def _check_finish(self) -> None:
        """LiteLLM writes a last chunk with finish_reason "stop" also when the connection broke;
        what the provider sent is in these two attributes (pinned by a contract test)."""
        wrapper = self._wrapper
        if wrapper.received_finish_reason is None and wrapper.intermittent_finish_reason is None:
            kind = Kind.CONNECTION_LOST if self._began else Kind.MALFORMED
            raise CallFailed(Failure(kind, "the stream ended without a finish reason"))


def _says(delta: Any) -> bool:
    return bool(delta.content or delta.tool_calls)


def _key(model: Model, provider: str) -> str | None:
    """The key to call with; None leaves it to LiteLLM's own variables."""
    name = model.api_key_env
    if name is None:
        if provider in _KEYLESS and model.api_base is not None:
            return _NO_KEY
        if provider != "openai":
            return None
        name = _OPENAI_KEY
    key = os.environ.get(name)
    if not key:
        raise CallFailed(Failure(Kind.CREDENTIAL, f"environment variable {name} is not set"))
    return key


def _failed(error: Exception, body: Body, wire: _Wire) -> CallFailed:
    prompt = [value for name, value in body.items() if name in _PROMPTS]
    failure = classify(read(error, prompt, time.time()))
    if wire.watched and not wire.sent and failure.kind in _UNREAD:
        # LiteLLM could not even write the request: that is no fault of the model.
        failure = replace(failure, kind=Kind.BAD_REQUEST)
    if failure.kind is Kind.UNKNOWN:
        _log.debug("a call failed in an unknown way", exc_info=error)
    return CallFailed(failure)


_UNREAD: Final = frozenset({Kind.MALFORMED, Kind.UNKNOWN})
"""What a failure is taken for when nothing but LiteLLM's own words speak of it."""
_PROMPTS: Final = frozenset({"messages", "tools", "prediction", "stop", "user"})
