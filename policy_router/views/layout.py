"""Renders what `fmt` did with each file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from policy_router.diagnostics import printable
from policy_router.language.write.text_edit import difference
from policy_router.views.document import document
from policy_router.views.edits import as_lines as edits_as_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from policy_router.views.lines import Block


@dataclass(frozen=True, slots=True)
class Formatted:
    """A file and its text in the one layout.

    Attributes:
        path: The path that it was read from: its own, or that of its folder.
        before: The text of each file that was read from there, by its name.
        name: Its name among them.
        after: The formatted text; None where there is none.
        problem: Why there is none; empty where there is one.
    """

    path: Path
    before: Mapping[str, str]
    name: str
    after: str | None
    problem: str = ""

    @property
    def changed(self) -> bool:
        """Whether formatting changes the file."""
        return self.after is not None and self.after != self.before[self.name]


def as_json(results: Sequence[Formatted], *, written: bool) -> dict[str, object]:
    """Return the result for each file.

    Args:
        results: The files.
        written: Whether those that formatting changes were written.
    """
    files = [
        {
            "file": each.name,
            "changed": each.changed,
            "written": written and each.changed,
            "problem": each.problem or None,
        }
        for each in results
    ]
    return document(files=files)


def as_lines(results: Sequence[Formatted], *, written: bool) -> Iterator[Block]:
    """Yield the files that formatting changes, and how many it does not change."""
    changed = [each.name for each in results if each.changed]
    yield from (f"{'formatted' if written else 'would change'}: {printable(n)}" for n in changed)
    rest = sum(each.after is not None and not each.changed for each in results)
    if rest:
        yield f"{rest} file{'s' * (rest != 1)} in this layout already"


def diff_as_lines(results: Sequence[Formatted]) -> list[Block]:
    """Return what formatting changes, as a unified diff."""
    before = {each.name: each.before[each.name] for each in results if each.changed}
    after = {each.name: each.after for each in results if each.after is not None and each.changed}
    return edits_as_lines(difference(before, after)) if after else []


def problems_as_lines(results: Sequence[Formatted]) -> Iterator[Block]:
    """Yield why files cannot be formatted."""
    yield from (printable(each.problem) for each in results if each.problem)
