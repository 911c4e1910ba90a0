"""Tasks: conditions, attempts and values that change nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.idle_fields.acceptance import matches_everything, of_accept
from policy_router.check.idle_fields.found import IdleField
from policy_router.check.idle_fields.models import most_calls
from policy_router.domain.ordering import SortKey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.language.document.classification import TaskShape
    from policy_router.language.document.document import Document


def of_tasks(document: Document) -> Iterator[IdleField]:
    """Yield conditions, attempts and values of tasks without effect."""
    tasks = document.tasks or {}
    for name, task in tasks.items():
        if task.accept is not None:
            yield from of_accept(task.accept, ("tasks", name, "accept"))
        if matches_everything(task.pattern):
            yield IdleField(
                ("tasks", name, "pattern"),
                "this pattern matches every text, so every request belongs to this task",
                "write what identifies the task; all other requests belong to the last task anyway",
            )
        if task.use is not None and task.only is not None:
            yield IdleField(
                ("tasks", name, "only"),
                "`use` already excludes all other models",
                "leave `only` out",
            )
        yield from _of_worth(document, name, task)
        models = document.models or {}
        if task.max_attempts is not None and models and task.max_attempts > most_calls(models):
            yield IdleField(
                ("tasks", name, "max_attempts"),
                (
                    f"{task.max_attempts} attempts are never made: each of {len(models)} models is "
                    "called at most once more than it has keys"
                ),
                f"write {most_calls(models)} or less",
            )
        own = task.keywords or task.pattern or task.when_needs
        if task.confidence is not None and (own or name == list(tasks)[-1]):
            yield IdleField(
                ("tasks", name, "confidence"),
                "`confidence` applies to built-in definitions only, and this task "
                + ("has its own conditions" if own else "is the default task"),
                "leave it out",
            )


def _of_worth(document: Document, name: str, task: TaskShape) -> Iterator[IdleField]:
    """Yield what the key `value` needs where nothing is sorted by it."""
    if task.patience is not None and task.worth is None:
        yield IdleField(
            ("tasks", name, "patience"),
            "`patience` is weighed against `worth`, which the task does not have",
            "add  worth: $0.02 , what an accepted answer is worth",
        )
    orders = [document.prefer if task.prefer is None else task.prefer]
    orders += [rule.prefer for rule in document.rules or ()]
    if task.worth is not None and not any(SortKey.VALUE in (keys or ()) for keys in orders):
        yield IdleField(
            ("tasks", name, "worth"),
            "no `prefer` of the policy sorts models by `value`",
            "add  prefer: [value]  to the task",
        )
