"""Tables in HTML."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from policy_router.views.html.markup import element, join

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.views.html.markup import Child, Markup


@dataclass(frozen=True, slots=True)
class HtmlCell:
    """A cell of a table with more than its content.

    Attributes:
        content: What it shows.
        style: Its CSS class.
        title: What is shown when the pointer rests on it.
        href: Where it leads.
    """

    content: Child
    style: str | None = None
    title: str | None = None
    href: str | None = None


Content: TypeAlias = "HtmlCell | Child"
"""What a cell is made of."""


def table(
    head: Sequence[str],
    rows: Sequence[Sequence[Content]],
    *,
    caption: str,
    right: frozenset[int] = frozenset(),
    empty: str = "nothing yet",
) -> Markup:
    """Return a table whose first column names its rows; it scrolls sideways where it is too wide.

    Args:
        head: The titles of its columns.
        rows: The cells of each row.
        caption: What it shows, for those who cannot see where it stands.
        right: The columns, from 0, that are aligned to the right: those of numbers.
        empty: What stands in its place when it has no rows.
    """
    if not rows:
        return element("p", empty, class_="empty")
    titles = (
        title_cell(title, "r" if place in right else None) for place, title in enumerate(head)
    )
    body = (
        element("tr", join(_cell(cell, place, right) for place, cell in enumerate(row)))
        for row in rows
    )
    return scrolled(
        caption,
        element("caption", caption),
        element("thead", element("tr", join(titles))),
        element("tbody", join(body)),
    )


def title_cell(title: str, style: str | None = None) -> Markup:
    """Return the title of a column; one without a title is no heading.

    Args:
        title: The title.
        style: Its CSS class.
    """
    if not title:
        return element("td", class_=style)
    return element("th", title, scope="col", class_=style)


def scrolled(label: str, *parts: Child, class_: str | None = None) -> Markup:
    """Return a table that scrolls sideways within its place, by the keyboard as well.

    Args:
        label: What it shows.
        *parts: What the table consists of.
        class_: Its CSS class.
    """
    return element(
        "div",
        element("table", *parts, class_=class_),
        class_="scroll",
        tabindex=0,
        role="region",
        aria_label=f"table: {label}",
    )


def _cell(cell: Content, place: int, right: frozenset[int]) -> Markup:
    if not isinstance(cell, HtmlCell):
        cell = HtmlCell(cell)
    classes = " ".join(filter(None, ("r" if place in right else None, cell.style)))
    content = cell.content if cell.href is None else element("a", cell.content, href=cell.href)
    if place == 0:
        return element("th", content, scope="row", class_=classes or None, title=cell.title)
    return element("td", content, class_=classes or None, title=cell.title)
