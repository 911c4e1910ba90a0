"""Which rules protect data or money, and which of their tests must hold for them to apply."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.domain.condition import Not, Op, Test, tests_of
from policy_router.domain.criteria import NO_CRITERIA

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.decision.policy import Policy
    from policy_router.domain.condition import Condition, Tree
    from policy_router.domain.rules import Rule


def protecting(policy: Policy) -> Iterator[tuple[Rule, Condition]]:
    """The rules with a condition that exclude models, deny, or check answers."""
    for rule in policy.rules:
        protects = rule.only is not None or rule.deny is not None or rule.accept is not None
        excludes = rule.avoid or rule.needs or rule.criteria != NO_CRITERIA
        if rule.when is not None and (protects or excludes):
            yield rule, rule.when


def positive_tests(tree: Tree) -> frozenset[Test]:
    """The tests that are not under an odd number of negations: a fact that is absent fails them."""
    return frozenset(_tests(tree, negated=False))


class Promises:
    """The tests in the conditions of invariants.

    Args:
        policy: The policy with the invariants.
    """

    def __init__(self, policy: Policy) -> None:
        conditions = [each.when for each in policy.invariants if each.when is not None]
        self._tests = {test for when in conditions for test in tests_of(when.tree)}
        self._values = {(t.fact, v) for t in self._tests if t.op is Op.IN for v in t.values}
        self.facts = frozenset[str]().union(*(when.reads for when in conditions))
        """Names of the facts that they read."""

    def name(self, test: Test) -> bool:
        """Whether they have a test, or all of its values."""
        if test.op is Op.IN:
            return all((test.fact, value) in self._values for value in test.values)
        return test in self._tests


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
