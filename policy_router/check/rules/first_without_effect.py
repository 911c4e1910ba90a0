"""a model in `first` or `use` that cannot come first or answer there

It is below the minimum tier or beyond the criteria of the same task or rule, or another of its
lists excludes the model. The `first` of a rule is also reported where tasks, bands and other rules
exclude each of its models, or want a higher tier, in every request of the rule. Models below the
minimum tier come last, as a last resort, whatever `first` says. In a task with `use`, that list is
the order, so `first` adds nothing to it.

Bad:
    tasks: { code: { keywords: [refactor], min_tier: heavy, first: [local] }, chat: {} }

Good:
    tasks: { code: { keywords: [refactor], min_tier: light, first: [local] }, chat: {} }
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.assurance.cover import GaveUp
from policy_router.assurance.regions import Part
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

    from policy_router.assurance.regions import Regions
    from policy_router.check.subject import Subject
    from policy_router.decision.policy import Policy
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
    for number, rule in enumerate(subject.policy.rules):
        if rule.first and not rule.shadow:
            yield from _by_others(subject, number, rule)


def _by_others(subject: Subject, number: int, rule: Rule) -> Iterator[Diagnostic]:
    """Report the `first` of a rule where others keep all of its models from coming first."""
    regions, policy = subject.regions, subject.policy
    if not any(_can_come_first(policy.model(name), rule, subject) for name in rule.first):
        return  # each of them is reported by itself
    boxes = regions.sources[number].boxes
    if boxes is None:
        subject.questions.leave_open("first-without-effect", f"rule `{rule.name}`", rule.span)
        return
    cores = 0
    try:
        for by in sorted(_demoting(regions, policy, rule), key=int.bit_count):
            for box in boxes:
                core = regions.cover.core(box, by | regions.impossible)
                if core is None:
                    return
                cores |= core
    except GaveUp:
        subject.questions.leave_open("first-without-effect", f"rule `{rule.name}`", rule.span)
        return
    causes = [each for each in regions.owners(cores) if each.rule != number]
    if boxes and causes:
        yield warning(
            "first-without-effect",
            f"`first` of rule `{rule.name}` has no effect: {' and '.join(c.says for c in causes)} "
            f"{'keep' if len(causes) > 1 else 'keeps'} each of its models from coming first",
            subject.draft.places.key(("rules", number, "first")),
            "name other models, or remove `first`",
        )


def _can_come_first(model: Model, rule: Rule, subject: Subject) -> bool:
    return not _why_not(model, rule, subject, "first")


def _demoting(regions: Regions, policy: Policy, rule: Rule) -> set[int]:
    """For each model in `first` of a rule the boxes in which it is excluded or below the tier that
    is wanted. What a model lacks money for is reported by other rules."""
    boxes_of = dict.fromkeys((policy.position(name) for name in rule.first), 0)
    for number, source in enumerate(regions.sources):
        if source.part in (Part.RULE, Part.TASK, Part.BAND):
            for model in boxes_of:
                if (source.removes | source.below) >> model & 1:
                    boxes_of[model] |= regions.holds[number]
    return set(boxes_of.values())


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
