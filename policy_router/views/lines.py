"""Lines and tables of styled text, independent of where they are shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from policy_router.diagnostics import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Piece: TypeAlias = tuple[str, str]
"""Text with its style, such as `bold red`; an empty style is plain."""
Line: TypeAlias = "str | Sequence[Piece]"
"""One line: plain text, or pieces that are joined without a gap."""
Cell: TypeAlias = "str | Piece"
"""The text of a table cell, with or without a style."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows whose columns are aligned.

    Attributes:
        rows: The cells of each row; every row has the same number of cells.
        header: Whether the first row holds the column titles.
        indent: Blanks before the first column.
    """

    rows: Sequence[Sequence[Cell]]
    header: bool = False
    indent: int = 0


Block: TypeAlias = "Line | Table"
"""What is shown as a unit: a line or a table."""


def count(number: int, noun: str) -> str:
    """Return a number with its noun: `1 file`, `2 files`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def quoted_names(names: Iterable[str]) -> str:
    """Return names in backticks, joined by commas."""
    return ", ".join(f"`{printable(name)}`" for name in names)


def help_line(text: str) -> Line:
    """Return the line below a problem that says what to do about it."""
    return [("   = help:", "green"), (f" {text}", "")]
