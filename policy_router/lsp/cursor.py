"""What is at a position of a policy file, even while the file is half written.

The word at the place is replaced by a name that no file contains, in a few forms. The first form in
which the file is YAML tells where in the data the word stands.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, Final

from policy_router.language.yaml_reader import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.language.source import Path

_WORD: Final = re.compile(r"[\w$%.*?/@+-]+(?::[\w.*?/@+-]+)*")
_PLACE: Final = "policy-router-cursor"
_FORMS: Final = (_PLACE, f"{_PLACE}: 0", f" {_PLACE}", f" {_PLACE}: 0")
_CLOSINGS: Final = ("", "]", " }", '"', "'", '"]')
"""What may still be missing behind the word."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """A word of a file, and where in the data it stands.

    Attributes:
        path: The keys and numbers of list items that lead to it; for a key, those that lead to its
            mapping.
        is_key: Whether it is a key.
        word: The word; empty where none is written yet.
        start: Its first character in the text, counted from 0.
        stop: The character after its last one.
        before: What the same scalar has before the word; empty where the word begins it.
        data: The data of the file, with another word in its place.
    """

    path: Path
    is_key: bool
    word: str
    start: int
    stop: int
    before: str
    data: Any


def cursor_at(text: str, offset: int) -> Cursor | None:
    """Return what stands at a place.

    Args:
        text: The text of a file, with `\\n` as line ends.
        offset: A character of it, counted from 0; a word that ends there counts.

    Returns:
        What stands there; None where the file cannot be read so far, or in a comment.
    """
    line = text.rfind("\n", 0, offset) + 1
    end = text.find("\n", offset)
    end = len(text) if end < 0 else end
    words = _WORD.finditer(text, line, end)
    start, stop = next((m.span() for m in words if m.start() <= offset <= m.end()), (offset,) * 2)
    for rest in (text[stop:], text[stop:end]):  # what follows may be the part that is half written
        for closing, form in product(_CLOSINGS, _FORMS):
            source, _ = parse("file", (text[:start] + form + closing + rest).encode())
            if source is None:
                continue
            for path, is_key, before in _places(source.data, ()):
                return Cursor(path, is_key, text[start:stop], start, stop, before, source.data)
    return None


def _places(data: Any, path: Path) -> Iterator[tuple[Path, bool, str]]:
    """Where the name stands: the path, whether it is a key, and what is before it."""
    if isinstance(data, dict):
        for key, value in data.items():
            if _PLACE in str(key):
                yield path, True, str(key).partition(_PLACE)[0]
            yield from _places(value, (*path, key))
    elif isinstance(data, list):
        for number, value in enumerate(data):
            yield from _places(value, (*path, number))
    elif isinstance(data, str) and _PLACE in data:
        yield path, False, data.partition(_PLACE)[0]
