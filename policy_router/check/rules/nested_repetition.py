"""a pattern that repeats a repetition

RE2 matches it in time linear in the text, here; wherever the pattern is copied to, an engine that
backtracks may hang on it.

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

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.diagnostics import Diagnostic

# A group that ends in an unbounded repetition and is itself repeated without bound.
_NESTED: Final = re.compile(r"\((?:\?:)?(?:[^()\\]|\\.)*(?<!\\)[+*]\)[+*]")


def check(subject: Subject) -> Iterator[Diagnostic]:
    for name, task in (subject.draft.document.tasks or {}).items():
        if task.pattern is not None and (found := _NESTED.search(task.pattern)):
            yield warning(
                "nested-repetition",
                f"`{found.group()}` repeats a repetition",
                subject.draft.places.inside(("tasks", name, "pattern"), *found.span()),
                "one repetition matches the same text",
            )
