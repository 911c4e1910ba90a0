"""Edits that change one value or entry of a file, several ways for each change, the best first.

Not each of them fits everywhere: who takes one reads the text that results.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from policy_router.language.write.text_edit import TextEdit
from policy_router.language.write.values import spellings
from policy_router.language.write.yaml_edit import EditableFile, spelled

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from policy_router.language.source import Path

_COLON: Final = re.compile(r"\s*:\s*")
_STEP: Final = 2
"""Blanks by which an entry is indented where no other entry shows it."""


def replacing(file: EditableFile, path: Path, value: Any, typed: str) -> Iterator[TextEdit]:
    """Edits that give a key that is there another value."""
    (start, _), stop = file.extent(path), file.end(path)
    key_stop = file.key_extent(path)[1]
    old = file.text[start:stop] if file.data(path) is not None else ""
    colon = file.text.index(":", key_stop) + 1
    between = file.text[key_stop:start]
    below = "\n" in between or "\r" in between
    for spelling in spellings(value, typed, old):
        if not old:
            yield TextEdit(file.name, colon, colon, f" {spelling}")
            continue
        if below and _COLON.fullmatch(between):
            yield TextEdit(file.name, colon, stop, f" {spelling}")
        yield TextEdit(file.name, start, stop, spelling)


def adding(file: EditableFile, path: Path, value: Any, typed: str) -> Iterator[TextEdit]:
    """Edits that write a new key with its value behind the others of its mapping."""
    for spelling in spellings(value, typed):
        yield from _appended(file, path[:-1], f"{spelled(str(path[-1]))}: {spelling}")


def _appended(file: EditableFile, mapping: Path, entry: str) -> list[TextEdit]:
    """Edits that write an entry behind the others of a mapping."""
    start, stop = file.extent(mapping)
    if file.is_flow(mapping):
        if not file.data(mapping):
            return [TextEdit(file.name, start + 1, stop - 1, f" {entry} ")]
        last = file.end((*mapping, next(reversed(file.data(mapping)))))
        return [TextEdit(file.name, last, last, f", {entry}")]
    at = file.end_of_line(file.end(mapping))  # behind a comment
    indent = " " * file.column(start)
    lines = entry.split("\n")
    written = "".join(f"{file.line_end}{indent}{line}" for line in lines)
    return [TextEdit(file.name, at, at, written)]


def new_entry(
    file: EditableFile,
    section: str,
    name: str,
    fields: Mapping[str, str],
    notes: Mapping[str, str],
) -> list[TextEdit]:
    """Edits that write an entry behind the others of a section.

    Args:
        file: The file.
        section: The section, which may be empty or absent.
        name: The name of the entry.
        fields: Its fields with their values as YAML.
        notes: What a comment behind a field says, by the field.
    """
    inline = f"{spelled(name)}: {{ {', '.join(f'{k}: {v}' for k, v in fields.items())} }}"
    entries = file.data((section,))
    if isinstance(entries, dict) and entries and file.is_flow((section,)):
        return _appended(file, (section,), inline)
    step = _STEP
    flowing = False
    if isinstance(entries, dict) and entries:
        last = (section, next(reversed(entries)))
        outer, inner = file.extent((section,))[0], file.extent(last)[0]
        flowing = file.is_flow(last)
        step = _STEP if flowing else max(1, file.column(inner) - file.column(outer))
    block = "\n".join(
        [
            f"{spelled(name)}:",
            *(
                f"{' ' * step}{key}: {value}" + (f"  # {notes[key]}" if key in notes else "")
                for key, value in fields.items()
            ),
        ]
    )
    entry = inline if flowing and not notes else block
    if isinstance(entries, dict) and entries:
        return _appended(file, (section,), entry)
    if file.has((section,)):
        return _filled(file, section, entry)
    gap = "" if not file.text or file.text.endswith(("\n", "\r")) else file.line_end
    text = f"{section}:\n{_indented(entry, _STEP)}\n".replace("\n", file.line_end)
    return [TextEdit(file.name, len(file.text), len(file.text), gap + text)]


def _filled(file: EditableFile, section: str, entry: str) -> list[TextEdit]:
    """Edits that fill a section that is empty."""
    colon = file.text.index(":", file.key_extent((section,))[1]) + 1
    stop = max(colon, file.extent((section,))[1]) if file.data((section,)) == {} else colon
    text = f"\n{_indented(entry, _STEP)}".replace("\n", file.line_end)
    return [TextEdit(file.name, colon, stop, text)]


def _indented(text: str, by: int) -> str:
    return "\n".join(" " * by + line for line in text.split("\n"))


def removing(file: EditableFile, path: Path) -> list[TextEdit]:
    """Edits that take an entry out of its mapping."""
    (start, _), end = file.key_extent(path), file.end(path)
    siblings = list(file.data(path[:-1]))
    if path[:-1] and file.is_flow(path[:-1]):
        here = siblings.index(path[-1])
        if here + 1 < len(siblings):
            following = file.key_extent((*path[:-1], siblings[here + 1]))[0]
            return [TextEdit(file.name, start, following, "")]
        if here:
            before = file.end((*path[:-1], siblings[here - 1]))
            return [TextEdit(file.name, before, end, "")]
        return [TextEdit(file.name, start, end, "")]
    line = start - file.column(start)
    stop = file.end_of_line(end)
    stop += len(file.line_end) if file.text.startswith(file.line_end, stop) else 0
    return [TextEdit(file.name, line, stop, ""), TextEdit(file.name, start, stop, "")]


def removing_item(file: EditableFile, path: Path) -> list[TextEdit]:
    """Edits that take an item out of a list, and the key of the list with its only item."""
    items = file.at(path[:-1])
    here = int(path[-1])
    if len(items) == 1:
        return removing(file, path[:-1])
    (start, _), end = file.extent(path), file.end(path)
    if file.is_flow(path[:-1]):
        if here + 1 < len(items):
            return [TextEdit(file.name, start, file.extent((*path[:-1], here + 1))[0], "")]
        return [TextEdit(file.name, file.end((*path[:-1], here - 1)), end, "")]
    stop = file.end_of_line(end)
    stop += len(file.line_end) if file.text.startswith(file.line_end, stop) else 0
    return [TextEdit(file.name, start - file.column(start), stop, "")]


def fitting(value: Any, typed: str) -> str:
    """How a value is written so that it means itself behind a key, in a mapping of either form."""
    return next(spelling for spelling in spellings(value, typed) if _fits(spelling, value))


def _fits(spelling: str, value: Any) -> bool:
    file = EditableFile("", f"{{ a: {spelling}, b: 1 }}")
    return not file.problem and file.data(("a",)) == value and file.has(("b",))
