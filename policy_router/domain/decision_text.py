"""A decision as text and as HTML, for printing and for notebooks."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final, TypeAlias

from policy_router.diagnostics import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

TextRow: TypeAlias = tuple[str, ...]
"""The cells of a row."""
_HEAD: Final = ("", "model", "tier", "est. cost", "why")
_GAP: Final = "  "


def decision_text(title: str, candidates: Sequence[TextRow], skipped: Sequence[TextRow]) -> str:
    """A decision as lines.

    Args:
        title: What was decided, or why no model may answer.
        candidates: Model, tier, cost and reason of each candidate, in order.
        skipped: Model, reason and place of each excluded model.
    """
    lines = [printable(title)] if title else []
    if candidates:
        lines += _aligned([_HEAD, *_numbered(candidates)])
    if skipped:
        lines += ["Not used", *(f"{_GAP}{line}" for line in _aligned(skipped))]
    return "\n".join(lines)


def decision_html(title: str, candidates: Sequence[TextRow], skipped: Sequence[TextRow]) -> str:
    """The same as HTML.

    Args:
        title: As above.
        candidates: As above.
        skipped: As above.
    """
    parts = [f"<p><strong>{_escaped(title)}</strong></p>"] if title else []
    if candidates:
        parts.append(_table(_HEAD, _numbered(candidates)))
    if skipped:
        parts.append(_table(("not used", "why", "where"), skipped))
    return "".join(parts)


def _numbered(rows: Sequence[TextRow]) -> list[TextRow]:
    return [(str(number), *row) for number, row in enumerate(rows, start=1)]


def _aligned(rows: Sequence[TextRow]) -> list[str]:
    cells = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        _GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


def _table(head: TextRow, rows: Sequence[TextRow]) -> str:
    titles = "".join(f"<th>{_escaped(cell)}</th>" for cell in head)
    body = "".join(
        f"<tr>{''.join(f'<td>{_escaped(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>"


def _escaped(text: str) -> str:
    return escape(printable(text))
