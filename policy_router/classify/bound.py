"""The most tokens that a chat body can come to, for reserving money before it is sent.

No tokenizer makes more tokens than there are bytes, so bytes are the bound of all that is text.
Pictures and sound are charged by other rules and get the dear end of those. What a part only refers
to, or a kind of part that is not known here, may be of any size: `UNBOUNDED`, which a model's
context bounds in the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from policy_router.model import UNBOUNDED

_MESSAGE: Final = 16
"""Tokens that formats add around a message."""
_IMAGE: Final = 3_000
"""Tokens of one picture: above what most providers charge for the largest one they take."""
_PICTURES: Final = frozenset({"image_url", "input_image", "image"})
_PICTURED_BY: Final = frozenset({"image_url", "image", "source", "file_id"})
"""Fields of such a part that hold the picture, or say where it is."""
_SOUND: Final = "input_audio"
_AUDIO_BYTES: Final = 100
"""Base64 characters of sound that make at least one token."""
_FILES: Final = frozenset({"file", "input_file", "document"})
_INLINE: Final = frozenset({"file_data", "data"})
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
        return _IMAGE + _text({k: v for k, v in part.items() if k not in _PICTURED_BY})
    if kind == _SOUND:
        sound = part.get(_SOUND)
        data = sound.get("data") if isinstance(sound, Mapping) else None
        if not isinstance(data, str):
            return _text(part)
        return len(data) // _AUDIO_BYTES + 1 + _text({k: v for k, v in part.items() if k != _SOUND})
    inline = kind in _FILES and any(
        _INLINE & inner.keys() for inner in (part, *part.values()) if isinstance(inner, Mapping)
    )
    return _text(part) if inline else UNBOUNDED


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
