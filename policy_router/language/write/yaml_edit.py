"""Places in policy files, and edits of their entries, as characters of the text as it was read."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from policy_router.language.files import PolicyFile
from policy_router.language.load import compile_files
from policy_router.language.write.text_edit import TextEdit
from policy_router.language.yaml_reader import parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.decision.policy import Policy
    from policy_router.diagnostics import Span
    from policy_router.language.source import Path

_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_LINE_END: Final = re.compile(r"\r\n|\r|\n")
_BYTE_ORDER_MARK: Final = "\ufeff"


def compiled(sources: Mapping[str, str]) -> Policy | None:
    """The policy of files, by their names; None where they have errors."""
    return compile_files(PolicyFile(name, each.encode()) for name, each in sources.items()).policy


def spelled(name: str) -> str:
    """A name as YAML: quoted where it could mean something else."""
    return name if _PLAIN.fullmatch(name) else json.dumps(name)


class EditableFile:
    """A policy file whose entries can be changed as text.

    Attributes:
        name: Its name.
        text: Its text, with the line ends that it has.
        line_end: The line end of new lines.
        root: Its data; None where it cannot be read.
        problem: Why it cannot be read, with its place; empty where it can.
    """

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self.line_end = "\r\n" if "\r\n" in text else "\n"
        self._source, problems = parse(name, text.encode())
        self.root: Any = None if self._source is None else self._source.data
        self.problem = next((f"{each.span}: {each.message}" for each in problems), "")
        first = len(_BYTE_ORDER_MARK) if text.startswith(_BYTE_ORDER_MARK) else 0
        self._lines = [first, *(each.end() for each in _LINE_END.finditer(text))]

    # -- what is there -----------------------------------------------------------------------

    def data(self, path: Path) -> Any:
        """What is written at a path; None where nothing is."""
        data = self.root
        for part in path:
            if not isinstance(data, dict) or part not in data:
                return None
            data = data[part]
        return data

    def has(self, path: Path) -> bool:
        """Whether the file has the key at the end of a path, even without a value."""
        mapping = self.data(path[:-1])
        return isinstance(mapping, dict) and path[-1] in mapping

    def extent(self, path: Path) -> tuple[int, int]:
        """The first character of a value and the one after its last."""
        return (0, 0) if self._source is None else self._characters(self._source.value_span(path))

    def key_extent(self, path: Path) -> tuple[int, int]:
        """The first character of the key at the end of a path and the one after its last."""
        return (0, 0) if self._source is None else self._characters(self._source.key_span(path))

    def _characters(self, span: Span) -> tuple[int, int]:
        lines = self._lines
        return lines[span.line - 1] + span.col - 1, lines[span.end_line - 1] + span.end_col - 1

    def is_flow(self, path: Path) -> bool:
        """Whether a collection is written in brackets or braces."""
        return self.text[self.extent(path)[0]] in "[{"

    def end(self, path: Path) -> int:
        """The character after the last one of a value, without the comments that follow it."""
        value = self.at(path)
        if isinstance(value, dict | list) and value and not self.is_flow(path):
            last = next(reversed(value)) if isinstance(value, dict) else len(value) - 1
            return self.end((*path, last))
        if value is None and isinstance(path[-1], str):
            return self.text.index(":", self.key_extent(path)[1]) + 1
        return self.extent(path)[1]

    def at(self, path: Path) -> Any:
        """The value at a path that exists, through lists as well."""
        data = self.root
        for part in path:
            data = data[part]
        return data

    def surrounds(self, path: Path, place: Span) -> bool:
        """Whether a place is inside a value."""
        start, _ = self._characters(place)
        return self.extent(path)[0] <= start < self.end(path)

    def column(self, at: int) -> int:
        """How many characters stand before a character on its line."""
        return at - (max(self.text.rfind("\n", 0, at), self.text.rfind("\r", 0, at)) + 1)

    def end_of_line(self, at: int) -> int:
        """The first character of the line end that follows a character, or of the file's end."""
        found = _LINE_END.search(self.text, at)
        return len(self.text) if found is None else found.start()

    def new_line(self, at: int) -> str:
        """A line end, and the blanks that put what follows below a character."""
        return self.line_end + " " * self.column(at)

    # -- edits -------------------------------------------------------------------------------

    def with_entry(self, path: Path, entry: str) -> tuple[TextEdit, ...]:
        """The edits that write a new entry before the others of a mapping.

        Args:
            path: The path of the mapping.
            entry: The entry, such as `min_tier: heavy`.
        """
        mapping = self.data(path)
        if not isinstance(mapping, dict):
            return ()
        start, _ = self.extent(path)
        if self.text[start] == "{":
            added = f" {entry}{',' if mapping else ' '}"
            return (TextEdit(self.name, start + 1, start + 1, added),)
        return (TextEdit(self.name, start, start, entry + self.new_line(start)),)

    def with_value(self, path: Path, key: str, name: str) -> tuple[TextEdit, ...]:
        """The edits that make a name the value of a key of a mapping.

        Args:
            path: The path of the mapping.
            key: The key, which may be absent.
            name: The name.
        """
        value = spelled(name)
        if self.data((*path, key)) is None:
            return self.with_entry(path, f"{key}: {value}")
        start, stop = self.extent((*path, key))
        return (TextEdit(self.name, start, stop, value),)
