"""a task, a band, an alias, a limit or an experiment that no request can reach a model with

Rules, tasks and budgets together exclude every model that it is about from every request that it is
about. Requests of such a task, band or alias are all refused; such a limit counts nothing, and such
an experiment never puts its models first.

Bad:
    tasks: { code: { keywords: [refactor], only: [big] }, chat: {} }
    rules:
      - { name: a, when: "task == 'code' and tokens > 500", avoid: [big] }
      - { name: b, when: "task == 'code' and tokens <= 500", avoid: [big] }

Good:
    tasks: { code: { keywords: [refactor], only: [big] }, chat: {} }
    rules:
      - { name: a, when: "task == 'code' and tokens > 500", avoid: [big] }
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from policy_router.assurance.cover import GaveUp
from policy_router.assurance.reach import Reach
from policy_router.assurance.regions import Part
from policy_router.check.subject import Subject, note, warning
from policy_router.decision.bitset import bits
from policy_router.domain.condition import COMPLEXITY, MODEL, TASK, Op, Test, tests_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from policy_router.decision.policy import Policy
    from policy_router.decision.space import Box
    from policy_router.diagnostics import Diagnostic, Span
    from policy_router.domain.condition import Condition, Tree


@dataclass(frozen=True, slots=True)
class _Question:
    """Whether a request that meets a condition can reach one of some models.

    Attributes:
        about: The part of the policy, such as ``task `x` ``.
        where: The condition; None is all requests.
        models: The models (bit i: model i).
        says: What follows where none can, as the end of a sentence.
        span: The place of the part.
        serious: Whether that is a mistake, or only worth knowing.
    """

    about: str
    where: Tree | None
    models: int
    says: str
    span: Span | None
    serious: bool = True


def check(subject: Subject) -> Iterator[Diagnostic]:
    policy = subject.policy
    questions = list(_questions(policy))
    if not questions:
        return
    conditions = [q.where for q in questions if q.where is not None]
    reach = Reach(policy, conditions, subject.cancelled)
    reported = sum(1 << policy.position(model.name) for model, _ in subject.unreachable)
    for question in questions:
        if not question.models & ~reported or _is_reported(reach, question):
            continue
        boxes = [{}] if question.where is None else reach.boxes_of(question.where)
        if boxes and _is_out_of_reach(subject, reach, question, boxes):
            says = (
                f"{question.about} {question.says}: rules, tasks and budgets exclude "
                "each of its models from each of its requests"
            )
            help_ = "narrow one of the rules, or remove it"
            if question.serious:
                yield warning("out-of-reach", says, question.span, help_)
            else:
                yield note("out-of-reach", says, question.span, help_)


def _questions(policy: Policy) -> Iterator[_Question]:
    for task in policy.tasks:
        where = Test(TASK, Op.IN, (task.name,))
        says = "refuses every request"
        yield _Question(f"task `{task.name}`", where, policy.all_models, says, task.span)
    for band in policy.bands:
        where = Test(COMPLEXITY, Op.IN, (band.name,))
        says = "refuses every request"
        yield _Question(f"band `{band.name}`", where, policy.all_models, says, band.span)
    for limit in policy.limits:
        if limit.when is not None and limit.models:
            about = f"{limit.section.removesuffix('s')} `{limit.name}`"
            yield _Question(about, limit.when.tree, limit.models, "counts nothing", limit.span)
    for experiment in policy.experiments:
        first = {name for arm in experiment.arms for name in arm.first}
        if experiment.acts_on == {"first"}:
            yield _Question(
                f"experiment `{experiment.name}`",
                None if experiment.when is None else experiment.when.tree,
                sum(1 << policy.position(name) for name in first),
                "changes nothing",
                experiment.span,
                serious=False,
            )
    if any(test.fact == MODEL for when in _conditions(policy) for test in tests_of(when.tree)):
        for alias in policy.aliases:
            if not alias.is_pattern:
                where = Test(MODEL, Op.IN, (alias.name,))
                models = policy.models_asked_for(alias.name)
                says = "refuses every request"
                yield _Question(f"alias `{alias.name}`", where, models, says, alias.span)


def _is_reported(reach: Reach, question: _Question) -> bool:
    """Whether one part of the policy alone leaves a task no model, which other rules report."""
    everyone = reach.policy.all_models
    return question.models == everyone and any(
        source.removes == everyone and not (source.rule is None and source.part is not Part.TASK)
        for source in reach.regions.sources
    )


def _conditions(policy: Policy) -> Iterator[Condition]:
    own = [*(rule.when for rule in policy.rules), *(limit.when for limit in policy.limits)]
    yield from (when for when in own if when is not None)


def _is_out_of_reach(
    subject: Subject, reach: Reach, question: _Question, boxes: Sequence[Box]
) -> bool:
    regions = reach.regions
    denied = regions.denied() | reach.impossible
    removers = {reach.removers[i] for i in bits(question.models)}
    try:
        if all(reach.cover.uncovered(box, denied) is None for box in boxes):
            return False  # a refusal with a reason is intended
        return all(
            reach.cover.uncovered(box, by | reach.impossible) is None
            for by in sorted(removers, key=int.bit_count)
            for box in boxes
        )
    except GaveUp:
        subject.questions.leave_open("out-of-reach", question.about, question.span)
        return False
