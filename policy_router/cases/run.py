"""Runs the tests of a policy. Pure: no clock, no state, and no model is called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from policy_router.base_errors import UsageError
from policy_router.cases.expectations import Mismatch, mismatches
from policy_router.cases.requests import request_of
from policy_router.cases.state import snapshot_of
from policy_router.classification.classifier import Classifier
from policy_router.decision.decide import decide_on
from policy_router.decision.facts import situation_of
from policy_router.resilience.cancellation import Poll, checkpoint, never

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from policy_router.decision.policy import Policy
    from policy_router.domain.decision import Decision
    from policy_router.domain.policy_tests import PolicyTest
    from policy_router.domain.situation import Situation
    from policy_router.domain.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class PolicyTestResult:
    """The result of a test.

    Attributes:
        test: The test.
        mismatches: The expectations that the decision does not meet.
        problem: Why the test could not be run; None if it was.
        decision: The decision; None where there is a problem.
    """

    test: PolicyTest
    mismatches: tuple[Mismatch, ...] = ()
    problem: str | None = None
    decision: Decision | None = None

    @property
    def passed(self) -> bool:
        """Whether it was run, and met every expectation."""
        return self.problem is None and not self.mismatches


@dataclass(frozen=True, slots=True)
class PolicyTestRun:
    """A policy whose tests were run.

    Attributes:
        path: Its file or folder, as it was given.
        policy: The policy.
        results: How its tests ended, in order.
        sources: File name -> text, for the lines of expectations.
    """

    path: str
    policy: Policy
    results: tuple[PolicyTestResult, ...]
    sources: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PreparedTest:
    """A test with its request and its runtime state.

    Attributes:
        test: The test.
        situation: The request as the policy sees it.
        snapshot: The state that it assumes.
    """

    test: PolicyTest
    situation: Situation
    snapshot: Snapshot


def run_tests(
    policy: Policy, tests: Sequence[PolicyTest], cancelled: Poll = never
) -> Iterator[PolicyTestResult]:
    """Run tests under a policy.

    Args:
        policy: The policy that decides.
        tests: The tests; the policy must define everything that they name.
        cancelled: Polled before each test.

    Yields:
        The result of each test, in the order given.

    Raises:
        Cancelled: `cancelled` returned True.
    """
    classifier = Classifier(policy)
    for test in tests:
        checkpoint(cancelled)
        prepared = prepare(classifier, test)
        yield prepared if isinstance(prepared, PolicyTestResult) else judge(policy, prepared)


def prepare(classifier: Classifier, test: PolicyTest) -> PreparedTest | PolicyTestResult:
    """Return the request and the state of a test, or its result where it cannot be run."""
    policy = classifier.policy
    try:
        tested = request_of(classifier, test)
    except UsageError as error:
        return PolicyTestResult(test, problem=str(error))
    situation = situation_of(policy, tested.request, tested.now)
    if situation.problem is not None:
        return PolicyTestResult(test, problem=f"the request is invalid: {situation.problem}")
    if test.given.arm is not None:
        name = test.given.arm.partition("/")[0]
        experiment = next(each for each in policy.experiments if each.name == name)
        if experiment.when is not None and not experiment.when.holds(situation.facts):
            return PolicyTestResult(test, problem=f"experiment `{name}` is not about the request")
    return PreparedTest(test, situation, snapshot_of(policy, test.given, tested))


def judge(policy: Policy, prepared: PreparedTest) -> PolicyTestResult:
    """Decide the request of a test, and compare the decision with what the test expects."""
    decision = decide_on(policy, prepared.situation, prepared.snapshot)
    found = mismatches(policy, prepared.test.expect, decision)
    return PolicyTestResult(prepared.test, found, None, decision)
