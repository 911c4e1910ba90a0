"""Reads the cause of a failed call from the exception of a library and from the connection.

LiteLLM classifies by text before status: a 400 whose message mentions rate limits becomes its
RateLimitError with status 429, and an answer that it cannot read becomes a 400 or 422 that no
provider sent. So the connection counts first, where it was watched; then the exceptions of httpx,
aiohttp or openai that are preserved in `__cause__` and `__context__`. Nothing here imports any of
them: objects are read by attribute.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from policy_router.providers.failures.classify import TRANSPORT, Evidence
from policy_router.providers.failures.error_body import (
    http_status,
    is_code,
    parse_json,
    read_error_body,
)

if TYPE_CHECKING:
    from policy_router.providers.http.wire import Wire

_STEPS: Final = 10
_LIBRARY: Final = "litellm."
_JUDGED: Final = "litellm.exceptions"
_NOT_SEEN: Final = 500
"""The status of LiteLLM's provider classes when there was none at all; it proves nothing."""
_INVENTED: Final = 422
"""The status that LiteLLM makes of a 200 whose `error` is a text."""
_INTERNAL: Final = (Warning, ImportError)
"""Raised by this process, never by a provider: a warning of a library, where the program turns
warnings into errors, or a part of a library that cannot be imported."""


def read_exception(
    error: BaseException, prompt: object, now: float, wire: Wire | None = None
) -> Evidence:
    """The evidence of a failed call.

    Args:
        error: What the calling library raised.
        prompt: The prompt, so that no part of it is kept.
        now: Unix time, for times to wait that are dates.
        wire: What the connection saw. Its status, headers and body count before anything that the
            library's exceptions contain.
    """
    chain = _walk(error)
    names = tuple(type(e).__name__ for e in chain)
    transport = tuple(n for e in reversed(chain) if _is_transport(e) for n in _classes(e))
    values = next((bodies for e in chain if (bodies := _values(e))), [])
    if wire is not None and wire.status is not None:
        values = on_wire(wire) or values
        evidence = read_error_body(
            values,
            status=wire.status,
            headers=wire.headers,
            prompt=prompt,
            now=now,
            names=transport or names,
            spare=() if values else _own_texts(chain),
        )
    else:
        evidence = read_error_body(
            values,
            status=_status(chain),
            headers=_headers(chain),
            prompt=prompt,
            now=now,
            stated=_stated(chain),
            names=transport or names,
            spare=() if values else _own_texts(chain),
            codes=() if values else _status_words(chain),
        )
    internal = any(isinstance(e, _INTERNAL) for e in chain)
    return replace(evidence, transport_classes=transport, library_classes=names, internal=internal)


def on_wire(wire: Wire) -> list[Any]:
    """The bodies and events on the connection that report an error."""
    body = parse_json(wire.body) if wire.body else None
    if body is not None:
        return [body]
    return [] if wire.answer is None else wire.answer.errors


def _walk(error: BaseException) -> list[BaseException]:
    """The exception and those that caused it, outermost first; safe against cycles."""
    chain: list[BaseException] = []
    queue: list[BaseException | None] = [error]
    while queue and len(chain) < _STEPS:
        cause = queue.pop(0)
        if cause is not None and not any(cause is earlier for earlier in chain):
            chain.append(cause)
            queue += [cause.__cause__, cause.__context__]
    return chain


def _status(chain: list[BaseException]) -> int | None:
    """The HTTP status, from an HTTP client's exception, else from one of LiteLLM's providers."""
    of_client = [s for e in chain if not _of_library(e) if (s := _status_of(e)) is not None]
    if of_client:
        return of_client[0]
    of_library = [s for e in chain if _module(e) != _JUDGED if (s := _status_of(e)) is not None]
    return next((s for s in of_library if s != _NOT_SEEN), None)


def _status_of(error: BaseException) -> int | None:
    if type(error) is Exception:
        return None  # LiteLLM's own, for the error object of a 200
    for holder in (error, getattr(error, "response", None)):
        value = http_status(getattr(holder, "status_code", None))
        if value is not None:
            return value
    return None


def _stated(chain: list[BaseException]) -> int | None:
    """The code of an error object in a 200, which LiteLLM turns into a status."""
    codes = [http_status(getattr(e, "status_code", None)) for e in chain if type(e) is Exception]
    return next((code for code in codes if code is not None and code != _INVENTED), None)


def _status_words(chain: list[BaseException]) -> list[str]:
    """Error codes in place of a status, as LiteLLM reports a gateway's error object in a 200."""
    values = (getattr(error, "status_code", None) for error in chain)
    return [value for value in values if isinstance(value, str) and is_code(value)]


def _is_transport(error: BaseException) -> bool:
    return not _of_library(error) and any(name in TRANSPORT for name in _classes(error))


def _classes(error: BaseException) -> list[str]:
    return [c.__name__ for c in type(error).__mro__]


def _module(error: BaseException) -> str:
    return type(error).__module__


def _of_library(error: BaseException) -> bool:
    return _module(error).startswith(_LIBRARY)


def _values(error: BaseException) -> list[Any]:
    """The bodies in an exception: OpenAI's SDK keeps them parsed, LiteLLM's own handlers put them
    into the message."""
    body = getattr(error, "body", None)
    if isinstance(body, Mapping | list) and body:
        return [body]
    message = getattr(error, "message", None)
    value = parse_json(message) if isinstance(message, str | bytes) else None
    return [value] if value else []


def _own_texts(chain: list[BaseException]) -> tuple[str, ...]:
    """Messages that consist of the provider's text alone."""
    texts = (getattr(e, "message", None) for e in chain if _module(e) != _JUDGED)
    bodies = (getattr(e, "body", None) for e in chain)
    return tuple(text for text in (*bodies, *texts) if isinstance(text, str))


def _headers(chain: list[BaseException]) -> Mapping[str, str]:
    for error in chain:
        for holder, name in (
            (error, "litellm_response_headers"),
            (getattr(error, "response", None), "headers"),
        ):
            headers = getattr(holder, name, None)
            if headers:
                return dict(headers)
    return {}
