"""The most tokens that a chat body can come to, for reserving money before it is sent.

No tokenizer makes more tokens than there are bytes, so bytes are the bound; pictures and sound are
charged by other rules and get the dear end of those.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_MESSAGE: Final = 16
"""Tokens that formats add around a message."""
_IMAGE: Final = 3_000
"""Tokens of one picture: above what providers charge for the largest they do not scale down."""
_MEDIA: Final = frozenset({"image_url", "input_image", "image"})
_AUDIO_BYTES: Final = 100
"""Base64 characters of sound that make at least one token."""


def most_tokens(messages: object, *, tools: object = None, response_format: object = None) -> int:
    """The bound for a body. Takes any input whatever, in time linear in it."""
    total = 0
    # A stack instead of recursion: a hostile body nests thousands deep.
    stack: list[object] = [messages, tools, response_format]
    while stack:
        here = stack.pop()
        if isinstance(here, str):
            total += len(here.encode("utf-8", "surrogatepass"))
        elif isinstance(here, Mapping):
            kind = here.get("type")
            if isinstance(kind, str) and kind in _MEDIA:
                total += _IMAGE
                continue
            if "role" in here:
                total += _MESSAGE
            sound = here.get("input_audio") if kind == "input_audio" else None
            if isinstance(sound, Mapping) and isinstance(sound.get("data"), str):
                total += len(sound["data"]) // _AUDIO_BYTES + 1
                continue
            for key, value in here.items():
                # Quotes, colon and comma around a key and its value.
                total += len(str(key).encode("utf-8", "surrogatepass")) + 6
                stack.append(value)
        elif isinstance(here, list | tuple):
            total += len(here) * 2
            stack.extend(here)
        elif here is not None:
            total += 32  # no number or truth value is written longer
    return total
