"""The candidates of a decision, in the order in which they are tried."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from policy_router.decision.order.dynamic_values import dynamic_values, is_measured_alone
from policy_router.decision.order.grouping import ordered_in_groups
from policy_router.decision.order.model_estimates import ModelEstimates
from policy_router.decision.order.order_keys import order_keys
from policy_router.decision.sessions import kept_in_tier
from policy_router.domain.decision import Reason, Skip
from policy_router.domain.models import TYPICAL_OUTPUT
from policy_router.domain.ordering import SortKey
from policy_router.domain.sessions import Keep

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from policy_router.decision.arms import ArmEffect
    from policy_router.decision.index import Index
    from policy_router.decision.order.fixed_places import First
    from policy_router.decision.policy import Policy
    from policy_router.decision.rule_effects import Effect, TaskEffect
    from policy_router.domain.decision import Candidate
    from policy_router.domain.ordering import OrderKey
    from policy_router.domain.request import Request
    from policy_router.domain.sessions import SessionStep
    from policy_router.domain.situation import Situation
    from policy_router.domain.snapshot import Snapshot


Order: TypeAlias = "Callable[[int, int, First], tuple[Candidate, ...]]"
"""Puts models in order: the models (bit i: model i), the lowest rank wanted, what is put first."""


def ordered(  # noqa: PLR0917  what a decision has worked out by then; keywords take longer
    policy: Policy,
    index: Index,
    situation: Situation,
    snapshot: Snapshot,
    effect: Effect,
    own: TaskEffect | None,
    step: SessionStep | None,
    allowed: int,
    floor: int,
    first: First,
    lead: ArmEffect,
) -> tuple[Candidate, ...]:
    """The allowed models (bit i: model i) in the order they are tried.

    Args:
        policy: The policy that decides.
        index: Its index, with the prompts that the models get.
        situation: The request as the policy sees it.
        snapshot: The state of the world.
        effect: What the rules that apply mean.
        own: What the task does to the models, if anything.
        step: What the session means for the request, if anything.
        allowed: The models that may answer.
        floor: The lowest rank that the request requires.
        first: What rules and the task put first.
        lead: What the arms of experiments put before that.
    """
    if not allowed:
        return ()
    request = situation.request
    prefer = order_keys(policy, request, effect, own)
    tokens, now = request.tokens, snapshot.now
    output = TYPICAL_OUTPUT if request.max_tokens is None else request.max_tokens
    output *= request.answers
    least, measured = policy.learning.min_samples, None
    values: Mapping[OrderKey, Sequence[float]] = {}
    if snapshot.measured and is_measured_alone(index, request, snapshot, prefer):
        measured = index.order.measured.by(request, snapshot, prefer, least)
    else:
        values = dynamic_values(policy, index, situation, snapshot, prefer)
    note = None
    if values and (snapshot.measured or SortKey.VALUE in values):
        estimates = ModelEstimates(request, situation.task, snapshot, least)
        note = partial(estimates.note, index.models)
    usual = index.order.candidates
    if lead.first:
        first = lead.first + first
    if step is None and request.model is None and (own is None or own.use is None):
        if measured is not None:
            return measured.candidates(request, snapshot, allowed, floor, first)
        candidates = usual(allowed, floor, first, prefer, tokens, output, values, now, note)
        return index.as_called(candidates) if index.prompted else candidates
    by_keys: Order = partial(
        usual, prefer=prefer, tokens=tokens, output=output, values=values, now=now, note=note
    )
    if measured is not None:
        by_keys = partial(measured.candidates, request, snapshot)
    grouped = partial(_grouped, index, request, own, by_keys, lead.models)
    if step is None or step.before is None:
        candidates = grouped(allowed, floor, first)
    else:
        candidates = _in_session(policy, grouped, step, allowed, first)
    return index.as_called(candidates) if index.prompted else candidates


def _grouped(  # noqa: PLR0917  as above
    index: Index,
    request: Request,
    own: TaskEffect | None,
    usual: Order,
    leading: int,
    allowed: int,
    floor: int,
    first: First,
    kept: int = 0,
) -> tuple[Candidate, ...]:
    """The order by the groups of an alias that is asked for, and of the `use` of the task.

    The model that a session stays with, `kept`, goes before both, and so do those that an
    experiment puts first, `leading`.
    """
    choice = None if request.model is None else index.aliases.find(request.model)
    use = None if own is None else own.use
    if (choice is None or len(choice.groups) == 1) and (use is None or len(use) == 1):
        return usual(allowed, floor, first)  # one group; the kept model is the first of `first`

    def used(models: int) -> tuple[Candidate, ...]:
        if own is None or use is None:
            return usual(models, floor, first)
        source = f"`use` of {own.source}"
        return ordered_in_groups(use, models, lambda some: usual(some, floor, first), "use", source)

    heads = usual(kept, floor, first) if kept else ()
    others = allowed & ~kept
    put = leading & others & ~index.below[floor]
    if put:
        heads += usual(put, floor, first)
        others ^= put
    if choice is None:
        return heads + used(others)
    source = f"alias `{choice.alias.name}`"
    return heads + ordered_in_groups(choice.groups, others, used, "alias", source)


def _in_session(
    policy: Policy,
    order: Callable[..., tuple[Candidate, ...]],
    step: SessionStep,
    allowed: int,
    first: First,
) -> tuple[Candidate, ...]:
    """The order of a request whose session has begun before."""
    floor, stays = step.rank, step.stays_with
    if stays is not None:
        # Below the tier where no stronger model is left: then it is as good as any.
        lowest = min(floor, policy.model(stays).rank)
        first = policy._index.kept[stays] + (first if lowest == floor else ())
        return order(allowed, lowest, first, 1 << policy.position(stays))
    inside = allowed & policy.models_up_to(floor) & ~policy.models_below(floor)
    if step.keep is Keep.TIER and inside and allowed & ~policy.models_up_to(floor):
        own_tier, others = (order(some, floor, first) for some in (inside, allowed ^ inside))
        return kept_in_tier(own_tier, others, tier=step.tier)
    return order(allowed, floor, first)


def cut(
    candidates: tuple[Candidate, ...], most: int | None
) -> tuple[tuple[Candidate, ...], tuple[Skip, ...]]:
    """The first candidates, as many as a request asks for, and why the others are out.

    Args:
        candidates: All candidates in order.
        most: How many are wanted; None for all.
    """
    if most is None:
        return candidates, ()
    detail = f"the request asks for at most {most}"
    beyond = tuple(
        Skip(c.name, Reason.MAX_CANDIDATES, detail, span=c.model.span) for c in candidates[most:]
    )
    return candidates[:most], beyond
