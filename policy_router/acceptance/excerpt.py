"""Shortens a text so that it surely fits into the context of a model."""

from __future__ import annotations

from typing import Final

LEAST_SHOWN: Final = 256
"""Bytes that an excerpt has at least; less would not show what a text is about."""
_HEAD: Final = 0.75
"""Share of the beginning in an excerpt; the rest is the end of the text."""


def byte_length(text: str) -> int:
    """The bytes of a text as it is sent; no tokenizer makes more tokens of it."""
    return len(_bytes(text))


def excerpt(text: str, room: int, gap: str = " [...] ") -> str:
    """Returns a text, or its beginning and its end when it is too long.

    Args:
        text: The text. Lone surrogates, which no request can carry, become question marks.
        room: Bytes that the result has at most.
        gap: Stands for what is left out.
    """
    raw = _bytes(text)
    if len(raw) <= room:
        return raw.decode()
    left = max(0, room - byte_length(gap))
    head = int(left * _HEAD)
    tail = len(raw) - (left - head)
    # A character that is cut in two is left out.
    return raw[:head].decode(errors="ignore") + gap + raw[tail:].decode(errors="ignore")


def _bytes(text: str) -> bytes:
    return text.encode(errors="replace")
