"""Which checks an answer must pass, and which judges may not see the request.

The same holds for every model that is shown a request without answering it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.decision.exclusions import name_of
from policy_router.domain.condition import TASK
from policy_router.domain.decision import Reason, Skip

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from policy_router.decision.policy import Policy
    from policy_router.decision.rule_effects import Effect
    from policy_router.domain.acceptance import Accept
    from policy_router.domain.condition import Facts
    from policy_router.domain.models import Model
    from policy_router.domain.rules import Rule, Task


def checks_for(
    policy: Policy, task: Task | None, effect: Effect, facts: Facts
) -> tuple[tuple[Accept, ...], tuple[Skip, ...]]:
    """The checks that an answer must pass, and the judges among them that may not see the request.

    Args:
        policy: The policy that decides.
        task: The task of the request, whose checks come first.
        effect: What the rules that apply mean.
        facts: The facts of the request.
    """
    accept = effect.accept
    if task is not None and task.accept is not None:
        accept = (task.accept, *accept)
    judges = {each.llm.model.name: each.llm.model for each in accept if each.llm is not None}
    return accept, kept_from(policy, judges.values(), effect.reasons.rules, facts)


def kept_from(
    policy: Policy, models: Iterable[Model], applied: Sequence[str], facts: Facts
) -> tuple[Skip, ...]:
    """Which models may not be shown a request that others answer, and why.

    A rule, or the task, whose `only` or `avoid` excludes a model keeps the request from it, and a
    model that is not free needs a budget as for an answer. Tiers, abilities, criteria and `use`
    concern answering; they keep nothing from a model.

    Args:
        policy: The policy that decides.
        models: The models that would be shown the request.
        applied: Names of the rules that apply.
        facts: The facts of the request.
    """
    parts: list[Rule | Task] = [rule for rule in policy.rules if rule.name in applied]
    task = policy.task(facts[TASK]) if facts else None
    if task is not None:
        parts.append(task)
    allowed: list[str] = []
    skips: list[Skip] = []
    for model in models:
        skip = next((s for part in parts if (s := _excluded(model, part))), None)
        if skip is None:
            allowed.append(model.name)
        else:
            skips.append(skip)
    index = policy._index
    _, unpaid = index.limits.unpaid(index.mask(allowed), facts)
    return (*skips, *unpaid)


def _excluded(model: Model, part: Rule | Task) -> Skip | None:
    if part.only is not None and model.name not in part.only:
        detail = f"excluded by `only` of {name_of(part)}"
        return Skip(model.name, Reason.ONLY, detail, span=part.only_at or part.span)
    if model.name in part.avoid:
        detail = f"excluded by `avoid` of {name_of(part)}"
        return Skip(model.name, Reason.AVOID, detail, span=part.avoid_at or part.span)
    return None
