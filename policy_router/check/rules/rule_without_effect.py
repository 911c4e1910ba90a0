"""a rule that changes no decision

It says nothing, selects what it need not, or the other rules already take away all it takes away,
from every request it applies to.

Bad:
    rules:
      - { name: a, when: { tags: private }, avoid: [big] }
      - { name: b, when: "'private' not in tags and tokens > 500", avoid: [big] }
      - { name: c, when: tokens > 1000, avoid: [big] }

Good:
    rules:
      - { name: a, when: { tags: private }, avoid: [big] }
      - { name: b, when: "'private' not in tags and tokens > 500", avoid: [big] }
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.subject import Subject, warning
from policy_router.decide.cells import bits
from policy_router.prove.cover import GaveUp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.check.subject import Regions
    from policy_router.diagnostics import Diagnostic
    from policy_router.model import Rule


def check(subject: Subject) -> Iterator[Diagnostic]:
    regions, rules = subject.regions, subject.policy.rules
    shapes = subject.draft.document.rules or ()
    gone: set[int] = set()  # reported ones no longer count as covering others
    for number in reversed(range(len(rules))):
        rule = rules[number]
        source = regions.sources[number]
        if source.boxes == () or rule.deny is not None or _orders(rule):
            continue
        if shapes[number].accept is not None:
            continue
        if not source.removes:
            said = rule.only is not None or rule.avoid or rule.needs
            yield warning(
                "rule-without-effect",
                f"rule `{rule.name}` " + ("takes no model away" if said else "says nothing to do"),
                rule.at,
                "all models already fit it; take it out"
                if said
                else "add only, avoid, first, min_tier, needs or deny",
            )
            continue
        try:
            core = _covered(regions, number, gone)
        except GaveUp:
            continue
        if core:
            gone.add(number)
            owners = sorted({regions.owner[bit] for bit in bits(core)})
            others = " and ".join(regions.sources[o].says for o in owners)
            yield warning(
                "rule-without-effect",
                f"rule `{rule.name}` takes nothing away that {others} "
                f"{'does' if len(owners) == 1 else 'do'} not take away already",
                rule.when.at if rule.when else rule.at,
                "take it out; no decision changes",
            )


def _orders(rule: Rule) -> bool:
    return bool(rule.first) or bool(rule.min_tier)


def _covered(regions: Regions, number: int, gone: set[int]) -> int:
    """Boxes of other sources that already take away all that this one does; 0 when they do not."""
    source = regions.sources[number]
    excluded = regions.bits[number]
    for other in gone:
        excluded |= regions.bits[other]
    core = 0
    for box in source.boxes or ():
        near = regions.cover.meeting(box) & ~excluded
        # Many models share their removers, and those with the fewest are the likeliest to remain.
        sets = {regions.removers(model) & near for model in bits(source.removes)}
        for others in sorted(sets, key=int.bit_count):
            if not others:
                return 0
            if core & others and regions.cover.uncovered(box, core & others) is None:
                continue
            found = regions.cover.core(box, others)
            if found is None:
                return 0
            core |= found
    return core
