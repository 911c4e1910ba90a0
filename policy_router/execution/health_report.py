"""The health of models, as people and programs ask for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from policy_router.execution.breaker import BreakerState
from policy_router.execution.domain_keys import concerns, name_in, scope_in
from policy_router.execution.service_health import HEALTHY
from policy_router.providers.failure import FailureScope
from policy_router.providers.fault_domain import key_variable, with_each_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from policy_router.domain.models import Model
    from policy_router.execution.service_health import ServiceHealth


class HealthState(StrEnum):
    """Whether a model is called.

    Attributes:
        OK: It is.
        DEGRADED: It answers worse than usual (`fallback.degraded`), by the calls of this process.
        RAMP: It has recovered, and gets ever more of its calls.
        HALF_OPEN: One call probes it; no other is made meanwhile.
        RESTING: It is not, until a time that its provider named or that the failure demands.
        OPEN: It is not, because it kept failing.
    """

    OK = "ok"
    DEGRADED = "degraded"
    RAMP = "ramp"
    HALF_OPEN = "half_open"
    RESTING = "resting"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class ModelHealth:
    """The health of one model.

    Attributes:
        model: Its name in the policy.
        state: Whether it is called.
        until: Unix time at which that changes by itself; None while it is OK or degraded. In the
            past where the next request probes it.
        at_fault: What failed: `model`, or such as `key OPENAI_API_KEY` or `provider openai`; empty
            while it is OK.
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
        known: The health of what failed lately, by its keys; `concerns` says which count.
        now: Unix time.
    """
    mine = [(key, health.at(now)) for key, health in known.items() if concerns(key, model)]
    shared = [_worst(model, [each for each in mine if not _is_of_key(each[0])], now)]
    by_key = [
        _worst(model, [(k, h) for k, h in mine if _is_of_key(k) and name_in(k) == name], now)
        for name in (key_variable(each) for each in with_each_key(model))
    ]
    # It is called while one of its keys works.
    return max(shared[0], min(by_key, key=_badness), key=_badness)


def with_degradation(health: ModelHealth, reason: str | None) -> ModelHealth:
    """The health of a model that may answer worse than usual; None says that it does not."""
    if reason is None or health.state is not HealthState.OK:
        return health
    return replace(health, state=HealthState.DEGRADED, at_fault="model", cause=reason)


def _is_of_key(key: str) -> bool:
    return scope_in(key) in (FailureScope.KEY, FailureScope.ACCOUNT)


def _badness(health: ModelHealth) -> tuple[int, float]:
    return _ORDER.index(health.state), health.until or 0.0


def _worst(model: Model, known: Iterable[tuple[str, ServiceHealth]], now: float) -> ModelHealth:
    ok = ModelHealth(model.name)
    return max((_of(model, key, health, now) for key, health in known), key=_badness, default=ok)


def _of(model: Model, key: str, health: ServiceHealth, now: float) -> ModelHealth:
    scope = scope_in(key)
    at_fault = scope.value if scope is FailureScope.MODEL else f"{scope} {name_in(key)}"
    breaker, rest = health.breaker, health.rest
    state = _OF_BREAKER[breaker.state]
    if rest.until > now and state is not HealthState.OPEN:
        return ModelHealth(
            model.name, HealthState.RESTING, rest.until, at_fault, rest.cause, breaker.level
        )
    if state is HealthState.OK or health == HEALTHY:
        return ModelHealth(model.name)
    until = max(breaker.until, rest.until)
    return ModelHealth(model.name, state, until, at_fault, breaker.cause, breaker.level)
