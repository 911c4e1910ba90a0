"""a paid model that no budget covers

A model that costs money is a candidate only where a budget covers it, so that no money is spent
by accident. Without one it is never called. `cap: unlimited` is a budget without a limit. A budget
with `shadow: true` refuses nothing, so it does not cover a model by itself.

Bad:
    models:
      big: { model: openai/gpt-4o, tier: heavy }
      small: { model: ollama_chat/llama3.2, tier: light, price: free, context: 8k }
    budgets:
      chat: { models: [small], cap: $5/month }

Good:
    models:
      big: { model: openai/gpt-4o, tier: heavy }
      small: { model: ollama_chat/llama3.2, tier: light, price: free, context: 8k }
    budgets:
      all: { cap: $50/month }
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.subject import Subject, warning
from policy_router.domain.limits import Metric

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.diagnostics import Diagnostic


def check(subject: Subject) -> Iterator[Diagnostic]:
    policy = subject.policy
    covered = in_shadow = 0
    for limit in policy.limits:
        if limit.metric is Metric.USD:
            covered |= 0 if limit.shadow else limit.models
            in_shadow |= limit.models if limit.shadow else 0
    for i, model in enumerate(policy.models):
        if not model.free and not covered >> i & 1:
            budget = "no budget" if not in_shadow >> i & 1 else "only a budget in shadow"
            yield warning(
                "uncovered-model",
                f"`{model.name}` costs money and {budget} covers it, so it is never called",
                model.span,
                "add a budget, such as  budgets: { all: { cap: $50/month } }",
            )
