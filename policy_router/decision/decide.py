"""Decides which models may answer a request, in which order, and why each other model is out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.decision.abilities import HOSTED_TOOLS
from policy_router.decision.arms import NO_EFFECT, with_effort
from policy_router.decision.candidates import cut, ordered
from policy_router.decision.criteria import stricter
from policy_router.decision.disclosure import checks_for
from policy_router.decision.facts import situation_of
from policy_router.decision.floors import floor_of, too_weak
from policy_router.decision.gates import beyond_bounds, gates_for
from policy_router.decision.limits.shadow_limits import limit_effects
from policy_router.decision.order.demotion import demote
from policy_router.decision.order.learned_order import by_evidence
from policy_router.decision.prompts import chosen_prompts
from policy_router.decision.remaining import Remaining
from policy_router.decision.sessions import session_step
from policy_router.decision.shadow import learning_effect, names_of, rule_effect
from policy_router.decision.vector_spaces import other_spaces
from policy_router.domain.decision import Decision, Reason, RuleReasons, Skip
from policy_router.domain.learning import LearningMode
from policy_router.domain.snapshot import Snapshot
from policy_router.frozen import changer, maker

if TYPE_CHECKING:
    from policy_router.decision.index import Index
    from policy_router.decision.policy import Policy
    from policy_router.decision.rule_effects import Effect
    from policy_router.domain.acceptance import Accept
    from policy_router.domain.request import Request
    from policy_router.domain.shadow import ShadowEffect
    from policy_router.domain.situation import Situation

_EMPTY: Final = Snapshot()
_new_decision: Final = maker(Decision)
_unlearned: Final = changer(Snapshot, "measured", "beliefs")
_with_shadow: Final = changer(Decision, "shadow")


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
    learned = snapshot.measured or snapshot.beliefs is not None
    if learned and policy.learning.mode is not LearningMode.ADJUST:
        aside = snapshot if policy.learning.is_on else None
        return _decided_now(policy, situation, _unlearned(snapshot, {}, None), aside)
    return _decided_now(policy, situation, snapshot)


def _decided_now(
    policy: Policy, situation: Situation, snapshot: Snapshot, aside: Snapshot | None = None
) -> Decision:
    """The decision of a valid request, and what the parts in shadow would have done.

    Args:
        policy: The policy to decide by.
        situation: The request as the policy sees it.
        snapshot: The state of the world, as far as it counts.
        aside: The same with what was learned, where that is in shadow.
    """
    index = policy._index
    matching = index.matching(situation.facts)
    effect_of = index.effect
    if index.prompts is not None and situation.request.answers:
        chosen = chosen_prompts(policy.experiments, situation, snapshot)
        index = index.hearing(index.prompts, situation.facts, chosen)
    in_shadow, limits = matching & index.shadowing, index.limits
    if not in_shadow and not limits.shadowing:
        return _decided(policy, index, situation, snapshot, effect_of(matching), aside)
    matching ^= in_shadow
    effect = effect_of(matching)
    decision = _decided(policy, index, situation, snapshot, effect, aside)
    remaining = Remaining(policy, index, snapshot, effect, decision)
    shadow = []
    for rule, box in index.in_shadow(in_shadow):
        with_rule, applied = effect_of(matching | box), None
        after = remaining.with_rules(with_rule)
        if after is None:
            applied = _decided(policy, index, situation, snapshot, with_rule)
            after = names_of(applied)
        shadow.append(rule_effect(rule, decision, applied, after))
    if limits.shadowing:
        shadow += limit_effects(index, remaining, situation, snapshot)
    return _with_shadow(decision, (*shadow, *decision.shadow))


def _decided(  # noqa: C901, PLR0912, PLR0915, PLR0917  one step after the other
    policy: Policy,
    index: Index,
    situation: Situation,
    snapshot: Snapshot,
    effect: Effect,
    aside: Snapshot | None = None,
) -> Decision:
    """The decision of a valid request, by what the rules and limits that apply mean together."""
    if effect.denied is not None:
        return _denied(policy, situation, effect)
    request, facts = situation.request, situation.facts
    task = situation.task
    floor, floor_by = floor_of(effect, task, situation.band)
    allowed, first, cost = effect.allowed, effect.first, effect.cost
    skipped: tuple[Skip, ...] = ()
    own = None if task is None else index.task_effects.get(task.name)
    if own is not None:
        first += own.first
        cost = stricter(cost, own.cost)
        if excluded := allowed & own.removes:
            skipped += tuple(own.skips[excluded])
            allowed ^= excluded
    if floor_by is not None and not policy.fallback.step_down:
        weaker = allowed & index.below[floor]
        skipped += too_weak(policy, weaker, floor, floor_by)
        allowed ^= weaker
    if request.one_space:
        excluded, skips = other_spaces(policy, situation, effect, own, allowed, floor, first)
        skipped += skips
        allowed ^= excluded
    if cost is not None or index.usual is not None:
        excluded, skips = beyond_bounds(index, allowed, cost, request, snapshot)
        skipped += skips
        allowed ^= excluded
    for gate in gates_for(request) if allowed else ():
        excluded = gate.out(index, request, snapshot) & allowed
        if excluded:
            skipped += gate.skips(index, excluded, request, snapshot)
            allowed ^= excluded
    limits = index.limits
    if snapshot.used or not limits.plain or HOSTED_TOOLS in request.needs:
        excluded, more = limits.excluded(allowed, facts, request, snapshot)
        skipped += more
        allowed ^= excluded
    step = None
    if request.session is not None:
        step = session_step(policy, request, snapshot, allowed, floor, floor_by)
    lead = index.arms.effect(snapshot.arms) if snapshot.arms else NO_EFFECT
    candidates = ordered(
        policy, index, situation, snapshot, effect, own, step, allowed, floor, first, lead
    )
    candidates = candidates if lead.effort is None else with_effort(candidates, lead.effort)
    accept, barred = _checks(policy, situation, effect)
    learned = None
    if snapshot.beliefs is not None:
        candidates, learned = by_evidence(policy, situation, snapshot, candidates, floor, accept)
    if snapshot.last or request.max_candidates is not None:
        candidates = demote(candidates, snapshot.last)
        candidates, beyond = cut(candidates, request.max_candidates)
        skipped += beyond
    shadow: tuple[ShadowEffect, ...] = ()
    if aside is not None and len(candidates) > 1:  # outcomes only reorder
        others = ordered(
            policy, index, situation, aside, effect, own, step, allowed, floor, first, lead
        )
        others, _ = by_evidence(policy, situation, aside, others, floor, accept)
        shadow = learning_effect(candidates, demote(others, aside.last)[: request.max_candidates])
    unmet = () if candidates or not request.needs else index.able.unmet(request.needs)
    return _new_decision(
        revision=policy.revision,
        situation=situation,
        candidates=candidates,
        reasons=effect.reasons,
        further=skipped,
        accept=accept,
        unmet=unmet,
        barred=barred,
        now=snapshot.now if index.priced_by_hour else None,
        shadow=shadow,
        session=step,
        arms=lead.arms,
        learned=learned,
    )


def _checks(
    policy: Policy, situation: Situation, effect: Effect
) -> tuple[tuple[Accept, ...], tuple[Skip, ...]]:
    """The checks of the answer, and the models that would judge it but may not see the request."""
    task = situation.task
    if effect.accept or (task is not None and task.accept is not None):
        return checks_for(policy, task, effect, situation.facts)
    return effect.accept, ()


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
