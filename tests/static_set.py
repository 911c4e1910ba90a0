"""The static set: which models a policy allows for a request, whatever the state of the world.

It is written independently of `decide`, as one plain question per layer. A feature that excludes
models by policy and request alone is one more layer here; everything else (counters, cooldowns,
sessions, arms, constraints of callers) can only remove from the set, or reorder it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.domain.snapshot import Snapshot
from tests.reference import (
    added_tokens,
    fixed_cap,
    holds,
    needed_context,
    prompt_of,
    vector,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from policy_router.decision.policy import Policy
    from policy_router.domain.limits import Limit
    from policy_router.domain.models import Model
    from policy_router.domain.request import Request
    from policy_router.domain.rules import Rule, Task


class Question:
    """A request to a policy at a time of day, without any state."""

    def __init__(self, policy: Policy, request: Request, now: float | None) -> None:
        self.policy, self.request = policy, request
        task, band, _, self.facts = vector(policy, request, Snapshot(now=now))
        self.rules = [
            rule
            for rule in policy.rules
            if not rule.shadow and (rule.when is None or holds(rule.when.tree, self.facts))
        ]
        self.task = next((t for t in policy.tasks if t.name == task), None)
        self.band = next((b for b in policy.bands if b.name == band), None)
        self.limits = [
            limit
            for limit in policy.limits
            if not limit.shadow and (limit.when is None or holds(limit.when.tree, self.facts))
        ]
        self.parts: list[Rule | Task] = [*self.rules, *([self.task] if self.task else [])]

    def limits_of(self, model: Model) -> list[Limit]:
        """The limits and budgets that a model falls under."""
        number = [m.name for m in self.policy.models].index(model.name)
        return [limit for limit in self.limits if limit.models >> number & 1]


def static_set(policy: Policy, request: Request, now: float | None = None) -> frozenset[str]:
    """Names of the models that the policy allows; the clock counts as part of the request."""
    question = Question(policy, request, now)
    return frozenset(
        model.name
        for model in policy.models
        if all(layer(question, model) for layer in LAYERS.values())
    )


def _not_denied(question: Question, _: Model) -> bool:
    return all(rule.deny is None for rule in question.rules)


def _listed(question: Question, model: Model) -> bool:
    return all(
        (part.only is None or model.name in part.only) and model.name not in part.avoid
        for part in question.parts
    )


def _answers(question: Question, model: Model) -> bool:
    """A model that only makes embeddings answers no request but one for these; one that is for
    something else, such as reading pictures of text, answers none."""
    if any(ability.startswith("only ") for ability in model.abilities):
        return False
    return model.abilities != {"embeddings"} or question.request.needs == {"embeddings"}


def _used(question: Question, model: Model) -> bool:
    use = None if question.task is None else question.task.use
    return use is None or any(model.name in group for group in use)


def _able(question: Question, model: Model) -> bool:
    wanted = set(question.request.needs).union(*(part.needs for part in question.parts))
    return wanted <= model.abilities


def _strong_enough(question: Question, model: Model) -> bool:
    wanted = [part.min_tier for part in (*question.parts, question.band) if part is not None]
    return question.policy.fallback.step_down or all(model.rank >= (rank or 0) for rank in wanted)


def _within_criteria(question: Question, model: Model) -> bool:
    never = float("inf")
    latency = never if model.latency is None else model.latency
    rate = never if model.price is None else model.price.highest_rate
    return all(
        (each.min_quality is None or model.quality >= each.min_quality)
        and (each.max_latency is None or latency <= each.max_latency)
        and (each.max_price is None or rate <= each.max_price)
        for each in (part.criteria for part in question.parts)
    )


def _within_cost(question: Question, model: Model) -> bool:
    """At the lowest price that any hour has: a higher one is a matter of the moment."""
    request, bounds = question.request, [p.criteria.max_cost for p in question.parts]
    most = min((bound for bound in bounds if bound is not None), default=None)
    if most is None:
        return True
    if model.price is None or "hosted_tools" in request.needs:
        return False
    prices = [model.price, *(price for _, price in model.price.by_hour)]
    prompt = prompt_of(question.policy, model, request, question.facts)
    output = fixed_cap(model, prompt) or request.max_tokens
    tokens = request.tokens + added_tokens(prompt)
    return any(
        price.cost(tokens, request.answers * (300 if output is None else output)) + price.fee
        <= most
        for price in prices
    )


def _large_enough(question: Question, model: Model) -> bool:
    request = question.request
    prompt = prompt_of(question.policy, model, request, question.facts)
    return model.context is None or needed_context(model, prompt, request) <= model.context


def _paid_for(question: Question, model: Model) -> bool:
    budgets = [limit for limit in question.limits_of(model) if limit.metric == "usd"]
    if model.free:
        return True
    known = model.price is not None
    return bool(budgets) and (known or all(b.cap is None or b.then == "warn" for b in budgets))


def _bounded(question: Question, model: Model) -> bool:
    """Tools that run at the provider cost any amount, which no budget with a cap can hold."""
    if "hosted_tools" not in question.request.needs:
        return True
    return not any(
        limit.section == "budgets" and limit.cap is not None and limit.then != "warn"
        for limit in question.limits_of(model)
        if not (model.free and (limit.metric == "usd" or limit.then == "free_only"))
    )


LAYERS: dict[str, Callable[[Question, Model], bool]] = {
    "not denied": _not_denied,
    "only and avoid": _listed,
    "use": _used,
    "needs": _able,
    "answers": _answers,
    "floors without stepping down": _strong_enough,
    "criteria": _within_criteria,
    "max_cost": _within_cost,
    "context": _large_enough,
    "a budget and a price": _paid_for,
    "hosted tools": _bounded,
}
"""Each says whether a model may answer as far as one part of the language is concerned."""
