"""Which checks the answer to a request must pass, and which of their judges may not see it.

What holds for judges holds for every model that is shown a request it is not to answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.domain.decision import Reason, Skip

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from policy_router.decision.index import Effect
    from policy_router.decision.policy import Policy
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
    """Which of the models may not be shown a request that others answer, and why. What a rule lets
    only others see, or keeps from a model, that model does not see, and a paid one needs a budget
    as for an answer. Tiers and abilities are about answering and bar nobody. applied: names of the
    rules that apply."""
    rules = [rule for rule in policy.rules if rule.name in applied]
    seeing: list[str] = []
    found: list[Skip] = []
    for model in models:
        skip = next((s for rule in rules if (s := _kept_out(model, rule))), None)
        if skip is None:
            seeing.append(model.name)
        else:
            found.append(skip)
    index = policy._index
    _, unpaid = index.limits.not_paid_for(index.mask(seeing), facts)
    return (*found, *unpaid)


def _kept_out(model: Model, rule: Rule) -> Skip | None:
    if rule.only is not None and model.name not in rule.only:
        words = f"rule `{rule.name}` allows only others"
        return Skip(model.name, Reason.ONLY, words, span=rule.only_at or rule.span)
    if model.name in rule.avoid:
        words = f"rule `{rule.name}` avoids it"
        return Skip(model.name, Reason.AVOID, words, span=rule.avoid_at or rule.span)
    return None
