"""Renders the manual of the check rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.views.document import document
from policy_router.views.lines import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.check.manual import RulePage
    from policy_router.views.lines import Block


def list_as_json(pages: Sequence[RulePage]) -> dict[str, object]:
    """Return all rules with their summaries as a JSON document."""
    return document(rules=[{"name": page.name, "summary": page.summary} for page in pages])


def list_as_lines(pages: Sequence[RulePage]) -> list[Block]:
    """Return all rules with their summaries as a table."""
    return [Table([(page.name, page.summary) for page in pages])]


def as_json(page: RulePage) -> dict[str, object]:
    """Return the page of one rule as a JSON document."""
    return document(
        name=page.name, summary=page.summary, text=page.text, bad=page.bad, good=page.good
    )


def as_lines(page: RulePage) -> list[Block]:
    """Return the page of one rule."""
    lines: list[Block] = [[(page.name, "bold")], page.summary]
    lines += ["", *page.text.strip().split("\n")] if page.text.strip() else []
    for title, snippet, style in (("Bad:", page.bad, "red"), ("Good:", page.good, "green")):
        if snippet.strip():
            code = [f"    {line}".rstrip() for line in snippet.strip().split("\n")]
            lines += ["", [(title, style)], *code]
    return lines
