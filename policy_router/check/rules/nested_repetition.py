"""a pattern that repeats a repetition

Here RE2 matches it in linear time. Wherever the pattern is copied to, an engine that backtracks may
hang on it.

Bad:
    tasks:
      x: { pattern: '(a+)+$' }
      chat: {}

Good:
    tasks:
      x: { pattern: 'a+$' }
      chat: {}
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from policy_router.check.subject import Subject, warning
from policy_router.domain.condition import Op

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.diagnostics import Diagnostic, Span

# A pattern's smallest parts: an escape, a class, the head of a group, any other character.
_PART: Final = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\((?:\?:)?|.", re.DOTALL)


def check(subject: Subject) -> Iterator[Diagnostic]:
    for name, task in (subject.draft.document.tasks or {}).items():
        path = ("tasks", name, "pattern")
        for start, end in nested(task.pattern or ""):
            yield _finding(
                (task.pattern or "")[start:end], subject.draft.places.inside(path, start, end)
            )
    for condition in subject.draft.conditions.values():
        for test, span in condition.places:
            pattern = str(test.values[0])
            for start, end in nested(pattern) if test.op is Op.MATCHES else ():
                yield _finding(pattern[start:end], span)


def _finding(text: str, span: Span) -> Diagnostic:
    message = f"`{text}` repeats a repetition"
    return warning("nested-repetition", message, span, "one repetition matches the same text")


def nested(pattern: str) -> Iterator[tuple[int, int]]:
    """Where a group of one repeated part is itself repeated, both without bound."""
    parts = list(_PART.finditer(pattern))
    for five in zip(*(parts[i:] for i in range(5)), strict=False):
        opening, part, inner, closing, outer = (p.group() for p in five)
        if (
            opening in ("(", "(?:")
            and part not in ("(", "(?:", ")", "|")
            and inner in ("+", "*")
            and closing == ")"
            and outer in ("+", "*")
        ):
            yield five[0].start(), five[-1].end()
