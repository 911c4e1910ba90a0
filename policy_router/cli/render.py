"""Findings as text, JSON, GitHub workflow commands and SARIF."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from policy_router.diagnostics import Diagnostic, Severity, Span, draw, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from policy_router.check.report import Report
    from policy_router.views.terminal import Line

SCHEMA_VERSION: Final = 1
"""Of the JSON that commands print; a key may be added without a new one."""
_STYLES: Final = {
    Severity.ERROR: "bold red",
    Severity.WARNING: "bold yellow",
    Severity.NOTE: "cyan",
}


def drawn(diagnostic: Diagnostic, sources: Mapping[str, str]) -> list[Line]:
    """A diagnostic as `diagnostics.draw` draws it, in colour."""
    style = _STYLES[diagnostic.severity]
    lines: list[Line] = []
    head, *rest = draw(diagnostic, sources).split("\n")
    mark = f"{diagnostic.severity}[{diagnostic.rule}]"
    lines.append([(mark, style), (printable(head.removeprefix(mark)), "bold")])
    for line in map(printable, rest):
        if line.startswith("  -->"):
            lines.append([(line, "blue")])
        elif line.startswith("   = help:"):
            lines.append([("   = help:", "green"), (line.removeprefix("   = help:"), "")])
        elif line.strip(" |^\t") or not line.endswith("^"):
            lines.append(line)
        else:
            lines.append([(line, style)])
    return lines


def summary(reports: Sequence[Report]) -> str:
    """How much was found in how many files."""
    found = [d for report in reports for d in report.findings]
    files = count(len(files_of(reports)), "file")
    totals = {
        severity: sum(d.severity is severity for d in found)
        + sum(report.omitted.get(severity, 0) for report in reports)
        for severity in (Severity.ERROR, Severity.WARNING)
    }
    kinds = [count(number, severity) for severity, number in totals.items() if number]
    return f"Found {' and '.join(kinds)} in {files}" if kinds else f"No findings in {files}"


def count(number: int, noun: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def files_of(reports: Sequence[Report]) -> list[str]:
    """Names of the files read, each once."""
    return list(dict.fromkeys(name for report in reports for name in report.sources))


def _all(reports: Sequence[Report]) -> list[Diagnostic]:
    return list(dict.fromkeys(d for report in reports for d in report.diagnostics))


def as_json(reports: Mapping[Path, Report]) -> dict[str, object]:
    """One object. policy: the one there is, or null when it cannot be used or there are several."""
    policies = [
        {
            "path": printable(str(path)),
            "name": report.policy.name if report.policy else None,
            "revision": report.policy.revision if report.policy else None,
        }
        for path, report in reports.items()
    ]
    one = policies[0] if len(policies) == 1 and policies[0]["revision"] is not None else None
    found = _all(list(reports.values()))
    return {
        "schema_version": SCHEMA_VERSION,
        "policy": one and {"name": one["name"], "revision": one["revision"]},
        "policies": policies,
        "files": files_of(list(reports.values())),
        "findings": [_finding(d) for d in found if d.severity is not Severity.NOTE],
        "notes": [_finding(d) for d in found if d.severity is Severity.NOTE],
        "omitted": {
            severity.value: sum(report.omitted.get(severity, 0) for report in reports.values())
            for severity in Severity
        },
    }


def _finding(d: Diagnostic) -> dict[str, object]:
    return {
        "rule": d.rule,
        "severity": d.severity.value,
        "message": printable(d.message),
        **_place(d.span),
        "help": printable(d.help),
        "related": [{"message": printable(words), **_place(span)} for words, span in d.related],
    }


def _place(span: Span | None) -> dict[str, object]:
    return {
        "file": span and span.file,
        "line": span and span.line,
        "col": span and span.col,
        "end_line": span and span.end_line,
        "end_col": span and span.end_col,
    }


_COMMANDS: Final = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


def as_github(reports: Sequence[Report]) -> Iterator[str]:
    """Workflow commands, a line each; GitHub shows them beside the lines of the file."""
    for d in _all(reports):
        places: dict[str, object] = {}
        if d.span is not None:
            places = {"file": d.span.file, "line": d.span.line, "endLine": d.span.end_line}
            if d.span.line == d.span.end_line:  # GitHub takes columns within one line only
                places |= {"col": d.span.col, "endColumn": d.span.end_col}
        places["title"] = f"policy-router {d.rule}"
        properties = ",".join(f"{k}={_property(str(v))}" for k, v in places.items())
        text = printable(d.message) + (f"\n{printable(d.help)}" if d.help else "")
        yield f"::{_COMMANDS[d.severity]} {properties}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


_SARIF: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS: Final = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}


def as_sarif(
    reports: Sequence[Report], version: str, describe: Callable[[str], tuple[str, str]]
) -> dict[str, object]:
    """A SARIF 2.1.0 log of one run. describe: a rule's name -> its one line and its manual."""
    found = _all(reports)
    names = sorted({d.rule for d in found})
    return {
        "$schema": _SARIF,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "policy-router",
                        "version": version,
                        "rules": [_rule(name, *describe(name)) for name in names],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "artifacts": [{"location": {"uri": _uri(f)}} for f in files_of(reports)],
                "results": [_result(d, names.index(d.rule)) for d in found],
            }
        ],
    }


def _rule(name: str, line: str, manual: str) -> dict[str, object]:
    rule: dict[str, object] = {"id": name}
    if line:
        rule["shortDescription"] = {"text": line}
    if manual:
        rule["fullDescription"] = {"text": manual}
    return rule


def _result(d: Diagnostic, index: int) -> dict[str, object]:
    text = printable(d.message) + (f" (help: {printable(d.help)})" if d.help else "")
    result: dict[str, Any] = {
        "ruleId": d.rule,
        "ruleIndex": index,
        "level": _LEVELS[d.severity],
        "message": {"text": text},
        "locations": [_location(d.span)] if d.span else [],
    }
    if d.related:
        result["relatedLocations"] = [
            {**_location(span), "id": number, "message": {"text": printable(words)}}
            for number, (words, span) in enumerate(d.related, start=1)
        ]
    return result


def _location(span: Span) -> dict[str, object]:
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": _uri(span.file)},
            "region": {
                "startLine": span.line,
                "startColumn": span.col,
                "endLine": span.end_line,
                "endColumn": span.end_col,
            },
        }
    }


def _uri(name: str) -> str:
    path = Path(name)
    # A relative name stays relative: the reader knows the root of the repository.
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())
