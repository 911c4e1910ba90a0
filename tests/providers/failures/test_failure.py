from __future__ import annotations

import pytest

from policy_router.domain.fallback import Action, FaultClass
from policy_router.providers.failures.failure import (
    OWN_FAULTS,
    REACTIONS,
    Failure,
    FailureKind,
    FailureScope,
)


def test_every_kind_has_a_reaction_and_every_fault_a_kind() -> None:
    assert set(REACTIONS) == set(FailureKind)
    assert {reaction.fault for reaction in REACTIONS.values()} == set(FaultClass)


@pytest.mark.parametrize("kind", list(FailureKind))
def test_rejected_credentials_of_ours_are_never_a_401_for_the_caller(kind: FailureKind) -> None:
    assert REACTIONS[kind].status != 401


def test_redirects_are_never_the_policy_s_choice() -> None:
    assert REACTIONS[FailureKind.REDIRECTED].fixed_action is Action.NEXT


@pytest.mark.parametrize("kind", list(FailureKind))
def test_a_fault_of_the_request_has_no_cooldown(kind: FailureKind) -> None:
    reaction = REACTIONS[kind]
    cools = reaction.cooldown > 0 or reaction.counts_for_cooldown or reaction.honors_retry_after
    assert cools == (reaction.scope is not FailureScope.REQUEST)


@pytest.mark.parametrize("kind", list(FailureKind))
def test_faults_of_the_request_are_a_400_for_the_caller(kind: FailureKind) -> None:
    reaction = REACTIONS[kind]
    assert (reaction.fault in OWN_FAULTS) == (reaction.status == 400)


def test_a_failure_knows_its_row_and_whose_fault_it_is() -> None:
    failure = Failure(FailureKind.QUOTA_EXHAUSTED)
    assert failure.fault is FaultClass.RATE_LIMIT
    assert failure.reaction is REACTIONS[FailureKind.QUOTA_EXHAUSTED]
    assert failure.scope is FailureScope.ACCOUNT
    assert (
        Failure(FailureKind.QUOTA_EXHAUSTED, scope_override=FailureScope.REQUEST).scope
        is FailureScope.REQUEST
    )
