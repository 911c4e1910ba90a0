"""The request of a policy test, in the form in which the test states it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias, cast

from policy_router.assurance.reproduce import stated_facts

if TYPE_CHECKING:
    from policy_router.assurance.witness import Witness
    from policy_router.decision.policy import Policy
    from policy_router.domain.policy_tests import StatedValue

Stated: TypeAlias = "dict[str, StatedValue | tuple[StatedValue, ...]]"
"""Facts about a request by name; a list is a tuple."""


def stated(policy: Policy, witness: Witness) -> Stated | None:
    """Return the facts of a request by name; None where it has something that no test states.

    The time is left to the clock of the test.
    """
    request = witness.request
    if request.answers != 1 or request.pictures or request.largest_input is not None:
        return None
    facts = stated_facts(policy, replace(witness, now=None))
    listed = {name: tuple(each) if isinstance(each, list) else each for name, each in facts.items()}
    return cast("Stated", listed)


def clock_of(policy: Policy, witness: Witness) -> datetime | None:
    """Return the date and time of a request in the zone of the policy; None without a clock."""
    if witness.now is None:
        return None
    local = datetime.fromtimestamp(witness.now, policy.timezone)
    return local.replace(tzinfo=None)
