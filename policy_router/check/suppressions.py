"""`# policy-router: ignore[rule-name] why`: a finding looked at and accepted, where it stands.

The comment stands on the line of the finding, or alone on the line before it. Errors cannot be
accepted, and a comment that accepts nothing is a finding itself.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from policy_router.diagnostics import Diagnostic, Severity, Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_COMMENT: Final = re.compile(r"(?:^|\s)#\s*policy-router:\s*ignore\[([a-z0-9, -]*)\]")


def suppress(found: Iterable[Diagnostic], sources: Mapping[str, str]) -> Iterator[Diagnostic]:
    """The findings that no comment accepts, and the comments that accept nothing."""
    comments = {
        (name, number + (not line[: match.start()].strip()), rule.strip()): Span(
            name, number, match.start() + 1, number, match.end() + 1
        )
        for name, text in sources.items()
        if "policy-router:" in text
        for number, line in enumerate(text.split("\n"), start=1)
        if (match := _COMMENT.search(line))
        for rule in match[1].split(",")
    }
    used = set()
    for diagnostic in found:
        at = diagnostic.span
        key = (at.file, at.line, diagnostic.rule) if at else None
        if key in comments and diagnostic.severity is not Severity.ERROR:
            used.add(key)
        else:
            yield diagnostic
    for key, span in comments.items():
        if key not in used:
            yield Diagnostic(
                "unused-suppression",
                Severity.WARNING,
                f"nothing here is found by `{key[2]}`",
                span,
                "take the comment out",
            )
