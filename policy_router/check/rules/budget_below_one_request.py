"""a budget that cannot cover a single request

The most that a request can cost is reserved before it is sent. Where that is more than the whole
cap, every request that does not set a lower `max_tokens` is refused.

Bad:
    models:
      big: { model: openai/gpt-4o, tier: heavy }
    budgets:
      all: { cap: $0.001/day }

Good:
    models:
      big: { model: openai/gpt-4o, tier: heavy }
    budgets:
      all: { cap: $1/day }
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from policy_router.check.subject import Subject, warning
from policy_router.decision.limits.amounts import largest_amount
from policy_router.decision.wording import spell_amount
from policy_router.domain.limits import Metric, WhenExhausted
from policy_router.domain.request import Request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.diagnostics import Diagnostic
    from policy_router.domain.limits import Limit
    from policy_router.domain.models import Model

_PLAIN = Request()


def check(subject: Subject) -> Iterator[Diagnostic]:
    models = subject.policy.models
    least: list[int] = []  # the same for every budget of money
    for limit in subject.policy.limits:
        cap = limit.cap
        if limit.metric is not Metric.USD or cap is None or not limit.refusing:
            continue
        too_expensive = []
        if not least:
            least = [_least(limit, model) for model in models]
        for i, least_cost in enumerate(least):
            if least_cost > cap and limit.models >> i & 1:
                model = models[i]
                if not model.free or limit.then is WhenExhausted.BLOCK:
                    too_expensive.append((least_cost, model))
        if too_expensive:
            least_cost, model = min(too_expensive, key=lambda pair: pair[0])
            names = ", ".join(f"`{m.name}`" for _, m in too_expensive)
            tokens = f"{model.output_cap(None):,} tokens"
            yield warning(
                "budget-below-one-request",
                f"budget `{limit.name}` cannot cover a single request to {names}: an answer of "
                f"{tokens} is reserved first, at {spell_amount(limit.metric, least_cost)} or more",
                subject.draft.places.value(("budgets", limit.name, "cap")),
                "raise the cap, set the model's  defaults: { max_tokens: ... } , or remove the "
                "model from the budget",
            )


def _least(limit: Limit, model: Model) -> int:
    """What is reserved for a request at the hours at which that is the least."""
    prices = () if model.price is None else model.price.within(None, 0)
    return min(
        (
            largest_amount(limit, replace(model, price=replace(price, by_hour=())), _PLAIN)
            for price in prices
        ),
        default=0,
    )
