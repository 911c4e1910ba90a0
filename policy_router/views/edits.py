"""Renders changes of policy files, and why one is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.diagnostics import printable
from policy_router.views.document import document

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policy_router.diagnostics import Diagnostic, Span
    from policy_router.views.lines import Block

_STYLES: Final = {"+": "green", "-": "red", "@": "cyan"}


def as_json(
    diff: str, errors: Sequence[Diagnostic], others: Sequence[Diagnostic], *, written: bool
) -> dict[str, object]:
    """Return a change.

    Args:
        diff: The unified diff; empty where nothing changes.
        errors: The errors that the policy would have because of it.
        others: The same for warnings.
        written: Whether the files are changed.
    """
    return document(
        changed=bool(diff),
        diff=diff,
        errors=list(map(_entry, errors)),
        warnings=list(map(_entry, others)),
        written=written,
    )


def _entry(each: Diagnostic) -> dict[str, object]:
    return {
        "rule": each.rule,
        "message": each.message,
        "place": None if each.span is None else str(each.span),
        "help": each.help,
    }


def as_lines(diff: str) -> list[Block]:
    """Return a unified diff in color, or that nothing changes."""
    if not diff:
        return ["nothing changes: the policy says this already"]
    lines = [printable(line.rstrip("\r\n")) for line in diff.split("\n")[:-1]]
    return [[(line, _STYLES.get(line[:1], ""))] for line in lines]


def refusal_as_json(name: str, places: Mapping[Span, str]) -> dict[str, object]:
    """Return why a model cannot be removed.

    Args:
        name: The model.
        places: Where the policy names it, with what is written there.
    """
    return document(
        changed=False,
        written=False,
        model=name,
        named_at=[{"place": str(span), "why": why} for span, why in places.items()],
    )


def refusal_as_lines(name: str, places: Mapping[Span, str]) -> list[Block]:
    """Return the same for people."""
    head = f": `{printable(name)}` cannot be removed, because the policy names it:"
    rows: list[Block] = [[("error", "bold red"), (head, "")]]
    rows += [printable(f"  {span}  {why}") for span, why in places.items()]
    return rows
