"""Places as the Language Server Protocol counts them: lines from 0, and UTF-16 units in a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from policy_router.diagnostics import Span

_BEYOND_16_BITS: Final = "\uffff"


class Position(NamedTuple):
    """A place between two characters.

    Attributes:
        line: The line, counted from 0.
        unit: UTF-16 units before it in its line.
    """

    line: int
    unit: int


def normalized(text: str) -> str:
    """Return a text with `\\n` as line ends, as all modules here read it."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def offset_at(text: str, place: Position) -> int:
    """Return the character of a text at a place, counted from 0; its end for a place behind it."""
    lines = text.split("\n")
    if place.line >= len(lines):
        return len(text)
    units = place.unit
    column = 0
    for character in lines[place.line]:
        if units <= 0:
            break
        units -= 1 + (character > _BEYOND_16_BITS)
        column += 1
    return sum(len(line) + 1 for line in lines[: place.line]) + column


def place_of(text: str, offset: int) -> Position:
    """Return the place of a character of a text, counted from 0."""
    start = text.rfind("\n", 0, offset) + 1
    return Position(text.count("\n", 0, offset), _units(text[start:offset]))


def places_of(text: str, span: Span) -> tuple[Position, Position]:
    """Return where a span of a text begins and ends."""
    lines = text.split("\n")

    def position(line: int, col: int) -> Position:
        written = lines[line - 1] if line <= len(lines) else ""
        return Position(line - 1, _units(written[: col - 1]))

    return position(span.line, span.col), position(span.end_line, span.end_col)


def _units(text: str) -> int:
    return len(text) + sum(character > _BEYOND_16_BITS for character in text)
