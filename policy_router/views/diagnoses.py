"""Renders what `doctor` found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.diagnostics import Severity, printable
from policy_router.views.document import document
from policy_router.views.lines import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.ledger.diagnosis import Diagnosis
    from policy_router.views.lines import Block

_STYLES: Final = {"error": "bold red", "warning": "bold yellow", "note": "cyan", "ok": "green"}


def as_lines(diagnoses: Sequence[Diagnosis]) -> list[Block]:
    """Return a table of diagnoses: level, subject, finding, and what to do about it."""
    rows: list[tuple[tuple[str, str], str, str]] = []
    for diagnosis in diagnoses:
        mark = _mark(diagnosis)
        text = printable(diagnosis.text)
        rows.append(((mark, _STYLES[mark]), diagnosis.subject, text))
        if diagnosis.help:
            rows.append((("", ""), "", f"help: {printable(diagnosis.help)}"))
    return [Table(rows)]


def _mark(diagnosis: Diagnosis) -> str:
    """Return the level; `ok` for a note that asks for nothing."""
    harmless = diagnosis.level is Severity.NOTE and not diagnosis.help
    return "ok" if harmless else diagnosis.level.value


def as_json(state: str | None, diagnoses: Sequence[Diagnosis]) -> dict[str, object]:
    """Return diagnoses as a JSON document. state: the store, if it is known."""
    return document(
        state=state,
        findings=[
            {
                "subject": diagnosis.subject,
                "level": diagnosis.level.value,
                "text": printable(diagnosis.text),
                "help": printable(diagnosis.help),
            }
            for diagnosis in diagnoses
        ],
    )
