"""A drawing of what goes from where to where: ribbons as wide as what they carry."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from policy_router.views.html.markup import element, join, number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policy_router.views.html.markup import Markup

_WIDTH: Final = 720.0
_LABEL: Final = 190.0
_NODE: Final = 8.0
_GAP: Final = 14.0
_THICKNESS: Final = 180.0
"""Height of everything that flows, without the gaps."""
_THIN: Final = 2.0
_LINE: Final = 15.0
"""Least height of a node, so that its name has room."""


@dataclass(frozen=True, slots=True)
class Ribbon:
    """What goes from one node to another.

    Attributes:
        source: Name of the node on the left.
        target: Name of the node on the right.
        count: How much.
        style: CSS class of its color.
        label: What it is, as text.
    """

    source: str
    target: str
    count: int
    style: str = ""
    label: str = ""


def flow(ribbons: Sequence[Ribbon], *, label: str, from_: str, to: str) -> Markup:
    """Return the drawing. Names of nodes stand next to them; ribbons carry their words as titles.

    Args:
        ribbons: What flows where.
        label: What the drawing shows, as text.
        from_: The title of the left side.
        to: The title of the right side.
    """
    total = sum(ribbon.count for ribbon in ribbons)
    if not total:
        return element("p", "nothing flowed", class_="empty")
    unit = _THICKNESS / total
    left, height_left = _stack([(each.source, each.count) for each in ribbons], unit)
    right, height_right = _stack([(each.target, each.count) for each in ribbons], unit)
    used_left, used_right = dict.fromkeys(left, 0.0), dict.fromkeys(right, 0.0)
    drawn = []
    for ribbon in sorted(ribbons, key=lambda each: (-each.count, each.source, each.target)):
        thick = _thick(ribbon.count, unit)
        start = left[ribbon.source][0] + used_left[ribbon.source]
        end = right[ribbon.target][0] + used_right[ribbon.target]
        used_left[ribbon.source] += thick
        used_right[ribbon.target] += thick
        drawn.append(_ribbon(ribbon, start, end, thick))
    height = max(height_left, height_right)
    return element(
        "svg",
        element("title", label),
        element("text", from_, x=_LABEL - 6, y=12, text_anchor="end", class_="side"),
        element("text", to, x=_WIDTH - _LABEL + 6, y=12, class_="side"),
        *drawn,
        *_nodes(left, x=_LABEL - _NODE, text_at=_LABEL - _NODE - 6, anchor="end"),
        *_nodes(right, x=_WIDTH - _LABEL, text_at=_WIDTH - _LABEL + _NODE + 6, anchor="start"),
        class_="flow",
        role="img",
        aria_label=label,
        viewBox=f"0 0 {number(_WIDTH)} {number(height)}",
    )


def _thick(count: int, unit: float) -> float:
    return max(_THIN, count * unit)


def _stack(
    ends: Sequence[tuple[str, int]], unit: float
) -> tuple[dict[str, tuple[float, float, int]], float]:
    """Return the top, the height and the count of each node, the largest first, and the end."""
    counts: Counter[str] = Counter()
    heights: dict[str, float] = {}
    for name, count in ends:
        counts[name] += count
        heights[name] = heights.get(name, 0.0) + _thick(count, unit)
    nodes, top = {}, 24.0
    for name, count in counts.most_common():
        height = heights[name]
        nodes[name] = (top, height, count)
        top += max(_LINE, height) + _GAP
    return nodes, top


def _nodes(
    nodes: Mapping[str, tuple[float, float, int]], *, x: float, text_at: float, anchor: str
) -> list[Markup]:
    drawn = []
    for name, (top, height, count) in nodes.items():
        drawn.append(element("rect", class_="node", x=x, y=top, width=_NODE, height=height, rx=2))
        drawn.append(
            element(
                "text",
                join([name, " ", element("tspan", f"{count:,}", class_="count")]),
                x=text_at,
                y=top + max(height / 2, 4) + 4,
                text_anchor=anchor,
            )
        )
    return drawn


def _ribbon(ribbon: Ribbon, start: float, end: float, thick: float) -> Markup:
    x0, x1 = _LABEL, _WIDTH - _LABEL
    middle = number((x0 + x1) / 2)
    a, b, c, d = map(number, (start, end, end + thick, start + thick))
    left, right = number(x0), number(x1)
    path = (
        f"M{left},{a} C{middle},{a} {middle},{b} {right},{b} "
        f"L{right},{c} C{middle},{c} {middle},{d} {left},{d} Z"
    )
    words = f"{ribbon.source} → {ribbon.target}: {ribbon.count:,}"
    title = element("title", f"{words} {ribbon.label}".rstrip())
    return element("path", title, d=path, class_=f"ribbon {ribbon.style}".rstrip())
