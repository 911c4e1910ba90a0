"""Findings as a SARIF log."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from policy_router.diagnostics import Severity, printable
from policy_router.views.findings import diagnostics_of, files_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from policy_router.check.manual import RulePage
    from policy_router.check.report import Report
    from policy_router.diagnostics import Diagnostic, Span

_SARIF: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS: Final = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}


def as_sarif(
    reports: Sequence[Report], version: str, page: Callable[[str], RulePage | None]
) -> dict[str, object]:
    """Return the SARIF 2.1.0 log of one run.

    Args:
        reports: What was found in each policy.
        version: Version of this program.
        page: Returns the manual page of a rule, or None when it has none.
    """
    diagnostics = diagnostics_of(reports)
    names = sorted({diagnostic.rule for diagnostic in diagnostics})
    return {
        "$schema": _SARIF,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "policy-router",
                        "version": version,
                        "rules": [_rule(name, page(name)) for name in names],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "artifacts": [{"location": {"uri": _uri(file)}} for file in files_of(reports)],
                "results": [_result(each, names.index(each.rule)) for each in diagnostics],
            }
        ],
    }


def _rule(name: str, page: RulePage | None) -> dict[str, object]:
    rule: dict[str, object] = {"id": name}
    if page is not None:
        rule["shortDescription"] = {"text": page.summary}
        if page.text:
            rule["fullDescription"] = {"text": page.text}
    return rule


def _result(diagnostic: Diagnostic, index: int) -> dict[str, object]:
    text = printable(diagnostic.message)
    text += f" (help: {printable(diagnostic.help)})" if diagnostic.help else ""
    result: dict[str, object] = {
        "ruleId": diagnostic.rule,
        "ruleIndex": index,
        "level": _LEVELS[diagnostic.severity],
        "message": {"text": text},
        "locations": [_location(diagnostic.span)] if diagnostic.span else [],
    }
    if diagnostic.related:
        result["relatedLocations"] = [
            {**_location(span), "id": number, "message": {"text": printable(message)}}
            for number, (message, span) in enumerate(diagnostic.related, start=1)
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
