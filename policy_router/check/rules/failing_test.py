"""a test of the policy that does not hold

The policy decides otherwise than its own test says. Either the test is out of date, or a change of
the policy had an effect that was not meant. The policy can still be used.

Bad:
    tests:
      - name: small talk is free
        request: { tokens: 10 }
        expect: { first: big, cost: $0 }

Good:
    tests:
      - name: small talk is free
        request: { tokens: 10 }
        expect: { first: local, cost: $0 }
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.subject import warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.check.subject import Subject
    from policy_router.diagnostics import Diagnostic


def check(subject: Subject) -> Iterator[Diagnostic]:
    if not subject.policy.tests:
        return
    from policy_router.cases.run import run_tests  # noqa: PLC0415  most policies have no tests

    for result in run_tests(subject.policy, subject.policy.tests, subject.cancelled):
        test = result.test
        if result.problem is not None:
            message = f"test `{test.name}` cannot be run: {result.problem}"
            yield warning("failing-test", message, test.span, "change its request or what it gives")
        for each in result.mismatches:
            yield warning(
                "failing-test",
                f"test `{test.name}`, `{each.expectation}`: expected {each.expected}, "
                f"got {each.got}",
                each.span or test.span,
                each.why or "change what the test expects, or the policy",
            )
