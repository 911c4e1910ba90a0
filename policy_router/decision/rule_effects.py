"""What the rules of a policy do, each alone and several together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from policy_router.decision.bitset import bits
from policy_router.domain.decision import Skip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.decision.fixed_places import First
    from policy_router.diagnostics import Span
    from policy_router.domain.acceptance import Accept
    from policy_router.domain.decision import Reason, RuleReasons
    from policy_router.domain.models import Model
    from policy_router.domain.rules import Rule

Exclusion: TypeAlias = "tuple[int, Reason, str, Span | None]"
"""Models (bit i: model i) that a rule excludes, with the reason, its text, and its position."""

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
        floor: The lowest rank that they want.
        floor_by: The rule that wants it; None when none does.
        denied: The first rule that denies the request; None when none does.
        accept: The checks that they require.
        reasons: Their names, and the models that they exclude, each by the first to do so.
    """

    allowed: int
    first: First
    floor: int
    floor_by: Rule | None
    denied: Rule | None
    accept: tuple[Accept, ...]
    reasons: RuleReasons


class RuleSkips(dict[int, list[Skip]]):
    """The Skips of one rule, by the set of models that it excludes from what is left.

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
        _, reason, detail, span = next(e for e in self._exclusions if e[0] >> i & 1)
        skip = self._made[i] = Skip(self._models[i].name, reason, detail, span=span)
        return skip


@dataclass(frozen=True, slots=True)
class RuleEffect:
    """What one rule does where it applies.

    Attributes:
        rule: The rule.
        removes: The models that it excludes (bit i: model i).
        skips: Why, for any set of them.
        first: The models that it puts first.
    """

    rule: Rule
    removes: int
    skips: RuleSkips
    first: First

    @property
    def only_removes(self) -> bool:
        """Whether it does no more than exclude models."""
        rule = self.rule
        return not (self.first or rule.min_tier or rule.deny is not None or rule.accept)
