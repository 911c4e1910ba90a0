"""Reads what really happened out of an exception of a calling library, and out of the wire.

LiteLLM judges by text before status: a 400 whose message mentions rate limits becomes its
RateLimitError with status 429, and an answer it cannot read becomes a 400 or 422 that nobody sent.
So the wire is believed first, where it was watched; then the exceptions of httpx, aiohttp or openai
that survive in `__cause__` and `__context__`. Nothing here imports any of them: objects are read
by attribute.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from policy_router.providers.classify import TRANSPORT, Evidence
from policy_router.providers.error_body import http_status, is_code, parse_json, read_error_body

if TYPE_CHECKING:
    from policy_router.providers.wire import Wire

_STEPS: Final = 10
_LIBRARY: Final = "litellm."
_JUDGED: Final = "litellm.exceptions"
_NOT_SEEN: Final = 500
"""LiteLLM's provider classes carry this when no status came at all; it proves nothing."""
_INVENTED: Final = 422
"""LiteLLM says this of a 200 whose `error` is a text."""
_INTERNAL: Final = (Warning, ImportError)
"""Raised by this process, never by a provider: a library's warning under filters that make errors
of warnings, a part of a library that cannot be imported."""


def read_exception(
    error: BaseException, prompt: object, now: float, wire: Wire | None = None
) -> Evidence:
    """The evidence of a failed call.

    Args:
        error: what the calling library raised.
        prompt: the messages, so that no echo of them is kept.
        now: Unix time, for hints that are dates.
        wire: what the connection saw. Its status, headers and body are believed before anything
            that the library's exceptions carry.
    """
    chain = _walk(error)
    names = tuple(type(each).__name__ for each in chain)
    transport = tuple(n for each in reversed(chain) if _is_transport(each) for n in _classes(each))
    values = next((bodies for each in chain if (bodies := _values(each))), [])
    if wire is not None and wire.status is not None:
        values = on_wire(wire) or values
        found = read_error_body(
            values,
            status=wire.status,
            headers=wire.headers,
            prompt=prompt,
            now=now,
            names=transport or names,
            spare=() if values else _own_texts(chain),
        )
    else:
        found = read_error_body(
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
    internal = any(isinstance(each, _INTERNAL) for each in chain)
    return replace(found, transport_classes=transport, library_classes=names, internal=internal)


def on_wire(wire: Wire) -> list[Any]:
    """The bodies and events seen on the wire that tell of an error."""
    body = parse_json(wire.body) if wire.body else None
    if body is not None:
        return [body]
    return [] if wire.answer is None else wire.answer.errors


def _walk(error: BaseException) -> list[BaseException]:
    """The exception and those below it, outermost first; safe against cycles."""
    found: list[BaseException] = []
    queue: list[BaseException | None] = [error]
    while queue and len(found) < _STEPS:
        each = queue.pop(0)
        if each is not None and not any(each is seen for seen in found):
            found.append(each)
            queue += [each.__cause__, each.__context__]
    return found


def _status(chain: list[BaseException]) -> int | None:
    """The status on the wire, as a client of HTTP saw it."""
    on_wire = [s for e in chain if not _of_library(e) if (s := _status_of(e)) is not None]
    if on_wire:
        return on_wire[0]
    told = [s for e in chain if _module(e) != _JUDGED if (s := _status_of(e)) is not None]
    return next((s for s in told if s != _NOT_SEEN), None)


def _status_of(error: BaseException) -> int | None:
    if type(error) is Exception:
        return None  # LiteLLM's own, for the error object of a 200
    for holder in (error, getattr(error, "response", None)):
        value = http_status(getattr(holder, "status_code", None))
        if value is not None:
            return value
    return None


def _stated(chain: list[BaseException]) -> int | None:
    """The code of an error object in a 200, which reaches us as a status of LiteLLM's own."""
    codes = [http_status(getattr(e, "status_code", None)) for e in chain if type(e) is Exception]
    return next((code for code in codes if code is not None and code != _INVENTED), None)


def _status_words(chain: list[BaseException]) -> list[str]:
    """A gateway's error object in a 200 reaches us with its code where the status should be."""
    words = (getattr(each, "status_code", None) for each in chain)
    return [word for word in words if isinstance(word, str) and is_code(word)]


def _is_transport(error: BaseException) -> bool:
    return not _of_library(error) and any(name in TRANSPORT for name in _classes(error))


def _classes(error: BaseException) -> list[str]:
    return [c.__name__ for c in type(error).__mro__]


def _module(error: BaseException) -> str:
    return type(error).__module__


def _of_library(error: BaseException) -> bool:
    return _module(error).startswith(_LIBRARY)


def _values(error: BaseException) -> list[Any]:
    """Bodies that the exception holds: OpenAI's SDK keeps them parsed, LiteLLM's own handlers put
    the body into the message."""
    body = getattr(error, "body", None)
    if isinstance(body, Mapping | list) and body:
        return [body]
    message = getattr(error, "message", None)
    value = parse_json(message) if isinstance(message, str | bytes) else None
    return [value] if value else []


def _own_texts(chain: list[BaseException]) -> tuple[str, ...]:
    """Messages that hold the provider's words alone."""
    texts = (getattr(e, "message", None) for e in chain if _module(e) != _JUDGED)
    bodies = (getattr(e, "body", None) for e in chain)
    return tuple(text for text in (*bodies, *texts) if isinstance(text, str))


# -- error objects, in all the shapes of providers and gateways -----------------------------------


def _headers(chain: list[BaseException]) -> Mapping[str, str]:
    for each in chain:
        for holder, name in (
            (each, "litellm_response_headers"),
            (getattr(each, "response", None), "headers"),
        ):
            headers = getattr(holder, name, None)
            if headers:
                return dict(headers)
    return {}
