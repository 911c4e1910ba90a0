"""Plans for budgets compared with single models, on prompts that they were not chosen by. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from policy_router.learning.bakeoff import halves
from policy_router.learning.budget_plans import at_budget, budget_plan, hull, single_points

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.learning.budget_plans import BudgetPlan
    from policy_router.learning.cascades import GradedPrompt


@dataclass(frozen=True, slots=True)
class BudgetRow:
    """The results of the plan for a budget, on prompts that it was not chosen on.

    Attributes:
        budget: The budget, in nano-USD a prompt.
        plan: The plan; None where even the cheapest models cost more.
        quality: Its mean quality, 0..1.
        cost: Its mean cost, in nano-USD a prompt.
        single: Quality of the best single model within the budget, on the same prompts.
        mixture: Quality of the best mixture of two single models within it, on the same prompts.
    """

    budget: float
    plan: BudgetPlan | None
    quality: float | None = None
    cost: float | None = None
    single: float | None = None
    mixture: float | None = None


def budget_rows(
    prompts: Sequence[GradedPrompt], models: Sequence[str], budgets: Sequence[float], seed: int
) -> list[BudgetRow]:
    """Choose plans for budgets on one half of the prompts, and judge them on the other."""
    chosen_by, judged_by = halves(prompts, seed)
    points = single_points(judged_by, models)
    rows = []
    for budget in budgets:
        plan = budget_plan(chosen_by, models, budget)
        if plan is None:
            rows.append(BudgetRow(budget, None))
            continue
        got = [plan.achieved(each) for each in judged_by]
        rows.append(
            BudgetRow(
                budget,
                plan,
                quality=fmean(quality for quality, _ in got),
                cost=fmean(cost for _, cost in got),
                single=max((p[1] for p in points if p[0] <= budget), default=None),
                mixture=at_budget(hull(points), budget),
            )
        )
    return rows
