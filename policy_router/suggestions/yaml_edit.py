"""Places in policy files, and edits of their entries, as characters of the text as it was read."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from policy_router.language.files import PolicyFile
from policy_router.language.load import compile_files
from policy_router.language.yaml_reader import parse
from policy_router.suggestions.text_edit import TextEdit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.decision.policy import Policy
    from policy_router.language.source import Path

_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_LINE_END: Final = re.compile(r"\r\n|\r|\n")


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
    """

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self.line_end = "\r\n" if "\r\n" in text else "\n"
        self._source, _ = parse(name, text.encode())
        self._lines = [0, *(each.end() for each in _LINE_END.finditer(text))]

    def data(self, path: Path) -> Any:
        """What is written at a path; None where nothing is."""
        data = None if self._source is None else self._source.data
        for part in path:
            if not isinstance(data, dict) or part not in data:
                return None
            data = data[part]
        return data

    def extent(self, path: Path) -> tuple[int, int]:
        """The first character of a value and the one after its last."""
        if self._source is None:
            return 0, 0
        span = self._source.value_span(path)
        lines = self._lines
        return lines[span.line - 1] + span.col - 1, lines[span.end_line - 1] + span.end_col - 1

    def new_line(self, at: int) -> str:
        """A line end, and the blanks that put what follows below a character."""
        return self.line_end + " " * (at - (self.text.rfind("\n", 0, at) + 1))

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
