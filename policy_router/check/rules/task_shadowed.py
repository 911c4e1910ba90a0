"""a task that is never chosen because an earlier task matches first

The first matching task is chosen, so this one is reached only when the caller names it. A task with
the keyword `test` also matches `unit test`, and a pattern that matches the empty text matches
everything.

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
from policy_router.patterns import search

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from policy_router.diagnostics import Diagnostic
    from policy_router.language.document.classification import TaskShape


def check(subject: Subject) -> Iterator[Diagnostic]:
    before = _Before()
    for name, task in (subject.draft.document.tasks or {}).items():
        matching = list(before.matching(task))
        if matching and None not in matching:
            earlier = " and ".join(dict.fromkeys(f"`{owner}`" for owner in matching))
            what = "every keyword" if not (task.pattern or task.when_needs) else "every condition"
            yield warning(
                "task-shadowed",
                f"{what} of `{name}` also matches the earlier {earlier}",
                subject.draft.places.key(("tasks", name)),
                "move it up, or give it other keywords",
            )
        before.add(name, task)


class _Before:
    """The conditions of the earlier tasks, each with its task."""

    def __init__(self) -> None:
        self._words: dict[str, str] = {}
        self._patterns: dict[str, str] = {}
        self._searches: list[tuple[str, Callable[[str], object]]] = []
        self._needs: list[tuple[str, frozenset[str]]] = []
        self._all: str | None = None

    def add(self, name: str, task: TaskShape) -> None:
        for word in map(_folded, task.keywords or ()):
            self._words.setdefault(word, name)
        if task.when_needs:
            self._needs.append((name, frozenset(task.when_needs)))
        if task.pattern:
            self._patterns.setdefault(task.pattern, name)
            if not _ANCHORS.search(task.pattern):
                finds = search(task.pattern)
                # A pattern that matches the empty text matches every text.
                if self._all is None and finds("") is not None:
                    self._all = name
                self._searches.append((name, finds))

    def matching(self, task: TaskShape) -> Iterator[str | None]:
        """Yield, for each condition of a task, an earlier task that it also matches, or None."""
        for word in sorted(map(_folded, task.keywords or ())):
            yield self._all or self._taker_of(word)
        if task.pattern:
            yield self._all or self._patterns.get(task.pattern)
        if task.when_needs:
            needs = frozenset(task.when_needs)
            yield self._all or next((name for name, less in self._needs if less <= needs), None)

    def _taker_of(self, word: str) -> str | None:
        owner = next((self._words[part] for part in _parts(word) if part in self._words), None)
        # What a pattern matches in the keyword, it matches in every text with the keyword.
        return owner or next(
            (name for name, finds in self._searches if finds(word) is not None), None
        )


def _folded(word: str) -> str:
    return " ".join(word.casefold().split())


def _parts(word: str) -> Iterator[str]:
    """Yield a keyword and every part of it that consists of whole words."""
    edges = [0, *(i for i in range(1, len(word)) if not _joined(word[i - 1], word[i])), len(word)]
    if len(edges) > _MOST:
        yield word
        return
    for length in range(len(edges) - 1, 0, -1):
        for start in range(len(edges) - length):
            yield word[edges[start] : edges[start + length]]


def _joined(left: str, right: str) -> bool:
    return (left.isalnum() or left == "_") and (right.isalnum() or right == "_")


_MOST: Final = 40
_ANCHORS: Final = re.compile(r"\^|\$|\\[AzZB]")
