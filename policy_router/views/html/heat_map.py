"""A table whose cells are the darker the more they count: rules by days."""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING, Final

from policy_router.views.html.markup import element, join
from policy_router.views.html.tables import scrolled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.views.html.markup import Child, Markup

LEVELS: Final = 5
"""Shades besides that of nothing."""


@dataclass(frozen=True, slots=True)
class HeatRow:
    """A row of a heat map.

    Attributes:
        name: What it counts.
        counts: How often, for each column.
        place: Where it is written, such as `router.yaml:12`.
        href: Where the name leads.
        note: More about it, such as `in shadow`.
    """

    name: str
    counts: tuple[int, ...]
    place: Child = None
    href: str | None = None
    note: Child = None


def heat_map(
    columns: Sequence[tuple[str, str]],
    rows: Sequence[HeatRow],
    *,
    head: str,
    caption: str,
    unit: str,
) -> Markup:
    """Return a heat map; rows that count nothing are marked.

    Args:
        columns: The short and the long title of each column.
        rows: Its rows.
        head: The title of the column of names.
        caption: What it shows.
        unit: What is counted, such as `requests`.
    """
    most = max((count for row in rows for count in row.counts), default=0)
    titles = join(
        element("th", short, scope="col", title=long, class_="day") for short, long in columns
    )
    body = join(_row(row, columns, most, unit) for row in rows)
    return scrolled(
        caption,
        element("caption", caption),
        element(
            "thead",
            element(
                "tr",
                element("th", head, scope="col"),
                titles,
                element("th", "total", scope="col", class_="r"),
            ),
        ),
        element("tbody", body),
        class_="heat",
    )


def level(count: int, most: int) -> int:
    """Return the shade of a count: 0 for nothing, then by its logarithm up to `LEVELS`."""
    if count <= 0 or most <= 0:
        return 0
    share = log(count + 1) / log(most + 1)
    return max(1, min(LEVELS, round(share * LEVELS)))


def _row(row: HeatRow, columns: Sequence[tuple[str, str]], most: int, unit: str) -> Markup:
    total = sum(row.counts)
    name = element("a", row.name, href=row.href) if row.href else row.name
    place = None if row.place is None else element("span", row.place, class_="place")
    cells = element("td", colspan=len(columns))  # one for all days, since most rules are rare
    if total:
        cells = join(
            _shade(row.name, long, count, most, unit)
            for (_, long), count in zip(columns, row.counts, strict=True)
        )
    return element(
        "tr",
        element("th", name, " ", row.note, place, scope="row"),
        cells,
        element("td", f"{total:,}" if total else "never", class_="r total"),
        class_=None if total else "never",
    )


def _shade(name: str, day: str, count: int, most: int, unit: str) -> Markup:
    if not count:
        return element("td")
    return element(
        "td",
        element("span", f"{count:,}", class_="count"),
        class_=f"l{level(count, most)}",
        title=f"{name}, {day}: {count:,} {unit}",
    )
