"""The edit that puts a model first for a task."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from policy_router.language.files import PolicyFile
from policy_router.language.load import compile_files
from policy_router.language.yaml_reader import parse
from policy_router.suggestions.text_edit import TextEdit, apply

if TYPE_CHECKING:
    from policy_router.decision.policy import Policy
    from policy_router.diagnostics import Span
    from policy_router.domain.rules import Task
    from policy_router.language.source import SourceFile
    from policy_router.suggestions.observed import Observed

_LINE_END: Final = re.compile("\r\n|\r|\n")
_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


def put_first(observed: Observed, task: Task, model: str) -> tuple[TextEdit, ...]:
    """Return the edits of the policy files that put a model first for a task.

    They are checked: the changed policy has no errors, differs from the present one only in what
    this task puts first, and leaves the task the same models, this one first.

    Args:
        observed: The policy and its files.
        task: The task.
        model: Name of the model.

    Returns:
        The edits; none where the files cannot be changed so, such as where a rule decides what goes
        first.
    """
    file = "" if task.span is None else task.span.file
    edits = _edits(file, observed.sources.get(file, ""), task.name, model)
    return edits if edits and _leads(observed, task, model, edits) else ()


def _leads(observed: Observed, task: Task, model: str, edits: tuple[TextEdit, ...]) -> bool:
    changed = _compiled(apply(edits, observed.sources))
    if changed is None or not _same_but_first(observed.policy, changed, task.name):
        return False
    before, after = observed.order(task.name), observed.order(task.name, changed)
    return set(before) == set(after) and after[:1] == (model,)


def _compiled(sources: dict[str, str]) -> Policy | None:
    return compile_files(PolicyFile(name, each.encode()) for name, each in sources.items()).policy


def _same_but_first(one: Policy, other: Policy, name: str) -> bool:
    """Whether policies differ in nothing but in what a task puts first."""

    def tasks(policy: Policy) -> tuple[Task, ...]:
        return tuple(replace(t, first=()) if t.name == name else t for t in policy.tasks)

    return replace(one, tasks=tasks(one), revision="") == replace(
        other, tasks=tasks(other), revision=""
    )


# -- where in the text --------------------------------------------------------------------------


def _edits(file: str, text: str, task: str, model: str) -> tuple[TextEdit, ...]:
    source, _ = parse(file, text.encode())
    data = None if source is None else source.data
    entry = data["tasks"].get(task) if isinstance(data, dict) and "tasks" in data else None
    if source is None or not isinstance(entry, dict):
        return ()
    name = model if _PLAIN.fullmatch(model) else json.dumps(model)
    if "first" in entry:
        return _before_others(source, text, task, name, model)
    span = source.value_span(("tasks", task))
    start, _ = _extent(text, span)
    if text[start] == "{":
        at, added = start + 1, f" first: [{name}]{',' if entry else ' '}"
    else:
        at, added = start, f"first: [{name}]{_line_end(text)}{' ' * (span.col - 1)}"
    return (TextEdit(file, at, at, added),)


def _before_others(
    source: SourceFile, text: str, task: str, name: str, model: str
) -> tuple[TextEdit, ...]:
    """The edits of a written list that put a model before the others and nowhere else."""
    path, first = ("tasks", task, "first"), source.data["tasks"][task]["first"]
    if not first or first[0] == model:
        return ()  # something else decides what goes first
    span = source.value_span(path)
    start, stop = _extent(text, span)
    items = [_extent(text, source.value_span((*path, place))) for place in range(len(first))]
    written = list(zip(first, items, strict=True))
    if text[start] == "[":
        if "#" in text[start:stop]:
            return ()  # a comment may be about one of the names
        names = [name, *(text[begin:end] for each, (begin, end) in written if each != model)]
        return (TextEdit(source.name, start, stop, f"[{', '.join(names)}]"),)
    added = f"- {name}{_line_end(text)}{' ' * (span.col - 1)}"
    edits = [TextEdit(source.name, start, start, added)]
    for each, (begin, end) in written:
        if each == model:
            line, after = text.rfind("\n", 0, begin) + 1, text.find("\n", end)
            edits.append(TextEdit(source.name, line, len(text) if after < 0 else after + 1, ""))
    return tuple(edits)


def _line_end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _extent(text: str, span: Span) -> tuple[int, int]:
    """Where a span begins and ends in a file whose line ends are as they were read."""
    lines = [0, *(found.end() for found in _LINE_END.finditer(text))]
    return lines[span.line - 1] + span.col - 1, lines[span.end_line - 1] + span.end_col - 1
