"""What the body of a failed call says went wrong."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from policy_router.providers.classify import COARSE, CODES, Evidence
from policy_router.providers.retry_after import retry_after
from policy_router.redaction.message import echoes, is_safe, redact

_TEXT: Final = 4_000
"""Characters of a message that are read for phrases."""
_PAGES: Final = ("text/", "application/xhtml", "application/xml")
"""Types of a body that comes from something in front of the API."""
_DEPTH: Final = 6
_NODES: Final = 200
"""Bounds of what is searched in a body that somebody else wrote."""


def read_error_body(
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
        stated_status=numbers[0] if numbers else stated,
        is_web_page=not objects
        and headers.get("content-type", "").lstrip().lower().startswith(_PAGES),
        texts=texts,
        quotes_prompt=quoted,
        detail=_detail(told, words, status, names, prompt),
        retry_after=wait,
    )


def http_status(value: object) -> int | None:
    if isinstance(value, str) and len(value) == 3 and value.isdecimal():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 100 <= value <= 599:
        return value
    return None


def parse_json(text: str | bytes) -> Any:
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
            inner = parse_json(inner) or {"message": inner}
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
        if not is_code(word) or http_status(word) is not None:
            continue
        if isinstance(parameter, str) and is_code(parameter) and name == "code":
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
        value = http_status(body.get(name))
        if value is not None and value >= 400:
            return value
    return None


def _amazon(name: str) -> str:
    """`com.amazon.coral.service#AccessDeniedException:http://...` without what is around it."""
    return name.rpartition("#")[2].partition(":")[0]


def is_code(text: str) -> bool:
    """Codes are words of an API; a free text in their place might quote the prompt."""
    return 0 < len(text) <= 64 and text.translate(_MARKS).isalnum()


_MARKS: Final = {ord(mark): None for mark in "_-./"}


def _is_known(code: str) -> bool:
    return code.lower() in CODES or code.lower() in COARSE


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
