"""Edits of policy files as text, so that comments and layout stay as they are."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import unified_diff
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True)
class TextEdit:
    """A piece of a file that is replaced.

    Attributes:
        file: Name of the file.
        start: Its first character, counted from 0.
        stop: The character after its last one; `start` where text is only inserted.
        text: What takes its place.
    """

    file: str
    start: int
    stop: int
    text: str

    def meets(self, other: TextEdit) -> bool:
        """Whether both change the same place."""
        return self.file == other.file and self.start <= other.stop and other.start <= self.stop


def apply(edits: Iterable[TextEdit], sources: Mapping[str, str]) -> dict[str, str]:
    """Return the texts after edits.

    Args:
        edits: Edits, no two of which meet.
        sources: The text of each file, by its name.
    """
    changed = dict(sources)
    for edit in sorted(edits, key=lambda each: -each.start):
        text = changed[edit.file]
        changed[edit.file] = text[: edit.start] + edit.text + text[edit.stop :]
    return changed


def compatible(groups: Iterable[tuple[TextEdit, ...]]) -> tuple[TextEdit, ...]:
    """Return the edits of all groups, without the groups that meet an earlier one."""
    taken: list[TextEdit] = []
    for group in groups:
        if not any(edit.meets(other) for edit in group for other in taken):
            taken.extend(group)
    return tuple(taken)


def unified(edits: Iterable[TextEdit], sources: Mapping[str, str]) -> str:
    """Return edits as a unified diff of all files that they change."""
    return difference(sources, apply(edits, sources))


def difference(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """Return a unified diff of all files that differ.

    Args:
        before: The text of each file, by its name.
        after: The same after a change.
    """
    diffs = []
    for name in sorted(name for name in after if after[name] != before[name]):
        old, new = (text[name].splitlines(keepends=True) for text in (before, after))
        for line in unified_diff(old, new, name, name):
            ended = line.endswith("\n")
            diffs.append(line if ended else f"{line}\n\\ No newline at end of file\n")
    return "".join(diffs)
