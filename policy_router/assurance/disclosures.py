"""The requests that a model sees without answering them: as a judge, or as an estimator."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from policy_router.assurance.reach import Reached
from policy_router.assurance.regions import Part, unpaid
from policy_router.assurance.values import lowest_number
from policy_router.decision.bitset import bits
from policy_router.decision.disclosure import kept_from
from policy_router.decision.space import meet
from policy_router.domain.condition import SCORE, TASK, Op, Test
from policy_router.domain.rules import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from policy_router.assurance.reach import Excluded, Reach, Unknown
    from policy_router.assurance.regions import Regions
    from policy_router.assurance.witness import Witness
    from policy_router.decision.policy import Policy
    from policy_router.decision.space import Box
    from policy_router.domain.condition import Condition
    from policy_router.domain.decision import Decision
    from policy_router.domain.rules import Task

Seen: TypeAlias = "tuple[str, str, Decision]"
"""The name of a model, what it does as text for people, and the decision."""


def shown_models(
    reach: Reach, boxes: Sequence[Box], when: Condition | None, models: Sequence[int]
) -> Iterator[Excluded | Reached[Seen] | Unknown]:
    """For each of some models that judges or estimates: whether it is shown a request.

    Args:
        reach: What is known about the policy; its space distinguishes the tasks.
        boxes: Where the request may lie.
        when: A condition that it has to meet as well, for boxes that are wider than it.
        models: Positions of the models.
    """
    policy = reach.policy
    for model in models:
        name = policy.models[model].name
        judged = list(_judged(reach, name, boxes))
        if judged:
            show = partial(_as_judge, reach, name, when)
            yield reach.settle(judged, kept_boxes(reach.policy, reach.regions, model), show)
        if policy.complexity.model == name:
            yield _estimated(reach, model, boxes, when)


def _judged(reach: Reach, name: str, boxes: Sequence[Box]) -> Iterator[Box]:
    """The parts of the boxes where a rule or a task has the model judge answers."""
    policy = reach.policy
    where: list[Box] = []
    for rule, source in zip(policy.rules, reach.regions.sources, strict=False):
        if _has_judge(rule, name) and not rule.shadow:
            where += ({},) if source.boxes is None else source.boxes
    for task in policy.tasks:
        if _has_judge(task, name):
            position, cells = reach.space.cells(Test(TASK, Op.IN, (task.name,)))
            where.append({position: cells})
    for box in boxes:
        for other in where:
            both = meet(box, other)
            if both is not None:
                yield both


def _has_judge(part: Rule | Task, name: str) -> bool:
    accept = part.accept
    return accept is not None and accept.llm is not None and accept.llm.model.name == name


def models_that_see(policy: Policy) -> frozenset[str]:
    """Names of the models that judge answers or estimate the complexity of requests."""
    parts: tuple[Rule | Task, ...] = (*policy.rules, *policy.tasks)
    judges = (part.accept.llm for part in parts if part.accept is not None)
    names = {judge.model.name for judge in judges if judge is not None}
    return frozenset(
        names if policy.complexity.model is None else {*names, policy.complexity.model}
    )


def disclosure_of(policy: Policy, name: str) -> frozenset[object]:
    """What decides which requests a model sees as a judge or an estimator; empty if it is neither.

    Equal sets of two policies show it the same requests.

    Args:
        policy: The policy.
        name: The name of the model.
    """
    if name not in models_that_see(policy):
        return frozenset()
    does: set[object] = {policy.complexity.model == name}
    parts: tuple[Rule | Task, ...] = (*policy.rules, *policy.tasks)
    for part in parts:
        where: object = part.name
        if isinstance(part, Rule):
            where = part.when and part.when.text
            if part.shadow:
                continue
        denies = isinstance(part, Rule) and part.deny is not None
        effects = denies or excludes_by_name(part, name), _has_judge(part, name)
        if any(effects):
            does.add((where, effects))
    position = policy.position(name)
    lacks = (source for source in unpaid(policy) if source[1] >> position & 1)
    return frozenset(does.union((says, str(where)) for where, _, says, _ in lacks))


def kept_boxes(policy: Policy, regions: Regions, model: int) -> int:
    """Boxes in which a model may not be shown a request that others answer: see `kept_from`.

    Args:
        policy: The policy.
        regions: Its regions.
        model: The position of the model.
    """
    name, kept = policy.models[model].name, 0
    for number, rule in enumerate(policy.rules):
        if not rule.shadow and (rule.deny is not None or excludes_by_name(rule, name)):
            kept |= regions.holds[number]
    tasks = {f"task `{task.name}`" for task in policy.tasks if excludes_by_name(task, name)}
    for number, source in enumerate(regions.sources):
        by_task = source.part is Part.TASK and source.says in tasks
        unpaid = source.part is Part.MONEY and bool(source.removes >> model & 1)
        if by_task or unpaid:
            kept |= regions.holds[number]
    return kept


def excludes_by_name(part: Rule | Task, name: str) -> bool:
    """Whether the `only` or `avoid` of a rule or a task excludes a model."""
    return (part.only is not None and name not in part.only) or name in part.avoid


def _as_judge(reach: Reach, name: str, when: Condition | None, witness: Witness) -> Seen | None:
    decision = reach.decided(witness, when)
    if decision is None or not decision.candidates:
        return None
    judges = {accept.llm.model.name for accept in decision.accept if accept.llm is not None}
    if name not in judges - {skip.model for skip in decision.barred}:
        return None
    return name, f"whose answer `{name}` judges", decision


def _estimated(
    reach: Reach, model: int, boxes: Sequence[Box], when: Condition | None
) -> Excluded | Reached[Seen] | Unknown:
    """Whether a model estimates the complexity of a request.

    What it may see is decided by the complexity that was computed locally. The one that it gives
    may be any other, and the promise may be about that one.
    """
    name, kept = reach.policy.models[model].name, kept_boxes(reach.policy, reach.regions, model)
    answer = reach.settle(boxes, kept, partial(_as_estimator, reach, name, when))
    position = next((i for i, d in enumerate(reach.space.dimensions) if d.fact == SCORE), None)
    if isinstance(answer, Reached) or position is None:
        return answer
    dimension = reach.space.dimensions[position]
    present = dimension.live & ~(1 << dimension.size - 1)
    fact = reach.policy.vocabulary.facts[SCORE]
    scores = [lowest_number(dimension, fact, 1 << cell) for cell in bits(present)]
    before = [{**box, position: present} for box in boxes if box.get(position, present) & present]
    show = partial(_before_it_is_known, reach, name, when, scores)
    return reach.settle(before, kept, show)


def _as_estimator(reach: Reach, name: str, when: Condition | None, witness: Witness) -> Seen | None:
    decision = reach.decided(witness, when)
    if decision is None or not _may_estimate(reach.policy, name, decision):
        return None
    return name, f"whose complexity `{name}` estimates", decision


def _before_it_is_known(
    reach: Reach, name: str, when: Condition | None, scores: Sequence[float], witness: Witness
) -> Seen | None:
    """The same for a request that meets the condition with one of the scores at least."""
    decision = reach.decided(witness)
    if decision is None or not _may_estimate(reach.policy, name, decision):
        return None
    rated = (
        replace(witness, request=replace(witness.request, complexity=float(s))) for s in scores
    )
    if all(reach.decided(each, when) is None for each in rated):
        return None
    return name, f"that `{name}` sees to estimate its complexity, before that is known", decision


def _may_estimate(policy: Policy, name: str, decision: Decision) -> bool:
    if decision.denied is not None:
        return False
    facts = decision.situation.facts
    return not kept_from(policy, [policy.model(name)], decision.rules, facts)
