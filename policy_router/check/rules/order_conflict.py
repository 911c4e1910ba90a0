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

from functools import cache
from typing import TYPE_CHECKING

from policy_router.check.subject import Subject, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.diagnostics import Diagnostic


def check(subject: Subject) -> Iterator[Diagnostic]:
    regions, policy = subject.regions, subject.policy
    rules, at = policy.rules, policy.index.at
    demoted = cache(regions.demoted)
    # Only where its first model can come first does a rule compete at all.
    heads = {n: at[r.first[0]] for n, r in enumerate(rules) if r.first and r.deny is None}
    heads = {n: head for n, head in heads.items() if regions.together(n, n, demoted(head))}
    for b, head in heads.items():
        for a, other in heads.items():
            if a >= b:
                break
            if head == other or not regions.together(a, b) or regions.within(a, b):
                continue
            # Where one of the two cannot come first anyway, they do not compete.
            if not regions.together(a, b, demoted(head) | demoted(other)):
                continue
            yield warning(
                "order-conflict",
                f"`{rules[a].name}` and `{rules[b].name}` put different models first "
                "for a request that meets both",
                rules[b].at,
                "the earlier one wins; let the narrower one come first, or exclude the other",
                *((("the other rule", span),) if (span := rules[a].at) else ()),
            )
            break
