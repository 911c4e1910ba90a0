"""rules, or a rule and a task, that together leave no model

A request to which all of them apply is refused, and the refusal names none of them as its cause. If
that holds for every request of one of two rules, or of the task, what it says never happens, and it
is an error; if some of its requests are answered, a warning. A rule and a task are reported where
the rule is only about the task, or applies to all of its requests. Three or more rules that leave
no model together are worth knowing, and often intended. Where they ask for an ability (`needs`), a
model that has it may be added, so that is a warning. Where a refusal is intended, write `deny`.

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

from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, Final

from policy_router.assurance.cover import GaveUp
from policy_router.assurance.reach import Reach, Reached
from policy_router.assurance.redundancy import thinnest
from policy_router.check.rules.criteria_exclude_all import unmeetable
from policy_router.check.subject import Subject, note, warning
from policy_router.diagnostics import Severity
from policy_router.domain.invariants import AtLeast, Countable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from policy_router.assurance.regions import Regions
    from policy_router.decision.policy import Policy
    from policy_router.diagnostics import Diagnostic
    from policy_router.domain.rules import Rule

_SEVERAL: Final = 3


def check(subject: Subject) -> Iterator[Diagnostic]:
    few = list(_of_two(subject))
    yield from few or _of_several(subject)


def _of_several(subject: Subject) -> Iterator[Diagnostic]:
    """Yield three or more rules, any two of which leave a model, that together leave none."""
    policy = subject.policy
    removing = [rule for i, rule in enumerate(policy.rules) if policy.removed_by(i)]
    if len(removing) < _SEVERAL:
        return
    reach = Reach(policy, (), subject.cancelled)
    found = thinnest(reach, [{}], None, AtLeast(1, Countable.CANDIDATES))
    if not isinstance(found, Reached):
        return
    _, _, decision = found.shown
    if decision.denied is not None:
        return
    applied = [
        number
        for number, rule in enumerate(policy.rules)
        if rule.name in decision.rules and not rule.shadow and policy.removed_by(number)
    ]
    needed = list(applied)
    for number in applied:
        others = [other for other in needed if other != number]
        if _removed(policy, others) == policy.all_models:
            needed = others
    if _removed(policy, needed) == policy.all_models and len(needed) >= _SEVERAL:
        last = policy.rules[needed[-1]]
        names = ", ".join(f"`{policy.rules[number].name}`" for number in needed)
        yield note(
            "contradicting-rules",
            f"a request to which all of {names} apply has no model left",
            last.span,
            "make one of the conditions exclude another, or let them share a model",
        )


def _removed(policy: Policy, rules: Sequence[int]) -> int:
    """The models that some rules exclude together."""
    models = 0
    for number in rules:
        models |= policy.removed_by(number)
    return models


def _of_two(subject: Subject) -> Iterator[Diagnostic]:
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
            alone = warning(
                "contradicting-rules",
                f"rule `{rule.name}` leaves no model for any request it applies to",
                rule.span,
                "write  deny:  with the reason, or select other models",
            )
            yield alone if rule.needs else replace(alone, severity=Severity.ERROR)
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
        yield _conflict(subject, a, b)
    yield from _with_tasks(subject, by_removal, denied)


def _conflict(subject: Subject, a: int, b: int) -> Diagnostic:
    """Report two rules, by position, that leave no model together."""
    regions, (first, later) = subject.regions, (subject.policy.rules[i] for i in (a, b))
    says = f"a request to which both `{first.name}` and `{later.name}` apply has no model left"
    finding = warning(
        "contradicting-rules",
        says,
        later.span,
        "make one of the conditions exclude the other, let them share a model, or write  deny:",
        *((("the other rule", first.span),) if first.span else ()),
    )
    if first.needs or later.needs:
        return finding
    try:
        always = next((one for one, other in ((b, a), (a, b)) if regions.within(one, other)), None)
    except GaveUp:  # that some of its requests are refused is certain
        return finding
    if always is None:
        return finding
    only = f"`{subject.policy.rules[always].name}` applies to no other"
    return replace(finding, message=f"{says}: {only}", severity=Severity.ERROR)


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
            inside = ((a, regions.within(number, a), regions.within(a, number)) for a in rules)
            partner = next((each for each in inside if any(each[1:])), None)
        except GaveUp:
            subject.questions.leave_open("contradicting-rules", source.says, source.span)
            continue
        if partner is not None:
            a, every, _ = partner
            rule = subject.policy.rules[a]
            finding = warning(
                "contradicting-rules",
                f"a request of {source.says} to which `{rule.name}` applies has no model left",
                rule.span,
                "let them share a model, or make the condition of the rule exclude the task",
                *((("the task", source.span),) if source.span else ()),
            )
            yield replace(finding, severity=Severity.ERROR) if every else finding


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
