"""Explains a decision: everything that led to it, without deciding again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from policy_router.classification.tasks import MatchedBy
from policy_router.decision.limits.subjects import subject_of
from policy_router.language.interpreter import trace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.classification.classifier import Classification
    from policy_router.decision.policy import Policy
    from policy_router.diagnostics import Span
    from policy_router.domain.aliases import Alias
    from policy_router.domain.complexity import Band
    from policy_router.domain.condition import Facts
    from policy_router.domain.decision import Decision
    from policy_router.domain.limits import Limit, Reading
    from policy_router.domain.rules import Rule, Task
    from policy_router.domain.snapshot import Snapshot
    from policy_router.language.interpreter import Evaluation


_USUAL: Final = frozenset({("tool_errors", 0), ("turn", 1)})
"""Facts, with values, that say nothing in particular."""


@dataclass(frozen=True, slots=True)
class RuleTrace:
    """How one rule was evaluated.

    Attributes:
        rule: The rule.
        applied: Whether its condition holds for the request.
        steps: Each part of the condition with its value; empty for a rule without a condition.
    """

    rule: Rule
    applied: bool
    steps: tuple[Evaluation, ...]


@dataclass(frozen=True, slots=True)
class TierRequirement:
    """A task, band or rule that requires a minimum tier, or the session that is in a tier.

    Attributes:
        kind: `task`, `band`, `rule` or `session`.
        name: Its name in the policy, or that of the session.
        rank: Index of the required tier in the policy's tiers.
        span: Where the policy says so, if known.
        reason: Why the session is in its tier; empty for the others.
    """

    kind: str
    name: str
    rank: int
    span: Span | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CounterStatus:
    """What one counter showed when the request was decided.

    Attributes:
        limit: The limit or budget that the counter belongs to.
        subject: Whose counter it is; ANYONE where all requests share one.
        reading: What it showed; None when it could not be read.
        full: Whether no model fits in what is left.
    """

    limit: Limit
    subject: str
    reading: Reading | None
    full: bool = False

    @property
    def opens(self) -> float | None:
        """Unix time from which a model fits again; None when one does now, or it is unknown."""
        return self.reading.opens if self.full and self.reading is not None else None


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision with everything that led to it.

    Attributes:
        policy: The policy that decided.
        decision: The decision.
        facts: The facts of the request, in the order of the policy's vocabulary.
        rules: Every rule of the policy, in its order.
        counters: The counters that were read for the request, in the order of the policy.
        classification: How the text of the request was classified; None without a text.
        scored: Whether the complexity score is the one of the classification.
        characters: Length of the prompt; None without one.
    """

    policy: Policy
    decision: Decision
    facts: Facts
    rules: tuple[RuleTrace, ...]
    counters: tuple[CounterStatus, ...]
    classification: Classification | None = None
    scored: bool = False
    characters: int | None = None

    @property
    def known_facts(self) -> Mapping[str, object]:
        """The facts that say something, by name; sets are sorted lists."""
        pairs = zip(self.policy.vocabulary.facts, self.facts, strict=True)
        return {
            fact.name: sorted(value) if isinstance(value, frozenset | set) else value
            for fact, value in pairs
            if value is not None and value is not False and value != frozenset()
            if (fact.name, value) not in _USUAL
        }

    @property
    def alias(self) -> Alias | None:
        """The alias that the request asks for, if it asks for one."""
        asked = self.decision.request.model
        return None if asked is None else self.policy.alias(asked)

    @property
    def task(self) -> Task | None:
        """The task of the request, if it has one."""
        return self.policy.task(self.decision.task)

    @property
    def band(self) -> Band | None:
        """The complexity band of the request, if it falls into one."""
        return self.policy.band(self.decision.complexity)

    @property
    def task_source(self) -> MatchedBy | None:
        """What determined the task; None when the request has none."""
        if self.task is None:
            return None
        if self.classification is not None:
            return self.classification.by
        named = self.decision.request.task is not None
        return MatchedBy.CALLER if named else MatchedBy.DEFAULT

    @property
    def rated_by(self) -> str | None:
        """The model or function that rates complexity when the request is sent.

        An explanation does not call it. None when the policy names none, or the caller gave the
        complexity.
        """
        if self.classification is None or not self.scored:
            return None
        return self.policy.complexity.model or self.policy.complexity.function

    @property
    def tier_requirements(self) -> list[TierRequirement]:
        """Everything that requires a minimum tier, the highest tier first."""
        applied = [t.rule for t in self.rules if t.applied and not t.rule.shadow]
        requirements = [
            TierRequirement(kind, part.name, part.min_tier, part.span)
            for kind, parts in (("task", [self.task]), ("band", [self.band]), ("rule", applied))
            for part in parts
            if part is not None and part.min_tier is not None
        ]
        step = self.decision.session
        if step is not None and step.before is not None:
            session = str(self.decision.request.session)
            if step.rank > max((each.rank for each in requirements), default=0):
                in_tier = TierRequirement("session", session, step.rank, None, step.reason)
                requirements.append(in_tier)
        return sorted(requirements, key=lambda requirement: -requirement.rank)

    @property
    def order(self) -> tuple[str | None, tuple[str, ...]]:
        """Whose `prefer` models are sorted by, None where it is the policy's, and its keys."""
        request, policy = self.decision.request, self.policy
        if request.prefer is not None:
            return "asked for by the caller", tuple(map(str, request.prefer))
        for rule in [each.rule for each in self.rules if each.applied]:
            if rule.prefer is not None and not rule.shadow:
                return f"rule `{rule.name}`", tuple(map(str, rule.prefer))
        if self.task is not None and self.task.prefer is not None:
            return f"task `{self.task.name}`", tuple(map(str, self.task.prefer))
        return None, tuple(map(str, policy.prefer))


def explain(
    policy: Policy,
    decision: Decision,
    snapshot: Snapshot,
    classification: Classification | None = None,
    *,
    scored: bool = False,
    characters: int | None = None,
) -> Explanation:
    """Collect what led to a decision.

    Args:
        policy: The policy that decided.
        decision: The decision to explain.
        snapshot: The snapshot it was made from, with the counters that were read.
        classification: How the text of the request was classified, if it has one.
        scored: Whether the complexity score is the one of the classification.
        characters: Length of the prompt; None without one.
    """
    facts = decision.situation.facts
    return Explanation(
        policy=policy,
        decision=decision,
        facts=facts,
        rules=tuple(_rule_trace(policy, rule, facts) for rule in policy.rules),
        counters=tuple(_counters(policy, decision, snapshot, facts)),
        classification=classification,
        scored=scored,
        characters=characters,
    )


def _rule_trace(policy: Policy, rule: Rule, facts: Facts) -> RuleTrace:
    if rule.when is None:
        return RuleTrace(rule, applied=True, steps=())
    return RuleTrace(rule, rule.when.holds(facts), trace(rule.when, policy.vocabulary, facts))


def _counters(
    policy: Policy, decision: Decision, snapshot: Snapshot, facts: Facts
) -> list[CounterStatus]:
    """Return every counter that was read for a request."""
    limits, readings, request = policy.limit_index, snapshot.used, decision.request
    counters = []
    for limit in limits.applying(facts):
        subject = subject_of(limit, request)
        key = limit.key(subject)
        if key in readings:
            reading, own = readings[key], limit.of(subject)
            least = max(1, min(limits.amounts(own, request, snapshot.now), default=1))
            full = reading is not None and own.cap is not None and reading.used + least > own.cap
            counters.append(CounterStatus(own, subject, reading, full))
    return counters
