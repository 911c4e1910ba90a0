"""The health of one thing that may fail: a model, a key, an account or a provider.

It consists of a breaker, which repeated failures open, and of a cooldown, which one failure begins
and which ends at a time that the provider named or that the class of the failure demands. Both are
values; what happens to them is a function from one value to the next, so that it can be applied to
the copies of several processes.
"""

from __future__ import annotations

import json
from dataclasses import astuple, dataclass, field, replace
from typing import Final

from policy_router.execution.health.breaker import CLOSED, Breaker, BreakerState, settled

_LONGEST_GROWN: Final = 300.0
"""Seconds of a growing cooldown, at most."""
_MOST_DOUBLINGS: Final = 30
_FORMAT: Final = 2
LIFTED_FOR: Final = 24 * 3600.0
"""Seconds for which it is known that an operator had a model observed afresh."""


@dataclass(frozen=True, slots=True)
class FailureCooldown:
    """A time in which no call is made, because of one failure.

    Attributes:
        until: Unix time at which it ends; 0 when there was none.
        cause: The class of the failure that caused it.
        level: How often a growing cooldown of that class began since the last answer.
    """

    until: float = 0.0
    cause: str = ""
    level: int = 0


@dataclass(frozen=True, slots=True)
class ServiceHealth:
    """The health of one thing that may fail.

    Attributes:
        breaker: Its breaker.
        cooldown: Its latest cooldown.
        lifted_at: Unix time since which a model is observed afresh, because an operator lifted what
            kept it from being called; 0 when no operator did.
    """

    breaker: Breaker = field(default=CLOSED)
    cooldown: FailureCooldown = field(default_factory=FailureCooldown)
    lifted_at: float = 0.0

    def blocked_until(self, now: float) -> float:
        """Unix time until which no call may be made; 0 when one may be."""
        until = self.breaker.until if self.breaker.is_blocked(now) else 0.0
        return max(until, self.cooldown.until) if self.cooldown.until > now else until

    def at(self, now: float) -> ServiceHealth:
        """The health at a moment."""
        breaker = settled(self.breaker, now)
        return self if breaker is self.breaker else replace(self, breaker=breaker)


HEALTHY: Final = ServiceHealth()


def cooldown_began(health: ServiceHealth, now: float, seconds: float, cause: str) -> ServiceHealth:
    """A cooldown of that length begins; of two cooldowns the later end counts."""
    if now + seconds <= health.cooldown.until:
        return health
    return replace(health, cooldown=replace(health.cooldown, until=now + seconds, cause=cause))


def growing_cooldown_began(
    health: ServiceHealth, now: float, seconds: float, cause: str
) -> ServiceHealth:
    """A cooldown begins that doubles each time until there is an answer.

    Requests that fail while a cooldown lasts ran at the same time: together they are one failure.
    """
    cooldown = health.cooldown
    level = cooldown.level if cooldown.cause == cause else 0
    if cooldown.until > now and level:
        return health
    until = now + min(seconds * 2.0 ** min(level, _MOST_DOUBLINGS), max(seconds, _LONGEST_GROWN))
    return replace(health, cooldown=FailureCooldown(max(until, cooldown.until), cause, level + 1))


def answered(health: ServiceHealth) -> ServiceHealth:
    """A call succeeded: the next growing cooldown is short again."""
    if not health.cooldown.level:
        return health
    return replace(health, cooldown=replace(health.cooldown, level=0))


def lifted(_: ServiceHealth, now: float, *, observed: bool) -> ServiceHealth:
    """An operator ends whatever keeps it from being called.

    Args:
        now: Unix time.
        observed: Whether it is a model that the policy observes for signs of degradation.
    """
    return ServiceHealth(lifted_at=now) if observed else HEALTHY


def remembered(health: ServiceHealth, now: float) -> ServiceHealth:
    """What of the health at a moment still matters; healthy where nothing does."""
    health = health.at(now)
    if health.cooldown.until <= now and not health.cooldown.level:
        health = replace(health, cooldown=FailureCooldown())
    if health.lifted_at and health.lifted_at + LIFTED_FOR <= now:
        health = replace(health, lifted_at=0.0)
    return health


def to_text(health: ServiceHealth) -> str:
    """The health as a store keeps it."""
    parts = [_FORMAT, astuple(health.breaker), astuple(health.cooldown), health.lifted_at]
    return json.dumps(parts, separators=(",", ":"))


def from_text(text: str) -> ServiceHealth:
    """What a store kept; healthy where another version of this package wrote it."""
    try:
        version, breaker, cooldown, lifted_at = json.loads(text)
        if version != _FORMAT:
            return HEALTHY
        state, since, until, level, successes, cause, prober = breaker
        return ServiceHealth(
            Breaker(
                BreakerState(state), float(since), float(until), int(level), int(successes),
                str(cause), str(prober),
            ),
            FailureCooldown(float(cooldown[0]), str(cooldown[1]), int(cooldown[2])),
            float(lifted_at),
        )  # fmt: skip
    except (ValueError, TypeError, IndexError):
        return HEALTHY
