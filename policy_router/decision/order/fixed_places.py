"""The places in an order that no sort key gives: put first, the only one, a weaker tier."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from policy_router.domain.decision import Candidate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.domain.models import Model

First: TypeAlias = tuple[int, ...]
"""What is put first, by the numbers that `FixedPlaces.put` returned; earlier ones win."""


class FixedPlaces:
    """The candidates of one policy whose place depends on no sort key.

    Attributes:
        models: The models of the policy, weak and strong, in written order.
        below: For each rank of a tier the models of weaker ones (bit i: model i).
        stepping: For each rank of a tier, and each model, the model as one of a weaker tier.
    """

    def __init__(self, models: Sequence[Model], tiers: Sequence[str]) -> None:
        self.models = tuple(models)
        self.below = tuple(
            sum(1 << i for i, m in enumerate(models) if m.rank < rank) for rank in range(len(tiers))
        )
        self.stepping = [
            [Candidate(m, "step_down", f"last resort: below tier `{tier}`") for m in models]
            for tier in tiers
        ]
        self._tiers = tuple(tiers)
        self._put: list[tuple[int, Candidate]] = []

    def put(self, i: int, source: str) -> int:
        """Register that a rule or task puts a model first.

        Args:
            i: Position of the model.
            source: The rule or task, such as ``rule `x` ``.

        Returns:
            A number for `First`.
        """
        return self._add(i, "first", f"put first by {source}")

    def keep(self, i: int) -> int:
        """Register that a session puts a model first which served it before.

        Args:
            i: Position of the model.

        Returns:
            A number for `First`.
        """
        return self._add(i, "session", "answered last in this session")

    def lead(self, i: int, source: str) -> int:
        """Register that an experiment puts a model first.

        Args:
            i: Position of the model.
            source: The arm, such as ``experiment `x` ``.

        Returns:
            A number for `First`.
        """
        return self._add(i, "experiment", f"put first by {source}")

    def _add(self, i: int, placed_by: str, detail: str) -> int:
        self._put.append((1 << i, Candidate(self.models[i], placed_by, detail)))
        return len(self._put) - 1

    def put_first(self, first: First, keyed: int) -> tuple[list[Candidate], int]:
        """The models that are put first, and the rest.

        Args:
            first: What is put first.
            keyed: The models that can be (bit i: model i).

        Returns:
            The candidates in order, and the set of the other models.
        """
        ordered = []
        for number in first:
            bit, candidate = self._put[number]
            if keyed & bit:
                keyed ^= bit
                ordered.append(candidate)
        return ordered, keyed

    def lone(self, model: Model, floor: int, *, after_first: bool, before_weak: bool) -> Candidate:
        """The only model that the keys have to place.

        Args:
            model: The model.
            floor: Rank of the lowest tier that is wanted.
            after_first: Whether others are put first.
            before_weak: Whether models of weaker tiers come after it.
        """
        detail = "the only model left"
        if after_first:
            detail = "the only other model"
        elif before_weak:
            detail = f"the only model of tier `{self._tiers[floor]}` or better"
        return Candidate(model, "only candidate", detail)
