"""Parts of a message that are not text: the most tokens of one, and how many pictures there are.

Pictures are counted separately, since each model charges them in its own way; sound is charged at
the upper end of what providers take. A reference to content elsewhere, a document of pages, and a
part of an unknown type may have any size: they are `UNBOUNDED`, and only the context of a model
bounds them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from policy_router.classification.tokens.estimate import weigh
from policy_router.conversation.transcript import items
from policy_router.domain.content import TEXT_PARTS
from policy_router.domain.request import UNBOUNDED

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


def most_tokens_of_part(content_part: object) -> int:
    """Return the most tokens that one part of a message's content can have."""
    part_type = content_part.get("type") if isinstance(content_part, Mapping) else None
    if (
        not isinstance(content_part, Mapping)
        or not isinstance(part_type, str)
        or part_type in TEXT_PARTS
    ):
        return weigh(content_part).most
    if part_type in _PICTURES:
        return weigh({k: v for k, v in content_part.items() if k not in _PICTURED_BY}).most
    if part_type == _SOUND:
        sound = content_part.get(_SOUND)
        data = sound.get("data") if isinstance(sound, Mapping) else None
        if not isinstance(data, str):
            return weigh(content_part).most
        return (
            len(data) // _AUDIO_BYTES
            + 1
            + weigh({k: v for k, v in content_part.items() if k != _SOUND}).most
        )
    inline = part_type in _FILES and any(
        _is_text(inner)
        for inner in (content_part, *content_part.values())
        if isinstance(inner, Mapping)
    )
    return weigh(content_part).most if inline else UNBOUNDED


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
        if not isinstance(message, Mapping):
            continue
        content = message.get("content")
        if isinstance(content, str):
            continue
        if content is None and "content" not in message:
            content = message.get("output")
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
