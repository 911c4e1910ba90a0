"""an invisible character that changes the meaning of a text

A character that changes the direction of the text makes a reviewer see another policy than the one
in use. A character without width makes a name, tag or condition that looks like another and is
never equal to it.

Bad:
    rules:
      - { name: r, when: { tags: "pri\\u200Bvate" }, avoid: [big] }

Good:
    rules:
      - { name: r, when: { tags: private }, avoid: [big] }
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from policy_router.check.disguised_text import HIDDEN, hidden
from policy_router.check.strings import strings
from policy_router.check.subject import error, warning
from policy_router.diagnostics import Diagnostic, Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from policy_router.check.subject import Subject


def check_text(sources: Mapping[str, str]) -> Iterator[Diagnostic]:
    """Search the text of the files, comments included."""
    for name, text in sources.items():
        if text.isascii() or not HIDDEN.search(text):
            continue
        lines = [0, *(i + 1 for i, char in enumerate(text) if char == "\n")]
        for position, effect in hidden(text):
            line = bisect_right(lines, position)
            column = position - lines[line - 1] + 1
            span = Span(name, line, column, line, column + 1)
            point = f"U+{ord(text[position]):04X}"
            if effect == "turns":
                yield error(
                    "hidden-character",
                    f"{point} changes the direction of the text, so its order on screen differs",
                    span,
                    "remove it",
                )
            elif effect == "hides" or not _near_right_to_left(text, position):
                yield warning("hidden-character", f"{point} is invisible", span, "remove it")


def check(subject: Subject) -> Iterator[Diagnostic]:
    """Search the values, in which such a character may be written as an escape."""
    for path, value, kind in strings(subject.draft.document):
        if kind == "prose" or value.isascii():
            continue
        first = next(iter(hidden(value)), None)
        span = subject.draft.places.value(path)
        written = subject.sources.get(span.file, "").split("\n")[span.line - 1 : span.end_line]
        if first is not None and not any(HIDDEN.search(row) for row in written):
            yield warning(
                "hidden-character",
                f"U+{ord(value[first[0]]):04X} in this text is invisible",
                span,
                "remove it",
            )


def _near_right_to_left(text: str, position: int) -> bool:
    """Whether a mark of direction has a use here: near Arabic or Hebrew."""
    near = text[max(0, position - 20) : position + 20]
    return any("\u0590" <= char <= "\u08ff" or "\ufb1d" <= char <= "\ufefc" for char in near)
