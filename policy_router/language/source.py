"""One policy file: its text, its data, and the place where each part of the data is written."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING, Any, TypeAlias

from policy_router.diagnostics import Span
from policy_router.language.align import align

if TYPE_CHECKING:
    from collections.abc import Mapping

Path: TypeAlias = tuple[str | int, ...]
"""The keys and the numbers of list items that lead to a part of the data."""


class SourceFile:
    """A file that has been read.

    Attributes:
        name: Its name as diagnostics show it.
        text: Its text, with every line end as `\\n`.
        data: Its data, as YAML 1.2 reads them.
        nodes: The number of values and keys in it.
    """

    __slots__ = ("_aligned", "_keys", "_lines", "_values", "data", "name", "nodes", "text")

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self.data: Any = None
        self.nodes = 0
        self._values: dict[Path, tuple[int, int, str]] = {(): (0, min(1, len(text)), "")}
        self._keys: dict[Path, tuple[int, int]] = {}
        # Of the value that was looked up last: a condition looks up each of its tests.
        self._aligned: tuple[tuple[int, int], list[int] | None] | None = None
        self._lines = [0, *(m.end() for m in re.finditer("\n", text))]

    def value_span(self, path: Path) -> Span:
        """Where a value is written; for a path that does not exist, its nearest ancestor."""
        return self.span(*self._value(path)[:2])

    def key_span(self, path: Path) -> Span:
        """Where the key that leads to a part is written; for a list item, the item."""
        while path:
            extent = self._keys.get(path) or self._values.get(path, (None,))[:2]
            if extent[0] is not None:
                return self.span(*extent)
            path = path[:-1]
        return self.value_span(())

    def written(self, path: Path) -> str:
        """A value as it is written in the file, with its quotes."""
        start, end, _ = self._value(path)
        return self.text[start:end]

    def inside(self, path: Path, start: int, end: int) -> Span:
        """Where characters [start, end) of the string at `path` are written.

        Quotes, escapes and folded lines are accounted for; where that is not possible, it is the
        whole value.
        """
        first, last, value = self._value(path)
        if self._aligned is None or self._aligned[0] != (first, last):
            self._aligned = (first, last), align(self.text[first:last], value)
        offsets = self._aligned[1]
        if offsets is None or not value:
            return self.span(first, last)
        start = min(start, len(value) - 1)
        end = min(max(end, start + 1), len(value))
        return self.span(first + offsets[start], first + offsets[end - 1] + 1)

    def span(self, start: int, end: int) -> Span:
        """Characters [start, end) of the file as a Span."""
        line, last = bisect_right(self._lines, start), bisect_right(self._lines, end)
        return Span(
            self.name,
            line,
            start - self._lines[line - 1] + 1,
            last,
            end - self._lines[last - 1] + 1,
        )

    def _value(self, path: Path) -> tuple[int, int, str]:
        while path not in self._values:
            path = path[:-1]
        return self._values[path]

    def rename(self, keys: Mapping[Path, str]) -> set[Path]:
        """Give keys other names in the data; their places stay.

        Args:
            keys: The path of a key -> its new name.

        Returns:
            The new paths of these keys.
        """

        def renamed(path: Path) -> Path:
            return tuple(keys.get(path[: i + 1], step) for i, step in enumerate(path))

        for path in sorted(keys, key=len, reverse=True):
            mapping = self.data
            for step in path[:-1]:
                mapping = mapping[step]
            entries = [(keys[path] if k == path[-1] else k, v) for k, v in mapping.items()]
            mapping.clear()
            mapping.update(entries)
        self._values = {renamed(path): place for path, place in self._values.items()}
        self._keys = {renamed(path): place for path, place in self._keys.items()}
        return {renamed(path) for path in keys}

    def place_value(self, path: Path, start: int, end: int, text: str = "") -> None:
        """Record where a value is written; `text` is the scalar as decoded."""
        self._values[path] = start, end, text

    def place_key(self, path: Path, start: int, end: int) -> None:
        """Record where a key is written."""
        self._keys[path] = start, end


def as_text(raw: bytes) -> str:
    """The text of a file's bytes as diagnostics count places in it.

    A byte-order mark is removed, line ends are `\\n`, and what is not UTF-8 is replaced.
    """
    return raw.decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n")
