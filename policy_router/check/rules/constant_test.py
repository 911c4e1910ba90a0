"""a comparison that is always true or never true

The fact can only hold values on one side of the constant.

Bad:
    rules:
      - { name: r, when: hour >= 24 or 'night' in tags, avoid: [big] }

Good:
    rules:
      - { name: r, when: hour >= 22 or 'night' in tags, avoid: [big] }
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.subject import Subject, warning
from policy_router.condition import Condition, Op, spell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.diagnostics import Diagnostic


def check(subject: Subject) -> Iterator[Diagnostic]:
    regions, vocabulary = subject.regions, subject.policy.vocabulary
    for source in subject.regions.sources:
        if source.rule is None or source.boxes == ():
            continue  # a dead rule is reported as a whole
        when = subject.policy.rules[source.rule].when
        for test, span in when.places if isinstance(when, Condition) else ():
            if test.op in (Op.HAS, Op.MATCHES):
                continue
            dimension, cells = regions.space.cells(test)
            live = regions.space.dimensions[dimension].live
            if cells in (0, live):
                fact = vocabulary.facts[test.fact]
                low = "" if fact.low is None else f"{fact.low:g}"
                high = "" if fact.high is None else f"{fact.high:g}"
                yield warning(
                    "constant-test",
                    f"`{spell(test, vocabulary)}` is {'always' if cells else 'never'} true",
                    span,
                    f"`{fact.name}` goes from {low}" + (f" to {high}" if high else " up"),
                )
