"""Renders what `check` found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.diagnostics import Severity, draw, printable
from policy_router.views.document import document
from policy_router.views.lines import count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from policy_router.check.report import Report
    from policy_router.diagnostics import Diagnostic, Span
    from policy_router.views.lines import Line

_STYLES: Final = {
    Severity.ERROR: "bold red",
    Severity.WARNING: "bold yellow",
    Severity.NOTE: "cyan",
}
_HELP: Final = "   = help:"


def as_lines(diagnostic: Diagnostic, sources: Mapping[str, str]) -> list[Line]:
    """Return a diagnostic with its code frame, in color.

    Args:
        diagnostic: The diagnostic to show.
        sources: Text of each policy file, by name.
    """
    style = _STYLES[diagnostic.severity]
    head, *rest = draw(diagnostic, sources).split("\n")
    mark = f"{diagnostic.severity}[{diagnostic.rule}]"
    lines: list[Line] = [[(mark, style), (printable(head.removeprefix(mark)), "bold")]]
    for line in map(printable, rest):
        if line.startswith("  -->"):
            lines.append([(line, "blue")])
        elif line.startswith(_HELP):
            lines.append([(_HELP, "green"), (line.removeprefix(_HELP), "")])
        elif line.endswith("^") and not line.strip(" |^\t"):
            lines.append([(line, style)])
        else:
            lines.append(line)
    return lines


def summary(reports: Sequence[Report]) -> Line:
    """Return how many problems were found in how many files."""
    findings = [finding for report in reports for finding in report.findings]
    files = count(len(files_of(reports)), "file")
    totals = {
        severity: sum(finding.severity is severity for finding in findings)
        + sum(report.omitted.get(severity, 0) for report in reports)
        for severity in (Severity.ERROR, Severity.WARNING)
    }
    counts = [count(number, severity) for severity, number in totals.items() if number]
    if not counts:
        return [(f"No findings in {files}", "green")]
    return [(f"Found {' and '.join(counts)} in {files}", "bold")]


def files_of(reports: Sequence[Report]) -> list[str]:
    """Return the names of the files that were read, each once."""
    return list(dict.fromkeys(name for report in reports for name in report.sources))


def diagnostics_of(reports: Sequence[Report]) -> list[Diagnostic]:
    """Return the diagnostics of all reports, each once."""
    return list(dict.fromkeys(each for report in reports for each in report.diagnostics))


def as_json(reports: Mapping[Path, Report]) -> dict[str, object]:
    """Return reports as a JSON document.

    Its `policy` is null when there are several, or the one there is cannot be used.

    Args:
        reports: What was found in each policy, by its path.
    """
    every = list(reports.values())
    policies = [
        {
            "path": printable(str(path)),
            "name": report.policy.name if report.policy else None,
            "revision": report.policy.revision if report.policy else None,
        }
        for path, report in reports.items()
    ]
    one = policies[0] if len(policies) == 1 and policies[0]["revision"] is not None else None
    diagnostics = diagnostics_of(every)
    return document(
        policy=one and {"name": one["name"], "revision": one["revision"]},
        policies=policies,
        files=files_of(every),
        findings=[_finding(each) for each in diagnostics if each.severity is not Severity.NOTE],
        notes=[_finding(each) for each in diagnostics if each.severity is Severity.NOTE],
        omitted={
            severity.value: sum(report.omitted.get(severity, 0) for report in every)
            for severity in Severity
        },
    )


def _finding(diagnostic: Diagnostic) -> dict[str, object]:
    return {
        "rule": diagnostic.rule,
        "severity": diagnostic.severity.value,
        "message": printable(diagnostic.message),
        **_span(diagnostic.span),
        "help": printable(diagnostic.help),
        "related": [
            {"message": printable(message), **_span(span)} for message, span in diagnostic.related
        ],
    }


def _span(span: Span | None) -> dict[str, object]:
    return {
        "file": span and span.file,
        "line": span and span.line,
        "col": span and span.col,
        "end_line": span and span.end_line,
        "end_col": span and span.end_col,
    }
