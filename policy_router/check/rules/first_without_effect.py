"""a model in `first` that cannot come first

It is below the minimum tier of the same task or rule, or the same rule excludes it. Models below
the minimum tier come last, as a last resort, whatever `first` says.

Bad:
    tasks: { code: { keywords: [refactor], min_tier: heavy, first: [local] }, chat: {} }

Good:
    tasks: { code: { keywords: [refactor], min_tier: light, first: [local] }, chat: {} }
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.subject import warning
from policy_router.domain.rules import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.check.subject import Subject
    from policy_router.diagnostics import Diagnostic
    from policy_router.domain.models import Model
    from policy_router.domain.rules import Task
    from policy_router.language.source import Path


def check(subject: Subject) -> Iterator[Diagnostic]:
    sources: list[tuple[Path, Task | Rule]] = [
        *((("tasks", task.name), task) for task in subject.policy.tasks),
        *((("rules", i), rule) for i, rule in enumerate(subject.policy.rules)),
    ]
    for path, source in sources:
        before: set[str] = set()
        for i in range(len(subject.draft.selected)):
            if (*path, "first", i) not in subject.draft.selected:
                break
            word, names = subject.draft.selected[*path, "first", i]
            models = [subject.policy.model(name) for name in names]
            reasons = [_why_not(model, source, subject) for model in models]
            span = subject.draft.places.value((*path, "first", i))
            if models and all(reasons):
                yield warning(
                    "first-without-effect",
                    f"`{word}` cannot come first here: {reasons[0]}",
                    span,
                    "name another model, or change the other fields",
                )
            elif word in before and word in subject.policy.models_by_name:
                yield warning(
                    "first-without-effect",
                    f"`{word}` is already among the models before it",
                    span,
                    "write it before them, or leave it out",
                )
            before.update(names)


def _why_not(model: Model, source: Task | Rule, subject: Subject) -> str:
    tier = subject.policy.tiers[source.min_tier or 0]
    if model.rank < (source.min_tier or 0):
        return f"`{model.name}` is below `min_tier: {tier}`"
    if isinstance(source, Rule):
        if source.only is not None and model.name not in source.only:
            return f"`only` excludes `{model.name}`"
        if model.name in source.avoid:
            return f"`avoid` excludes `{model.name}`"
        if not source.needs <= model.abilities:
            return f"`{model.name}` lacks an ability in `needs`"
    return ""
