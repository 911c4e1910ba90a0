"""a condition that no request can meet

Such a rule looks like protection and protects nothing; a limit, a budget or an experiment with such
a condition is never used. What it says never happens, so it is an error. A rule in shadow decides
nothing in any case: there it is a warning.

Bad:
    rules:
      - { name: r, when: tokens > 1000 and tokens < 500, avoid: [big] }

Good:
    rules:
      - { name: r, when: tokens > 500 and tokens < 1000, avoid: [big] }
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from policy_router.check.ranges import out_of_range
from policy_router.check.subject import Subject, error
from policy_router.decision.space import TooWide
from policy_router.diagnostics import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.decision.space import Space
    from policy_router.diagnostics import Diagnostic, Span
    from policy_router.domain.condition import Condition


OTHERS: Final = frozenset({"limits", "budgets", "experiments", "prompts", "invariants"})
"""Sections other than `rules` that have conditions."""


def check(subject: Subject) -> Iterator[Diagnostic]:
    for source in subject.regions.sources:
        if source.boxes is None and source.rule is not None:
            subject.questions.leave_open("dead-rule", source.says, source.span)
        if source.boxes == () and source.rule is not None:
            rule = subject.policy.rules[source.rule]
            yield _finding(subject, rule.when, source.span, shadow=rule.shadow)
    for path, condition in subject.draft.conditions.items():
        if path[0] in OTHERS and is_dead(condition, subject.space_of(condition)):
            yield _finding(subject, condition, condition.span)


def _finding(
    subject: Subject, when: Condition | None, span: Span | None, *, shadow: bool = False
) -> Diagnostic:
    help_ = "correct the condition"
    if when is not None:
        space, vocabulary = subject.space_of(when), subject.policy.vocabulary
        help_ = out_of_range(when, space, vocabulary) or help_
    finding = error(
        "dead-rule",
        f"no request can meet `{when.text if when else ''}`",
        when.span if when else span,
        help_,
    )
    return replace(finding, severity=Severity.WARNING) if shadow else finding


def is_dead(condition: Condition, space: Space) -> bool:
    """Whether no request can meet a condition."""
    try:
        return not space.boxes(condition.tree)
    except TooWide:
        return False
