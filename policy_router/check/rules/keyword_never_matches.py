"""a keyword that occurs in no text

Keywords are whole words or phrases, compared letter by letter without regard to case. One that is
written like a pattern, contains a list, or consists of spaces never matches.

Bad:
    tasks: { code: { keywords: ["refactor|rewrite"] }, chat: {} }

Good:
    tasks: { code: { keywords: [refactor, rewrite] }, chat: {} }
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

from policy_router.check.subject import warning

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from policy_router.check.subject import Subject
    from policy_router.diagnostics import Diagnostic
    from policy_router.language.source import Path

_PATTERN: Final = re.compile(
    r"\\[bBdDwWsSAz]|\.[*+?]|[A-Za-z]\*$|^\*\w|\w\|\w|\[\w-\w|\(\?|^\^\w|\w\$$|^/.+/[gimsu]*$|\w\{\d"
)


def check(subject: Subject) -> Iterator[Diagnostic]:
    document = subject.draft.document
    lists: list[tuple[Path, Sequence[str]]] = [
        (("tasks", name, "keywords"), task.keywords or ())
        for name, task in (document.tasks or {}).items()
    ]
    if document.complexity:
        lists.append((("complexity", "keywords"), document.complexity.keywords or ()))
    for path, words in lists:
        for i, word in enumerate(words):
            reason, help_ = _reason(word, alone=len(words) == 1)
            if reason:
                yield warning(
                    "keyword-never-matches",
                    f"`{word}` matches no text: {reason}",
                    subject.draft.places.value((*path, i)),
                    help_,
                )


def _reason(word: str, *, alone: bool) -> tuple[str, str]:
    if not word.strip():
        return "it has no letter", "remove it"
    if _PATTERN.search(word):
        return "it is compared letter by letter", "write a pattern in `pattern`"
    if len(word) > 2 and word[0] == word[-1] and word[0] in "'\"`":
        return "its quotes are part of it", f"write {word[1:-1]}"
    parts = [part.strip() for part in word.split(",")]
    if len(parts) > (1 if alone else 2) and all(part and " " not in part for part in parts):
        return "it is one phrase, commas included", f"write a list: [{', '.join(parts)}]"
    if unicodedata.normalize("NFC", word) != word:
        return "its accents are separate characters", "type it again"
    return "", ""
