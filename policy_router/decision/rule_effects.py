"""What the rules and tasks of a policy do, each alone and several together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from policy_router.decision.bitset import bits
from policy_router.domain.decision import Skip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.decision.criteria import CostBound
    from policy_router.decision.exclusions import Exclusion
    from policy_router.decision.order.fixed_places import First
    from policy_router.decision.order.grouping import Groups
    from policy_router.domain.acceptance import Accept
    from policy_router.domain.decision import RuleReasons
    from policy_router.domain.models import Model
    from policy_router.domain.ordering import OrderKey
    from policy_router.domain.rules import Rule

KEPT_PER_RULE: Final = 256
"""The most lists of Skips that are kept for one rule; when there are more, all are dropped."""


# Not frozen: one is made for every new set of rules, and freezing slows the row `new requests` of
# benchmarks/decide.py.
@dataclass(slots=True, eq=False)
class Effect:
    """What a set of matching rules means together. Never changed once it is made.

    Attributes:
        allowed: The models that they leave (bit i: model i).
        first: The models that they put first.
        floor: The lowest rank that they require.
        floor_by: The rule that requires it; None when none does.
        denied: The first rule that denies the request; None when none does.
        accept: The checks that they require.
        reasons: Their names, and the models that they exclude, each by the first to do so.
        cost: The strictest `max_cost` among them.
        prefer: The sort keys of the first one that has any.
    """

    allowed: int
    first: First
    floor: int
    floor_by: Rule | None
    denied: Rule | None
    accept: tuple[Accept, ...]
    reasons: RuleReasons
    cost: CostBound | None
    prefer: tuple[OrderKey, ...] | None


class RuleSkips(dict[int, list[Skip]]):
    """The Skips of one rule or task, by the set of models that it excludes from what is left.

    A rule that allows one of a thousand models excludes 999. Each of their Skips is made when it is
    first needed.
    """

    def __init__(self, models: Sequence[Model], exclusions: Sequence[Exclusion]) -> None:
        """Prepare the Skips.

        Args:
            models: The models of the policy.
            exclusions: What the rule excludes; the first entry that has a model is its reason.
        """
        super().__init__()
        self._models = models
        self._exclusions = exclusions
        self._made: dict[int, Skip] = {}

    def __missing__(self, excluded: int) -> list[Skip]:
        if len(self) >= KEPT_PER_RULE:
            self.clear()
        made = self._made
        skips = self[excluded] = [made.get(i) or self._make(i) for i in bits(excluded)]
        return skips

    def _make(self, i: int) -> Skip:
        cause = next(e for e in self._exclusions if e.models >> i & 1)
        model = self._models[i]
        skip = self._made[i] = Skip(model.name, cause.reason, cause.detail(model), span=cause.span)
        return skip


@dataclass(frozen=True, slots=True)
class RuleEffect:
    """What one rule does where it applies.

    Attributes:
        rule: The rule.
        removes: The models that it excludes (bit i: model i).
        skips: Why, for any set of them.
        first: The models that it puts first.
        cost: Its `max_cost`, if it has one.
        prefer: Its sort keys, if it has any.
    """

    rule: Rule
    removes: int
    skips: RuleSkips
    first: First
    cost: CostBound | None
    prefer: tuple[OrderKey, ...] | None

    @property
    def only_removes(self) -> bool:
        """Whether it does no more than exclude models by what it says itself."""
        rule = self.rule
        return not (
            self.first
            or rule.min_tier
            or rule.deny is not None
            or rule.accept
            or self.cost is not None
            or self.prefer is not None
        )


@dataclass(frozen=True, slots=True)
class TaskEffect:
    """What a task does to the models, besides its minimum tier.

    Attributes:
        source: The task with its name, such as ``task `x` ``.
        removes: The models that it excludes (bit i: model i).
        skips: Why, for any set of them.
        first: The models that it puts first.
        use: The groups of its exact order, if it has one.
        cost: Its `max_cost`, if it has one.
        prefer: Its sort keys, if it has any.
    """

    source: str
    removes: int
    skips: RuleSkips
    first: First
    use: Groups | None
    cost: CostBound | None
    prefer: tuple[OrderKey, ...] | None
