"""Merges several files into one document: sections add up, and a name defined twice is an error."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from policy_router.diagnostics import Diagnostic, Severity, Span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.language.source import Path, SourceFile

NAMED: Final = (
    "attributes",
    "models",
    "aliases",
    "limits",
    "tasks",
    "budgets",
    "experiments",
    "prompts",
)
LISTED: Final = ("rules", "invariants", "tests")


@dataclass(slots=True)
class Places:
    """Where each part of the merged data is written.

    Attributes:
        first: The file whose beginning stands for the whole.
    """

    first: SourceFile
    _homes: dict[Path, tuple[SourceFile, Path]] = field(default_factory=dict)

    def add(self, path: Path, source: SourceFile, inside: Path) -> None:
        """Record that a part of the merged data is written at the path `inside` of a file."""
        self._homes[path] = source, inside

    def inherit(self, path: Path, other: Path) -> None:
        """Record that a part is written where another part is."""
        self._homes[path] = self.home(other)

    def forget_item(self, section: str, index: int) -> None:
        """Record that an item was removed from a list, so that the items after it move up."""
        items = sorted(p[1] for p in self._homes if len(p) == 2 and p[0] == section)
        for i in items:
            if isinstance(i, int) and i > index:
                self._homes[section, i - 1] = self._homes[section, i]
        self._homes.pop((section, items[-1]), None)

    def home(self, path: Path) -> tuple[SourceFile, Path]:
        """The file that holds a part, and the part's path in it."""
        for cut in range(len(path), 0, -1):
            home = self._homes.get(path[:cut])
            if home is not None:
                return home[0], (*home[1], *path[cut:])
        return self.first, ()

    def key(self, path: Path) -> Span:
        """Where a key, or an item of a list, is written."""
        source, inside = self.home(path)
        return source.key_span(inside)

    def value(self, path: Path) -> Span:
        """Where a value is written."""
        source, inside = self.home(path)
        return source.value_span(inside)

    def written(self, path: Path) -> str:
        """The text of a value as it is written, with its quotes."""
        source, inside = self.home(path)
        return source.written(inside)

    def inside(self, path: Path, start: int, end: int) -> Span:
        """Where characters [start, end) of the string at `path` are written."""
        source, inside = self.home(path)
        return source.inside(inside, start, end)


def merge(sources: Sequence[SourceFile]) -> tuple[dict[str, Any], Places, list[Diagnostic]]:
    """Merge files.

    Args:
        sources: One or more files whose data are mappings, in the order of the result.

    Returns:
        The merged data, where each part is written, and every name that is defined twice.
    """
    merged: dict[str, Any] = {}
    places = Places(sources[0])
    problems: list[Diagnostic] = []

    def twice(name: str, path: Path, source: SourceFile, inside: Path) -> None:
        problems.append(
            Diagnostic(
                "duplicate-name",
                Severity.ERROR,
                f"`{name}` is defined twice",
                source.key_span(inside),
                "keep one of them, or rename one",
                (("first defined here", places.key(path)),),
            )
        )

    for source in sources:
        data: dict[str, Any] = source.data
        for section, value in data.items():
            if section == "version":
                merged[section] = value
                places.add((section,), source, (section,))
            elif section in NAMED:
                into = merged.setdefault(section, {})
                places.add((section,), source, (section,))
                # A value of another type has been reported by the schema.
                for name, entry in value.items() if isinstance(value, dict) else ():
                    if name in into:
                        twice(name, (section, name), source, (section, name))
                        continue
                    into[name] = entry
                    places.add((section, name), source, (section, name))
            elif section in LISTED:
                listed = merged.setdefault(section, [])
                places.add((section,), source, (section,))
                for i, entry in enumerate(value if isinstance(value, list) else ()):
                    places.add((section, len(listed)), source, (section, i))
                    listed.append(entry)
            elif section in merged:
                twice(section, (section,), source, (section,))
            else:
                merged[section] = value
                places.add((section,), source, (section,))
    return merged, places, problems
