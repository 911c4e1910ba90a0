"""Reads what really happened out of an exception of a calling library, and out of the wire.

LiteLLM judges by text before status: a 400 whose message mentions rate limits becomes its
RateLimitError with status 429, and an answer it cannot read becomes a 400 or 422 that nobody sent.
So the wire is believed first, where it was watched; then the exceptions of httpx, aiohttp or openai
that survive in `__cause__` and `__context__`. Nothing here imports any of them: objects are read
by attribute.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from policy_router.providers.classify import COARSE, CODES, TRANSPORT, Evidence
from policy_router.providers.redact import echoes, is_safe, redact
from policy_router.providers.retry_after import retry_after

if TYPE_CHECKING:
    from policy_router.providers.litellm.wire import Wire

_STEPS: Final = 10
_LIBRARY: Final = "litellm."
_JUDGED: Final = "litellm.exceptions"
_NOT_SEEN: Final = 500
"""LiteLLM's provider classes carry this when no status came at all; it proves nothing."""
_INVENTED: Final = 422
"""LiteLLM says this of a 200 whose `error` is a text."""
_TEXT: Final = 4_000
"""Characters of a message that are read for phrases."""
_PAGES: Final = ("text/", "application/xhtml", "application/xml")
"""Types of a body that comes from something in front of the API."""
_INTERNAL: Final = (Warning, ImportError)
"""Raised by this process, never by a provider: a library's warning under filters that make errors
of warnings, a part of a library that cannot be imported."""
_DEPTH: Final = 6
_NODES: Final = 200
"""Bounds of what is searched in a body that somebody else wrote."""


def read(error: BaseException, prompt: object, now: float, wire: Wire | None = None) -> Evidence:
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
        found = of_body(
            values,
            status=wire.status,
            headers=wire.headers,
            prompt=prompt,
            now=now,
            names=transport or names,
            spare=() if values else _own_texts(chain),
        )
    else:
        found = of_body(
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
    return replace(found, transport=transport, library=names, internal=internal)


def on_wire(wire: Wire) -> list[Any]:
    """The bodies and events seen on the wire that tell of an error."""
    body = parsed(wire.body) if wire.body else None
    if body is not None:
        return [body]
    return [] if wire.answer is None else wire.answer.errors


def of_body(
    values: list[Any],
    *,
    status: int | None,
    headers: Mapping[str, str],
    prompt: object,
    now: float,
    stated: int | None = None,
    names: Sequence[str] = (),
    spare: Sequence[str] = (),
    codes: Sequence[str] = (),
) -> Evidence:
    """The evidence of bodies that tell of an error. spare: texts to go by when no body has one.
    codes: those that came otherwise."""
    headers = {str(k).lower(): str(v) for k, v in headers.items()}
    objects = [each for value in values for each in _objects(value)]
    named = headers.get("x-amzn-errortype")  # Bedrock
    words = _special(objects) + ([_amazon(named)] if named else [])
    words += [code for each in objects for code in _codes(each)] + [*codes]
    words = list(dict.fromkeys(word for word in words if word.lower() not in _FRAMES))
    told = [text for each in objects for text in _messages(each)]
    texts = tuple(text[:_TEXT] for text in (told or spare) if text)
    quoted = any(echoes(text, prompt) for text in texts)
    numbers = [n for each in objects if (n := _number(each)) is not None]
    wait = retry_after(headers, now, objects, () if quoted else texts)
    return Evidence(
        codes=tuple(words),
        status=status,
        stated=numbers[0] if numbers else stated,
        page=not objects and headers.get("content-type", "").lstrip().lower().startswith(_PAGES),
        texts=texts,
        quoted=quoted,
        detail=_detail(told, words, status, names, prompt),
        retry_after=wait,
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
        value = _as_status(getattr(holder, "status_code", None))
        if value is not None:
            return value
    return None


def _as_status(value: object) -> int | None:
    if isinstance(value, str) and len(value) == 3 and value.isdecimal():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 100 <= value <= 599:
        return value
    return None


def _stated(chain: list[BaseException]) -> int | None:
    """The code of an error object in a 200, which reaches us as a status of LiteLLM's own."""
    codes = [_as_status(getattr(e, "status_code", None)) for e in chain if type(e) is Exception]
    return next((code for code in codes if code is not None and code != _INVENTED), None)


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


def _values(error: BaseException) -> list[Any]:
    """Bodies that the exception holds: OpenAI's SDK keeps them parsed, LiteLLM's own handlers put
    the body into the message."""
    body = getattr(error, "body", None)
    if isinstance(body, Mapping | list) and body:
        return [body]
    message = getattr(error, "message", None)
    value = parsed(message) if isinstance(message, str | bytes) else None
    return [value] if value else []


def _own_texts(chain: list[BaseException]) -> tuple[str, ...]:
    """Messages that hold the provider's words alone."""
    texts = (getattr(e, "message", None) for e in chain if _module(e) != _JUDGED)
    bodies = (getattr(e, "body", None) for e in chain)
    return tuple(text for text in (*bodies, *texts) if isinstance(text, str))


def parsed(text: str | bytes) -> Any:
    """The mapping or list that a text of JSON holds; None when it is none."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    text = text.strip()
    if text[:2] in {"b'", 'b"'}:  # LiteLLM writes the bytes of a stream's error so
        try:
            value = ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return None
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else ""
    if not text.startswith(("{", "[")):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, Mapping | list) else None


# -- error objects, in all the shapes of providers and gateways -----------------------------------


def _objects(value: Any) -> list[Mapping[str, Any]]:
    """Every mapping of a body that tells of the error, the innermost of each branch first: what a
    gateway passes on says more than what it puts around it."""
    found: list[Mapping[str, Any]] = []
    count = [0]
    _search(value, _DEPTH, count, found)
    return found


def _search(value: Any, depth: int, count: list[int], found: list[Mapping[str, Any]]) -> None:
    count[0] += 1
    if depth == 0 or count[0] > _NODES:
        return
    if isinstance(value, list | tuple):
        for each in value:
            _search(each, depth - 1, count, found)
    if not isinstance(value, Mapping):
        return
    for name in _INNER:
        inner = value.get(name)
        if isinstance(inner, str) and name == "raw":
            inner = parsed(inner) or {"message": inner}
        if isinstance(inner, Mapping | list):
            _search(inner, depth - 1, count, found)
    found.append(value)


_INNER: Final = (
    "error", "errors", "detail", "message", "metadata", "raw", "details", "violations",
    "innererror", "inner_error", "response", "base_resp",
)  # fmt: skip
"""Where an error object keeps more of itself."""
_TEXTS: Final = ("message", "error", "detail", "msg", "Message", "error_message", "status_msg")
_NAMES: Final = ("reason", "code", "__type", "type", "status", "status_code")
"""Where codes stand, the more specific before the coarser."""


def _messages(body: Mapping[str, Any]) -> Iterator[str]:
    for name in _TEXTS:
        text = body.get(name)
        if isinstance(text, str) and text:
            yield text


def _codes(body: Mapping[str, Any]) -> list[str]:
    found = []
    parameter = body.get("param")
    for name in _NAMES:
        value = body.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str):
            continue
        word = _amazon(value) if name == "__type" else value
        if not _is_word(word) or _as_status(word) is not None:
            continue
        if isinstance(parameter, str) and _is_word(parameter) and name == "code":
            found.append(f"{word}:{parameter}")
        found.append(word)
    return found


_FRAMES: Final = frozenset({"error", "none", "null", "unknown"})
"""Words that stand where codes do and say nothing."""


def _special(objects: list[Mapping[str, Any]]) -> list[str]:
    """What is told by fields of a provider's own."""
    found = []
    for each in objects:
        quota = " ".join(str(each.get(name) or "") for name in ("quotaId", "quotaMetric"))
        if "perday" in quota.lower().replace("_", ""):
            found.append("quota_per_day_per_model" if "PerModel" in quota else "quota_per_day")
        if each.get("flagged_input") is not None or each.get("reasons"):  # OpenRouter's moderation
            found.append("content_moderation")
    return found


def _number(body: Mapping[str, Any]) -> int | None:
    """The HTTP status that an error object names."""
    for name in ("code", "status", "status_code"):
        value = _as_status(body.get(name))
        if value is not None and value >= 400:
            return value
    return None


def _amazon(name: str) -> str:
    """`com.amazon.coral.service#AccessDeniedException:http://...` without what is around it."""
    return name.rpartition("#")[2].partition(":")[0]


def _is_word(text: str) -> bool:
    """Codes are words of an API; a free text in their place might quote the prompt."""
    return 0 < len(text) <= 64 and text.translate(_MARKS).isalnum()


_MARKS: Final = {ord(mark): None for mark in "_-./"}


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
    told: list[str],
    codes: list[str],
    status: int | None,
    names: Sequence[str],
    prompt: object,
) -> str:
    """Status, code and the provider's own message. A library's text is never used: LiteLLM's
    hold tracebacks with paths of this machine."""
    said = redact(told[0], prompt) if told else ""
    known = (each for each in codes if ":" not in each)
    word = next((each for each in known if _is_known(each) or is_safe(each, prompt)), "")
    start = status or (names[0] if names else "")
    head = f"{start}{f' {word}' if word else ''}".strip()
    return f"{head}: {said}" if said and head else head or said
