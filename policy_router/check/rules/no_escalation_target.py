"""a check that can fail, and no model of a higher tier to retry with

An answer that fails a check is replaced by one of a higher tier. Where all models that may answer
have the same tier, there is none: the request gets the answer that failed or, with
`otherwise: error`, an error.

Bad:
    rules:
      - { name: forms are JSON, when: { tags: form }, only: [big], accept: { json: true } }

Good:
    rules:
      - { name: forms are JSON, when: { tags: form }, accept: { json: true } }
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.subject import note
from policy_router.domain.acceptance import OnRejected

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.check.subject import Subject
    from policy_router.decision.policy import Policy
    from policy_router.diagnostics import Diagnostic
    from policy_router.domain.rules import Rule, Task


def check(subject: Subject) -> Iterator[Diagnostic]:
    policy = subject.policy
    rules = [(n, rule) for n, rule in enumerate(policy.rules) if not rule.shadow]
    always = [(n, rule) for n, rule in rules if rule.when is None]
    if any(rule.deny is not None for _, rule in always):
        return
    kept = policy.all_models
    for number, rule in always:
        kept &= ~policy.removed_by(number) & ~_below(policy, rule)
    tiers: dict[str, int] = {}
    for i, model in enumerate(policy.models):
        tiers[model.tier] = tiers.get(model.tier, 0) | 1 << i
    sources: list[tuple[Rule | Task, int]] = [
        (task, kept & ~policy.removed_by_task(task.name)) for task in policy.tasks
    ]
    sources += [
        (rule, kept & ~policy.removed_by(number)) for number, rule in rules if rule.deny is None
    ]
    for source, left in sources:
        accept = source.accept
        if accept is None:
            continue
        allowed = left & ~_below(policy, source)
        candidates = [tier for tier, models in tiers.items() if models & allowed]
        # Other rules, tasks and bands can only exclude models, so one tier stays one.
        if len(candidates) == 1:
            ends = (
                "an error"
                if accept.otherwise is OnRejected.ERROR
                else "the best of the failed answers"
            )
            yield note(
                "no-escalation-target",
                f"an answer that fails the checks of {accept.by} cannot be replaced by one of a "
                f"higher tier: all models that may answer are of tier `{candidates[0]}`",
                accept.span,
                f"the request then gets {ends}",
            )


def _below(policy: Policy, part: Rule | Task) -> int:
    """Return the models (bit i: model i) that a minimum tier excludes."""
    strict = not policy.fallback.step_down
    return policy.models_below(part.min_tier) if strict and part.min_tier else 0
