"""The runtime state that a policy test assumes, as a snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.decision.limits.subjects import subject_of
from policy_router.domain.experience import Measured, Measurement
from policy_router.domain.experiments import CONTROL, Assignment
from policy_router.domain.limits import Metric, Reading
from policy_router.domain.sessions import SessionState
from policy_router.domain.snapshot import Snapshot
from policy_router.domain.windows import window

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.cases.requests import StatedRequest
    from policy_router.decision.policy import Policy
    from policy_router.domain.limits import CounterKey
    from policy_router.domain.policy_tests import GivenState, GivenStats
    from policy_router.domain.request import Request
    from policy_router.units import Rate

_COOLING: Final = 60.0
"""Seconds for which a model that a test puts in cooldown stays there."""


def snapshot_of(policy: Policy, given: GivenState, tested: StatedRequest) -> Snapshot:
    """Build the runtime state that a test assumes.

    Counters that the test does not name have not been used. Those that count by user, tenant and
    the like are the ones of its request.
    """
    request, now = tested.request, tested.now
    began = now or 0.0
    session = None
    if request.session is not None and policy.sessions.remember(request):
        model = given.session.get(request.session)
        if model is not None:
            reason = f"it began with `{model}`"
            session = SessionState(model, policy.model(model).rank, reason, began)
    return Snapshot(
        now=now,
        cooling=dict.fromkeys(given.cooling, began + _COOLING),
        used=dict(_readings(policy, given, request)),
        session=session,
        arms=_arms(policy, given),
        measured={model: _measured(policy, stats) for model, stats in given.stats.items()},
    )


def _readings(
    policy: Policy, given: GivenState, request: Request
) -> Iterator[tuple[CounterKey, Reading]]:
    for limit in policy.limits:
        if limit.is_budget and limit.metric is Metric.USD:
            used = given.spent.get(limit.name)
        else:
            rate = given.used.get(limit.name)
            counts = rate is not None and _counts(rate, limit.metric, str(limit.window or ""))
            used = rate.amount if rate is not None and counts else None
        if used is not None:
            yield limit.key(subject_of(limit, request)), Reading(used)


def _counts(rate: Rate, metric: Metric, over: str) -> bool:
    return rate.metric == metric and (str(window(rate.period)) if rate.period else "") == over


def _arms(policy: Policy, given: GivenState) -> tuple[Assignment, ...]:
    if given.arm is None:
        return ()
    name, _, arm = given.arm.partition("/")
    experiment = next(each for each in policy.experiments if each.name == name)
    found = experiment.arm(arm or name)
    share = 1 - sum(each.share for each in experiment.arms) if found is None else found.share
    return (Assignment(name, CONTROL if found is None else found.name, share),)


def _measured(policy: Policy, stats: GivenStats) -> Measured:
    samples = stats.samples or policy.learning.min_samples

    def measurement(value: float | None) -> Measurement | None:
        return None if value is None else Measurement(value, samples)

    return Measured(
        success=measurement(stats.success),
        latency=measurement(stats.latency),
        quality=measurement(stats.quality),
        accepted=measurement(stats.accepted),
    )
