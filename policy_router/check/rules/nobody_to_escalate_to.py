"""a check that can fail, and nobody of a higher tier to ask then

An answer that fails a check is replaced by one of a higher tier. Where every model that may answer
is of the same tier, there is none: the request gets the answer that failed, or with
`otherwise: error` an error.

Bad:
    rules:
      - { name: forms are JSON, when: { tags: form }, only: [big], accept: { json: true } }

Good:
    rules:
      - { name: forms are JSON, when: { tags: form }, accept: { json: true } }
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.diagnostics import Diagnostic, Severity
from policy_router.model import Otherwise, Task

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from policy_router.check.subject import Subject
    from policy_router.model import Model, Policy, Rule


def check(subject: Subject) -> Iterator[Diagnostic]:
    policy = subject.policy
    always = [rule for rule in policy.rules if rule.when is None]
    if any(rule.deny is not None for rule in always):
        return
    sources: list[Rule | Task] = [*policy.tasks, *(r for r in policy.rules if r.deny is None)]
    for source in sources:
        accept = source.accept
        if accept is None:
            continue
        applying = [*always, source]
        tiers = {model.tier for model in policy.models if _allowed(policy, applying, model)}
        # Other rules, tasks and bands take models away only: what is one tier stays one.
        if len(tiers) == 1:
            ends = "an error" if accept.otherwise is Otherwise.ERROR else "the best that failed"
            yield Diagnostic(
                "nobody-to-escalate-to",
                Severity.NOTE,
                f"when an answer fails the checks of {accept.by}, nobody of a higher tier is left "
                f"to ask: every model that may answer is `{tiers.pop()}`",
                accept.at,
                f"the request then gets {ends}",
            )


def _allowed(policy: Policy, applying: Sequence[Rule | Task], model: Model) -> bool:
    """Whether these parts of the policy, taken together, let a model answer."""
    for part in applying:
        if not policy.fallback.step_down and model.rank < (part.min_tier or 0):
            return False
        if isinstance(part, Task):
            continue
        if part.only is not None and model.name not in part.only:
            return False
        if model.name in part.avoid or not part.needs <= model.abilities:
            return False
    return True
