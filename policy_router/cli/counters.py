"""Counters and the session that matter to a request, read before it is decided."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from policy_router.cli.store_option import reached

if TYPE_CHECKING:
    from policy_router.cli.request import PreparedRequest
    from policy_router.cli.store_option import StoreLocation
    from policy_router.decision.policy import Policy


async def counted(
    policy: Policy, prepared: PreparedRequest, location: StoreLocation
) -> PreparedRequest:
    """Return the request with the current readings of the counters that matter to it, and with what
    is remembered of its session."""
    from policy_router.execution.accounting import Accounting  # noqa: PLC0415  not needed for --help

    if not (policy.limits or policy.sessions.remember(prepared.request)):
        return prepared
    async with reached(location) as store:
        accounting = Accounting(store, clock=time.time)
        used = await accounting.readings(policy, prepared.situation(policy))
        session = await accounting.sessions.read(policy, prepared.request)
    return replace(prepared, snapshot=replace(prepared.snapshot, used=used, session=session))
