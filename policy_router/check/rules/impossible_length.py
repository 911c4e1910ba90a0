"""length checks that no text can pass

`min_chars` is greater than `max_chars`, so every answer is rejected, each at the price of a call.
Most likely the two are swapped.

Bad:
    tasks: { letter: { accept: { min_chars: 2000, max_chars: 200 } }, chat: {} }

Good:
    tasks: { letter: { accept: { min_chars: 200, max_chars: 2000 } }, chat: {} }
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.subject import Subject, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.diagnostics import Diagnostic
    from policy_router.language.document.acceptance import AcceptShape
    from policy_router.language.source import Path


def check(subject: Subject) -> Iterator[Diagnostic]:
    document, places = subject.draft.document, subject.draft.places
    sections: list[tuple[Path, AcceptShape | None]] = [
        *((("tasks", name), task.accept) for name, task in (document.tasks or {}).items()),
        *((("rules", i), rule.accept) for i, rule in enumerate(document.rules or ())),
    ]
    for path, accept in sections:
        if accept is None or accept.min_chars is None or accept.max_chars is None:
            continue
        if accept.min_chars > accept.max_chars:
            yield warning(
                "impossible-length",
                f"no text has at least {accept.min_chars:,} and at most {accept.max_chars:,} "
                "characters",
                places.value((*path, "accept", "min_chars")),
                "swap the two, or remove one",
                ("the maximum", places.value((*path, "accept", "max_chars"))),
            )
