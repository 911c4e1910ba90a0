"""Shows a model as much of a text as its context is sure to hold, in a form that can be sent."""

from __future__ import annotations

from typing import Final

LEAST_SHOWN: Final = 256
"""Bytes; in less there is nothing to be seen."""
_HEAD: Final = 0.75
"""Share of a text's beginning in what is shown of it; the rest is its end."""


def weight(text: str) -> int:
    """Bytes of a text as it is shown; no tokenizer makes more tokens of it."""
    return len(_bytes(text))


def ends(text: str, room: int, gap: str = " [...] ") -> str:
    """The text if it has at most `room` bytes, else its beginning and its end with a gap between
    them, in so many bytes. Lone surrogates, which no request can carry, become question marks."""
    raw = _bytes(text)
    if len(raw) <= room:
        return raw.decode()
    left = max(0, room - weight(gap))
    head = int(left * _HEAD)
    tail = len(raw) - (left - head)
    # A character that is cut through is left out.
    return raw[:head].decode(errors="ignore") + gap + raw[tail:].decode(errors="ignore")


def _bytes(text: str) -> bytes:
    return text.encode(errors="replace")
