"""a rule that changes no decision

It has no actions, selects all models, or excludes only models that other rules already exclude from
every request it applies to, also as judges of answers and estimators of complexity. What it says
happens without it, so it is a warning, and `policy-router check --fix` may remove it: that is
proved to change no decision.

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

from dataclasses import replace
from heapq import heapify, heappop
from typing import TYPE_CHECKING

from policy_router.assurance.cover import GaveUp
from policy_router.assurance.disclosures import excludes_by_name, kept_boxes, models_that_see
from policy_router.check.subject import Subject, warning
from policy_router.domain.criteria import NO_CRITERIA
from policy_router.language.compile.selectors import PRICES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from policy_router.assurance.regions import Regions
    from policy_router.diagnostics import Diagnostic
    from policy_router.domain.rules import Rule
    from policy_router.language.document.rules import RuleShape


def check(subject: Subject) -> Iterator[Diagnostic]:
    regions, rules = subject.regions, subject.policy.rules
    shapes = subject.draft.document.rules or ()
    yield from _twins(rules)
    policy = subject.policy
    kept = {n: kept_boxes(policy, regions, policy.position(n)) for n in models_that_see(policy)}
    reported: set[int] = set()  # these no longer count as covering others
    for number in reversed(range(len(rules))):
        rule, shape, source = rules[number], shapes[number], regions.sources[number]
        if source.boxes == () or _does_more(rule):
            continue
        if rule.shadow and subject.policy.removed_by(number):
            continue
        if not source.removes:
            yield from _idle(subject, rule, shape)
            continue
        if source.boxes is None:
            subject.questions.leave_open("rule-without-effect", source.says, rule.span)
            continue
        try:
            hidden = [boxes for name, boxes in kept.items() if excludes_by_name(rule, name)]
            core = _covered(regions, number, reported, hidden)
        except GaveUp:
            subject.questions.leave_open("rule-without-effect", source.says, rule.span)
            continue
        if core:
            reported.add(number)
            owners = regions.owners(core)
            others = " and ".join(owner.says for owner in owners)
            yield warning(
                "rule-without-effect",
                f"rule `{rule.name}` excludes only models that {others} "
                f"{'excludes' if len(owners) == 1 else 'exclude'} already",
                rule.when.span if rule.when else rule.span,
                "remove it; no decision changes",
            )


def _does_more(rule: Rule) -> bool:
    """Whether a rule does more than exclude models by what it says itself."""
    return bool(
        rule.deny is not None
        or rule.first
        or rule.min_tier
        or rule.accept is not None
        or rule.prefer is not None
        or rule.criteria.max_cost is not None
    )


def _twins(rules: Sequence[Rule]) -> Iterator[Diagnostic]:
    """Yield rules that put models first exactly as an earlier one does."""
    seen: dict[object, Rule] = {}
    for rule in rules:
        if not rule.first:
            continue
        does = replace(rule, name="", span=None, only_at=None, avoid_at=None)
        other = seen.setdefault((str(does), rule.when and rule.when.text), rule)
        if other is not rule:
            yield warning(
                "rule-without-effect",
                f"rule `{rule.name}` does the same as rule `{other.name}`",
                rule.span,
                "remove it; no decision changes",
            )


def _idle(subject: Subject, rule: Rule, shape: RuleShape) -> Iterator[Diagnostic]:
    """Report a rule that excludes no model, where that is a mistake.

    One that selects by tag, tier, price, pattern or ability guards against models that may be added
    later; one that lists every model by name is a mistake.
    """
    actions = (shape.only, shape.avoid, shape.first, shape.min_tier, shape.needs)
    if all(part is None for part in actions) and rule.criteria == NO_CRITERIA:
        yield warning(
            "rule-without-effect",
            f"rule `{rule.name}` has no actions",
            rule.span,
            "add `only`, `avoid`, `first`, `min_tier`, `needs`, criteria such as `max_cost`, "
            "`prefer`, `deny` or `accept`",
        )
    elif (
        shape.only is not None
        and not (shape.avoid or shape.first or shape.min_tier or shape.needs)
        and rule.criteria == NO_CRITERIA
        and _always_all(subject, shape.only)
    ):
        yield warning(
            "rule-without-effect",
            f"rule `{rule.name}` excludes no model",
            rule.span,
            "it allows every model; select fewer, or remove the rule",
        )


def _always_all(subject: Subject, selectors: Sequence[str]) -> bool:
    """Whether words select every model now and always; a tag or a pattern may miss a later one."""
    policy = subject.policy
    return (
        "*" in selectors
        or set(PRICES) <= set(selectors)
        or set(policy.tiers) <= set(selectors)
        or all(selector in policy.models_by_name for selector in selectors)
    )


def _covered(regions: Regions, number: int, reported: set[int], hidden: Sequence[int]) -> int:
    """Return boxes of other sources that exclude all that this one does; 0 when none do.

    Args:
        regions: The regions of the policy.
        number: The position of this source.
        reported: Sources that do not count.
        hidden: For each judge or estimator that this one keeps requests from, the boxes in which
            something does. A model that may not answer may still see a request.
    """
    source = regions.sources[number]
    excluded = regions.holds[number]
    for other in reported:
        excluded |= regions.holds[other]
    core, impossible = 0, regions.impossible
    # Many models share their removers, and those with the fewest are the likeliest to remain.
    sets = [boxes for boxes, models in regions.kinds.items() if models & source.removes]
    sets += hidden
    for box in source.boxes or ():
        near = regions.cover.meeting(box) & ~excluded
        waiting = [((others & near).bit_count(), others) for others in sets]
        heapify(waiting)
        covers: list[int] = []
        while waiting:
            _, others = heappop(waiting)
            if any(not cover & ~others for cover in covers):
                continue
            known = (core & others | impossible) & near
            if not others & near:
                return 0
            if known and regions.cover.uncovered(box, known) is None:
                covers.append(known & ~impossible)
                continue
            cover = regions.cover.core(box, others | impossible, excluded)
            if cover is None:
                return 0
            core |= cover
            covers.append(cover & ~impossible)
    return core
