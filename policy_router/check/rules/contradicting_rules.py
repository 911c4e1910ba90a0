"""two rules, or a rule and a task, that together leave no model

A request to which both apply is refused, and the refusal names neither as its cause. A rule and a
task are reported where the rule is only about the task, or applies to all of its requests.

Bad:
    rules:
      - { name: private stays local, when: { tags: private }, only: [local] }
      - { name: customers in the EU, when: { tags: eu }, only: [big] }

Good:
    rules:
      - { name: private stays local, when: { tags: private }, only: [local] }
      - { name: customers in the EU, when: "'eu' in tags and 'private' not in tags", only: [big] }
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from policy_router.assurance.cover import GaveUp
from policy_router.check.rules.criteria_exclude_all import unmeetable
from policy_router.check.subject import Subject, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.assurance.regions import Regions
    from policy_router.decision.policy import Policy
    from policy_router.diagnostics import Diagnostic
    from policy_router.domain.rules import Rule


def check(subject: Subject) -> Iterator[Diagnostic]:
    regions, policy = subject.regions, subject.policy
    everyone = policy.all_models
    denied = regions.denied()  # a refusal with a reason is intended
    by_removal: dict[int, int] = {}  # a set of models -> the boxes in which it is excluded
    removing: dict[int, int] = {}
    for number, rule in enumerate(policy.rules):
        source = regions.sources[number]
        removes = source.removes
        # A rule that never applies is reported by another lint rule.
        if not removes or source.boxes == () or _is_reported_elsewhere(rule, policy):
            continue
        if removes == everyone:
            try:
                if denied and not regions.together(number, number, denied):
                    continue
            except GaveUp:
                subject.questions.leave_open("contradicting-rules", source.says, rule.span)
                continue
            yield warning(
                "contradicting-rules",
                f"rule `{rule.name}` leaves no model for any request it applies to",
                rule.span,
                "write  deny:  with the reason, or select other models",
            )
            continue
        if source.boxes is None:
            subject.questions.leave_open("contradicting-rules", source.says, rule.span)
            continue
        by_removal[removes] = by_removal.get(removes, 0) | regions.holds[number]
        removing[number] = removes
    # Many rules, few sets of models: compare the sets, then the conditions.
    partners = dict.fromkeys(by_removal, 0)
    for one, two in combinations(by_removal, 2):
        if one | two == everyone:
            partners[one] |= by_removal[two]
            partners[two] |= by_removal[one]
    for b, removes in removing.items():
        earlier = partners[removes] & _before(regions.holds[b])
        try:
            a = next(_partners(regions, b, earlier, denied), None) if earlier else None
        except GaveUp:
            subject.questions.leave_open(
                "contradicting-rules", regions.sources[b].says, policy.rules[b].span
            )
            continue
        if a is None:
            continue
        first, later = policy.rules[a], policy.rules[b]
        yield warning(
            "contradicting-rules",
            f"a request to which both `{first.name}` and `{later.name}` apply has no model left",
            later.span,
            "make one of the conditions exclude the other, or let them share a model",
            *((("the other rule", first.span),) if first.span else ()),
        )
    yield from _with_tasks(subject, by_removal, denied)


def _with_tasks(subject: Subject, by_removal: dict[int, int], denied: int) -> Iterator[Diagnostic]:
    """Yield tasks that leave no model together with a rule which is about nothing but the task, or
    which applies to all of its requests. Other rules may be meant to close a task to some requests.

    Args:
        subject: The policy.
        by_removal: A set of models -> the boxes in which a rule excludes exactly these.
        denied: Boxes outside of which no rule denies.
    """
    regions, everyone = subject.regions, subject.policy.all_models
    for number, source in enumerate(regions.sources):
        if not source.of_task or source.removes == everyone:
            continue
        among = 0
        for removes, boxes in by_removal.items():
            if removes | source.removes == everyone:
                among |= boxes
        try:
            rules = _partners(regions, number, among, denied) if among else iter(())
            a = next((a for a in rules if _is_inside(regions, a, number)), None)
        except GaveUp:
            subject.questions.leave_open("contradicting-rules", source.says, source.span)
            continue
        if a is not None:
            rule = subject.policy.rules[a]
            yield warning(
                "contradicting-rules",
                f"a request of {source.says} to which `{rule.name}` applies has no model left",
                rule.span,
                "let them share a model, or make the condition of the rule exclude the task",
                *((("the task", source.span),) if source.span else ()),
            )


def _is_inside(regions: Regions, a: int, b: int) -> bool:
    """Whether one of two sources applies only to requests that the other applies to as well."""
    return regions.within(a, b) or regions.within(b, a)


def _is_reported_elsewhere(rule: Rule, policy: Policy) -> bool:
    """Whether a rule denies with a reason, or leaves no model for a cause on one of its lines."""
    return (
        rule.deny is not None or rule.only == () or bool(unmeetable(rule.criteria, policy.models))
    )


def _before(boxes: int) -> int:
    """Return all boxes before the first of these; boxes are numbered in the order of the rules."""
    return (boxes & -boxes) - 1 if boxes else 0


def _partners(regions: Regions, b: int, among: int, denied: int) -> Iterator[int]:
    """Yield rules among these that may apply to the same request as another source, by position,
    without a denial.

    Raises:
        GaveUp: The search took too many steps.
    """
    near = regions.near(b, among)
    if near and denied and not regions.together(b, b, denied):
        return
    unknown = False
    for a in near:
        if regions.cover.exhausted:
            raise GaveUp
        try:
            if regions.together(a, b, denied):
                yield a
        except GaveUp:
            unknown = True
    if unknown:
        raise GaveUp
