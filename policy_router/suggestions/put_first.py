"""The edit that puts a model first for a task."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from policy_router.language.write.text_edit import TextEdit, apply
from policy_router.language.write.yaml_edit import EditableFile, compiled, spelled

if TYPE_CHECKING:
    from policy_router.decision.policy import Policy
    from policy_router.domain.rules import Task
    from policy_router.suggestions.observed import Observed


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
    text = observed.sources.get(file, "")
    edits = _edits(EditableFile(file, text), task.name, model)
    return edits if edits and _leads(observed, task, model, edits) else ()


def _leads(observed: Observed, task: Task, model: str, edits: tuple[TextEdit, ...]) -> bool:
    changed = compiled(apply(edits, observed.sources))
    if changed is None or not _same_but_first(observed.policy, changed, task.name):
        return False
    before, after = observed.order(task.name), observed.order(task.name, changed)
    return set(before) == set(after) and after[:1] == (model,)


def _same_but_first(one: Policy, other: Policy, name: str) -> bool:
    """Whether policies differ in nothing but in what a task puts first."""

    def tasks(policy: Policy) -> tuple[Task, ...]:
        return tuple(replace(t, first=()) if t.name == name else t for t in policy.tasks)

    return replace(one, tasks=tasks(one), revision="") == replace(
        other, tasks=tasks(other), revision=""
    )


# -- where in the text --------------------------------------------------------------------------


def _edits(file: EditableFile, task: str, model: str) -> tuple[TextEdit, ...]:
    name = spelled(model)
    path = ("tasks", task, "first")
    first = file.data(path)
    if first is None:
        return file.with_entry(path[:2], f"first: [{name}]")
    if not first or first[0] == model:
        return ()  # something else decides what goes first
    text, (start, stop) = file.text, file.extent(path)
    items = [(each, file.extent((*path, place))) for place, each in enumerate(first)]
    if text[start] == "[":
        if "#" in text[start:stop]:
            return ()  # a comment may be about one of the names
        names = [name, *(text[begin:end] for each, (begin, end) in items if each != model)]
        return (TextEdit(file.name, start, stop, f"[{', '.join(names)}]"),)
    edits = [TextEdit(file.name, start, start, f"- {name}{file.new_line(start)}")]
    for each, (begin, end) in items:
        if each == model:
            line, after = text.rfind("\n", 0, begin) + 1, text.find("\n", end)
            edits.append(TextEdit(file.name, line, len(text) if after < 0 else after + 1, ""))
    return tuple(edits)
