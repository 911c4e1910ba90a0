"""Which models may not judge an answer: what keeps a model from a request keeps it from the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.model import Reason, Skip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.condition import Facts
    from policy_router.decide.index import Index
    from policy_router.model import Accept, Model, Rule


def barred(
    index: Index, accept: Sequence[Accept], applied: Sequence[str], facts: Facts
) -> tuple[Skip, ...]:
    """Judges that these checks name and that may not be asked under a request, and why.

    applied: names of the rules that apply to it. What a rule lets only others see, or avoids, its
    judges do not see either; a paid judge needs a budget as any model does. Tiers and abilities
    are about answering and bar nobody.
    """
    judges = {each.llm.model.name: each.llm.model for each in accept if each.llm is not None}
    rules = [rule for rule in index.rules if rule.name in applied]
    found = {
        name: skip
        for name, model in judges.items()
        if (skip := next((s for rule in rules if (s := _kept_out(model, rule))), None)) is not None
    }
    _, unpaid = index.metering.not_paid_for(index.mask([n for n in judges if n not in found]), facts)
    return (*found.values(), *unpaid)


def _kept_out(model: Model, rule: Rule) -> Skip | None:
    if rule.only is not None and model.name not in rule.only:
        words = f"rule `{rule.name}` allows only others"
        return Skip(model.name, Reason.ONLY, words, at=rule.only_at or rule.at)
    if model.name in rule.avoid:
        words = f"rule `{rule.name}` avoids it"
        return Skip(model.name, Reason.AVOID, words, at=rule.avoid_at or rule.at)
    return None
