"""The effect of experiment arms on the decision of a request that was drawn into them.

An arm only reorders: it puts models first among those that the policy allows, and has models
that can reason do so at another effort. It makes no model a candidate.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from policy_router.decision.abilities import REASONING
from policy_router.domain.decision import Candidate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from policy_router.decision.order.fixed_places import First
    from policy_router.domain.effort import Effort
    from policy_router.domain.experiments import Arm, Assignment, Experiment
    from policy_router.domain.models import Model


@dataclass(frozen=True, slots=True)
class ArmEffect:
    """What one arm does, or several of different experiments together.

    Attributes:
        first: The models that are put first.
        models: The same models as a set (bit i: model i).
        effort: How much models that can reason do so; None leaves it as it is.
        arms: The arms of the policy's experiments that the request is in.
    """

    first: First
    models: int
    effort: Effort | None
    arms: tuple[Assignment, ...] = ()


NO_EFFECT: Final = ArmEffect((), 0, None)
"""What the control does, and a request without experiments."""


class ArmIndex:
    """The arms of one policy.

    Args:
        experiments: The experiments of the policy.
        models: Its models.
        put: Registers that an arm puts a model, by its position, first; gives a number for `First`.
    """

    def __init__(
        self,
        experiments: Sequence[Experiment],
        models: Sequence[Model],
        put: Callable[[int, str], int],
    ) -> None:
        self._experiments = frozenset(experiment.name for experiment in experiments)
        self._models = models
        self._effects = {
            (experiment.name, arm.name): self._effect_of(experiment, arm, put)
            for experiment in experiments
            for arm in experiment.arms
        }

    def effect(self, assignments: tuple[Assignment, ...]) -> ArmEffect:
        """What arms do together. Where two do the same thing, the first one does it.

        Args:
            assignments: The arms. Those of experiments that the policy does not have are left out,
                and an arm that an experiment does not have does what the control does.
        """
        known = tuple(each for each in assignments if each.experiment in self._experiments)
        first, models, effort = NO_EFFECT.first, NO_EFFECT.models, NO_EFFECT.effort
        for each in known:
            own = self._effects.get((each.experiment, each.arm), NO_EFFECT)
            if not first:
                first, models = own.first, own.models
            effort = effort or own.effort
        return ArmEffect(first, models, effort, known)

    def _effect_of(
        self, experiment: Experiment, arm: Arm, put: Callable[[int, str], int]
    ) -> ArmEffect:
        source = f"experiment `{experiment.name}`"
        if arm.name != experiment.name:
            source = f"arm `{arm.name}` of {source}"
        positions = {model.name: i for i, model in enumerate(self._models)}
        first = [positions[name] for name in arm.first]
        return ArmEffect(
            first=tuple(put(i, source) for i in first),
            models=sum({1 << i for i in first}),
            effort=arm.effort,
        )


def with_effort(candidates: tuple[Candidate, ...], effort: Effort) -> tuple[Candidate, ...]:
    """The same candidates, those that can reason as models that do so at an effort."""
    return tuple(
        Candidate(replace(each.model, effort=effort), each.placed_by, each.detail)
        if REASONING in each.model.abilities
        else each
        for each in candidates
    )
