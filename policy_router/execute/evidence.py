"""Reads what really happened out of an exception of a calling library.

LiteLLM judges by text before status: a 400 whose message mentions rate limits becomes its
RateLimitError with status 429. What was on the wire survives below it, in `__cause__` and
`__context__`, as exceptions of httpx, aiohttp or openai; those are believed first. Nothing here
imports any of them: objects are read by attribute.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from policy_router.execute.failure import COARSE, CODES, TRANSPORT, Evidence
from policy_router.execute.redact import is_safe, redact
from policy_router.execute.retry_after import retry_after

if TYPE_CHECKING:
    from policy_router.execute.wire import Wire

_STEPS: Final = 10
_LIBRARY: Final = "litellm."
_JUDGED: Final = "litellm.exceptions"
_NOT_SEEN: Final = 500
"""LiteLLM's provider classes carry this when no status came at all; it proves nothing."""
_REDIRECT: Final = 300
"""The least HTTP status that is no answer."""
_INTERNAL: Final = (Warning, ImportError)
"""Raised by this process, never by a provider: a library's warning under filters that make errors
of warnings, a part of a library that cannot be imported."""
_TEXT: Final = 4_000
"""Characters of a message that are read for phrases."""


def read(error: BaseException, prompt: object, now: float, wire: Wire | None = None) -> Evidence:
    """The evidence of a failed call.

    Args:
        error: what the calling library raised.
        prompt: the messages, so that no echo of them is kept.
        now: Unix time, for a Retry-After that is a date.
        wire: what the connection saw. Its error status, headers and body are believed before
            anything that the library's exceptions carry.
    """
    chain = _walk(error)
    bodies = [body for each in chain for body in _bodies(each)]
    status = _status(chain)
    headers = _headers(chain)
    if wire is not None and wire.status is not None and wire.status >= _REDIRECT:
        status, headers = wire.status, wire.headers
        bodies = [_unwrapped(body)] if (body := _json(wire.body)) else bodies
    names = tuple(type(each).__name__ for each in chain)
    transport = tuple(n for each in reversed(chain) if _is_transport(each) for n in _classes(each))
    message = next((m for b in bodies if isinstance(m := b.get("message"), str)), None)
    codes = (*(c for b in bodies for c in _codes(b)), *_status_words(chain))
    text = message if message is not None else str(error)
    return Evidence(
        codes=codes,
        status=status,
        transport=transport,
        library=names,
        text=text[:_TEXT],
        detail=_detail(message, codes, status, transport or names, prompt),
        retry_after=retry_after(headers, now),
        internal=any(isinstance(each, _INTERNAL) for each in chain),
    )


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
    on_wire = [s for e in chain if not _of_library(e) if (s := _status_of(e)) is not None]
    if on_wire:
        return on_wire[0]
    told = [s for e in chain if _module(e) != _JUDGED if (s := _status_of(e)) is not None]
    return next((s for s in told if s != _NOT_SEEN), None)


def _status_of(error: BaseException) -> int | None:
    for holder in (error, getattr(error, "response", None)):
        value = getattr(holder, "status_code", None)
        if isinstance(value, int) and not isinstance(value, bool) and 100 <= value <= 599:
            return value
    return None


def _status_words(chain: list[BaseException]) -> list[str]:
    """A gateway's error object in a 200 reaches us with its code where the status should be."""
    words = (getattr(each, "status_code", None) for each in chain)
    return [word for word in words if isinstance(word, str) and _is_word(word)]


def _is_transport(error: BaseException) -> bool:
    return not _of_library(error) and any(name in TRANSPORT for name in _classes(error))


def _classes(error: BaseException) -> list[str]:
    return [c.__name__ for c in type(error).__mro__]


def _module(error: BaseException) -> str:
    return type(error).__module__


def _of_library(error: BaseException) -> bool:
    return _module(error).startswith(_LIBRARY)


def _bodies(error: BaseException) -> list[Mapping[str, Any]]:
    """Error objects the exception holds: OpenAI's SDK keeps them parsed, LiteLLM's own handlers
    put the body into the message."""
    body = getattr(error, "body", None)
    found = [body if isinstance(body, Mapping) else _json(getattr(error, "message", None))]
    return [_unwrapped(each) for each in found if each]


def _unwrapped(body: Mapping[str, Any]) -> Mapping[str, Any]:
    inner = body.get("error")
    return inner if isinstance(inner, Mapping) else body


def _json(text: object) -> Mapping[str, Any]:
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    if not isinstance(text, str) or not text.lstrip().startswith("{"):
        return {}
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, Mapping) else {}


def _codes(body: Mapping[str, Any]) -> list[str]:
    """`code` before `type`, which is the coarser of the two."""
    values = (body.get("code"), body.get("type"))
    return [value for value in values if isinstance(value, str) and _is_word(value)]


def _is_word(text: str) -> bool:
    """Codes are words of an API; a free text in their place might quote the prompt."""
    return len(text) <= 64 and text.replace("_", "").replace("-", "").replace(".", "").isalnum()


def _is_known(code: str) -> bool:
    return code.lower() in CODES or code.lower() in COARSE


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


def _detail(
    message: str | None,
    codes: tuple[str, ...],
    status: int | None,
    names: tuple[str, ...],
    prompt: object,
) -> str:
    """Status, code and the provider's own message. A library's text is never used: LiteLLM's
    hold tracebacks with paths of this machine."""
    said = redact(message, prompt) if message else ""
    code = next((each for each in codes if _is_known(each) or is_safe(each, prompt)), None)
    head = f"{status or names[0]}{f' {code}' if code else ''}"
    return f"{head}: {said}" if said else head
