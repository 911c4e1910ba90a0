"""Comments that accept a finding: `# policy-router: ignore[rule-name] why`.

The comment is on the line of the finding, or on lines of its own before it. Errors cannot be
accepted, and a comment that accepts nothing is a finding itself. Text inside a string is not a
comment.
"""

from __future__ import annotations

import re
from itertools import accumulate, chain
from typing import TYPE_CHECKING, Final

from policy_router.diagnostics import Diagnostic, Severity, Span
from policy_router.language.yaml_reader import quotations

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

_COMMENT: Final = re.compile(r"(?:^|\s)(#\s*policy-router:\s*ignore\[([a-z0-9, -]*)\])")

UNUSED: Final = "unused-suppression"


ABOUT_FILES: Final = frozenset({"unsafe-file"})
"""Rules about a whole file: a comment anywhere in it accepts the finding. Whether there is anything
to accept depends on the machine that reads the file."""


def suppress_about_files(
    findings: Iterable[Diagnostic], sources: Mapping[str, str]
) -> Iterator[Diagnostic]:
    """Yield the findings about whole files that no comment in the file accepts."""
    accepted = {
        (name, rule)
        for name, text in sources.items()
        if "policy-router:" in text
        for _, rule, _ in _comments(name, text)
    }
    for finding in findings:
        key = (finding.span.file, finding.rule) if finding.span else ("", "")
        soft = finding.severity is not Severity.ERROR and finding.rule in ABOUT_FILES
        if not (soft and key in accepted):
            yield finding


def suppress(
    findings: Iterable[Diagnostic], sources: Mapping[str, str], unasked: Collection[str] = ()
) -> Iterator[Diagnostic]:
    """Yield the findings that no comment accepts, and one for each comment that accepts nothing.

    Args:
        findings: All findings.
        sources: File name -> text.
        unasked: Rules that were not run; comments about them are not reported.
    """
    comments = {
        (name, line, rule): span
        for name, text in sources.items()
        if "policy-router:" in text
        for line, rule, span in _comments(name, text)
    }
    used = set()
    for finding in findings:
        span = finding.span
        key = (span.file, span.line, finding.rule) if span else None
        if key in comments and finding.severity is not Severity.ERROR:
            used.add(key)
        else:
            yield finding
    for key, span in comments.items():
        if key not in used and key[2] not in unasked and key[2] not in ABOUT_FILES:
            yield Diagnostic(
                UNUSED,
                Severity.WARNING,
                f"`{key[2]}` finds nothing here" if key[2] else "the comment names no rule",
                span,
                "remove the comment; errors cannot be accepted",
            )


def _comments(name: str, text: str) -> Iterator[tuple[int, str, Span]]:
    """Yield the line that each comment is about, the rule it names, and its place."""
    rows = text.split("\n")
    begins = accumulate((len(row) + 1 for row in rows), initial=0)
    quoted = chain(quotations(text), [(len(text) + 1, len(text) + 1)])
    start, end = next(quoted)
    last = 1
    for number, (begin, row) in enumerate(zip(begins, rows, strict=False), start=1):
        match = None
        for comment in _COMMENT.finditer(row):
            while end <= begin + comment.start(1):
                start, end = next(quoted)
            if begin + comment.start(1) < start:
                match = comment
                break
        if match is None:
            continue
        line = number
        if not row[: match.start(1)].strip():
            # Consecutive comments are about the same line.
            last = line = max(line, last)
            while line < len(rows) and rows[line - 1].lstrip().startswith("#"):
                line += 1
            last = line
        span = Span(name, number, match.start(1) + 1, number, match.end(1) + 1)
        for rule in match[2].split(","):
            yield line, rule.strip(), span
