"""How long one failure puts what is at fault in cooldown, whatever the breaker says."""

from __future__ import annotations

from functools import partial
from operator import attrgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from policy_router.execution.health.service_health import cooldown_began, growing_cooldown_began
from policy_router.providers.failures.failure import FailureKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from policy_router.domain.fallback import Cooldown
    from policy_router.execution.health.health_board import Change
    from policy_router.providers.failures.failure import Failure

_SHORTEST: Final = 1.0
_LONGEST: Final = 24 * 3600.0
"""Seconds of a cooldown whose length the provider names, at least and at most."""
_SETTINGS: Final[Mapping[FailureKind, Callable[[Cooldown], float]]] = MappingProxyType(
    {
        FailureKind.RATE_LIMITED: attrgetter("rate_limit"),
        FailureKind.OVERLOADED: attrgetter("overloaded"),
        FailureKind.QUOTA_EXHAUSTED: attrgetter("quota"),
        FailureKind.CREDENTIAL: attrgetter("auth"),
        FailureKind.FORBIDDEN: attrgetter("auth"),
        FailureKind.MODEL_GONE: attrgetter("gone"),
        FailureKind.REDIRECTED: attrgetter("gone"),
    }
)
"""The setting of the policy for each cooldown whose length the provider does not name."""


def cooldown_after(failure: Failure, cooldown: Cooldown, now: float) -> Change | None:
    """What a failure does to the health of what is at fault; None where it begins no cooldown.

    Args:
        failure: The failure.
        cooldown: The times of the policy.
        now: Unix time.
    """
    reaction, cause = failure.reaction, failure.kind.value
    if not failure.certain:
        return None
    if failure.retry_after is not None and reaction.honors_retry_after:
        seconds = min(max(failure.retry_after, _SHORTEST), _LONGEST)
        return partial(cooldown_began, now=now, seconds=seconds, cause=cause)
    setting = _SETTINGS.get(failure.kind)
    seconds = reaction.cooldown if setting is None else setting(cooldown)
    if not reaction.cooldown or not seconds:
        return None
    begin = growing_cooldown_began if reaction.doubles else cooldown_began
    return partial(begin, now=now, seconds=seconds, cause=cause)
