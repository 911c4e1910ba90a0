"""Where each character of a YAML scalar is written: quotes, escapes and folded lines undone."""

from __future__ import annotations

from typing import Final


def align(raw: str, value: str) -> list[int] | None:
    """The place of every character of a decoded scalar.

    Args:
        raw: The scalar as written, with its quotes or its block indicator.
        value: The scalar as decoded.

    Returns:
        For each character of the value its offset in `raw`; None when the two cannot be aligned.
    """
    if not value:
        return []
    style = raw[:1]
    position = 0
    if style in ("'", '"'):
        position = 1
    elif style in ("|", ">"):
        position = raw.find("\n") + 1
    if raw.startswith(value, position):
        return list(range(position, position + len(value)))
    offsets: list[int] = []
    for char in value:
        step = _next(raw, position, char, style)
        if step is None:
            # What remains of a block scalar are the line ends that its chomping adds.
            if char == "\n" and offsets:
                offsets.append(offsets[-1])
                continue
            return None
        offset, position = step
        offsets.append(offset)
    return offsets


def _next(raw: str, position: int, char: str, style: str) -> tuple[int, int] | None:
    """The next offset in `raw` that stands for a character, and the position after it."""
    while position < len(raw):
        current = raw[position]
        if style == '"' and current == "\\":
            escape = raw[position + 1 : position + 2]
            if escape == "\n":
                position += 2  # a line joined to the next one
                continue
            return position, position + _ESCAPES.get(escape, 2)
        if style == "'" and raw.startswith("''", position):
            return (position, position + 2) if char == "'" else None
        if current == char or (current == "\n" and char == " "):
            return position, position + 1
        if not current.isspace():
            return None
        position += 1
    return None


_ESCAPES: Final = {"x": 4, "u": 6, "U": 10}
"""Length of an escape by its letter; the others have two characters."""
