"""Lines and tables of styled text, independent of where they are shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

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
        right: The columns whose cells end at the same place, such as numbers, counted from 0.
    """

    rows: Sequence[Sequence[Cell]]
    header: bool = False
    indent: int = 0
    right: frozenset[int] = frozenset()


Block: TypeAlias = "Line | Table"
"""What is shown as a unit: a line or a table."""


def count(number: int, noun: str) -> str:
    """Return a number with its noun: `1 file`, `2 files`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def bar(share: float) -> str:
    """Return a bar of ten signs for a share, such as `[###.......]`; full above 1."""
    filled = round(min(max(share, 0.0), 1.0) * _BAR)
    return f"[{'#' * filled}{'.' * (_BAR - filled)}]"


_BAR: Final = 10


def quoted_names(names: Iterable[str]) -> str:
    """Return names in backticks, joined by commas."""
    return ", ".join(f"`{printable(name)}`" for name in names)


def help_line(text: str) -> Line:
    """Return the line below a problem that says what to do about it."""
    return [("   = help:", "green"), (f" {text}", "")]
