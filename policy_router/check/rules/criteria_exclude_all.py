"""criteria of a rule or a task that no model meets

Every request that the rule applies to, or that belongs to the task, is then refused. A model whose
latency or price is not known is beyond every bound on it.

Bad:
    rules:
      - { name: quick answers, when: { tags: chat }, max_latency: 2s }

Good:
    models:
      local: { model: ollama_chat/llama3.2, tier: light, price: free, context: 8k, latency: 1s }
    rules:
      - { name: quick answers, when: { tags: chat }, max_latency: 2s }
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.check.subject import warning
from policy_router.decision.criteria import is_over_cost, is_over_price, is_too_low, is_too_slow
from policy_router.decision.exclusions import name_of
from policy_router.domain.request import Request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.check.subject import Subject
    from policy_router.diagnostics import Diagnostic
    from policy_router.domain.criteria import Criteria
    from policy_router.domain.models import Model
    from policy_router.domain.rules import Rule, Task
    from policy_router.language.source import Path

_SMALLEST: Final = Request(tokens=0, max_tokens=1)


def check(subject: Subject) -> Iterator[Diagnostic]:
    policy, places = subject.policy, subject.draft.places
    parts: list[tuple[Path, Rule | Task]] = [
        *((("tasks", task.name), task) for task in policy.tasks),
        *((("rules", i), rule) for i, rule in enumerate(policy.rules)),
    ]
    for path, part in parts:
        alone = unmeetable(part.criteria, policy.models)
        for field, known in alone.items():
            yield warning(
                "criteria-exclude-all",
                f"no model meets `{field}` of {name_of(part)}",
                places.value((*path, field)),
                known,
            )
    for task in policy.tasks:
        removed = policy.removed_by_task(task.name)
        if removed == policy.all_models and not unmeetable(task.criteria, policy.models):
            yield warning(
                "criteria-exclude-all",
                f"task `{task.name}` leaves no model: each is excluded by one of its fields",
                task.span,
                "relax one of them; `explain` says what excludes each model",
            )


def unmeetable(criteria: Criteria, models: tuple[Model, ...]) -> dict[str, str]:
    """Return the criteria that no model meets, each with what to do about it."""
    lowest, longest = criteria.min_quality, criteria.max_latency
    rate, cost = criteria.max_price, criteria.max_cost
    unmet = {}
    if lowest is not None and all(is_too_low(model, lowest) for model in models):
        best = max(model.quality for model in models)
        unmet["min_quality"] = f"the best has a quality of {best:g}"
    if longest is not None and all(is_too_slow(model, longest) for model in models):
        known = [model.latency for model in models if model.latency is not None]
        unmet["max_latency"] = (
            f"the fastest takes {min(known):g} s" if known else "add  latency: 2s  to the models"
        )
    if rate is not None and all(is_over_price(model, rate) for model in models):
        unmet["max_price"] = "raise it, or add a cheaper model"
    # The fee of a request, or the price of one token, is already too much.
    if cost is not None and all(is_over_cost(m, cost, _SMALLEST, None) for m in models):
        unmet["max_cost"] = "raise it, or add a free model"
    return unmet
