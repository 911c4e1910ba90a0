"""two rules that put different models first for the same request

The earlier one wins, and the policy does not show that this is intended. A narrower rule before a
wider one is fine.

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

from policy_router.assurance.cover import GaveUp
from policy_router.check.subject import Subject, warning

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from policy_router.assurance.regions import Regions
    from policy_router.diagnostics import Diagnostic


def check(subject: Subject) -> Iterator[Diagnostic]:
    regions, policy = subject.regions, subject.policy
    rules = policy.rules
    heads = {
        n: policy.position(rule.first[0])
        for n, rule in enumerate(rules)
        if rule.first and rule.deny is None and not rule.shadow
    }
    demoted = regions.demoted(sum(1 << head for head in set(heads.values())))
    earlier = 0  # boxes of the rules before this one that compete
    of_head = dict.fromkeys(demoted, 0)  # those that put the same model first
    for b, head in heads.items():
        if regions.sources[b].boxes is None:
            subject.questions.leave_open("order-conflict", regions.sources[b].says, rules[b].span)
            continue
        try:
            # Only where its first model can come first does a rule compete at all.
            if not regions.together(b, b, demoted[head]):
                continue
            a = next(_rivals(regions, b, earlier & ~of_head[head], heads, demoted), None)
        except GaveUp:
            subject.questions.leave_open("order-conflict", regions.sources[b].says, rules[b].span)
            a = None
        earlier |= regions.holds[b]
        of_head[head] |= regions.holds[b]
        if a is not None:
            yield warning(
                "order-conflict",
                f"`{rules[a].name}` and `{rules[b].name}` put different models first "
                "for a request to which both apply",
                rules[b].span,
                "the earlier one wins; write the narrower one first, or let one exclude the other",
                *((("the other rule", span),) if (span := rules[a].span) else ()),
            )


def _rivals(
    regions: Regions, b: int, among: int, heads: Mapping[int, int], demoted: Mapping[int, int]
) -> Iterator[int]:
    """Yield earlier rules that put another model first for a request to which both apply.

    Raises:
        GaveUp: The search took too many steps.
    """
    unknown, inside = False, regions.inside(b)
    for a in regions.near(b, among):
        if not regions.holds[a] & ~inside:
            continue  # the narrower one comes first
        if regions.cover.exhausted:
            raise GaveUp
        try:
            if not regions.together(a, b) or regions.within(a, b):
                continue
            # Where one of the two cannot come first anyway, they do not compete.
            if regions.together(a, b, demoted[heads[b]] | demoted[heads[a]]):
                yield a
        except GaveUp:
            unknown = True
    if unknown:
        raise GaveUp
