"""Changes of a circuit breaker, as reported to observers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from policy_router.execution.health.breaker import BreakerState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.execution.health.breaker import Breaker
    from policy_router.providers.failures.failure import FailureScope


class BreakerStep(StrEnum):
    """What happened to a breaker."""

    OPENED = "opened"
    HALF_OPEN = "half_open"
    CLOSED = "closed"
    LIFTED = "lifted"


@dataclass(frozen=True, slots=True)
class BreakerChange:
    """A breaker that this process changed.

    Attributes:
        scope: Whether it is that of a model, of a model for one user, or of a provider.
        name: The name of the model, or of the provider.
        step: What happened to it.
        until: Unix time until which nothing else happens by itself.
        cause: The class of the failure that opened it.
    """

    scope: FailureScope
    name: str
    step: BreakerStep
    until: float
    cause: str


_STEPS: Final[Mapping[tuple[BreakerState, BreakerState], BreakerStep]] = MappingProxyType(
    {
        (BreakerState.CLOSED, BreakerState.OPEN): BreakerStep.OPENED,
        (BreakerState.RAMP, BreakerState.OPEN): BreakerStep.OPENED,
        (BreakerState.HALF_OPEN, BreakerState.OPEN): BreakerStep.OPENED,
        (BreakerState.OPEN, BreakerState.HALF_OPEN): BreakerStep.HALF_OPEN,
        (BreakerState.HALF_OPEN, BreakerState.RAMP): BreakerStep.CLOSED,
        (BreakerState.OPEN, BreakerState.CLOSED): BreakerStep.LIFTED,
        (BreakerState.HALF_OPEN, BreakerState.CLOSED): BreakerStep.LIFTED,
    }
)


def change_of(
    scope: FailureScope, name: str, before: Breaker, after: Breaker
) -> BreakerChange | None:
    """What happened to a breaker of that scope and name; None when nothing that matters did."""
    step = _STEPS.get((before.state, after.state))
    if step is None:
        return None
    return BreakerChange(scope, name, step, after.until, after.cause or before.cause)
