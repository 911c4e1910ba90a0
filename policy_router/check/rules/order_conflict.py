"""two rules that put different models first for the same request

The earlier one wins, and nothing says that it should. A narrower rule before a wider one is fine.

Bad:
    rules:
      - { name: a, when: { tags: vip }, first: [big] }
      - { name: b, when: { tags: fast }, first: [local] }

Good:
    rules:
      - { name: a, when: { tags: vip }, first: [big] }
      - { name: b, when: "'fast' in tags and 'vip' not in tags", first: [local] }
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.subject import Subject, warning
from policy_router.prove.cover import GaveUp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.check.subject import Regions
    from policy_router.diagnostics import Diagnostic


def check(subject: Subject) -> Iterator[Diagnostic]:
    regions, rules = subject.regions, subject.policy.rules
    ordering = [n for n, rule in enumerate(rules) if rule.first and rule.deny is None]
    reported: set[int] = set()
    for place, b in enumerate(ordering):
        for a in ordering[:place]:
            if b in reported or rules[a].first[0] == rules[b].first[0]:
                continue
            if _narrower(regions, a, b) or not regions.together(a, b):
                continue
            reported.add(b)
            yield warning(
                "order-conflict",
                f"`{rules[a].name}` and `{rules[b].name}` put different models first "
                "for a request that meets both",
                rules[b].at,
                "the earlier one wins; let the narrower one come first, or exclude the other",
                *((("the other rule", at),) if (at := rules[a].at) else ()),
            )


def _narrower(regions: Regions, a: int, b: int) -> bool:
    """Whether every request that meets the earlier rule meets the later one as well."""
    try:
        return all(
            regions.cover.uncovered(box, regions.bits[b]) is None
            for box in regions.sources[a].boxes or ()
        )
    except GaveUp:
        return False
