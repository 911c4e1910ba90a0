"""An upper bound of the tokens in a request, for reserving money before it is sent.

No tokenizer makes more tokens than a text has bytes, so the bytes are the bound. Pictures are
counted separately, since each model charges them in its own way; sound is charged at the upper end
of what providers take. A reference to content elsewhere, a document of pages, and a part of an
unknown type may have any size: they are `UNBOUNDED`, and only the context of a model bounds them.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from policy_router.conversation.dialect import Dialect
from policy_router.conversation.transcript import items
from policy_router.domain.request import UNBOUNDED

_MESSAGE: Final = 16
"""Tokens that chat formats add to a message."""
_PICTURES: Final = frozenset({"image_url", "input_image", "image"})
_PICTURED_BY: Final = frozenset({"image_url", "image", "source", "file_id"})
"""Fields of a picture's part that contain the picture or its address."""
_SOUND: Final = "input_audio"
_AUDIO_BYTES: Final = 100
"""Base64 characters of sound per token, at least."""
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
"""Types of parts that are nothing but their text."""


def most_tokens(
    messages: object,
    *,
    tools: object = None,
    response_format: object = None,
    prediction: object = None,
) -> int:
    """Return the most input tokens that an OpenAI chat body can have.

    Any acyclic input is accepted; the time is linear in it. No tokens are counted for pictures.

    Args:
        messages: A list of {"role", "content"}, or a text.
        tools: The tools that are offered.
        response_format: The format that the answer must have.
        prediction: The predicted output.

    Returns:
        The bound, at most `UNBOUNDED`.
    """
    body = {"tools": tools, "response_format": response_format, "prediction": prediction}
    if not isinstance(messages, list | tuple):
        return min(_text(list(body.values())) + _text(messages), UNBOUNDED)
    return most_tokens_of({**body, "messages": messages}, Dialect.CHAT)


def most_tokens_of(body: Mapping[str, object], dialect: Dialect) -> int:
    """Return the most input tokens that a body of any dialect can have, at most `UNBOUNDED`.

    Args:
        body: The body.
        dialect: Its format.
    """
    if any(body.get(name) is not None for name in _ELSEWHERE[dialect]):
        return UNBOUNDED
    total = _text([body.get(name) for name in _BESIDE[dialect]])
    for message in items(body.get("input" if dialect is Dialect.RESPONSES else "messages")):
        if not isinstance(message, Mapping):
            total += _text(message)
            continue
        total += _MESSAGE
        for key, value in message.items():
            if key in _CONTENT and isinstance(value, list | tuple):
                total += sum(map(_part, value))
            else:
                total += _text({key: value})
    return min(total, UNBOUNDED)


_CONTENT: Final = ("content", "output")
_BESIDE: Final[Mapping[Dialect, tuple[str, ...]]] = MappingProxyType(
    {
        Dialect.CHAT: ("tools", "response_format", "prediction"),
        Dialect.MESSAGES: ("tools", "system", "output_config"),
        Dialect.RESPONSES: ("tools", "instructions", "text"),
    }
)
"""Fields of a body that a model reads in addition to the messages."""
_ELSEWHERE: Final[Mapping[Dialect, tuple[str, ...]]] = MappingProxyType(
    {
        Dialect.CHAT: (),
        Dialect.MESSAGES: (),
        Dialect.RESPONSES: ("previous_response_id", "conversation", "prompt"),
    }
)
"""Fields that refer to text which the provider keeps, of any size."""


def _part(content_part: object) -> int:
    """Return the bound of one part of a message's content."""
    part_type = content_part.get("type") if isinstance(content_part, Mapping) else None
    if (
        not isinstance(content_part, Mapping)
        or not isinstance(part_type, str)
        or part_type in _TEXTS
    ):
        return _text(content_part)
    if part_type in _PICTURES:
        return _text({k: v for k, v in content_part.items() if k not in _PICTURED_BY})
    if part_type == _SOUND:
        sound = content_part.get(_SOUND)
        data = sound.get("data") if isinstance(sound, Mapping) else None
        if not isinstance(data, str):
            return _text(content_part)
        return (
            len(data) // _AUDIO_BYTES
            + 1
            + _text({k: v for k, v in content_part.items() if k != _SOUND})
        )
    inline = part_type in _FILES and any(
        _is_text(inner)
        for inner in (content_part, *content_part.values())
        if isinstance(inner, Mapping)
    )
    return _text(content_part) if inline else UNBOUNDED


def _is_text(inner: Mapping[object, object]) -> bool:
    """Whether the content of a file is included and is plain text.

    Pages of other documents are charged as pictures too, however few bytes they take.
    """
    media = [inner.get(name) for name in _MEDIA]
    is_text = any(isinstance(name, str) and name.startswith("text/") for name in media)
    data = [inner[name] for name in _INLINE if name in inner]
    return any(isinstance(d, str) and (is_text or d.startswith(_TEXT_DATA)) for d in data)


def pictures(messages: object) -> tuple[int, int]:
    """Count the pictures in full and in low detail. Any input is accepted."""
    full = low = 0
    for message in items(messages):
        content = (
            message.get("content", message.get("output")) if isinstance(message, Mapping) else None
        )
        for part in items(content):
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
    """Return at least as many bytes as a value has when it is written as JSON."""
    total = 0
    # A stack instead of recursion: a hostile body may be nested thousands of levels deep.
    stack: list[object] = [value]
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            total += len(node.encode("utf-8", "surrogatepass"))
        elif isinstance(node, Mapping):
            for key, inner in node.items():
                # Quotes, colon and comma around a key and its value.
                total += len(str(key).encode("utf-8", "surrogatepass")) + 6
                stack.append(inner)
        elif isinstance(node, list | tuple):
            total += len(node) * 2
            stack.extend(node)
        elif node is not None:
            total += 32  # no number or truth value is written longer
    return total
