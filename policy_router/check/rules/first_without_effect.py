"""a model in `first` or `use` that the same task or rule rules out

It is below its minimum tier or beyond its criteria, or another of its lists excludes the model.
Models below the minimum tier come last, as a last resort, whatever `first` says. In a task with
`use`, that list is the order, so `first` adds nothing to it.

Bad:
    tasks: { code: { keywords: [refactor], min_tier: heavy, first: [local] }, chat: {} }

Good:
    tasks: { code: { keywords: [refactor], min_tier: light, first: [local] }, chat: {} }
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.subject import warning
from policy_router.decision.criteria import (
    CALLER,
    is_over_price,
    is_too_low,
    is_too_slow,
    over_price,
    too_low,
    too_slow,
)
from policy_router.domain.rules import Task

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.check.subject import Subject
    from policy_router.diagnostics import Diagnostic
    from policy_router.domain.criteria import Criteria
    from policy_router.domain.models import Model
    from policy_router.domain.rules import Rule
    from policy_router.language.source import Path


def check(subject: Subject) -> Iterator[Diagnostic]:
    sources: list[tuple[Path, Task | Rule]] = [
        *((("tasks", task.name), task) for task in subject.policy.tasks),
        *((("rules", i), rule) for i, rule in enumerate(subject.policy.rules)),
    ]
    for path, source in sources:
        yield from _listed(subject, (*path, "first"), source)
        if isinstance(source, Task):
            yield from _listed(subject, (*path, "use"), source)


def _listed(subject: Subject, path: Path, source: Task | Rule) -> Iterator[Diagnostic]:
    """Report the entries of one list that have no effect."""
    key, places, selected = path[-1], subject.draft.places, subject.draft.selected
    before: set[str] = set()
    i = 0
    while (*path, i) in selected:
        word, names = selected[*path, i]
        models = [subject.policy.model(name) for name in names]
        reasons = [_why_not(model, source, subject, str(key)) for model in models]
        span = places.value((*path, i))
        if models and all(reasons):
            what = "come first" if key == "first" else "answer"
            yield warning(
                "first-without-effect",
                f"`{word}` cannot {what} here: {reasons[0]}",
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
        i += 1


def _why_not(model: Model, source: Task | Rule, subject: Subject, key: str) -> str:
    tier = subject.policy.tiers[source.min_tier or 0]
    # `use` is an exact order: a floor only excludes from it what it excludes everywhere.
    has_floor = key == "first" or not subject.policy.fallback.step_down
    if has_floor and model.rank < (source.min_tier or 0):
        return f"`{model.name}` is below `min_tier: {tier}`"
    if source.only is not None and model.name not in source.only:
        return f"`only` excludes `{model.name}`"
    if model.name in source.avoid:
        return f"`avoid` excludes `{model.name}`"
    if not source.needs <= model.abilities:
        return f"`{model.name}` lacks an ability in `needs`"
    if key == "first" and isinstance(source, Task) and source.use is not None:
        group = next((group for group in source.use if model.name in group), None)
        if group is None:
            return f"`use` excludes `{model.name}`"
        if len(group) == 1:
            return f"`use` gives `{model.name}` its place"
    return _beyond(model, source.criteria)


def _beyond(model: Model, criteria: Criteria) -> str:
    """Return which criterion a model does not meet, or nothing."""
    lowest, longest, most = criteria.min_quality, criteria.max_latency, criteria.max_price
    if lowest is not None and is_too_low(model, lowest):
        return too_low(model, lowest, CALLER)
    if longest is not None and is_too_slow(model, longest):
        known = model.latency is not None
        return too_slow(model, longest, CALLER) if known else f"`{model.name}` has no `latency`"
    if most is not None and is_over_price(model, most):
        known = model.price is not None
        return over_price(model, most, CALLER) if known else f"`{model.name}` has no known price"
    return ""
