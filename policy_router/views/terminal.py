"""Lines and tables as the text of a terminal or of a pipe."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

from policy_router.views.lines import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import JustifyMethod, RenderableType
    from rich.text import Text

    from policy_router.views.lines import Block, Cell, Line

_UNLIMITED: Final = 1 << 20
"""Columns of a stream that is not a terminal: nothing is ever wrapped."""
_GAP: Final = 2
"""Blanks between two columns of a table."""


def render(blocks: Iterable[Block], *, color: bool = False, width: int | None = None) -> str:
    """Return lines and tables as text, with a line feed after each line.

    Args:
        blocks: What to show. Untrusted text in it must be printable already.
        color: Whether to write styles, as escape sequences of the sixteen standard colors.
        width: Columns of the terminal; table cells are wrapped to fit. None wraps nothing.
    """
    return "".join(
        _table(block, color=color, width=width)
        if isinstance(block, Table)
        else _line(block, color=color)
        for block in blocks
    )


def _line(line: Line, *, color: bool) -> str:
    plain = line if isinstance(line, str) else "".join(text for text, _ in line)
    # With colors, tabs of all lines are expanded, so that carets stay below their text.
    if not color or (plain is line and "\t" not in plain):
        return plain + "\n"
    from rich.text import Text  # noqa: PLC0415  pipes do not need rich

    # Never wrapped: a terminal wraps by itself, and a code frame stays whole in a wider one.
    styled = Text(line) if isinstance(line, str) else Text.assemble(*line)
    return _printed(styled, color=True, width=None)


def _table(table: Table, *, color: bool, width: int | None) -> str:
    if not color and width is None:
        cells = [[cell if isinstance(cell, str) else cell[0] for cell in row] for row in table.rows]
        # In printable ASCII each character has one column; rich takes long to import.
        if all(text.isascii() and text.isprintable() for row in cells for text in row):
            return _aligned(cells, table.indent, table.right)
    from rich.padding import Padding  # noqa: PLC0415  help and `--version` do not need rich
    from rich.table import Table as Grid  # noqa: PLC0415

    if not table.rows:
        return ""
    grid = Grid(box=None, show_header=False, padding=(0, _GAP, 0, 0), pad_edge=False)
    for place in range(len(table.rows[0])):
        justify: JustifyMethod = "right" if place in table.right else "left"
        grid.add_column(overflow="fold", no_wrap=width is None, justify=justify)
    for number, row in enumerate(table.rows):
        style = "bold" if table.header and number == 0 else ""
        grid.add_row(*(_cell(cell) for cell in row), style=style)
    indented = Padding(grid, (0, 0, 0, table.indent), expand=False)
    text = _printed(indented, color=color, width=width)
    return text if color else "".join(f"{line.rstrip()}\n" for line in text.splitlines())


def _aligned(rows: Sequence[Sequence[str]], indent: int, right: frozenset[int]) -> str:
    """Rows whose columns are as wide as their longest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        " " * indent
        + "".join(
            (text.rjust(width) if place in right else text.ljust(width)) + " " * _GAP
            for place, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _cell(cell: Cell) -> Text:
    from rich.text import Text  # noqa: PLC0415  as above

    return Text(cell) if isinstance(cell, str) else Text(*cell)


def _printed(renderable: RenderableType, *, color: bool, width: int | None) -> str:
    from rich.console import Console  # noqa: PLC0415  as above

    text = io.StringIO()
    console = Console(
        file=text,
        width=width or _UNLIMITED,
        force_terminal=color,
        color_system="standard" if color else None,
        legacy_windows=False,
        highlight=False,
        markup=False,
        emoji=False,
        _environ={},
    )
    console.print(renderable, soft_wrap=width is None)
    return text.getvalue()
