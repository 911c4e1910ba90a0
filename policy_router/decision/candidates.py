"""The candidates of a decision, in the order in which they are tried."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from policy_router.decision.grouping import ordered_in_groups
from policy_router.decision.moment import values_of_the_moment
from policy_router.decision.sessions import kept_in_tier
from policy_router.domain.decision import Reason, Skip
from policy_router.domain.models import TYPICAL_OUTPUT
from policy_router.domain.ordering import SortKey
from policy_router.domain.sessions import Keep

if TYPE_CHECKING:
    from policy_router.decision.fixed_places import First
    from policy_router.decision.policy import Policy
    from policy_router.decision.rule_effects import Effect, TaskEffect
    from policy_router.domain.decision import Candidate
    from policy_router.domain.sessions import SessionStep
    from policy_router.domain.situation import Situation
    from policy_router.domain.snapshot import Snapshot


def ordered(
    policy: Policy,
    situation: Situation,
    snapshot: Snapshot,
    effect: Effect,
    own: TaskEffect | None,
    *,
    allowed: int,
    floor: int,
    first: First,
    kept: int = 0,
) -> tuple[Candidate, ...]:
    """The allowed models (bit i: model i) in the order they are tried.

    Args:
        policy: The policy that decides.
        situation: The request as the policy sees it.
        snapshot: The state of the world.
        effect: What the rules that apply mean.
        own: What the task does to the models, if anything.
        allowed: The models that may answer.
        floor: The lowest rank that is wanted.
        first: What is put first.
        kept: The model that a session stays with; it goes before an exact order, too.
    """
    index, request = policy._index, situation.request
    if request.prefer is not None:
        prefer = tuple(SortKey(key) for key in request.prefer)
    elif effect.prefer is not None:
        prefer = effect.prefer
    elif own is not None and own.prefer is not None:
        prefer = own.prefer
    else:
        prefer = policy.prefer
    tokens, now = request.tokens, snapshot.now
    output = TYPICAL_OUTPUT if request.max_tokens is None else request.max_tokens
    values = values_of_the_moment(index, situation, snapshot, prefer)
    ranked = index.order.candidates
    choice = None if request.model is None else index.aliases.find(request.model)
    use = None if own is None else own.use
    if choice is None and use is None:
        return ranked(allowed, floor, first, prefer, tokens, output, values, now)

    def usual(models: int) -> tuple[Candidate, ...]:
        return ranked(models, floor, first, prefer, tokens, output, values, now)

    def used(models: int) -> tuple[Candidate, ...]:
        if own is None or use is None:
            return usual(models)
        return ordered_in_groups(use, models, usual, "use", f"`use` of {own.source}")

    stays = usual(kept) if kept else ()
    others = allowed & ~kept
    if choice is None:
        return stays + used(others)
    source = f"alias `{choice.alias.name}`"
    return stays + ordered_in_groups(choice.groups, others, used, "alias", source)


def ordered_in_session(  # noqa: PLR0917  as in `ordered`
    policy: Policy,
    situation: Situation,
    snapshot: Snapshot,
    effect: Effect,
    own: TaskEffect | None,
    step: SessionStep | None,
    *,
    allowed: int,
    floor: int,
    first: First,
) -> tuple[Candidate, ...]:
    """The allowed models (bit i: model i) in the order they are tried, with the session in mind.

    Args:
        policy: The policy that decides.
        situation: The request as the policy sees it.
        snapshot: The state of the world.
        effect: What the rules that apply mean.
        own: What the task does to the models, if anything.
        step: What the session means for the request, if anything.
        allowed: The models that may answer.
        floor: The lowest rank that the request wants.
        first: What rules and the task put first.
    """
    if step is None or step.before is None:
        return ordered(
            policy, situation, snapshot, effect, own, allowed=allowed, floor=floor, first=first
        )
    order = partial(ordered, policy, situation, snapshot, effect, own)
    floor, stays = step.rank, step.stays_with
    if stays is not None:
        # Below the tier where no stronger model is left: then it is as good as any.
        lowest = min(floor, policy.model(stays).rank)
        first = policy._index.kept[stays] + (first if lowest == floor else ())
        kept = 1 << policy.position(stays)
        return order(allowed=allowed, floor=lowest, first=first, kept=kept)
    inside = allowed & policy.models_up_to(floor) & ~policy.models_below(floor)
    if step.keep is Keep.TIER and inside and allowed & ~policy.models_up_to(floor):
        own_tier, others = (
            order(allowed=some, floor=floor, first=first) for some in (inside, allowed ^ inside)
        )
        return kept_in_tier(own_tier, others, tier=step.tier)
    return order(allowed=allowed, floor=floor, first=first)


def cut(
    candidates: tuple[Candidate, ...], most: int
) -> tuple[tuple[Candidate, ...], tuple[Skip, ...]]:
    """The first candidates, as many as a request asks for, and why the others are out."""
    detail = f"the request asks for at most {most}"
    beyond = tuple(
        Skip(c.name, Reason.MAX_CANDIDATES, detail, span=c.model.span) for c in candidates[most:]
    )
    return candidates[:most], beyond
