"""a condition that no request can meet

A rule with one reads like protection and protects nothing; a limit, a budget or an experiment with
one is never used.

Bad:
    rules:
      - { name: r, when: tokens > 1000 and tokens < 500, avoid: [big] }

Good:
    rules:
      - { name: r, when: tokens > 500 and tokens < 1000, avoid: [big] }
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.check.subject import Subject, warning
from policy_router.decide.cells import Space, TooWide

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.condition import Condition
    from policy_router.diagnostics import Diagnostic


def check(subject: Subject) -> Iterator[Diagnostic]:
    for source in subject.regions.sources:
        if source.boxes is None and source.rule is not None:
            subject.questions.leave_open("dead-rule", source.says, source.at)
        if source.boxes == () and source.rule is not None:
            when = subject.policy.rules[source.rule].when
            yield warning(
                "dead-rule",
                f"no request can meet `{when.text if when else ''}`",
                when.at if when else source.at,
                "mend the condition, or take the rule out",
            )
    for path, condition in subject.draft.conditions.items():
        if path[0] in _SECTIONS and _is_dead(subject, condition):
            yield warning(
                "dead-rule",
                f"no request can meet `{condition.text}`",
                condition.at,
                f"mend the condition, or take it out of `{path[0]}`",
            )


def _is_dead(subject: Subject, condition: Condition) -> bool:
    space = Space(subject.policy.vocabulary, subject.policy.bands, [condition.tree])
    try:
        return not space.boxes(condition.tree)
    except TooWide:
        return False


# Conditions that stand in no rule.
_SECTIONS: Final = frozenset({"limits", "budgets", "experiments", "prompts", "invariants"})
