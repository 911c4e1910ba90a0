"""Draws a policy as a matrix, in SVG and as a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.views.graph import MEANINGS, MatrixEffect
from policy_router.views.html.charts import legend
from policy_router.views.html.document import Panel, standalone
from policy_router.views.html.figures import badge
from policy_router.views.html.markup import Markup, element, join, number
from policy_router.views.html.rules import short_name
from policy_router.views.html.tables import scrolled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.views.graph import MatrixRow, PolicyMatrix

_CELL: Final = 22.0
_LETTER: Final = 7.2
"""Width of a letter, about."""
_HEAD: Final = 130.0
_LONGEST: Final = 44
"""Letters of a name that are drawn."""
_FILLS: Final[Mapping[MatrixEffect, str]] = {
    MatrixEffect.FIRST: "#12806a",
    MatrixEffect.OUT: "#d1443b",
    MatrixEffect.BELOW: "#c98a16",
    MatrixEffect.NONE: "#e6ebef",
}
_CLASSES: Final[Mapping[MatrixEffect, str | None]] = {
    MatrixEffect.FIRST: "first",
    MatrixEffect.OUT: "out",
    MatrixEffect.BELOW: "below",
    MatrixEffect.NONE: None,
}


def graph_svg(drawn: PolicyMatrix) -> Markup:
    """Return a matrix as a drawing of its own, in colors that are fixed."""
    names = [_shortened(f"{row.kind} {row.name}") for row in drawn.rows]
    left = max((len(name) for name in names), default=10) * _LETTER + 16
    width = left + len(drawn.models) * _CELL + _HEAD
    keys = _HEAD + len(names) * _CELL + 26
    parts = [element("rect", width="100%", height="100%", fill="#ffffff")]
    for place, model in enumerate(drawn.models):
        x = number(left + place * _CELL + _CELL / 2)
        parts.append(
            element(
                "text",
                _shortened(model.name, 20),
                transform=f"translate({x} {number(_HEAD - 8)}) rotate(-50)",
                fill="#14202b",
            )
        )
    for line, (name, row) in enumerate(zip(names, drawn.rows, strict=True)):
        y = _HEAD + line * _CELL
        label = element("text", name, x=left - 8, y=y + 15, text_anchor="end", fill="#14202b")
        parts += [label, *_cells(row, drawn, left, y)]
    for place, (effect, meaning) in enumerate(MEANINGS.items()):
        key = 8 + place * 120.0
        parts.append(element("rect", x=key, y=keys - 11, width=12, height=12, fill=_FILLS[effect]))
        parts.append(element("text", meaning, x=key + 18, y=keys, fill="#51606e"))
    return element(
        "svg",
        element("title", f"what each task and rule of {drawn.policy.name} does to each model"),
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {number(max(width, 500.0))} {number(keys + 14)}",
        font_family="system-ui, sans-serif",
        font_size=12,
        role="img",
    )


def _cells(row: MatrixRow, drawn: PolicyMatrix, left: float, y: float) -> list[Markup]:
    return [
        element(
            "rect",
            element("title", f"{row.name}: {model.name} is {MEANINGS[effect]}"),
            x=left + place * _CELL + 2,
            y=y + 2,
            width=_CELL - 4,
            height=_CELL - 4,
            rx=4,
            fill=_FILLS[effect],
            opacity=0.45 if row.shadow else None,
        )
        for place, (model, effect) in enumerate(zip(drawn.models, row.effects, strict=True))
    ]


def _shortened(name: str, most: int = _LONGEST) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"


def graph_table(drawn: PolicyMatrix) -> Markup:
    """Return a matrix as a table of a page."""
    head = join(
        element(
            "th",
            element("span", model.name),
            element("span", f"{model.tier}{', free' if model.free else ''}", class_="place"),
            scope="col",
        )
        for model in drawn.models
    )
    body = join(_table_row(row, drawn) for row in drawn.rows)
    top = element("tr", element("td"), head, element("th", "when", scope="col"))
    shown = scrolled(
        "what each task and rule does to each model",
        element("caption", "what each task and rule does to each model"),
        element("thead", top),
        element("tbody", body),
        class_="matrix",
    )
    keys = [(str(_CLASSES[e]), m) for e, m in MEANINGS.items() if _CLASSES[e] is not None]
    return join([shown, legend(keys)])


def _table_row(row: MatrixRow, drawn: PolicyMatrix) -> Markup:
    place = None
    if row.span is not None:
        place = element("span", f"{short_name(row.span.file)}:{row.span.line}", class_="place")
    shadow = badge("in shadow") if row.shadow else None
    cells = join(
        element(
            "td",
            MEANINGS[effect] if effect is not MatrixEffect.NONE else None,
            class_=_CLASSES[effect],
            title=f"{row.name}: {model.name} is {MEANINGS[effect]}",
        )
        for model, effect in zip(drawn.models, row.effects, strict=True)
    )
    when = element("code", row.when) if row.when else None
    what = element("td", when, " " if when and row.note else None, row.note or None)
    name = element("th", f"{row.kind} {row.name}", " ", shadow, place, scope="row")
    return element("tr", name, cells, what)


def graph_page(drawn: PolicyMatrix) -> Markup:
    """Return a matrix as a page that is one file."""
    policy = drawn.policy
    rules = f"{len(policy.rules)} rules, {len(policy.models)} models"
    panel = Panel("matrix", "Tasks and rules by models", graph_table(drawn), rules, wide=True)
    return standalone(f"Policy {policy.name}", f"@{policy.revision[:7]}", [panel])
