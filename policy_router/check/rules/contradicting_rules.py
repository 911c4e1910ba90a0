"""two rules that together leave no model

A request that meets both is refused, and the refusal names neither as its cause.

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

from typing import TYPE_CHECKING

from policy_router.check.subject import Subject, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.diagnostics import Diagnostic


def check(subject: Subject) -> Iterator[Diagnostic]:
    regions, policy = subject.regions, subject.policy
    everyone = policy.index.everyone
    denied = regions.denied()  # a refusal with its reason is no accident
    by_removal: dict[int, list[int]] = {}
    for number, rule in enumerate(policy.rules):
        source = regions.sources[number]
        removes = source.removes
        # What never applies, or selects nothing, is another rule's finding.
        if rule.deny is not None or not removes or source.boxes == () or rule.only == ():
            continue
        if removes == everyone:
            if denied and not regions.together(number, number, denied):
                continue
            yield warning(
                "contradicting-rules",
                f"rule `{rule.name}` leaves no model to any request it applies to",
                rule.at,
                "say  deny: with the reason, or select other models",
            )
            continue
        by_removal.setdefault(removes, []).append(number)
    # Many rules, few sets of models: compare the sets, then the conditions.
    pairs = [
        (min(a, b), max(a, b))
        for i, (one, first) in enumerate(by_removal.items())
        for two, second in list(by_removal.items())[i + 1 :]
        if one | two == everyone
        for a in first
        for b in second
    ]
    reported: set[int] = set()
    for a, b in sorted(pairs, key=lambda pair: (pair[1], pair[0])):
        if b in reported or not regions.together(a, b, denied):
            continue
        reported.add(b)
        earlier, later = policy.rules[a], policy.rules[b]
        yield warning(
            "contradicting-rules",
            f"a request that meets both `{earlier.name}` and `{later.name}` has no model left",
            later.at,
            "make one of the conditions exclude the other, or let them share a model",
            *((("the other rule", earlier.at),) if earlier.at else ()),
        )
