"""a quota that is more than the budget can pay for

Using up the quota once would cost more than the budget allows in its whole period. So only the
budget limits these models, and the quota has no effect.

Bad:
    models:
      big: { model: openai/gpt-4o, tier: heavy }
    limits:
      day: { models: [big], tokens: [100M/day] }
    budgets:
      all: { cap: $5/day }

Good:
    models:
      big: { model: openai/gpt-4o, tier: heavy }
    limits:
      day: { models: [big], tokens: [1M/day] }
    budgets:
      all: { cap: $5/day }
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.subject import warning
from policy_router.decision.bitset import bits
from policy_router.decision.wording import spell_amount
from policy_router.domain.limits import Metric

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.check.subject import Subject
    from policy_router.decision.policy import Policy
    from policy_router.diagnostics import Diagnostic
    from policy_router.domain.limits import Limit


def check(subject: Subject) -> Iterator[Diagnostic]:
    policy = subject.policy
    budgets = [
        m for m in policy.limits if m.metric is Metric.USD and m.cap is not None and m.refusing
    ]
    for quota in policy.limits:
        # The limits of a model are what its provider allows, independent of any budget.
        if quota.section != "limits" or quota.metric not in (Metric.TOKENS, Metric.REQUESTS):
            continue
        cost = _least(policy, quota)
        bound = next((b for b in budgets if _bounds(b, quota) and cost > (b.cap or 0)), None)
        if bound is not None:
            yield warning(
                "quota-above-budget",
                f"using up `{quota.name}` once costs at least {spell_amount(Metric.USD, cost)}, "
                f"more than the cap of budget `{bound.name}`",
                quota.span,
                "only the budget limits these models; lower the quota or raise the cap",
            )


def _bounds(budget: Limit, quota: Limit) -> bool:
    """Whether everything that a quota counts is paid from one counter of the budget."""
    within = not quota.models & ~budget.models
    return within and budget.when is None and budget.per == quota.per and not quota.overrides


def _least(policy: Policy, quota: Limit) -> int:
    """Return the least that using up a quota costs, in nano-USD; 0 when that is unknown.

    A request has at least one token of input and one of output.
    """
    costs = []
    for i in bits(quota.models):
        model = policy.models[i]
        if model.free or model.price is None:
            return 0
        rates = model.price.input, model.price.output
        rate = min(rates) if quota.metric is Metric.TOKENS else sum(rates)
        costs.append((quota.cap or 0) * rate // 1_000_000)
    return min(costs, default=0)
