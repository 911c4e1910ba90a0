"""The models that a rule or a task excludes by what it says, whatever the request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from policy_router.decision.criteria import (
    is_over_price,
    is_too_low,
    is_too_slow,
    over_price,
    too_low,
    too_slow,
)
from policy_router.domain.decision import Reason
from policy_router.domain.rules import Task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from policy_router.diagnostics import Span
    from policy_router.domain.criteria import Criteria
    from policy_router.domain.models import Model
    from policy_router.domain.rules import Rule


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Models that a rule or a task excludes for one reason.

    Attributes:
        models: The models (bit i: model i).
        reason: The reason.
        detail: Returns it for one of them, as text for people.
        span: The position of what excludes them in the policy files.
    """

    models: int
    reason: Reason
    detail: Callable[[Model], str]
    span: Span | None


def name_of(part: Rule | Task) -> str:
    """A rule or a task with its name: ``rule `x` ``."""
    return f"{'task' if isinstance(part, Task) else 'rule'} `{part.name}`"


def exclusions_of(
    part: Rule | Task,
    models: Sequence[Model],
    named: Callable[[Sequence[str]], int],
    unable: Callable[[frozenset[str]], int],
) -> list[Exclusion]:
    """What a rule or a task excludes, in the order in which the reasons are given.

    Args:
        part: The rule or task.
        models: The models of the policy.
        named: Returns the set of the models of these names.
        unable: Returns the set of the models that lack one of these abilities.
    """
    source = name_of(part)
    everyone = (1 << len(models)) - 1
    exclusions: list[Exclusion] = []

    def by_list(key: str, reason: Reason, span: Span | None, excluded: int) -> None:
        text = f"excluded by `{key}` of {source}"
        exclusions.append(Exclusion(excluded, reason, lambda _: text, span or part.span))

    if part.only is not None:
        by_list("only", Reason.ONLY, part.only_at, everyone & ~named(part.only))
    if part.avoid:
        by_list("avoid", Reason.AVOID, part.avoid_at, named(part.avoid))
    if isinstance(part, Task) and part.use is not None:
        used = [name for group in part.use for name in group]
        by_list("use", Reason.USE, part.use_at, everyone & ~named(used))
    if part.needs:
        text = f"excluded by `needs` of {source}: {', '.join(sorted(part.needs))}"
        exclusions.append(Exclusion(unable(part.needs), Reason.ABILITY, lambda _: text, part.span))
    return [*exclusions, *_beyond(part.criteria, models, source, part.span)]


def _beyond(
    criteria: Criteria, models: Sequence[Model], by: str, span: Span | None
) -> Iterator[Exclusion]:
    """The models beyond the criteria that do not depend on the request."""
    lowest, longest, most = criteria.min_quality, criteria.max_latency, criteria.max_price
    if lowest is not None:
        low = _where(models, lambda model: is_too_low(model, lowest))
        yield Exclusion(low, Reason.QUALITY, lambda model: too_low(model, lowest, by), span)
    if longest is not None:
        slow = _where(models, lambda model: is_too_slow(model, longest))
        yield Exclusion(slow, Reason.LATENCY, lambda model: too_slow(model, longest, by), span)
    if most is not None:
        over = _where(models, lambda model: is_over_price(model, most))
        yield Exclusion(over, Reason.PRICE, lambda model: over_price(model, most, by), span)


def _where(models: Sequence[Model], excludes: Callable[[Model], bool]) -> int:
    return sum(1 << i for i, model in enumerate(models) if excludes(model))
