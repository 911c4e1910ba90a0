"""Decides which models may answer a request, in which order, and why each other model is out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.decision.abilities import HOSTED_TOOLS
from policy_router.decision.bitset import bits
from policy_router.decision.disclosure import checks_for
from policy_router.decision.facts import situation_of
from policy_router.decision.gates import gates_for
from policy_router.decision.grouping import ordered_in_groups
from policy_router.decision.moment import values_of_the_moment
from policy_router.domain.complexity import Band
from policy_router.domain.decision import Decision, Reason, RuleReasons, Skip
from policy_router.domain.models import TYPICAL_OUTPUT
from policy_router.domain.ordering import SortKey
from policy_router.domain.snapshot import Snapshot

if TYPE_CHECKING:
    from policy_router.decision.fixed_places import First
    from policy_router.decision.policy import Policy
    from policy_router.decision.rule_effects import Effect
    from policy_router.domain.decision import Candidate
    from policy_router.domain.request import Request
    from policy_router.domain.rules import Rule, Task
    from policy_router.domain.situation import Situation

_EMPTY: Final = Snapshot()


def decide(policy: Policy, request: Request, snapshot: Snapshot = _EMPTY) -> Decision:
    """Decide which models may answer a request, in which order, and why each other model is out.

    It is total and pure: it never raises, and equal arguments always give an equal decision.

    Args:
        policy: The policy to decide by.
        request: The request.
        snapshot: The state of the world; by default there is no clock and nothing was used.

    Returns:
        The decision. A request that is invalid for the policy (it names an unknown task, band,
        model or attribute, or a number is out of range) is denied with `invalid` set.
    """
    return decide_on(policy, situation_of(policy, request, snapshot.now), snapshot)


def decide_on(policy: Policy, situation: Situation, snapshot: Snapshot = _EMPTY) -> Decision:
    """Decide a request that was validated before, as `decide` does.

    Args:
        policy: The policy to decide by.
        situation: What `situation_of` returned for this policy, the request and `snapshot.now`.
        snapshot: The state of the world.
    """
    if situation.problem is not None:
        return _denied(policy, situation)
    index, request, facts = policy._index, situation.request, situation.facts
    task, band = situation.task, situation.band
    effect = index.effect(index.matching(facts))
    if effect.denied is not None:
        return _denied(policy, situation, effect)
    floor, floor_by = _floor(effect, task, band)
    allowed = effect.allowed
    skipped: tuple[Skip, ...] = ()
    if floor_by is not None and not policy.fallback.step_down:
        weaker = allowed & index.below[floor]
        skipped += _too_weak(policy, weaker, floor, floor_by)
        allowed ^= weaker
    for gate in gates_for(request):
        excluded = gate.out(index, request, snapshot) & allowed
        if excluded:
            skipped += gate.skips(index, excluded, request, snapshot)
            allowed ^= excluded
    limits = index.limits
    if snapshot.used or not limits.plain or HOSTED_TOOLS in request.needs:
        excluded, skips = limits.excluded(allowed, facts, request, snapshot)
        skipped += skips
        allowed ^= excluded
    first = effect.first
    if task is not None and task.first:
        first += index.first_of[task.name]
    candidates = _ordered(policy, situation, snapshot, allowed=allowed, floor=floor, first=first)
    if request.max_candidates is not None and len(candidates) > request.max_candidates:
        beyond = candidates[request.max_candidates :]
        detail = f"the request asks for at most {request.max_candidates}"
        skipped += tuple(
            Skip(c.name, Reason.MAX_CANDIDATES, detail, span=c.model.span) for c in beyond
        )
        candidates = candidates[: request.max_candidates]
    accept = effect.accept
    barred: tuple[Skip, ...] = ()
    if accept or (task is not None and task.accept is not None):
        accept, barred = checks_for(policy, task, effect, facts)
    return Decision(
        revision=policy.revision,
        situation=situation,
        candidates=candidates,
        reasons=effect.reasons,
        further=skipped,
        accept=accept,
        barred=barred,
        now=snapshot.now if index.priced_by_hour else None,
    )


def _denied(policy: Policy, situation: Situation, effect: Effect | None = None) -> Decision:
    """The decision that no model may answer: by a rule, or because the request is invalid."""
    rule = None if effect is None else effect.denied
    if rule is None:
        denied, detail = situation.problem, f"invalid request: {situation.problem}"
    else:
        denied, detail = rule.deny, f"denied by rule `{rule.name}`"
    skipped = tuple(
        Skip(m.name, Reason.DENIED, detail, span=rule.span if rule else m.span)
        for m in policy.models
    )
    return Decision(
        revision=policy.revision,
        situation=situation,
        candidates=(),
        reasons=RuleReasons(() if effect is None else effect.reasons.rules, skipped),
        denied=denied,
    )


def _floor(
    effect: Effect, task: Task | None, band: Band | None
) -> tuple[int, Rule | Task | Band | None]:
    """The lowest rank that is wanted, and what wants it; rules come before the task and band."""
    floor: int = effect.floor
    floor_by: Rule | Task | Band | None = effect.floor_by
    for source in (task, band):
        if source is not None and source.min_tier is not None and source.min_tier > floor:
            floor, floor_by = source.min_tier, source
    return floor, floor_by


def _too_weak(
    policy: Policy, weaker: int, floor: int, source: Rule | Task | Band
) -> tuple[Skip, ...]:
    kind = "band" if isinstance(source, Band) else type(source).__name__.lower()
    detail = f"below tier `{policy.tiers[floor]}`, the `min_tier` of {kind} `{source.name}`"
    return tuple(
        Skip(policy.models[i].name, Reason.TIER, detail, span=source.span) for i in bits(weaker)
    )


def _ordered(
    policy: Policy,
    situation: Situation,
    snapshot: Snapshot,
    *,
    allowed: int,
    floor: int,
    first: First,
) -> tuple[Candidate, ...]:
    """The allowed models (bit i: model i) in the order they are tried."""
    index, request = policy._index, situation.request
    prefer = policy.prefer
    if request.prefer is not None:
        prefer = tuple(SortKey(key) for key in request.prefer)
    output = TYPICAL_OUTPUT if request.max_tokens is None else request.max_tokens
    values = values_of_the_moment(index, situation, snapshot, prefer)
    order = index.order.candidates
    choice = None if request.model is None else index.aliases.find(request.model)
    if choice is None:
        return order(allowed, floor, first, prefer, request.tokens, output, values)

    def usual(models: int) -> tuple[Candidate, ...]:
        return order(models, floor, first, prefer, request.tokens, output, values)

    source = f"alias `{choice.alias.name}`"
    return ordered_in_groups(choice.groups, allowed, usual, "alias", source)
