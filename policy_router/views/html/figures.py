"""Single numbers, shown large, and words that stand out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from policy_router.views.html.markup import element, join

if TYPE_CHECKING:
    from collections.abc import Iterable

    from policy_router.views.html.markup import Child, Markup


@dataclass(frozen=True, slots=True)
class KeyFigure:
    """A number that matters.

    Attributes:
        label: What it is, such as `spent today`.
        value: The number with its unit, such as `$4.31`.
        note: What it is compared with, or of which time it is.
        tone: `good`, `warn`, `bad`, or empty for neither.
        drawing: A small drawing below it, such as a sparkline.
    """

    label: str
    value: Child
    note: Child = None
    tone: str = ""
    drawing: Markup | None = None


def figures(values: Iterable[KeyFigure]) -> Markup:
    """Return numbers side by side."""
    return element("dl", join(_figure(each) for each in values), class_="figures")


def _figure(figure: KeyFigure) -> Markup:
    return element(
        "div",
        element("dt", figure.label),
        element("dd", figure.value, class_="value"),
        None if figure.note is None else element("dd", figure.note, class_="note"),
        None if figure.drawing is None else element("dd", figure.drawing, class_="drawing"),
        class_=f"figure {figure.tone}".rstrip(),
    )


def badge(content: Child, tone: str = "", title: str | None = None) -> Markup:
    """Return a few words in a frame.

    Args:
        content: The words.
        tone: `good`, `warn`, `bad`, or empty for neither.
        title: What is shown when the pointer rests on it.
    """
    return element("span", content, class_=f"badge {tone}".rstrip(), title=title)


def note(*parts: Child) -> Markup:
    """Return a paragraph that says how to read what stands above it."""
    return element("p", *parts, class_="note")
