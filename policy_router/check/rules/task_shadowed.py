"""a task whose words an earlier task takes first

The first task that matches is taken, so this one is only reached when the caller names it.

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

from typing import TYPE_CHECKING

from policy_router.check.subject import Subject, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.diagnostics import Diagnostic


def check(subject: Subject) -> Iterator[Diagnostic]:
    owner: dict[str, str] = {}
    rest: str | None = None
    for name, task in (subject.draft.document.tasks or {}).items():
        words = {word.casefold() for word in task.keywords or ()}
        at = subject.draft.places.key(("tasks", name))
        free = not (task.keywords or task.pattern or task.needs)
        # One without conditions of its own is meant to be named by the caller.
        if rest is not None and not free:
            yield warning(
                "task-shadowed",
                f"task `{name}` comes after `{rest}`, which takes every request",
                at,
                f"move `{rest}` to the end",
            )
        elif rest is None and words and words <= set(owner) and not (task.pattern or task.needs):
            earlier = " and ".join(f"`{t}`" for t in dict.fromkeys(owner[w] for w in sorted(words)))
            yield warning(
                "task-shadowed",
                f"every keyword of `{name}` is taken by {earlier} before it",
                at,
                "move it up, or give it words of its own",
            )
        for word in words:
            owner.setdefault(word, name)
        if free and rest is None:
            rest = name
