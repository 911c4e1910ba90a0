"""Mutations of a policy that its tests should notice: small mistakes that people make."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final, TypeVar

from policy_router.domain.condition import All, Any, Condition, Not, Op, Test, Tree, spell
from policy_router.domain.criteria import NO_CRITERIA

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from policy_router.decision.policy import Policy
    from policy_router.diagnostics import Span
    from policy_router.domain.complexity import Band
    from policy_router.domain.limits import Limit
    from policy_router.domain.rules import Rule, Task

_Item = TypeVar("_Item")
_Part = TypeVar("_Part", "Rule", "Task")

_SHIFTED: Final[Mapping[Op, Op]] = {Op.LT: Op.LE, Op.LE: Op.LT, Op.GT: Op.GE, Op.GE: Op.GT}
"""The comparison that differs at the constant alone."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A policy with one small change.

    Attributes:
        change: The change, as text for people.
        policy: The policy with the change.
        span: The position in the policy files of what is changed.
        limit: The limit or budget that it lacks, if that is the change.
    """

    change: str
    policy: Policy
    span: Span | None = None
    limit: Limit | None = None


def mutants(policy: Policy) -> Iterator[Mutant]:
    """Yield the policy with each small change, in written order.

    Parts that tests cannot notice are not changed: shadow rules and limits, experiments, fallback,
    and the keywords of tasks.
    """
    for i, rule in enumerate(policy.rules):
        if rule.shadow:
            continue
        name = f"rule `{rule.name}`"
        yield Mutant(f"{name} removed", _with(policy, rules=_without(policy.rules, i)), rule.span)
        for what, changed in _rules(policy, rule):
            rules = (*policy.rules[:i], changed, *policy.rules[i + 1 :])
            yield Mutant(f"{name}: {what}", _with(policy, rules=rules), rule.span)
    for i, task in enumerate(policy.tasks):
        for what, changed_task in _tasks(policy, task):
            tasks = (*policy.tasks[:i], changed_task, *policy.tasks[i + 1 :])
            mutated = _with(policy, tasks=tasks)
            yield Mutant(f"task `{task.name}`: {what}", mutated, task.span)
    for i, band in enumerate(policy.bands):
        for what, changed_band in _bands(policy, band):
            bands = (*policy.bands[:i], changed_band, *policy.bands[i + 1 :])
            mutated = _with(policy, bands=bands)
            yield Mutant(f"band `{band.name}`: {what}", mutated, band.span)
    for what, keys in _orders(policy.prefer):
        yield Mutant(f"prefer: {what}", _with(policy, prefer=keys))
    for i, limit in enumerate(policy.limits):
        if limit.refusing and limit.capped:
            kind = "budget" if limit.is_budget else "limit"
            over = "" if limit.window is None else f" per {limit.window}"
            what = f"{kind} `{limit.name}` of {limit.metric}{over} removed"
            fewer = _with(policy, limits=_without(policy.limits, i))
            yield Mutant(what, fewer, limit.span, limit)
    state = "off" if policy.fallback.step_down else "on"
    fallback = replace(policy.fallback, step_down=not policy.fallback.step_down)
    yield Mutant(f"step_down {state}", _with(policy, fallback=fallback))


def _with(policy: Policy, **parts: object) -> Policy:
    """The policy with other parts, and an index of its own."""
    return replace(policy, **parts)  # type: ignore[arg-type]  # each part has the type of its field


def _rules(policy: Policy, rule: Rule) -> Iterator[tuple[str, Rule]]:
    for what, when in _conditions(policy, rule.when):
        yield what, replace(rule, when=when)
    yield from _without_models(rule)
    for what, first in _orders(rule.first):
        yield f"first: {what}", replace(rule, first=first)
    for what, tier in _tiers(policy, rule.min_tier):
        yield what, replace(rule, min_tier=tier)
    if rule.prefer is not None:
        for what, prefer in _orders(rule.prefer):
            yield f"prefer: {what}", replace(rule, prefer=prefer)
    if rule.criteria != NO_CRITERIA:
        yield "its criteria removed", replace(rule, criteria=NO_CRITERIA)


def _tasks(policy: Policy, task: Task) -> Iterator[tuple[str, Task]]:
    yield from _without_models(task)
    for what, first in _orders(task.first):
        yield f"first: {what}", replace(task, first=first)
    for what, use in _orders(task.use or (), ", ".join):
        yield f"use: {what}", replace(task, use=use or None)
    for what, tier in _tiers(policy, task.min_tier):
        yield what, replace(task, min_tier=tier)
    if task.prefer is not None:
        for what, prefer in _orders(task.prefer):
            yield f"prefer: {what}", replace(task, prefer=prefer)


def _bands(policy: Policy, band: Band) -> Iterator[tuple[str, Band]]:
    for what, tier in _tiers(policy, band.min_tier):
        yield what, replace(band, min_tier=tier)


def _without_models(part: _Part) -> Iterator[tuple[str, _Part]]:
    """A rule or task without each of the models of its `only` and its `avoid`."""
    for i, model in enumerate(part.only or ()):
        yield f"`only` without `{model}`", replace(part, only=_without(part.only or (), i) or None)
    for i, model in enumerate(part.avoid):
        yield f"`avoid` without `{model}`", replace(part, avoid=_without(part.avoid, i))


def _conditions(policy: Policy, when: Condition | None) -> Iterator[tuple[str, Condition | None]]:
    """A condition that is negated, is removed, or differs at the edge of one of its comparisons."""
    if when is None:
        return
    yield "its condition negated", _condition(policy, Not(when.tree))
    yield "its condition removed", None
    seen: set[Tree] = set()
    for what, tree in _trees(policy, when.tree):
        if tree not in seen:
            seen.add(tree)
            yield what, _condition(policy, tree)


def _trees(policy: Policy, tree: Tree) -> Iterator[tuple[str, Tree]]:
    """The tree with one test shifted at its edge, or one part of it left out."""
    match tree:
        case Test(fact, op, values) if op in _SHIFTED:
            shifted = Test(fact, _SHIFTED[op], values)
            one, other = (spell(each, policy.vocabulary) for each in (tree, shifted))
            yield f"`{one}` made `{other}`", shifted
        case Test(fact, op, values) if len(values) > 1:
            for i, value in enumerate(values):
                yield f"without {value!r}", Test(fact, op, _without(values, i))
        case Not(part):
            for what, inner in _trees(policy, part):
                yield what, Not(inner)
        case All(parts) | Any(parts):
            for i, part in enumerate(parts):
                left = _without(parts, i)
                rest = left[0] if len(left) == 1 else type(tree)(left)
                if left:
                    yield f"without `{spell(part, policy.vocabulary)}`", rest
                for what, inner in _trees(policy, part):
                    yield what, type(tree)((*parts[:i], inner, *parts[i + 1 :]))


def _condition(policy: Policy, tree: Tree) -> Condition:
    return Condition(tree, spell(tree, policy.vocabulary), frozenset())


def _orders(
    items: tuple[_Item, ...], name: Callable[[_Item], str] = str
) -> Iterator[tuple[str, tuple[_Item, ...]]]:
    """A list without each of its items, and with each two neighbours swapped."""
    for i, item in enumerate(items):
        yield f"without `{name(item)}`", _without(items, i)
    for i, (one, other) in enumerate(pairwise(items)):
        swapped = (*items[:i], other, one, *items[i + 2 :])
        yield f"`{name(one)}` and `{name(other)}` swapped", swapped


def _tiers(policy: Policy, tier: int | None) -> Iterator[tuple[str, int | None]]:
    """Another floor: none, one tier lower, or one tier higher."""
    if not tier:  # the lowest tier is no floor
        return
    yield "min_tier removed", None
    for other in (tier - 1, tier + 1):
        if 0 < other < len(policy.tiers):
            yield f"min_tier {policy.tiers[other]}", other


def _without(items: tuple[_Item, ...], i: int) -> tuple[_Item, ...]:
    return (*items[:i], *items[i + 1 :])
