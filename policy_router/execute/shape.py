"""Reads OpenAI-shaped answers and chunks, whoever made them: attributes that may be missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

_SAYING: Final = ("content", "tool_calls", "reasoning_content", "function_call", "refusal", "audio")
"""What a message or a delta says something by."""
_TOKENS_MOST: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of an answer; None where the provider said nothing credible.

    cached, written: of those that went in, read from and written to the provider's prompt cache.
    heard, spoken: of those that went in and came out, sound.
    """

    tokens_in: int | None = None
    tokens_out: int | None = None
    cached: int = 0
    written: int = 0
    heard: int = 0
    spoken: int = 0


def usage(answer: Any) -> Usage:
    """What the provider counted. Negative, absurd and non-integer numbers become None: hostile
    or broken usage must not turn into a credit."""
    used = getattr(answer, "usage", None)
    details = getattr(used, "prompt_tokens_details", None)
    output = getattr(used, "completion_tokens_details", None)
    return Usage(
        _count(getattr(used, "prompt_tokens", None)),
        _count(getattr(used, "completion_tokens", None)),
        _count(getattr(details, "cached_tokens", None)) or 0,
        _count(getattr(used, "cache_creation_input_tokens", None)) or 0,
        _count(getattr(details, "audio_tokens", None)) or 0,
        _count(getattr(output, "audio_tokens", None)) or 0,
    )


def _count(value: object) -> int | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value <= _TOKENS_MOST else None


def choices(answer: Any) -> list[Any]:
    """The choices of an answer or a chunk."""
    return list(getattr(answer, "choices", None) or ())


def finish(answer: Any) -> str | None:
    """The first finish reason in an answer or a chunk."""
    reasons = (getattr(choice, "finish_reason", None) for choice in choices(answer))
    return next((reason for reason in reasons if reason), None)


def says_anything(chunk: Any) -> bool:
    """Whether a chunk or an answer holds content, reasoning or a tool call; a role is nothing."""
    return any(says_by(chunk))


def says_by(chunk: Any) -> list[str]:
    """By which fields a chunk or an answer says something."""
    said = []
    for choice in choices(chunk):
        part = getattr(choice, "delta", None) or getattr(choice, "message", None)
        said += [name for name in _SAYING if getattr(part, name, None)]
    return said


@dataclass(frozen=True, slots=True)
class Said:
    """One choice of an answer. finish: its finish reason. acts: it calls tools."""

    text: str
    finish: str | None
    acts: bool


def heard(answer: Any) -> tuple[Said, ...]:
    """The choices of a whole answer."""
    return tuple(
        Said(
            content(getattr(message, "content", None)),
            getattr(choice, "finish_reason", None),
            bool(getattr(message, "tool_calls", None) or getattr(message, "function_call", None)),
        )
        for choice in choices(answer)
        for message in (getattr(choice, "message", None),)
    )


def content(value: Any) -> str:
    """The text of a message's content, which is a text or a list of parts."""
    if isinstance(value, str):
        return value
    parts = value if isinstance(value, list | tuple) else ()
    return "".join(
        str(part.get("text") or "")
        for part in parts
        if isinstance(part, dict) and part.get("type") == "text"
    )


def size(chunk: Any) -> int:
    """Bytes of all that a chunk or an answer says; no tokenizer makes more tokens than bytes."""
    total = 0
    for choice in choices(chunk):
        part = getattr(choice, "delta", None) or getattr(choice, "message", None)
        for name in _SAYING:
            said = getattr(part, name, None)
            if said:
                words = said if isinstance(said, str) else repr(said)
                total += len(words.encode("utf-8", "surrogatepass"))
    return total


def text(chunk: Any) -> str:
    """The text of a chunk's first choice."""
    each = choices(chunk)
    return str(getattr(getattr(each[0], "delta", None), "content", None) or "") if each else ""


def set_text(chunk: Any, value: str) -> None:
    """Replaces the text of a chunk's first choice."""
    choices(chunk)[0].delta.content = value


def is_usage_only(chunk: Any) -> bool:
    """Whether this is the chunk after the last that brings the usage."""
    has = getattr(chunk, "usage", None) is not None
    return has and not says_anything(chunk) and finish(chunk) is None
