"""The health of models, as `policy-router health` and `router.health()` report it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from policy_router.execution.health.breaker import BreakerState
from policy_router.execution.health.domain_keys import (
    COOLING,
    concerns,
    domain_in,
    domain_of,
    is_of_user,
    name_in,
    scope_in,
)
from policy_router.execution.health.service_health import HEALTHY
from policy_router.providers.failures.failure import FailureScope
from policy_router.providers.failures.fault_domain import with_any_key, with_each_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policy_router.domain.models import Model
    from policy_router.execution.health.degradation import Worse
    from policy_router.execution.health.service_health import ServiceHealth


class HealthState(StrEnum):
    """Whether a model is called.

    Attributes:
        OK: It is called.
        SOME_USERS: It is called, except for users whose requests alone kept failing.
        DEGRADED: It does worse than usual (`fallback.degraded`), by the calls of this process.
        RAMP: It has recovered, and gets its requests back step by step.
        HALF_OPEN: One call probes it; no other is made in the meantime.
        COOLDOWN: Not called until a time that its provider named or that the failure demands.
        OPEN: Not called, because it kept failing.
    """

    OK = "ok"
    SOME_USERS = "some_users"
    DEGRADED = "degraded"
    RAMP = "ramp"
    HALF_OPEN = "half_open"
    COOLDOWN = "cooldown"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class ModelHealth:
    """The health of one model.

    Attributes:
        model: Its name in the policy.
        state: Whether it is called.
        until: Unix time at which that ends by itself, for the last user where users are affected;
            None while it is OK or degraded. In the past where the next request probes it.
        at_fault: What failed, such as `model`, `key OPENAI_API_KEY`, `provider openai` or
            `2 users`; empty while it is OK.
        cause: The class of the last failure, such as `timeout`, or what is worse than usual; empty
            while it is OK.
        times: How often its breaker opened in a row.
    """

    model: str
    state: HealthState = HealthState.OK
    until: float | None = None
    at_fault: str = ""
    cause: str = ""
    times: int = 0


_OF_BREAKER: Final[Mapping[BreakerState, HealthState]] = MappingProxyType(
    {
        BreakerState.CLOSED: HealthState.OK,
        BreakerState.OPEN: HealthState.OPEN,
        BreakerState.HALF_OPEN: HealthState.HALF_OPEN,
        BreakerState.RAMP: HealthState.RAMP,
    }
)
_ORDER: Final = tuple(HealthState)


def health_of(model: Model, known: Mapping[str, ServiceHealth], now: float) -> ModelHealth:
    """The health of a model.

    Args:
        model: The model.
        known: The health of what failed lately, by its keys.
        now: Unix time.
    """
    each_key = with_each_key(model)
    # It is called while one of its keys works.
    health = min((_worst(model, each, known, now) for each in each_key), key=_badness)
    if len(each_key) > 1:
        health = max(health, _worst(model, with_any_key(model), known, now), key=_badness)
    return max(health, _for_users(model, known, now), key=_badness)


def with_degradation(health: ModelHealth, worse: Worse | None) -> ModelHealth:
    """The health of a model that may answer worse than usual; None says that it does not."""
    if worse is None or health.state not in (HealthState.OK, HealthState.SOME_USERS):
        return health
    at_fault = "model" if worse.user is None else "1 user"
    return replace(health, state=HealthState.DEGRADED, at_fault=at_fault, cause=worse.reason)


def worst(health: Sequence[ModelHealth]) -> ModelHealth:
    """The worst of what is known about a model."""
    return max(health, key=_badness)


def _badness(health: ModelHealth) -> tuple[int, float]:
    return _ORDER.index(health.state), health.until or 0.0


def _worst(
    model: Model, called: Model, known: Mapping[str, ServiceHealth], now: float
) -> ModelHealth:
    """The worst that is known about a model as it is called with a key."""
    domains = {domain_of(called, scope) for scope in COOLING}
    mine = ((key, health) for key, health in known.items() if domain_in(key) in domains)
    found = (_of(model, key, health.at(now), now) for key, health in mine)
    return max(found, key=_badness, default=ModelHealth(model.name))


def _for_users(model: Model, known: Mapping[str, ServiceHealth], now: float) -> ModelHealth:
    """The health of a model for single users."""
    domains = frozenset({domain_of(with_any_key(model), FailureScope.MODEL)})
    own = [
        health.breaker
        for key, health in known.items()
        if is_of_user(key) and concerns(key, domains)
    ]
    closed = [breaker for breaker in own if breaker.is_blocked(now)]
    if not closed:
        return ModelHealth(model.name)
    latest = max(closed, key=lambda breaker: breaker.until)
    users = f"{len(closed)} user{'s' if len(closed) > 1 else ''}"
    return ModelHealth(
        model.name, HealthState.SOME_USERS, latest.until, users, latest.cause, latest.level
    )


def _of(model: Model, key: str, health: ServiceHealth, now: float) -> ModelHealth:
    scope = scope_in(key)
    at_fault = scope.value if scope is FailureScope.MODEL else f"{scope} {name_in(key)}"
    breaker, cooldown = health.breaker, health.cooldown
    state = _OF_BREAKER[breaker.state]
    if cooldown.until > now and state is not HealthState.OPEN:
        return ModelHealth(
            model.name,
            HealthState.COOLDOWN,
            cooldown.until,
            at_fault,
            cooldown.cause,
            breaker.level,
        )
    if state is HealthState.OK or health == HEALTHY:
        return ModelHealth(model.name)
    until = max(breaker.until, cooldown.until)
    return ModelHealth(model.name, state, until, at_fault, breaker.cause, breaker.level)
