"""Finds which mutations of a policy its tests and promises notice."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from policy_router.assurance.compare import broken_promises
from policy_router.assurance.promises import prove
from policy_router.cases.equivalence import TellingRequest, compare
from policy_router.cases.mutants import mutants
from policy_router.cases.run import PreparedTest, judge, prepare
from policy_router.classification.classifier import Classifier
from policy_router.decision.facts import situation_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from policy_router.assurance.promises import Proof
    from policy_router.cases.mutants import Mutant
    from policy_router.decision.policy import Policy
    from policy_router.diagnostics import Span
    from policy_router.domain.policy_tests import PolicyTest


class Fate(StrEnum):
    """The outcome of a mutation.

    Attributes:
        CAUGHT: A test that passes for the policy fails, or a promise that it keeps is broken.
        SURVIVED: Every test still passes, but there is a request that is decided differently.
        EQUIVALENT: It is proved that every request is decided as before: no test could notice.
        UNKNOWN: Every test still passes, and it is undecided whether any request is decided
            differently.
    """

    CAUGHT = "caught"
    SURVIVED = "survived"
    EQUIVALENT = "equivalent"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class MutantResult:
    """One change, and whether a test notices it.

    Attributes:
        change: The change, as text for people.
        fate: The outcome.
        by: Name of the first test that notices it, or `invariant NAME` where a broken promise does;
            None where nothing does.
        difference: A request that is decided differently, if it survived.
        reason: Why it is unknown; None otherwise.
        span: The position in the policy files of what was changed.
    """

    change: str
    fate: Fate
    by: str | None = None
    difference: TellingRequest | None = None
    reason: str | None = None
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Mutation:
    """The results of mutation testing.

    Attributes:
        results: Every change, in the order of the policy.
    """

    results: tuple[MutantResult, ...]

    def count(self, fate: Fate) -> int:
        """How many changes had this result."""
        return sum(result.fate is fate for result in self.results)

    @property
    def share(self) -> float:
        """The share of changes that are noticed, 0..1, without those proved equivalent."""
        counted = len(self.results) - self.count(Fate.EQUIVALENT)
        return self.count(Fate.CAUGHT) / counted if counted else 1.0


def mutate(policy: Policy, tests: Sequence[PolicyTest]) -> Iterator[MutantResult]:
    """Change a policy in every small way, and yield whether its tests or its promises notice.

    A promise counts because a policy that breaks it is not used.

    Args:
        policy: The policy.
        tests: Its tests; those that already fail notice nothing.
    """
    classifier = Classifier(policy)
    prepared = [prepare(classifier, test) for test in tests]
    holding = [
        each for each in prepared if isinstance(each, PreparedTest) and judge(policy, each).passed
    ]
    proofs = prove(policy)
    for mutant in mutants(policy):
        by = next((each for each in holding if not _holds(mutant.policy, each)), None)
        if by is not None:
            yield MutantResult(mutant.change, Fate.CAUGHT, by.test.name, span=mutant.span)
        else:
            yield _untested(policy, mutant, proofs)


def _holds(policy: Policy, prepared: PreparedTest) -> bool:
    """Whether a test holds under a changed policy, whose words and classes are the same."""
    situation = situation_of(policy, prepared.situation.request, prepared.snapshot.now)
    return judge(policy, replace(prepared, situation=situation)).passed


def _untested(policy: Policy, mutant: Mutant, proofs: Sequence[Proof]) -> MutantResult:
    """The outcome of a change that no test notices."""
    difference = compare(policy, mutant.policy, mutant.limit)
    if difference is None:
        return MutantResult(mutant.change, Fate.EQUIVALENT, span=mutant.span)
    broken = broken_promises(proofs, prove(mutant.policy))
    if broken:
        by = f"invariant {broken[0].invariant.name}"
        return MutantResult(mutant.change, Fate.CAUGHT, by, span=mutant.span)
    if isinstance(difference, TellingRequest):
        return MutantResult(mutant.change, Fate.SURVIVED, difference=difference, span=mutant.span)
    return MutantResult(mutant.change, Fate.UNKNOWN, reason=difference, span=mutant.span)
