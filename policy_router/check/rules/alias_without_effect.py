"""an alias, or an entry of one, that has no effect

Of the patterns that match a name, the first one counts, so a pattern after a wider one is never
used. An entry adds nothing to the models that the entries before it stand for.

Bad:
    aliases: { "gpt-*": [big], "gpt-4o*": [local] }

Good:
    aliases: { "gpt-4o*": [local], "gpt-*": [big] }
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from policy_router.check.subject import warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.check.subject import Subject
    from policy_router.diagnostics import Diagnostic

_ANYTHING: Final = "\N{REPLACEMENT CHARACTER}" * 999
"""A text that only a star can match: no name contains its character, or is as long."""


def check(subject: Subject) -> Iterator[Diagnostic]:
    yield from _hidden(subject)
    yield from _repeated(subject)


def _hidden(subject: Subject) -> Iterator[Diagnostic]:
    """Yield patterns after one that matches all that they match."""
    places = subject.draft.places
    patterns = [alias.name for alias in subject.policy.aliases if alias.is_pattern]
    for i, name in enumerate(patterns):
        wider = next((other for other in patterns[:i] if _covers(other, name)), None)
        if wider is not None:
            yield warning(
                "alias-without-effect",
                f"alias `{name}` is never used: `{wider}` before it matches every such name",
                places.key(("aliases", name)),
                f"write it before `{wider}`",
                ("the alias before it", places.key(("aliases", wider))),
            )


def _covers(wider: str, narrower: str) -> bool:
    """Whether a pattern surely matches every name that another matches; without brackets."""
    if "[" in wider + narrower:
        return False
    # A star stands for a text of any length, which the wider one must match with a star of its own.
    longest, shortest = narrower.replace("*", _ANYTHING), narrower.replace("*", "")
    return fnmatchcase(longest, wider) and fnmatchcase(shortest, wider)


def _repeated(subject: Subject) -> Iterator[Diagnostic]:
    """Yield entries whose models all stand for entries before them."""
    draft = subject.draft
    for name, words in (draft.document.aliases or {}).items():
        before: set[str] = set()
        for i, word in enumerate(words):
            path = ("aliases", name, i)
            _, models = draft.selected[path]
            if models and before.issuperset(models) and word not in words[:i]:
                yield warning(
                    "alias-without-effect",
                    f"`{word}` is already among the models before it",
                    draft.places.value(path),
                    "write it before them, or leave it out",
                )
            before.update(models)
