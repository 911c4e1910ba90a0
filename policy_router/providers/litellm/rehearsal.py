"""Runs LiteLLM's code for a provider once before it is needed, so that no request waits for it.

LiteLLM imports much of its code inside the first call, and reads an answer for the first time more
slowly. Nothing is sent here: the client answers by itself.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import threading
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from policy_router.providers.http.wire import Wire, watching
from policy_router.providers.litellm.library import (
    BY_SDK,
    FIXED,
    REFUSING,
    client_for,
    http_client,
    load,
)
from policy_router.resilience import forks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import httpx

_log: Final = logging.getLogger(__name__)
_rehearsing: Final = threading.Lock()
_warmed: Final[set[str]] = set()


def warm(calls: Iterable[str]) -> None:
    """Makes LiteLLM import what it only imports inside a call, for the providers of these models.

    Where a provider's code takes a client of ours it is run once, whole and streamed, against one
    that answers by itself, with an error or like OpenAI, and opens no connection. Other providers
    only translate a request. Blocks for up to seconds: call it in a thread.

    Args:
        calls: LiteLLM names of models, such as `openai/gpt-5-mini`.
    """
    litellm = load()
    forks.protect(_rehearsing)
    with _rehearsing, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        names = {_GENERIC: _GENERIC} if _GENERIC not in _warmed else {}
        for name in calls:
            try:
                model, provider, _, _ = litellm.get_llm_provider(name)
            except Exception:  # noqa: BLE001, S112  an unknown provider fails when it is called
                continue
            if provider in _warmed:
                continue
            if provider in REFUSING:
                names[provider] = name
            else:
                _translate(litellm, model, provider)
                _warmed.add(provider)
        if names:
            # A loop of its own: the caller's loop has requests to serve.
            asyncio.run(_rehearse(litellm, names))
            _warmed.update(names)


_GENERIC: Final = "openai/gpt-4o-mini"
"""A model that LiteLLM's mock answers for, to import what all providers share."""


async def _rehearse(litellm: Any, names: Mapping[str, str]) -> None:
    import httpx  # noqa: PLC0415  comes with LiteLLM

    await http_client().aclose()  # imports what opens connections
    for module in _WITH_UNKNOWN_ERRORS:
        with suppress(ImportError):  # an older release has none of that name
            importlib.import_module(module)
    refusing = httpx.AsyncClient(transport=httpx.MockTransport(_refuse))
    answering = httpx.AsyncClient(transport=httpx.MockTransport(_answer))
    async with refusing, answering:
        for provider, name in names.items():
            for client in (answering, refusing) if provider in BY_SDK else (refusing,):
                for stream in (False, True):
                    arguments = _arguments(provider, name, client, stream=stream)
                    with watching(Wire(watched=True)):
                        await _run_through(litellm, arguments)
    await asyncio.sleep(0)  # the tasks that LiteLLM starts for its logging


def _arguments(
    provider: str, name: str, client: httpx.AsyncClient, *, stream: bool
) -> dict[str, Any]:
    arguments = {**FIXED, "messages": _HELLO, "model": name, "api_key": "none"}
    if stream:
        arguments |= {"stream": True, "stream_options": {"include_usage": True}}
    if provider == _GENERIC:
        return {**arguments, "mock_response": "hello"}
    taken = client_for(provider, "none", _NOWHERE, lambda: client)
    return {**arguments, "api_base": _NOWHERE, "client": taken, "tools": _TOOLS}


def _refuse(_: httpx.Request) -> httpx.Response:
    import httpx  # noqa: PLC0415  comes with LiteLLM

    error = {"message": "rehearsal", "type": "invalid_request_error"}
    return httpx.Response(400, json={"error": error})


def _answer(request: httpx.Request) -> httpx.Response:
    import httpx  # noqa: PLC0415  comes with LiteLLM

    stream = json.loads(request.content).get("stream", False)
    said = {"role": "assistant", "content": "hello"}
    choice = {"index": 0, "delta" if stream else "message": said, "finish_reason": "stop"}
    answer = {
        "id": "rehearsal",
        "object": "chat.completion.chunk" if stream else "chat.completion",
        "created": 0,
        "model": "rehearsal",
        "choices": [choice],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
    if not stream:
        return httpx.Response(200, json=answer)
    events = f"data: {json.dumps(answer)}\n\ndata: [DONE]\n\n"
    return httpx.Response(200, text=events, headers={"content-type": "text/event-stream"})


_NOWHERE: Final = "http://127.0.0.1:9"
"""Where nothing is sent."""


def _translate(litellm: Any, model: str, provider: str) -> None:
    try:
        litellm.utils.get_optional_params(
            model=model, custom_llm_provider=provider, drop_params=True, max_tokens=1, tools=_TOOLS
        )
    except Exception as error:  # noqa: BLE001  only the imports matter
        _log.debug("translated for %s: %s", provider, type(error).__name__)


async def _run_through(litellm: Any, arguments: Mapping[str, Any]) -> None:
    try:
        answer = await litellm.acompletion(**arguments)
        if arguments.get("stream"):
            async for _ in answer:
                pass
    except Exception as error:  # noqa: BLE001  it answers with an error; only the imports matter
        _log.debug("rehearsed %s: %s", arguments["model"], type(error).__name__)


_WITH_UNKNOWN_ERRORS: Final = ("litellm.proxy.guardrails.exception_utils",)
"""Modules of LiteLLM that only a call imports which fails in a way that LiteLLM does not know."""
_HELLO: Final = ({"role": "user", "content": "hello"},)
_TOOLS: Final = (
    {
        "type": "function",
        "function": {"name": "look", "parameters": {"type": "object", "properties": {}}},
    },
)
