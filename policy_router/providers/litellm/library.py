"""Loads and calls the LiteLLM library, with everything switched off that must not happen here.

Besides `rehearsal` and `embedding_call`, no other module of this package uses LiteLLM's names. Each
behaviour relied on here has a contract test in tests/providers/litellm/test_contract.py, which runs
against the oldest and the newest release that pyproject.toml allows.

Switched off are: downloads and reading `.env` files at import, retries, following redirects,
blocking requests to Ollama for a model's data, logging of prompts, and imports during the first
call.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import warnings
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NoReturn

from policy_router.providers.http.body_tap import tap
from policy_router.providers.http.wire import Wire, current
from policy_router.resilience import forks

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

    import httpx

_log: Final = logging.getLogger(__name__)

ENVIRONMENT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else it fetches a price list at import
        "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",  # else it fetches a list of beta headers
        "LITELLM_MODE": "PRODUCTION",  # else it reads the `.env` of whatever project it is in
        "HF_HUB_OFFLINE": "1",  # else it downloads tokenizers
    }
)
"""Variables that must be set before the import; values that the operator set are kept."""

CONNECT_SECONDS: Final = 3.0
"""The longest that opening a connection may take."""
GRACE_SECONDS: Final = 1.0
"""How much longer the connection waits than the executor, so that the executor ends the call."""

BY_SDK: Final = frozenset(
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
REFUSING: Final = BY_SDK | _BY_HTTP
"""Providers whose LiteLLM code accepts a client of ours, which does not follow redirects. LiteLLM's
own clients follow them; for other providers an egress rule must prevent it."""

_LOGGERS: Final = ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy", "openai._base_client")
"""Loggers that log whole requests, or the URLs of pictures."""
_loading: Final = threading.Lock()
_configured = False


def load() -> Any:
    """Imports LiteLLM, which takes seconds, and configures it.

    Safe in any thread; from the second call on it returns at once.

    Returns:
        The `litellm` module.
    """
    global _configured  # noqa: PLW0603  LiteLLM is one module per process
    forks.protect(_loading)
    with _loading:
        if _configured:
            return sys.modules["litellm"]
        if "litellm" not in sys.modules:
            for name, value in ENVIRONMENT.items():
                os.environ.setdefault(name, value)
        else:
            late = [name for name in ENVIRONMENT if name not in os.environ]
            if late:
                _log.info("litellm was imported before; these came too late: %s", ", ".join(late))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the library's own warnings do not concern our caller
            import litellm  # noqa: PLC0415  2,700 modules, only for programs that call a model

            litellm.disable_hf_tokenizer_download = True  # one blocks the event loop for 47 s
            litellm.suppress_debug_info = True
            litellm.turn_off_message_logging = True
            # Else a table, or a request that asks for repetition, looks like a broken model.
            litellm.REPEATED_STREAMING_CHUNK_LIMIT = sys.maxsize
            _keep_from_asking_ollama()
        ignore_its_warnings()
        for name in _LOGGERS:
            logging.getLogger(name).addFilter(_not_of_our_calls)
        _configured = True
        return litellm


FIXED: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "num_retries": 0,
        "max_retries": 0,  # both, or LiteLLM calls three times
        "drop_params": True,
        # Else a call with tools imports LiteLLM's proxy, which a plain install cannot, and
        # tools that name an MCP server would be run by it.
        "_skip_mcp_handler": True,
    }
)


_OF_UNKNOWN_EFFORT: Final = frozenset({"azure", "fireworks_ai", "groq", "lm_studio", "together_ai"})
"""Providers for whose models LiteLLM drops the effort, unless it knows that they reason. It cannot
know that of a deployment, or of a model that was loaded by hand."""


async def send(
    litellm: Any,
    name: str,
    body: Mapping[str, Any],
    *,
    api_base: str | None,
    key: Callable[[str], str | None],
    http: Callable[[], httpx.AsyncClient],
    seconds: float,
    wire: Wire,
) -> Any:
    """One call, over our own HTTP client where the provider's code takes one.

    Args:
        litellm: What `load` returned.
        name: The LiteLLM name of the model.
        body: Parameters of the request; built from an allow-list, since every other keyword of
            `acompletion` changes how and where LiteLLM calls.
        api_base: Where the model is called; None for the provider's own address.
        key: The key for a provider; None leaves it to LiteLLM's own variables.
        http: A client made by `http_client`.
        seconds: The most that the call may take.
        wire: `watched` becomes True when the client below is ours.

    Returns:
        LiteLLM's ModelResponse, or its stream.
    """
    import httpx as _httpx  # noqa: PLC0415  comes with LiteLLM; loaded by now

    ignore_its_warnings()
    _, provider, known_key, known_base = litellm.get_llm_provider(name, api_base=api_base)
    if "reasoning_effort" in body and provider in _OF_UNKNOWN_EFFORT:
        body = {**body, "allowed_openai_params": ["reasoning_effort"]}
    own_key = key(provider)
    arguments = {
        **body,
        **FIXED,
        "model": name,
        "timeout": _httpx.Timeout(seconds + GRACE_SECONDS, connect=min(CONNECT_SECONDS, seconds)),
    }
    if own_key is not None:
        arguments["api_key"] = own_key
    if api_base is not None:
        arguments["api_base"] = api_base
    client = client_for(provider, own_key or known_key, api_base or known_base, http)
    if client is not None:
        arguments["client"] = client
        wire.watched = True
    return await litellm.acompletion(**arguments)


def client_for(
    provider: str,
    key: str | None,
    api_base: str | None,
    http: Callable[[], httpx.AsyncClient],
) -> Any:
    """A client for this provider around our own connections, where LiteLLM takes one."""
    if provider in BY_SDK and key is not None:
        sdk = _sdk_client()
        return sdk(api_key=key, base_url=api_base, http_client=http(), max_retries=0)
    if provider not in _BY_HTTP:
        return None
    from litellm.llms.custom_httpx.http_handler import (  # noqa: PLC0415  as in load
        AsyncHTTPHandler,
    )

    ours = http()
    handler = AsyncHTTPHandler(transport=ours._transport, follow_redirects=False)  # noqa: SLF001  replaced at once; spares it opening one of its own
    handler.client = ours
    handler.create_client = lambda **_: _NoSecondCall()
    return handler


class _NoSecondCall:
    """Stands in for the client by which LiteLLM calls again when there was no connection.

    That call would not be counted, and would follow redirects.
    """

    def build_request(self, *_: object, **__: object) -> NoReturn:
        """Raises what kept the first call from being made, which is being handled."""
        handled = sys.exception()
        raise RuntimeError if handled is None else handled

    async def aclose(self) -> None:
        """Holds nothing open."""


@cache
def _sdk_client() -> Any:
    """The client of OpenAI's SDK, one that never repeats a call.

    For embeddings LiteLLM takes `max_retries=0` for its own default, and sets that on the client.
    """
    import openai  # noqa: PLC0415  comes with LiteLLM

    class SingleCallClient(openai.AsyncOpenAI):
        @property
        def max_retries(self) -> int:
            return 0

        @max_retries.setter
        def max_retries(self, _: int) -> None:
            """Keeps it as it is."""

    return SingleCallClient


@cache
def _certificates() -> ssl.SSLContext:
    """Which certificates connections trust. Reading it takes 70 ms, so it is read once for all
    clients.
    """
    import httpx  # noqa: PLC0415  comes with LiteLLM

    return httpx.create_ssl_context()


def http_client() -> httpx.AsyncClient:
    """A client that follows no redirects and reports to the `Wire` of the running call."""
    import httpx  # noqa: PLC0415  comes with LiteLLM

    from policy_router.providers.litellm.network import (  # noqa: PLC0415  imports httpcore, which comes with httpx
        close_what_is_cut_off,
    )

    client = httpx.AsyncClient(
        verify=_certificates(),
        follow_redirects=False,
        headers={"accept-encoding": "gzip, deflate"},  # what `tap` can unpack, to bound answers
        # Prompts of different users share this client: it must not carry cookies along.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        # The executor bounds the connections of each server (see `execution.bulkhead`).
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=100),
        event_hooks={"request": [_note_request], "response": [_note_response]},
    )
    close_what_is_cut_off(client)
    return client


async def _note_request(request: httpx.Request) -> None:
    wire = current()
    if wire is None:
        return
    wire.handed_over = True

    async def trace(event: str, _: Mapping[str, Any]) -> None:
        if event.endswith("send_request_body.started"):
            wire.sent = True

    request.extensions = {**request.extensions, "trace": trace}


async def _note_response(response: httpx.Response) -> None:
    wire = current()
    if wire is None:
        return
    wire.sent = True
    wire.status = response.status_code
    wire.headers = MappingProxyType(dict(response.headers))
    if response.status_code >= _ERROR:
        tap(response, _LARGEST_ERROR)
        wire.body = await response.aread()
    else:
        wire.answer = tap(response, wire.most)


_ERROR: Final = 400
"""The least HTTP status of an error."""
_LARGEST_ERROR: Final = 1024 * 1024
"""Bytes of the largest error that is read."""


def finish_reason_seen(stream: Any) -> bool:
    """Whether the provider itself ended this stream, as far as LiteLLM knows.

    LiteLLM writes a last chunk with finish reason "stop" also when the connection broke. What it
    does not know, such as how a stream of Gemini ended, is seen on the wire (`raw_answer`).
    """
    return not (stream.received_finish_reason is None and stream.intermittent_finish_reason is None)


def _keep_from_asking_ollama() -> None:
    """Keeps LiteLLM from asking an Ollama server for a model's data.

    It does so after the first answer, with a blocking call in the event loop. In calls of ours it
    now gets what it assumes when that server does not answer; other calls are not affected.
    """
    from litellm.llms.ollama.common_utils import OllamaModelInfo  # noqa: PLC0415  as in load

    asks = OllamaModelInfo.get_runtime_model_info

    def asks_unless_ours(self: Any, model: str, *args: Any, **options: Any) -> dict[str, object]:
        if current() is not None:
            return {
                "key": model,
                "litellm_provider": "ollama",
                "mode": "chat",
                "input_cost_per_token": 0.0,
                "output_cost_per_token": 0.0,
                "max_tokens": None,
                "max_input_tokens": None,
                "max_output_tokens": None,
            }
        info: dict[str, object] = asks(self, model, *args, **options)
        return info

    OllamaModelInfo.get_runtime_model_info = asks_unless_ours


_ITS_WARNINGS: Final = r"litellm(\.|$)"


def ignore_its_warnings() -> None:
    """Ignores the warnings that LiteLLM's code causes itself, for example in every stream.

    Where a program turns warnings into errors, each of them would end a call. Checked in each call,
    because `catch_warnings`, which test frameworks use, drops filters that were set inside it.
    """
    modules = (row[3] for row in warnings.filters)
    if not any(getattr(module, "pattern", None) == _ITS_WARNINGS for module in modules):
        warnings.filterwarnings("ignore", module=_ITS_WARNINGS)


def _not_of_our_calls(_: logging.LogRecord) -> bool:
    """Whether a record may be logged: what LiteLLM logs during a call of ours may quote the prompt,
    and failures are classified and logged here."""
    return current() is None
