"""Findings as GitHub workflow commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.diagnostics import Severity, printable
from policy_router.views.findings import diagnostics_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from policy_router.check.report import Report
    from policy_router.diagnostics import Diagnostic

_COMMANDS: Final = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


def as_commands(reports: Sequence[Report]) -> Iterator[str]:
    """Yield one workflow command per finding; GitHub shows it next to the line of the file."""
    yield from map(as_command, diagnostics_of(reports))


def as_command(diagnostic: Diagnostic) -> str:
    """Return a finding as a workflow command."""
    span = diagnostic.span
    properties: dict[str, object] = {}
    if span is not None:
        properties = {"file": span.file, "line": span.line, "endLine": span.end_line}
        if span.line == span.end_line:  # GitHub takes columns within one line only
            properties |= {"col": span.col, "endColumn": span.end_col}
    properties["title"] = f"policy-router {diagnostic.rule}"
    listed = ",".join(f"{name}={_property(str(v))}" for name, v in properties.items())
    text = printable(diagnostic.message)
    text += f"\n{printable(diagnostic.help)}" if diagnostic.help else ""
    return f"::{_COMMANDS[diagnostic.severity]} {listed}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
