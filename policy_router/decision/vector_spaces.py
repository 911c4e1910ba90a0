"""Which embedding models share a vector space.

Vectors of two models have nothing to do with each other, so that an index which holds both finds
nothing. Two models share a space if they are the same model at two servers, and the policy sets the
same number of dimensions for them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from policy_router.decision.arms import NO_EFFECT
from policy_router.decision.bitset import chosen
from policy_router.decision.candidates import ordered
from policy_router.decision.order.sorting import upstream_of
from policy_router.domain.decision import Reason, Skip
from policy_router.domain.snapshot import Snapshot

if TYPE_CHECKING:
    from policy_router.decision.order.fixed_places import First
    from policy_router.decision.policy import Policy
    from policy_router.decision.rule_effects import Effect, TaskEffect
    from policy_router.domain.models import Model
    from policy_router.domain.situation import Situation

_CALM: Final = Snapshot()
_TYPICAL: Final = 1_000
"""Input tokens by which models are compared, so that no request gets other vectors by its size."""
_DIMENSIONS: Final = "dimensions"


def other_spaces(  # noqa: PLR0917  what a decision has worked out by then; keywords take longer
    policy: Policy,
    situation: Situation,
    effect: Effect,
    own: TaskEffect | None,
    allowed: int,
    floor: int,
    first: First,
) -> tuple[int, tuple[Skip, ...]]:
    """The allowed models (bit i: model i) outside of the space that the policy puts first, and why.

    Which space that is depends on the policy and on what its rules see of the request, not on the
    state of the world, the constraints of the caller or the size of the input. So equal callers get
    comparable vectors, or none.

    Args:
        policy: The policy that decides.
        situation: The request as the policy sees it.
        effect: What the rules that apply mean.
        own: What the task does to the models, if anything.
        allowed: The models that may answer.
        floor: The lowest rank that the request requires.
        first: What rules and the task put first.
    """
    index, request = policy._index, situation.request
    able = allowed & ~index.able.unable(frozenset(request.needs))
    if not able:
        return 0, ()
    alike = replace(
        request, tokens=_TYPICAL, max_input_tokens=None, model=None, prefer=None, session=None
    )
    asked = replace(situation, request=alike)
    first_choice = ordered(
        policy, index, asked, _CALM, effect, own, None, able, floor, first, NO_EFFECT
    )
    home = first_choice[0].model
    space = _space(home)
    others = sum(
        1 << i for i, model in enumerate(index.models) if able >> i & 1 and _space(model) != space
    )
    detail = f"its embeddings cannot be compared with those of `{home.name}`, which comes first"
    skips = tuple(
        Skip(model.name, Reason.VECTOR_SPACE, detail, span=model.span)
        for model in chosen(index.models, others)
    )
    return others, skips


def _space(model: Model) -> tuple[str, object]:
    """What two models have in common whose vectors can be compared."""
    length = model.params.get(_DIMENSIONS, model.defaults.get(_DIMENSIONS))
    return upstream_of(model), length
