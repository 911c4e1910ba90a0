"""The most tokens that a chat body can come to, for reserving money before it is sent.

No tokenizer makes more tokens than there are bytes, so bytes are the bound of all that is text.
Pictures are counted apart, since each model charges them in its own way; sound gets the dear end of
what providers charge. A part that only refers to something, a document of pages, and a kind of part
that is not known here may be of any size: `UNBOUNDED`, which a model's context bounds in the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from policy_router.domain.request import UNBOUNDED

_MESSAGE: Final = 16
"""Tokens that formats add around a message."""
_PICTURES: Final = frozenset({"image_url", "input_image", "image"})
_PICTURED_BY: Final = frozenset({"image_url", "image", "source", "file_id"})
"""Fields of such a part that hold the picture, or say where it is."""
_SOUND: Final = "input_audio"
_AUDIO_BYTES: Final = 100
"""Base64 characters of sound that make at least one token."""
_FILES: Final = frozenset({"file", "input_file", "document"})
_INLINE: Final = frozenset({"file_data", "data"})
_TEXT_DATA: Final = "data:text/"
_MEDIA: Final = ("media_type", "format", "mime_type")
_TEXTS: Final = frozenset(
    {
        "text", "input_text", "output_text", "refusal", "thinking", "redacted_thinking",
        "tool_use", "tool_result",
    }
)  # fmt: skip
"""Kinds of parts that are no more than they say."""


def most_tokens(
    messages: object,
    *,
    tools: object = None,
    response_format: object = None,
    prediction: object = None,
) -> int:
    """The bound for a body, at most `UNBOUNDED`. Takes any acyclic input, in time linear in it."""
    total = _text([tools, response_format, prediction])
    if not isinstance(messages, list | tuple):
        return min(total + _text(messages), UNBOUNDED)
    for message in messages:
        if not isinstance(message, Mapping):
            total += _text(message)
            continue
        total += _MESSAGE
        for key, value in message.items():
            if key == "content" and isinstance(value, list | tuple):
                total += sum(map(_part, value))
            else:
                total += _text({key: value})
    return min(total, UNBOUNDED)


def _part(part: object) -> int:
    """The bound of one part of a message's content."""
    kind = part.get("type") if isinstance(part, Mapping) else None
    if not isinstance(part, Mapping) or not isinstance(kind, str) or kind in _TEXTS:
        return _text(part)
    if kind in _PICTURES:
        return _text({k: v for k, v in part.items() if k not in _PICTURED_BY})
    if kind == _SOUND:
        sound = part.get(_SOUND)
        data = sound.get("data") if isinstance(sound, Mapping) else None
        if not isinstance(data, str):
            return _text(part)
        return len(data) // _AUDIO_BYTES + 1 + _text({k: v for k, v in part.items() if k != _SOUND})
    inline = kind in _FILES and any(
        _is_text(inner) for inner in (part, *part.values()) if isinstance(inner, Mapping)
    )
    return _text(part) if inline else UNBOUNDED


def _is_text(inner: Mapping[object, object]) -> bool:
    """Whether a file's content is here and is plain text; the pages of other documents are charged
    as pictures too, however few bytes they take."""
    media = [inner.get(name) for name in _MEDIA]
    said = any(isinstance(name, str) and name.startswith("text/") for name in media)
    data = [inner[name] for name in _INLINE if name in inner]
    return any(isinstance(d, str) and (said or d.startswith(_TEXT_DATA)) for d in data)


def pictures(messages: object) -> tuple[int, int]:
    """How many pictures go in, in full and in low detail. Takes any input."""
    full = low = 0
    for message in messages if isinstance(messages, list | tuple) else ():
        content = message.get("content") if isinstance(message, Mapping) else None
        for part in content if isinstance(content, list | tuple) else ():
            kind = part.get("type") if isinstance(part, Mapping) else None
            if not isinstance(part, Mapping) or not isinstance(kind, str) or kind not in _PICTURES:
                continue
            inner = part.get("image_url")
            detail = inner.get("detail") if isinstance(inner, Mapping) else part.get("detail")
            if detail == "low":
                low += 1
            else:
                full += 1
    return full, low


def _text(value: object) -> int:
    """Bytes of a value written as JSON, or more."""
    total = 0
    # A stack instead of recursion: a hostile body nests thousands deep.
    stack: list[object] = [value]
    while stack:
        here = stack.pop()
        if isinstance(here, str):
            total += len(here.encode("utf-8", "surrogatepass"))
        elif isinstance(here, Mapping):
            for key, inner in here.items():
                # Quotes, colon and comma around a key and its value.
                total += len(str(key).encode("utf-8", "surrogatepass")) + 6
                stack.append(inner)
        elif isinstance(here, list | tuple):
            total += len(here) * 2
            stack.extend(here)
        elif here is not None:
            total += 32  # no number or truth value is written longer
    return total
