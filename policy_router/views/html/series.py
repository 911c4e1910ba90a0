"""Values over time: data that the page's script draws with uPlot, and a table for everyone else."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from policy_router.views.html.markup import element
from policy_router.views.html.tables import table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.views.html.markup import Markup


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a drawing over time.

    Attributes:
        name: What it shows.
        values: A value for each moment; None where there is none.
        tone: Name of its color in the style sheet: `a`, `b`, `c`, `good`, `warn` or `bad`.
    """

    name: str
    values: tuple[float | None, ...]
    tone: str = "a"


def time_series(
    moments: Sequence[float],
    labels: Sequence[str],
    series: Sequence[Series],
    *,
    caption: str,
    unit: str = "",
) -> Markup:
    """Return values over time.

    Without the script they are a table, which can be opened with it as well.

    Args:
        moments: Unix times.
        labels: The same moments as people write them.
        series: The lines.
        caption: What is shown.
        unit: The unit of the values: `$` stands before them, anything else behind.
    """
    data = {
        "unit": unit,
        "times": list(moments),
        "series": [
            {"name": each.name, "tone": each.tone, "values": list(each.values)} for each in series
        ],
    }
    rows = [
        [label, *(_spelled(each.values[place], unit) for each in series)]
        for place, label in enumerate(labels)
    ]
    numbers = table(
        ["", *(each.name for each in series)],
        rows,
        caption=caption,
        right=frozenset(range(1, len(series) + 1)),
    )
    return element(
        "figure",
        element("figcaption", caption),
        element("div", class_="plot", data_series=json.dumps(data)),
        element("details", element("summary", "as a table"), numbers),
        class_="series",
    )


def _spelled(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    shown = f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"${shown}" if unit == "$" else f"{shown}{unit}"
