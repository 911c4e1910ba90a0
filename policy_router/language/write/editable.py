"""A policy whose files are changed as text, one value or entry at a time.

Each change is verified: the text that results, read again, differs from the text before in what was
to be changed and in nothing else. What cannot be changed so is left alone, with a reason.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from policy_router.base_errors import UsageError
from policy_router.language.write.edits import (
    adding,
    fitting,
    new_entry,
    removing,
    removing_item,
    replacing,
)
from policy_router.language.write.text_edit import TextEdit, apply
from policy_router.language.write.values import flow, read_value
from policy_router.language.write.yaml_edit import EditableFile
from policy_router.quoting import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from policy_router.diagnostics import Span
    from policy_router.language.source import Path


class EditablePolicy:
    """The files of a policy, by name.

    Attributes:
        before: The text of each file as it was read.
        after: The text of each file as it is changed so far.
        edits: The edits that were made, each of the text that the one before it left.
    """

    def __init__(self, sources: Mapping[str, str]) -> None:
        """Makes an editable policy.

        Args:
            sources: The text of each file, by its name, with the line ends that it has.

        Raises:
            UsageError: A file cannot be read, such as for anchors.
        """
        self.before = dict(sources)
        self.after = dict(sources)
        self.edits: list[TextEdit] = []
        for name, text in sources.items():
            file = EditableFile(name, text)
            if file.root is None and file.problem:
                raise UsageError(f"{file.problem}; fix it before the policy is edited")

    def file_of(self, path: Path) -> EditableFile | None:
        """The file that has a part of the policy; None when none has it."""
        files = (EditableFile(name, text) for name, text in self.after.items())
        return next((file for file in files if file.has(path)), None)

    def entries(self, section: str) -> list[str]:
        """The names of the entries of a section, in all files."""
        found = (EditableFile(name, text).data((section,)) for name, text in self.after.items())
        return [name for entries in found if isinstance(entries, dict) for name in entries]

    # -- one value ---------------------------------------------------------------------------

    def set(self, path: Path, typed: str) -> None:
        """Give a field a value; the field, and mappings that lead to it, may be absent.

        Args:
            path: The path of the field, whose first two parts exist.
            typed: The value, as `read_value` reads it.

        Raises:
            UsageError: The value is not one of YAML, or the file cannot be edited there.
        """
        value = read_value(typed)
        file = self._home(path[:2])
        while not file.has(path) and not isinstance(file.data(path[:-1]), dict):
            path, value = path[:-1], {path[-1]: value}
            typed = flow(value)
        expected = copy.deepcopy(file.root)
        _reached(expected, path[:-1])[path[-1]] = value
        attempts = replacing(file, path, value, typed) if file.has(path) else ()
        self._take(file, expected, attempts or adding(file, path, value, typed), path)

    def unset(self, path: Path) -> None:
        """Take a field or an entry out of its mapping; comments around it stay.

        Raises:
            UsageError: There is none, or the file cannot be edited there.
        """
        file = self.file_of(path)
        if file is None:
            raise UsageError(f"`{_shown(path)}` is not in the policy")
        expected = copy.deepcopy(file.root)
        del _reached(expected, path[:-1])[path[-1]]
        if len(path) == 2 and not expected[path[0]]:
            del expected[path[0]]
            path = path[:1]
        self._take(file, expected, removing(file, path), path)

    def add(
        self, section: str, name: str, fields: Mapping[str, str], notes: Mapping[str, str]
    ) -> None:
        """Add an entry behind the others of a section.

        Args:
            section: The section, such as `models`.
            name: The new name.
            fields: The value of each field of the entry, as `read_value` reads it.
            notes: What a comment behind a field says, by the field.

        Raises:
            UsageError: The entry exists, a value is not one of YAML, or no file can be edited.
        """
        path = (section, name)
        if self.file_of(path) is not None:
            raise UsageError(
                f"`{name}` is already in the policy: change it, or choose another name"
            )
        values = {key: read_value(text) for key, text in fields.items()}
        files = [EditableFile(each, text) for each, text in self.after.items()]
        having = [each for each in files if isinstance(each.data((section,)), dict)]
        file = (having or files)[-1]
        expected = copy.deepcopy(file.root or {})
        expected[section] = {**(expected.get(section) or {}), name: values}
        written = {key: fitting(values[key], text) for key, text in fields.items()}
        self._take(file, expected, new_entry(file, section, name, written, notes), path)

    def remove_rule(self, place: Span) -> None:
        """Take out the rule that is written around a place; comments around it stay.

        Raises:
            UsageError: No rule is written there, or the file cannot be edited there.
        """
        file = EditableFile(place.file, self.after[place.file])
        rules = file.data(("rules",)) or []
        for number in range(len(rules)):
            path: Path = ("rules", number)
            if file.surrounds(path, place):
                expected = copy.deepcopy(file.root)
                del expected["rules"][number]
                if not expected["rules"]:
                    del expected["rules"]
                self._take(file, expected, removing_item(file, path), path)
                return
        raise UsageError(f"no rule is written at {place}")

    # -- the same for all changes ------------------------------------------------------------

    def _home(self, path: Path) -> EditableFile:
        file = self.file_of(path)
        if file is None:
            raise UsageError(f"`{_shown(path)}` is not in the policy")
        return file

    def _take(
        self, file: EditableFile, expected: Any, attempts: Iterable[TextEdit], path: Path
    ) -> None:
        """Keep the first of some edits after which the file says what is expected."""
        for edit in attempts:
            changed = apply((edit,), self.after)
            read = EditableFile(file.name, changed[file.name])
            if not read.problem and _same(read.root or {}, expected):
                self.after = changed
                self.edits.append(edit)
                return
        raise UsageError(
            f"`{_shown(path)}` cannot be changed in {file.name} without touching anything else: "
            "change it by hand"
        )


def _shown(path: Path) -> str:
    return quoted(".".join(map(str, path)))


def _reached(data: Any, path: Path) -> Any:
    for part in path:
        data = data[part]
    return data


def _same(one: Any, other: Any) -> bool:
    """Whether data are equal, and their mappings in the same order with the same types."""
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and bool(one == other)
