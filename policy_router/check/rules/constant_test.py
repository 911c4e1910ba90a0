"""a comparison that is always or never true

The number can only be on one side of the constant.

Bad:
    rules:
      - { name: r, when: hour >= 24 or 'night' in tags, avoid: [big] }

Good:
    rules:
      - { name: r, when: hour >= 22 or 'night' in tags, avoid: [big] }
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.ranges import constant, extent
from policy_router.check.rules.dead_rule import OTHERS, is_dead
from policy_router.check.subject import Subject, warning
from policy_router.domain.condition import All, Any, Not, Test, Tree, spell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.decision.space import Space
    from policy_router.diagnostics import Diagnostic
    from policy_router.domain.condition import Condition


def check(subject: Subject) -> Iterator[Diagnostic]:
    vocabulary = subject.policy.vocabulary
    for condition, space in _conditions(subject):
        bounds = set(_bounds(condition.tree))
        for test, span in condition.places:
            always = constant(test, space, vocabulary)
            if always is False or (always and test not in bounds):
                yield warning(
                    "constant-test",
                    f"`{spell(test, vocabulary)}` is {'always' if always else 'never'} true",
                    span,
                    extent(test, vocabulary),
                )


def _conditions(subject: Subject) -> Iterator[tuple[Condition, Space]]:
    """Yield every condition that a request may meet; the others are reported by dead-rule."""
    for source in subject.regions.sources:
        when = None if source.rule is None else subject.policy.rules[source.rule].when
        if when is not None and source.boxes != ():
            yield when, subject.regions.space
    for path, condition in subject.draft.conditions.items():
        space = subject.space_of(condition)
        if path[0] in OTHERS and not is_dead(condition, space):
            yield condition, space


def _bounds(tree: Tree) -> Iterator[Test]:
    """Yield the tests that are one end of a range, as in `0 <= tokens < 500`.

    Writing down the natural end of a range is not a mistake.
    """
    match tree:
        case Not(part):
            yield from _bounds(part)
        case All(parts) | Any(parts):
            tests = [p for p in parts if isinstance(p, Test)]
            if isinstance(tree, All):
                about = [t.fact for t in tests]
                yield from (t for t in tests if about.count(t.fact) > 1)
            for part in parts:
                yield from _bounds(part)
        case Test():
            return
