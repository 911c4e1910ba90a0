"""a rule whose condition no request can meet

It reads like protection and protects nothing.

Bad:
    rules:
      - { name: r, when: tokens > 1000 and tokens < 500, avoid: [big] }

Good:
    rules:
      - { name: r, when: tokens > 500 and tokens < 1000, avoid: [big] }
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.subject import Subject, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

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
