"""Small drawings in SVG. Colors come from the style sheet, so that they fit light and dark."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.views.html.markup import Markup, element, join, number

if TYPE_CHECKING:
    from collections.abc import Sequence


_WIDTH: Final = 100.0
_BAR_HEIGHT: Final = 8.0
_SPARK_HEIGHT: Final = 24.0
_LINE: Final = 1.5


def _drawing(width: float, height: float, label: str, *parts: Markup, class_: str) -> Markup:
    return element(
        "svg",
        element("title", label),
        *parts,
        class_=class_,
        role="img",
        aria_label=label,
        viewBox=f"0 0 {number(width)} {number(height)}",
        preserveAspectRatio="none",
    )


def bar(share: float | None, label: str, *, held: float = 0.0, forecast: float = 0.0) -> Markup:
    """Return a bar that fills with a share.

    Args:
        share: The share that is used, 0..1; more than 1 fills it, None leaves it empty.
        label: What it shows, as text.
        held: The share that is held for requests under way, in addition to what is used.
        forecast: The share that will be used when the window ends, at the present pace.
    """
    used = _clipped(share or 0.0)
    tone = "bad" if used >= 0.95 else "warn" if used >= 0.8 else "good"
    parts = [_rect("track", 0.0, 1.0)]
    if forecast > used:
        parts.append(_rect("forecast", used, _clipped(forecast) - used))
    parts.append(_rect(f"fill {tone}", 0.0, used))
    if held:
        parts.append(_rect("held", used, _clipped(used + held) - used))
    return _drawing(_WIDTH, _BAR_HEIGHT, label, *parts, class_="bar")


def parts_bar(parts: Sequence[tuple[str, float]], label: str) -> Markup:
    """Return a bar that is divided, such as free and paid answers.

    Args:
        parts: The CSS class and the size of each part, in any unit.
        label: What it shows, as text.
    """
    whole, left, drawn = sum(size for _, size in parts), 0.0, [_rect("track", 0.0, 1.0)]
    for style, size in parts:
        if size > 0:
            drawn.append(_rect(style, left / whole, size / whole))
        left += size
    return _drawing(_WIDTH, _BAR_HEIGHT, label, *drawn, class_="bar")


def sparkline(values: Sequence[float], label: str) -> Markup:
    """Return a line without axes, from the oldest value to the newest.

    Args:
        values: The values, at equal distances; none is negative.
        label: What it shows, as text.
    """
    if len(values) < 2:
        return _drawing(_WIDTH, _SPARK_HEIGHT, label, class_="spark")
    top, step = max(values) or 1.0, _WIDTH / (len(values) - 1)
    usable = _SPARK_HEIGHT - 2 * _LINE
    # Nothing but numbers, so there is nothing to escape in what would take long.
    points = Markup(
        " ".join(
            f"{number(place * step)},{number(_SPARK_HEIGHT - _LINE - value / top * usable)}"
            for place, value in enumerate(values)
        )
    )
    floor = number(_SPARK_HEIGHT)
    corners = Markup(f"0,{floor} {points} {number(_WIDTH)},{floor}")
    area = element("polygon", points=corners, class_="area")
    line = element("polyline", points=points, class_="line", vector_effect="non-scaling-stroke")
    return _drawing(_WIDTH, _SPARK_HEIGHT, label, area, line, class_="spark")


def interval(low: float, mean: float, high: float, reach: float, label: str) -> Markup:
    """Return an interval around zero: what an arm of an experiment differs by.

    Args:
        low: Its lower end.
        mean: What is estimated.
        high: Its upper end.
        reach: The value at the right edge; the left edge is its negative.
        label: What it shows, as text.
    """

    def place(value: float) -> float:
        return _clipped((value + reach) / (2 * reach)) if reach > 0 else 0.5

    tone = "good" if low > 0 else "bad" if high < 0 else "open"
    return _drawing(
        _WIDTH,
        _BAR_HEIGHT,
        label,
        _rect("zero", 0.497, 0.006),
        _rect(f"range {tone}", place(low), max(0.01, place(high) - place(low)), 2.5),
        _rect(f"mean {tone}", place(mean) - 0.006, 0.012),
        class_="interval",
    )


def _rect(style: str, left: float, width: float, inset: float = 0.0) -> Markup:
    return element(
        "rect",
        class_=style,
        x=left * _WIDTH,
        y=inset,
        width=width * _WIDTH,
        height=_BAR_HEIGHT - 2 * inset,
    )


def _clipped(share: float) -> float:
    return min(1.0, max(0.0, share))


def legend(entries: Sequence[tuple[str, str]]) -> Markup:
    """Return what the colors of a drawing mean.

    Args:
        entries: The CSS class and the meaning of each color.
    """
    return element(
        "ul",
        join(
            element("li", element("span", class_=f"key {style}", aria_hidden="true"), words)
            for style, words in entries
        ),
        class_="legend",
    )
