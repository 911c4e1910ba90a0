"""Which rules protect, and which tests must hold for a rule to apply."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.domain.condition import Not, Test

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.decision.policy import Policy
    from policy_router.domain.condition import Condition, Tree
    from policy_router.domain.rules import Rule


def protecting(policy: Policy) -> Iterator[tuple[Rule, Condition]]:
    """The rules with a condition that exclude models, deny, or check answers."""
    for rule in policy.rules:
        protects = rule.only is not None or rule.deny is not None or rule.accept is not None
        if rule.when is not None and (protects or rule.avoid or rule.needs):
            yield rule, rule.when


def positive_tests(tree: Tree) -> frozenset[Test]:
    """The tests that are not under an odd number of negations: a fact that is absent fails them."""
    return frozenset(_tests(tree, negated=False))


def promised(policy: Policy) -> frozenset[str]:
    """Names of the facts that invariants read: what is promised for them is written down."""
    conditions = [each.when for each in policy.invariants]
    return frozenset[str]().union(*(when.reads for when in conditions if when is not None))


def _tests(tree: Tree, *, negated: bool) -> Iterator[Test]:
    match tree:
        case Test():
            if not negated:
                yield tree
        case Not(part):
            yield from _tests(part, negated=not negated)
        case _:
            for part in tree.parts:
                yield from _tests(part, negated=negated)
