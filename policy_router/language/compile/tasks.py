"""The section `tasks`: the kinds of request that a policy distinguishes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.domain.complexity import CONFIDENT
from policy_router.domain.rules import Task
from policy_router.language.compile.abilities import known_abilities
from policy_router.language.compile.acceptance import compile_accept
from policy_router.language.compile.criteria import compile_criteria
from policy_router.language.compile.orders import compile_order
from policy_router.language.compile.values import given

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.language.compile.resolve import Resolver
    from policy_router.language.document.classification import TaskShape


def default_task(tasks: Mapping[str, TaskShape]) -> str | None:
    """Name of the task of a request that fits no other: the last one, if it has no conditions.

    Other tasks without conditions are for callers that name the task, and for built-in kinds.
    """
    if not tasks:
        return None
    name, last = list(tasks.items())[-1]
    return None if last.keywords or last.pattern or last.when_needs else name


def compile_tasks(resolver: Resolver) -> tuple[Task, ...]:
    """The policy's tasks in written order."""
    shapes = resolver.draft.document.tasks or {}
    default = default_task(shapes)
    return tuple(_task(resolver, name, shape, default) for name, shape in shapes.items())


def _task(resolver: Resolver, name: str, shape: TaskShape, default: str | None) -> Task:
    path, places = ("tasks", name), resolver.places
    if shape.pattern is not None:
        resolver.pattern(shape.pattern, (*path, "pattern"))
    return Task(
        name=name,
        min_tier=resolver.rank(shape.min_tier, (*path, "min_tier")),
        first=resolver.select(shape.first, (*path, "first")) or (),
        default=name == default,
        accept=compile_accept(resolver, shape.accept, (*path, "accept"), f"task `{name}`"),
        span=places.key(path),
        keywords=tuple(shape.keywords or ()),
        pattern=shape.pattern,
        when_needs=known_abilities(resolver, shape.when_needs, (*path, "when_needs")),
        confidence=given(shape.confidence, CONFIDENT),
        criticality=given(shape.criticality, 0.0),
        needs=known_abilities(resolver, shape.needs, (*path, "needs")),
        only=resolver.select(shape.only, (*path, "only")),
        avoid=resolver.select(shape.avoid, (*path, "avoid")) or (),
        use=None if shape.use is None else resolver.select_groups(shape.use, (*path, "use")),
        criteria=compile_criteria(shape),
        prefer=compile_order(resolver, shape.prefer, (*path, "prefer")),
        deadline=shape.deadline,
        max_attempts=shape.max_attempts,
        worth=shape.worth,
        patience=given(shape.patience, 0),
        only_at=places.key((*path, "only")) if shape.only else None,
        avoid_at=places.key((*path, "avoid")) if shape.avoid else None,
        use_at=places.key((*path, "use")) if shape.use else None,
    )
