"""Counters and the session that matter to a request, read before it is decided."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from policy_router.cli.store_option import reached
from policy_router.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.cli.request import PreparedRequest
    from policy_router.cli.store_option import StoreLocation
    from policy_router.decision.policy import Policy
    from policy_router.domain.experience import Measured


async def counted(
    policy: Policy, prepared: PreparedRequest, location: StoreLocation
) -> PreparedRequest:
    """Return the request with the current readings of the counters that matter to it, and with what
    is remembered of its session."""
    from policy_router.execution.accounting import Accounting  # noqa: PLC0415  not needed for --help

    learns = policy.learning.is_on
    if not (policy.limits or policy.sessions.remember(prepared.request) or learns):
        return prepared
    async with reached(location) as store:
        accounting = Accounting(store, clock=time.time)
        used = await accounting.readings(policy, prepared.situation(policy))
        session = await accounting.sessions.read(policy, prepared.request)
        measured = await _measured(policy, prepared, store) if learns else {}
    return replace(
        prepared,
        snapshot=replace(prepared.snapshot, used=used, session=session, measured=measured),
    )


async def _measured(
    policy: Policy, prepared: PreparedRequest, store: object
) -> Mapping[str, Measured]:
    """What past outcomes say of models at such requests; nothing while the store is away."""
    from policy_router.experience.keeper import ExperienceKeeper  # noqa: PLC0415  as above
    from policy_router.experience.recorder import OutcomeRecorder  # noqa: PLC0415  as above

    keeper = ExperienceKeeper(store, OutcomeRecorder(lambda: policy), lambda: policy)
    with suppress(StoreError):
        await keeper.exchange()
    return keeper.measured(policy, prepared.situation(policy))
