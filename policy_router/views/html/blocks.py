"""Renders what commands print as HTML, so that both say the same."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from policy_router.views.html.markup import element, join, prose
from policy_router.views.html.tables import title_cell
from policy_router.views.lines import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from policy_router.views.html.markup import Markup
    from policy_router.views.lines import Block, Cell, Line


def blocks(values: Iterable[Block], *, caption: str) -> Markup:
    """Return lines and tables as HTML.

    Args:
        values: What a command prints.
        caption: What the tables show, for those who cannot see where they stand.
    """
    tables = count(1)
    shown = (
        # A label of its own for each: who cannot see them chooses by it.
        _table(each, f"{caption}, table {next(tables)}") if isinstance(each, Table) else _line(each)
        for each in values
        if not isinstance(each, str) or each
    )
    return element("div", join(shown), class_="printed")


def _line(line: Line) -> Markup:
    if isinstance(line, str):
        return element("p", prose(line), class_="indented" if line.startswith("  ") else None)
    styles = {style for text, style in line if text.strip()}
    indented = "indented" if line and line[0][0].startswith("  ") else None
    if styles == {"bold"} and not indented:
        return element("h3", join(text for text, _ in line))
    return element("p", join(_piece(text, style) for text, style in line), class_=indented)


def _piece(text: str, style: str) -> Markup:
    return element("span", prose(text), class_=_class(style)) if style else prose(text)


def _class(style: str) -> str:
    return " ".join(f"s-{word}" for word in style.split())


def _table(table: Table, caption: str) -> Markup:
    rows = list(table.rows)
    head = rows.pop(0) if table.header and rows else ()
    titles = join(title_cell(_plain(cell)) for cell in head)
    body = join(_row(row, table.right) for row in rows)
    return element(
        "div",
        element(
            "table",
            element("caption", caption),
            element("thead", element("tr", titles)) if head else None,
            element("tbody", body),
            class_="facts" if not head else None,
        ),
        class_="scroll" if not table.indent else "scroll indented",
        tabindex=0,
        role="region",
        aria_label=caption,
    )


def _row(row: Sequence[Cell], right: frozenset[int]) -> Markup:
    cells = (
        element("td", _content(cell), class_="r" if place in right else None)
        for place, cell in enumerate(row)
    )
    return element("tr", join(cells))


def _content(cell: Cell) -> Markup:
    return prose(cell) if isinstance(cell, str) else _piece(*cell)


def _plain(cell: Cell) -> str:
    return cell if isinstance(cell, str) else cell[0]
