"""a rule that protects, and that requests escape which do not state an attribute

Every comparison with an absent fact is false, so a rule for `plan == 'free'` does not apply to a
request without a plan. With a default the attribute is never absent; `!=` and `not in` are true for
an absent one. An invariant over the attribute says that the rule is meant as it is.

Bad:
    attributes: { plan: [free, pro] }
    rules:
      - { name: r, when: { plan: free }, avoid: [paid] }

Good:
    attributes: { plan: { values: [free, pro], default: free } }
    rules:
      - { name: r, when: { plan: free }, avoid: [paid] }
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.protection import positive_tests, promised, protecting
from policy_router.check.subject import warning
from policy_router.domain.condition import Op
from policy_router.domain.facts import FactType

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.check.subject import Subject
    from policy_router.diagnostics import Diagnostic
    from policy_router.domain.condition import Test
    from policy_router.domain.facts import Fact


def check(subject: Subject) -> Iterator[Diagnostic]:
    vocabulary = subject.policy.vocabulary
    reported = promised(subject.policy)
    for rule, condition in protecting(subject.policy):
        tests = positive_tests(condition.tree)
        for test, span in condition.places:
            fact = vocabulary.facts[test.fact]
            is_optional = fact.name in vocabulary.attributes and fact.optional
            if is_optional and test in tests and fact.name not in reported:
                reported |= {fact.name}
                yield warning(
                    "fact-may-be-absent",
                    f"rule `{rule.name}` does not apply to requests that state no `{fact.name}`",
                    span,
                    f"declare a default:  {_example(fact, test)}  or write the condition with != "
                    "or not in, which are true for them",
                )


def _example(fact: Fact, test: Test) -> str:
    """Return the declaration of an attribute with a default for which the rule applies, if any."""
    value: object = 0 if fact.kind is FactType.NUMBER else "none"
    if test.op is Op.IN:
        value = test.values[0]
    default = str(value).lower() if isinstance(value, bool) else f"{value}"
    if fact.kind is FactType.ENUM:
        return f"{fact.name}: {{ values: [{', '.join(fact.values)}], default: {default} }}"
    return f"{fact.name}: {{ type: {fact.kind}, default: {default} }}"
