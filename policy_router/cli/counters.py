"""Counters, the session and the experiments of a request, read before it is decided."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from policy_router.cli.options.store import reached
from policy_router.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.cli.options.request import PreparedRequest
    from policy_router.cli.options.store import StoreLocation
    from policy_router.decision.policy import Policy
    from policy_router.domain.experience import Measured
    from policy_router.domain.experiments import Assignment
    from policy_router.domain.situation import Situation
    from policy_router.ledger.store import Store


async def counted(
    policy: Policy, prepared: PreparedRequest, location: StoreLocation
) -> PreparedRequest:
    """Return the request with the current readings of the counters that matter to it, with what is
    remembered of its session, and with the arms of experiments that it is always in.

    Arms that are drawn per request are left out: each request is drawn again.
    """
    from policy_router.execution.accounting import Accounting  # noqa: PLC0415  not needed for --help

    learns, experiments = policy.learning.is_on, policy.experiments
    remembers = policy.sessions.remember(prepared.request)
    if not (policy.limits or remembers or learns or experiments):
        return prepared
    situation = prepared.situation(policy)
    async with reached(location) as store:
        accounting = Accounting(store, clock=time.time)
        used = await accounting.readings(policy, situation)
        session = await accounting.sessions.read(policy, prepared.request)
        measured = await _measured(policy, prepared, store) if learns else {}
        arms = await _arms(policy, situation, prepared.snapshot.now, store)
    known = replace(prepared.snapshot, used=used, session=session, measured=measured, arms=arms)
    return replace(prepared, snapshot=known)


async def _measured(
    policy: Policy, prepared: PreparedRequest, store: object
) -> Mapping[str, Measured]:
    """What past outcomes say about models at such requests; nothing while the store is away."""
    from policy_router.experience.keeper import ExperienceKeeper  # noqa: PLC0415  as above
    from policy_router.experience.recorder import OutcomeRecorder  # noqa: PLC0415  as above

    keeper = ExperienceKeeper(store, OutcomeRecorder(lambda: policy), lambda: policy)
    with suppress(StoreError):
        await keeper.exchange()
    return keeper.measured(policy, prepared.situation(policy))


async def _arms(
    policy: Policy, situation: Situation, now: float | None, store: Store
) -> tuple[Assignment, ...]:
    """The arms that a request is always in; none while the store cannot be read."""
    from policy_router.decision.arm_assignment import draw_arms  # noqa: PLC0415  as above
    from policy_router.experience.followed import ended_arms, read_experiments  # noqa: PLC0415

    try:
        reports = await read_experiments(policy.experiments, store, now)
    except StoreError:
        return ()
    return draw_arms(policy, situation, None, now, ended_arms(reports))
