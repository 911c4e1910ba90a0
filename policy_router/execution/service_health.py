"""What is known of the health of one thing that may fail: a model, a key, an account, a provider.

It is a breaker, which failures open, and a rest, which ends at a time that the provider named or
that the class of the failure demands. Both are values; what happens to them is a function from one
value to the next, so that it can be applied to the copies of several processes.
"""

from __future__ import annotations

import json
from dataclasses import astuple, dataclass, field, replace
from typing import Final

from policy_router.execution.breaker import CLOSED, Breaker, BreakerState, settled

_LONGEST_GROWN: Final = 300.0
"""Seconds of a growing rest, at most."""
_MOST_DOUBLINGS: Final = 30
_FORMAT: Final = 2
LIFTED_FOR: Final = 24 * 3600.0
"""Seconds for which it is known that an operator had a model observed anew."""


@dataclass(frozen=True, slots=True)
class Rest:
    """A time in which no call is made.

    Attributes:
        until: Unix time at which it ends; 0 when there was none.
        cause: The class of the failure that caused it.
        level: How often a growing rest of that class began since the last answer.
    """

    until: float = 0.0
    cause: str = ""
    level: int = 0


@dataclass(frozen=True, slots=True)
class ServiceHealth:
    """The health of one thing that may fail.

    Attributes:
        breaker: Its breaker.
        rest: Its latest rest.
        lifted_at: Unix time since which a model is observed anew, because an operator lifted what
            kept it from being called; 0 when no operator did.
    """

    breaker: Breaker = field(default=CLOSED)
    rest: Rest = field(default_factory=Rest)
    lifted_at: float = 0.0

    def blocked_until(self, now: float) -> float:
        """Unix time until which no call may be made; 0 when one may be."""
        until = self.breaker.until if self.breaker.is_blocked(now) else 0.0
        return max(until, self.rest.until) if self.rest.until > now else until

    def at(self, now: float) -> ServiceHealth:
        """The health at a moment."""
        breaker = settled(self.breaker, now)
        return self if breaker is self.breaker else replace(self, breaker=breaker)


HEALTHY: Final = ServiceHealth()


def rested(health: ServiceHealth, now: float, seconds: float, cause: str) -> ServiceHealth:
    """A rest of that length begins; of two rests the later end counts."""
    if now + seconds <= health.rest.until:
        return health
    return replace(health, rest=replace(health.rest, until=now + seconds, cause=cause))


def rested_longer(health: ServiceHealth, now: float, seconds: float, cause: str) -> ServiceHealth:
    """A rest begins that doubles each time until there is an answer.

    Requests that fail while a rest lasts ran at the same time: together they are one failure.
    """
    rest = health.rest
    level = rest.level if rest.cause == cause else 0
    if rest.until > now and level:
        return health
    until = now + min(seconds * 2.0 ** min(level, _MOST_DOUBLINGS), max(seconds, _LONGEST_GROWN))
    return replace(health, rest=Rest(max(until, rest.until), cause, level + 1))


def answered(health: ServiceHealth) -> ServiceHealth:
    """A call succeeded: the next growing rest is short again."""
    if not health.rest.level:
        return health
    return replace(health, rest=replace(health.rest, level=0))


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
    if health.rest.until <= now and not health.rest.level:
        health = replace(health, rest=Rest())
    if health.lifted_at and health.lifted_at + LIFTED_FOR <= now:
        health = replace(health, lifted_at=0.0)
    return health


def to_text(health: ServiceHealth) -> str:
    """The health as a store keeps it."""
    parts = [_FORMAT, astuple(health.breaker), astuple(health.rest), health.lifted_at]
    return json.dumps(parts, separators=(",", ":"))


def from_text(text: str) -> ServiceHealth:
    """What a store kept; healthy where another version of this package wrote it."""
    try:
        version, breaker, rest, lifted_at = json.loads(text)
        if version != _FORMAT:
            return HEALTHY
        state, since, until, level, successes, cause, prober = breaker
        return ServiceHealth(
            Breaker(
                BreakerState(state), float(since), float(until), int(level), int(successes),
                str(cause), str(prober),
            ),
            Rest(float(rest[0]), str(rest[1]), int(rest[2])),
            float(lifted_at),
        )  # fmt: skip
    except (ValueError, TypeError, IndexError):
        return HEALTHY
