from __future__ import annotations

import pytest

from policy_router.execute.failure import OWN_FAULTS, REACTIONS, Failure, Kind, Scope
from policy_router.model import Action, Fault


def test_every_kind_has_a_reaction_and_every_fault_a_kind() -> None:
    assert set(REACTIONS) == set(Kind)
    assert {reaction.fault for reaction in REACTIONS.values()} == set(Fault)


@pytest.mark.parametrize("kind", list(Kind))
def test_nobody_is_told_401_for_our_credentials(kind: Kind) -> None:
    assert REACTIONS[kind].status != 401


def test_redirects_are_never_the_policy_s_choice() -> None:
    assert REACTIONS[Kind.REDIRECTED].fixed is Action.NEXT


@pytest.mark.parametrize("kind", list(Kind))
def test_a_fault_of_the_request_has_no_cooldown(kind: Kind) -> None:
    reaction = REACTIONS[kind]
    cools = reaction.rest > 0 or reaction.counts or reaction.hinted
    assert cools == (reaction.scope is not Scope.REQUEST)


@pytest.mark.parametrize("kind", list(Kind))
def test_what_lies_in_the_request_is_a_400_to_the_caller(kind: Kind) -> None:
    reaction = REACTIONS[kind]
    assert (reaction.fault in OWN_FAULTS) == (reaction.status == 400)


def test_a_failure_knows_its_row_and_whose_fault_it_is() -> None:
    failure = Failure(Kind.QUOTA_EXHAUSTED)
    assert failure.fault is Fault.RATE_LIMIT
    assert failure.reaction is REACTIONS[Kind.QUOTA_EXHAUSTED]
    assert failure.scope is Scope.ACCOUNT
    assert Failure(Kind.QUOTA_EXHAUSTED, narrowed=Scope.REQUEST).scope is Scope.REQUEST
