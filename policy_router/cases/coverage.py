"""Which rules, outcomes and models the tests of a policy cover."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from policy_router.domain.decision import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from policy_router.cases.run import PolicyTestResult
    from policy_router.decision.policy import Policy
    from policy_router.diagnostics import Span
    from policy_router.domain.complexity import Band
    from policy_router.domain.criteria import Criteria
    from policy_router.domain.rules import Rule, Task

ALLOWED: Final = "allowed"
"""The outcome of a request that a model may answer."""


@dataclass(frozen=True, slots=True)
class CoveredItem:
    """One item that tests can cover.

    Attributes:
        name: A rule, an outcome or a model.
        tests: The number of tests that cover it.
        span: Its position in the policy files, if it has one.
    """

    name: str
    tests: int
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Coverage:
    """The coverage of a policy by its tests.

    Attributes:
        rules: The rules; a test covers a rule if its condition holds for the request.
        outcomes: `allowed`, and the reasons for which the policy itself excludes models; a test
            covers a reason if a model is excluded for it.
        models: The models; a test covers a model that may answer its request.
    """

    rules: tuple[CoveredItem, ...]
    outcomes: tuple[CoveredItem, ...]
    models: tuple[CoveredItem, ...]

    @property
    def items(self) -> tuple[CoveredItem, ...]:
        """Everything that tests can cover."""
        return self.rules + self.outcomes + self.models

    @property
    def share(self) -> float:
        """The share of items that at least one test covers, 0..1."""
        return sum(item.tests > 0 for item in self.items) / len(self.items)


def coverage(policy: Policy, results: Sequence[PolicyTestResult]) -> Coverage:
    """Measure the coverage of tests, whether they pass or not.

    Args:
        policy: The policy.
        results: The results of its tests; those that could not be run cover nothing.
    """
    rules: Counter[str] = Counter()
    outcomes: Counter[str] = Counter()
    models: Counter[str] = Counter()
    for result in results:
        decision = result.decision
        if decision is None:
            continue
        facts = decision.situation.facts
        rules.update(r.name for r in policy.rules if r.when is None or r.when.holds(facts))
        outcomes.update({skip.reason.value for skip in decision.skipped})
        outcomes.update([ALLOWED] if decision.candidates else ())
        models.update(candidate.name for candidate in decision.candidates)
    return Coverage(
        tuple(CoveredItem(r.name, rules[r.name], r.span) for r in policy.rules),
        tuple(CoveredItem(name, outcomes[name]) for name in possible_outcomes(policy)),
        tuple(CoveredItem(m.name, models[m.name], m.span) for m in policy.models),
    )


def possible_outcomes(policy: Policy) -> tuple[str, ...]:
    """The outcomes that the parts of a policy can have, `allowed` first."""
    reasons = {reason for rule in policy.rules if not rule.shadow for reason in _of_rule(rule)}
    reasons.update(reason for task in policy.tasks for reason in _of_task(task))
    parts: tuple[Rule | Task | Band, ...] = (*policy.rules, *policy.tasks, *policy.bands)
    if not policy.fallback.step_down and any(part.min_tier for part in parts):
        reasons.add(Reason.TIER)
    for limit in policy.limits:
        if limit.refusing and limit.capped:
            reasons.add(Reason.BUDGET if limit.is_budget else Reason.RATE_LIMIT)
    return (ALLOWED, *(reason.value for reason in Reason if reason in reasons))


def _of_rule(rule: Rule) -> Iterator[Reason]:
    if rule.deny is not None:
        yield Reason.DENIED
    yield from _of_part(rule)


def _of_task(task: Task) -> Iterator[Reason]:
    if task.use is not None:
        yield Reason.USE
    yield from _of_part(task)


def _of_part(part: Rule | Task) -> Iterator[Reason]:
    if part.only is not None:
        yield Reason.ONLY
    if part.avoid:
        yield Reason.AVOID
    if part.needs:
        yield Reason.ABILITY
    yield from (reason for name, reason in _CRITERIA.items() if _set(part.criteria, name))


_CRITERIA: Final[Mapping[str, Reason]] = {
    "min_quality": Reason.QUALITY,
    "max_latency": Reason.LATENCY,
    "max_price": Reason.PRICE,
    "max_cost": Reason.COST,
}


def _set(criteria: Criteria, name: str) -> bool:
    return getattr(criteria, name) is not None
