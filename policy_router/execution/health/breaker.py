"""The circuit breaker of a model or a provider, as a state machine without IO, clock or randomness.

A breaker is always in one of four states:

    CLOSED     Calls are made.
    OPEN       None is made until `until`. Then one call may be, to probe it: no other call is made
               in the meantime.
    HALF_OPEN  A probe is under way until `until`; a probe that has not ended by then is given up,
               and another one may be made.
    RAMP       Two probes succeeded. Calls are made again, ever more of them, until `until`.

`TRANSITIONS` lists what may follow; an event that is not listed for a state changes nothing. The
same functions change the copy of one process and the one that all processes share, so that both
mean the same: what happens twice at the same moment counts once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.domain.fallback import Cooldown

SUCCESSES: Final = 2
"""Probes that must succeed one after the other before calls are made again."""
RAMP_SHARES: Final = (0.1, 0.25, 0.5)
"""The share of the requests that call it first, in each third of the ramp."""
_MOST_DOUBLINGS: Final = 30


class BreakerState(StrEnum):
    """The states of a breaker."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    RAMP = "ramp"


class BreakerEvent(StrEnum):
    """What happens to a breaker."""

    TRIPPED = "tripped"
    PROBE_BEGAN = "probe_began"
    PROBE_ANSWERED = "probe_answered"
    PROBE_FAILED = "probe_failed"
    PROBE_ENDED = "probe_ended"
    RAMP_ENDED = "ramp_ended"
    LIFTED = "lifted"


_State = BreakerState
_Event = BreakerEvent

TRANSITIONS: Final[Mapping[BreakerState, Mapping[BreakerEvent, frozenset[BreakerState]]]] = (
    MappingProxyType(
        {
            _State.CLOSED: {_Event.TRIPPED: frozenset({_State.OPEN})},
            _State.OPEN: {
                _Event.PROBE_BEGAN: frozenset({_State.HALF_OPEN}),
                _Event.LIFTED: frozenset({_State.CLOSED}),
            },
            _State.HALF_OPEN: {
                _Event.PROBE_BEGAN: frozenset({_State.HALF_OPEN}),
                _Event.PROBE_ANSWERED: frozenset({_State.HALF_OPEN, _State.RAMP}),
                _Event.PROBE_FAILED: frozenset({_State.OPEN}),
                _Event.PROBE_ENDED: frozenset({_State.HALF_OPEN}),
                _Event.LIFTED: frozenset({_State.CLOSED}),
            },
            _State.RAMP: {
                _Event.TRIPPED: frozenset({_State.OPEN}),
                _Event.RAMP_ENDED: frozenset({_State.CLOSED}),
                _Event.LIFTED: frozenset({_State.CLOSED}),
            },
        }
    )
)
"""The states that may follow each event."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """A breaker at one moment. Times are Unix times in seconds.

    Attributes:
        state: Its state.
        since: When that state began.
        until: When something may change by itself; see the states.
        level: How often it opened since it was last closed for good.
        successes: Probes that succeeded one after the other.
        cause: The class of the failure that opened it; empty when none did.
        prober: The process whose call probes it; empty while none does.
    """

    state: BreakerState = BreakerState.CLOSED
    since: float = 0.0
    until: float = 0.0
    level: int = 0
    successes: int = 0
    cause: str = ""
    prober: str = ""

    def is_blocked(self, now: float) -> bool:
        """Whether no call may be made: it is open, or a probe is under way."""
        return self.state in _BLOCKING and self.until > now

    def needs_probe(self, now: float) -> bool:
        """Whether a call may be made as a probe, and only as one."""
        return self.state in _BLOCKING and self.until <= now

    def share(self, now: float) -> float:
        """The share of the requests, 0..1, that may call it in its usual place."""
        if self.state is not BreakerState.RAMP or now >= self.until:
            return 1.0
        passed = (now - self.since) / (self.until - self.since)
        return RAMP_SHARES[min(max(int(passed * len(RAMP_SHARES)), 0), len(RAMP_SHARES) - 1)]


CLOSED: Final = Breaker()
_BLOCKING: Final = frozenset({BreakerState.OPEN, BreakerState.HALF_OPEN})


def tripped(breaker: Breaker, now: float, rule: Cooldown, draw: float, cause: str) -> Breaker:
    """It opens, because too many calls failed.

    Args:
        breaker: The breaker; one that is open or half open stays as it is.
        now: Unix time.
        rule: The times of the policy.
        draw: A random number, 0..1.
        cause: The class of the last failure.
    """
    if breaker.state in _BLOCKING:
        return breaker
    return _opened(breaker, now, rule, draw, cause)


def probe_began(breaker: Breaker, now: float, lease: float, prober: str) -> Breaker:
    """A call begins as the one probe.

    Args:
        breaker: The breaker; one that needs no probe, or has one, stays as it is.
        now: Unix time.
        lease: Seconds after which the probe is given up.
        prober: The process that makes the call.
    """
    if not breaker.needs_probe(now):
        return breaker
    since = breaker.since if breaker.state is BreakerState.HALF_OPEN else now
    return replace(
        breaker, state=BreakerState.HALF_OPEN, since=since, until=now + lease, prober=prober
    )


def probe_answered(breaker: Breaker, now: float, rule: Cooldown) -> Breaker:
    """The probe succeeded: another one may follow at once, and after the second come all calls."""
    if breaker.state is not BreakerState.HALF_OPEN:
        return breaker
    successes = breaker.successes + 1
    if successes < SUCCESSES:
        return replace(breaker, until=now, successes=successes, prober="")
    return Breaker(BreakerState.RAMP, now, now + rule.ramp, breaker.level)


def probe_failed(breaker: Breaker, now: float, rule: Cooldown, draw: float, cause: str) -> Breaker:
    """The probe failed: it opens again, for longer. Takes what `tripped` does."""
    if breaker.state is not BreakerState.HALF_OPEN:
        return breaker
    return _opened(breaker, now, rule, draw, cause)


def probe_ended(breaker: Breaker, now: float) -> Breaker:
    """The probe ended and showed nothing, such as one whose caller left: another may follow."""
    if breaker.state is not BreakerState.HALF_OPEN:
        return breaker
    return replace(breaker, until=min(breaker.until, now), prober="")


def settled(breaker: Breaker, now: float) -> Breaker:
    """The breaker at a moment: a ramp that has ended is closed for good."""
    if breaker.state is BreakerState.RAMP and breaker.until <= now:
        return CLOSED
    return breaker


def open_time(level: int, rule: Cooldown, draw: float) -> float:
    """Seconds that a breaker stays open.

    The first time exactly what the policy says; then a random time between that and a longest one,
    which doubles each time up to `rule.longest`.

    Args:
        level: How often it opened before, since it was last closed for good.
        rule: The times of the policy.
        draw: A random number, 0..1.
    """
    least = rule.duration
    most = min(least * 2.0 ** min(level, _MOST_DOUBLINGS), max(rule.longest, least))
    return least + draw * (most - least)


def _opened(breaker: Breaker, now: float, rule: Cooldown, draw: float, cause: str) -> Breaker:
    until = now + open_time(breaker.level, rule, draw)
    return Breaker(BreakerState.OPEN, now, until, breaker.level + 1, 0, cause)
