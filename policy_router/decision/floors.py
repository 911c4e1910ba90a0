"""The lowest tier that a request requires, and the models that it excludes without `step_down`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.decision.bitset import bits
from policy_router.domain.complexity import Band
from policy_router.domain.decision import Reason, Skip

if TYPE_CHECKING:
    from policy_router.decision.policy import Policy
    from policy_router.decision.rule_effects import Effect
    from policy_router.domain.rules import Rule, Task


def floor_of(
    effect: Effect, task: Task | None, band: Band | None
) -> tuple[int, Rule | Task | Band | None]:
    """The lowest rank required, and what requires it; rules come before the task and band."""
    floor: int = effect.floor
    floor_by: Rule | Task | Band | None = effect.floor_by
    for source in (task, band):
        if source is not None and source.min_tier is not None and source.min_tier > floor:
            floor, floor_by = source.min_tier, source
    return floor, floor_by


def spell_source(source: Rule | Task | Band) -> str:
    """What requires a tier, such as ``band `hard` ``."""
    kind = "band" if isinstance(source, Band) else type(source).__name__.lower()
    return f"{kind} `{source.name}`"


def too_weak(
    policy: Policy, weaker: int, floor: int, source: Rule | Task | Band
) -> tuple[Skip, ...]:
    """Why each of some models (bit i: model i) is out that are below the lowest tier wanted."""
    detail = f"below tier `{policy.tiers[floor]}`, the `min_tier` of {spell_source(source)}"
    return tuple(
        Skip(policy.models[i].name, Reason.TIER, detail, span=source.span) for i in bits(weaker)
    )
