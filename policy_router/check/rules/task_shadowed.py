"""a task whose conditions earlier tasks take first

The first task that matches is taken, so this one is only reached when the caller names it. Whoever
looks for `test` finds it in `unit test` too, and a pattern that matches the empty text takes all.

Bad:
    tasks:
      code: { keywords: [refactor, traceback] }
      refactor: { keywords: [refactor] }
      chat: {}

Good:
    tasks:
      refactor: { keywords: [refactor] }
      code: { keywords: [traceback] }
      chat: {}
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from policy_router.check.subject import Subject, warning
from policy_router.condition import search

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from policy_router.diagnostics import Diagnostic
    from policy_router.language.document import TaskShape


def check(subject: Subject) -> Iterator[Diagnostic]:
    before: list[tuple[str, TaskShape]] = []
    for name, task in (subject.draft.document.tasks or {}).items():
        takers = list(_takers(task, before))
        if takers and None not in takers:
            earlier = " and ".join(dict.fromkeys(f"`{taker}`" for taker in takers))
            what = "every keyword" if not (task.pattern or task.needs) else "every condition"
            yield warning(
                "task-shadowed",
                f"{what} of `{name}` is taken by {earlier} before it",
                subject.draft.places.key(("tasks", name)),
                "move it up, or give it words of its own",
            )
        before.append((name, task))


def _takers(task: TaskShape, before: Sequence[tuple[str, TaskShape]]) -> Iterator[str | None]:
    """For each condition of a task the earlier one that holds whenever it does, or None."""
    for word in sorted(map(_folded, task.keywords or ())):
        yield next((name for name, other in before if _takes_word(other, word)), None)
    if task.pattern:
        yield next((name for name, other in before if _takes_pattern(other, task.pattern)), None)
    if task.needs:
        yield next(
            (
                name
                for name, other in before
                if (other.needs and set(other.needs) <= set(task.needs)) or _takes_all(other)
            ),
            None,
        )


def _takes_word(task: TaskShape, word: str) -> bool:
    if any(_stands(part, word) for part in map(_folded, task.keywords or ()) if part):
        return True
    # What a pattern finds within the word it finds wherever the word stands.
    fixed = task.pattern is not None and not _ANCHORS.search(task.pattern)
    return _takes_all(task) or (fixed and search(task.pattern or "")(word) is not None)


def _takes_pattern(task: TaskShape, pattern: str) -> bool:
    return task.pattern == pattern or _takes_all(task)


def _takes_all(task: TaskShape) -> bool:
    """Whether a pattern matches the empty text, and so any."""
    if not task.pattern or _ANCHORS.search(task.pattern):
        return False
    return search(task.pattern)("") is not None


def _folded(word: str) -> str:
    return " ".join(word.casefold().split())


def _stands(part: str, whole: str) -> bool:
    """Whether a word or phrase stands within another by itself."""
    bound = rf"{_before(part[0])}{re.escape(part)}{_after(part[-1])}"
    return re.search(bound, whole) is not None


def _before(first: str) -> str:
    return r"(?<!\w)" if first.isalnum() or first == "_" else ""


def _after(last: str) -> str:
    return r"(?!\w)" if last.isalnum() or last == "_" else ""


_ANCHORS: Final = re.compile(r"\^|\$|\\[AzZB]")
