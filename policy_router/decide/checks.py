"""Which checks the answer to a request must pass, and which of their judges may not see it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from policy_router.model import Reason, Skip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.condition import Facts
    from policy_router.decide.index import Index
    from policy_router.model import Accept, Decision, Model, Rule, Task


def checked(
    decision: Decision, index: Index, task: Task | None, accept: tuple[Accept, ...], facts: Facts
) -> Decision:
    """The decision with the checks of its task and those that its rules ask for (`accept`)."""
    if task is not None and task.accept is not None:
        accept = (task.accept, *accept)
    if not accept:
        return decision
    return replace(decision, accept=accept, barred=_barred(index, accept, decision.rules, facts))


def _barred(
    index: Index, accept: Sequence[Accept], applied: Sequence[str], facts: Facts
) -> tuple[Skip, ...]:
    """What a rule lets only others see, or keeps from a model, a judge does not see either, and a
    paid judge needs a budget as any model does. Tiers and abilities are about answering and bar
    nobody. applied: names of the rules that apply."""
    judges = {each.llm.model.name: each.llm.model for each in accept if each.llm is not None}
    rules = [rule for rule in index.rules if rule.name in applied]
    found = {
        name: skip
        for name, model in judges.items()
        if (skip := next((s for rule in rules if (s := _kept_out(model, rule))), None)) is not None
    }
    _, unpaid = index.metering.not_paid_for(
        index.mask([n for n in judges if n not in found]), facts
    )
    return (*found.values(), *unpaid)


def _kept_out(model: Model, rule: Rule) -> Skip | None:
    if rule.only is not None and model.name not in rule.only:
        words = f"rule `{rule.name}` allows only others"
        return Skip(model.name, Reason.ONLY, words, at=rule.only_at or rule.at)
    if model.name in rule.avoid:
        words = f"rule `{rule.name}` avoids it"
        return Skip(model.name, Reason.AVOID, words, at=rule.avoid_at or rule.at)
    return None
