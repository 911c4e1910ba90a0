"""a rule that protects, and that requests escape which do not state an attribute

Every comparison with an absent fact is false, so a rule for `plan == 'free'` does not apply to a
request without a plan. With a default the attribute is never absent; `!=` and `not in` are true for
an absent one. An invariant with the same test says that the rule is meant as it is.

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

import json
import re
from typing import TYPE_CHECKING, Final

from policy_router.check.protection import Promises, positive_tests, protecting
from policy_router.check.subject import warning
from policy_router.domain.condition import Op
from policy_router.domain.facts import FactType

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.check.subject import Subject
    from policy_router.diagnostics import Diagnostic
    from policy_router.domain.condition import Test
    from policy_router.domain.facts import Fact

_PLAIN: Final = re.compile(r"[^\W\d_][\w./-]*")
_WORDS: Final = frozenset({"true", "false", "null"})
"""Words that are no texts in YAML."""


def check(subject: Subject) -> Iterator[Diagnostic]:
    vocabulary = subject.policy.vocabulary
    promises = Promises(subject.policy)
    reported: set[str] = set()
    for rule, condition in protecting(subject.policy):
        tests = positive_tests(condition.tree)
        for test, span in condition.places:
            fact = vocabulary.facts[test.fact]
            is_optional = fact.name in vocabulary.attributes and fact.optional
            is_escaped = is_optional and test in tests and not promises.name(test)
            if is_escaped and fact.name not in reported:
                reported.add(fact.name)
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
    default = _written(value)
    if fact.kind is FactType.ENUM:
        values = ", ".join(map(_written, fact.values))
        return f"{fact.name}: {{ values: [{values}], default: {default} }}"
    return f"{fact.name}: {{ type: {fact.kind}, default: {default} }}"


def _written(value: object) -> str:
    """Return a value as YAML: a text in quotes where it would be read as something else."""
    if not isinstance(value, str):
        return str(value).lower().removesuffix(".0")
    plain = _PLAIN.fullmatch(value) and value.lower() not in _WORDS
    return value if plain else json.dumps(value, ensure_ascii=False)
