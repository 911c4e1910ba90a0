"""a rule that protects by a tag, where any string is a tag

A request with the tag `Private` escapes a rule for `private`. With the tags declared, such a
request is invalid, and the caller learns which tag was meant. In a policy with an invariant over
tags nothing is noted, because it says itself what must hold for them.

Bad:
    rules:
      - { name: r, when: { tags: private }, only: [local] }

Good:
    tags: [private]
    rules:
      - { name: r, when: { tags: private }, only: [local] }
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.protection import Promises, positive_tests, protecting
from policy_router.check.subject import note
from policy_router.domain.condition import TAGS, tests_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.check.subject import Subject
    from policy_router.diagnostics import Diagnostic


def check(subject: Subject) -> Iterator[Diagnostic]:
    policy = subject.policy
    if policy.vocabulary.tags or "tags" in Promises(policy).facts:
        return
    for rule, condition in protecting(policy):
        tests = positive_tests(condition.tree)
        for test, span in condition.places:
            if test.fact == TAGS and test in tests:
                tags = ", ".join(_named(subject))
                yield note(
                    "tags-not-declared",
                    f"a request with a mistyped tag escapes rule `{rule.name}`",
                    span,
                    f"declare every tag that requests may have:  tags: [{tags}]",
                )
                return


def _named(subject: Subject) -> list[str]:
    """Return the tags that conditions name."""
    trees = [condition.tree for condition in subject.draft.conditions.values()]
    tests = [test for tree in trees for test in tests_of(tree) if test.fact == TAGS]
    return list(dict.fromkeys(str(test.values[0]) for test in tests))
