"""Reads error codes, messages and times to wait from the body of a failed call."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from policy_router.providers.failures.classify import COARSE, CODES, Evidence
from policy_router.providers.failures.retry_after import retry_after
from policy_router.redaction.message import echoes, is_safe, redact

_TEXT: Final = 4_000
"""Characters of a message that are searched."""
_PAGES: Final = ("text/", "application/xhtml", "application/xml")
"""Content types of a body that does not come from the API but from something in front of it."""
_DEPTH: Final = 6
_NODES: Final = 200
"""Bounds of the search in a body: levels of nesting, and values."""


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
    """The evidence in bodies that report an error.

    Args:
        values: The bodies, as parsed JSON; several events of one stream, for example.
        status: The HTTP status; None when there was none.
        headers: The headers of the answer.
        prompt: The prompt, so that no part of it is kept.
        now: Unix time, for times to wait that are dates.
        stated: A status that is known from elsewhere, for bodies that name none.
        names: Class names of exceptions, which become part of the detail when there is no status.
        spare: Messages that count when no body has one.
        codes: Error codes that are known from elsewhere; those of the bodies come first.
    """
    headers = {str(k).lower(): str(v) for k, v in headers.items()}
    objects = [error for value in values for error in _objects(value)]
    amazon_code = headers.get("x-amzn-errortype")  # Bedrock
    all_codes = _special(objects) + ([_amazon(amazon_code)] if amazon_code else [])
    all_codes += [code for error in objects for code in _codes(error)] + [*codes]
    all_codes = list(dict.fromkeys(c for c in all_codes if c.lower() not in _MEANINGLESS))
    messages = [text for error in objects for text in _messages(error)]
    texts = tuple(text[:_TEXT] for text in (messages or spare) if text)
    quoted = any(echoes(text, prompt) for text in texts)
    statuses = [n for error in objects if (n := _number(error)) is not None]
    wait = retry_after(headers, now, objects, () if quoted else texts)
    return Evidence(
        codes=tuple(all_codes),
        status=status,
        stated_status=statuses[0] if statuses else stated,
        is_web_page=not objects
        and headers.get("content-type", "").lstrip().lower().startswith(_PAGES),
        texts=texts,
        quotes_prompt=quoted,
        detail=_detail(messages, all_codes, status, names, prompt),
        retry_after=wait,
    )


def http_status(value: object) -> int | None:
    """The value as an HTTP status, from 100 to 599; None when it is not one."""
    if isinstance(value, str) and len(value) == 3 and value.isdecimal():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 100 <= value <= 599:
        return value
    return None


def parse_json(text: str | bytes) -> Any:
    """The mapping or list in a JSON text; None when the text is not JSON, or something else."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    text = text.strip()
    if text[:2] in {"b'", 'b"'}:  # LiteLLM writes the bytes of a stream's error in this form
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
    return value if isinstance(value, dict | list) else None


def _objects(value: Any) -> list[Mapping[str, Any]]:
    """Every mapping in a body that describes the error, the innermost of each branch first: what a
    gateway passes on is more exact than what it wraps around it."""
    objects: list[Mapping[str, Any]] = []
    count = [0]
    _search(value, _DEPTH, count, objects)
    return objects


def _search(value: Any, depth: int, count: list[int], objects: list[Mapping[str, Any]]) -> None:
    count[0] += 1
    if depth == 0 or count[0] > _NODES:
        return
    if isinstance(value, list | tuple):
        for item in value:
            _search(item, depth - 1, count, objects)
    if not isinstance(value, Mapping):
        return
    for name in _INNER:
        inner = value.get(name)
        if isinstance(inner, str) and name == "raw":
            inner = parse_json(inner) or {"message": inner}
        if isinstance(inner, Mapping | list):
            _search(inner, depth - 1, count, objects)
    objects.append(value)


_INNER: Final = (
    "error", "errors", "detail", "message", "metadata", "raw", "details", "violations",
    "innererror", "inner_error", "response", "base_resp",
)  # fmt: skip
"""Fields in which an error object may contain another one."""
_TEXTS: Final = ("message", "error", "detail", "msg", "Message", "error_message", "status_msg")
_NAMES: Final = ("reason", "code", "__type", "type", "status", "status_code")
"""Fields with error codes, the more specific first."""


def _messages(body: Mapping[str, Any]) -> Iterator[str]:
    for name in _TEXTS:
        text = body.get(name)
        if isinstance(text, str) and text:
            yield text


def _codes(body: Mapping[str, Any]) -> list[str]:
    codes = []
    parameter = body.get("param")
    for name in _NAMES:
        value = body.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str):
            continue
        code = _amazon(value) if name == "__type" else value
        if not is_code(code) or http_status(code) is not None:
            continue
        if isinstance(parameter, str) and is_code(parameter) and name == "code":
            codes.append(f"{code}:{parameter}")
        codes.append(code)
    return codes


_MEANINGLESS: Final = frozenset({"error", "none", "null", "unknown"})
"""Values of code fields that carry no information."""


def _special(objects: list[Mapping[str, Any]]) -> list[str]:
    """Codes of our own for fields that only one provider has."""
    codes = []
    for error in objects:
        quota = " ".join(str(error.get(name) or "") for name in ("quotaId", "quotaMetric"))
        if "perday" in quota.lower().replace("_", ""):  # Google
            codes.append("quota_per_day_per_model" if "PerModel" in quota else "quota_per_day")
        if error.get("flagged_input") is not None or error.get("reasons"):  # OpenRouter
            codes.append("content_moderation")
    return codes


def _number(body: Mapping[str, Any]) -> int | None:
    """The HTTP status that an error object names."""
    for name in ("code", "status", "status_code"):
        value = http_status(body.get(name))
        if value is not None and value >= 400:
            return value
    return None


def _amazon(name: str) -> str:
    """The class name in `com.amazon.coral.service#AccessDeniedException:http://...`."""
    return name.rpartition("#")[2].partition(":")[0]


def is_code(text: str) -> bool:
    """Whether a text looks like an error code; a free text in its place might quote the prompt."""
    return 0 < len(text) <= 64 and text.translate(_MARKS).isalnum()


_MARKS: Final = {ord(mark): None for mark in "_-./"}


def _is_known(code: str) -> bool:
    return code.lower() in CODES or code.lower() in COARSE


def _detail(
    messages: list[str],
    codes: list[str],
    status: int | None,
    names: Sequence[str],
    prompt: object,
) -> str:
    """Status, code and the provider's own message. The message of a library is never used:
    LiteLLM's contain tracebacks with paths of this machine."""
    message = redact(messages[0], prompt) if messages else ""
    plain_codes = (code for code in codes if ":" not in code)
    code = next((c for c in plain_codes if _is_known(c) or is_safe(c, prompt)), "")
    start = status or (names[0] if names else "")
    head = f"{start}{f' {code}' if code else ''}".strip()
    return f"{head}: {message}" if message and head else head or message
