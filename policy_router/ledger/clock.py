"""The time of a ledger, computed from clocks that anyone may set, without IO.

A wall clock can be set to anything; the time since the machine started (its uptime) cannot. So in
addition to its own time a ledger keeps an *anchor* for each machine: which uptime the machine had
at which time of the ledger. From there the ledger's time advances with the uptime. The wall clock
is trusted only where there is no anchor yet (a new ledger, a restarted machine). Later it corrects
the ledger's time slowly, as a time server slews a clock, and not at all when the two differ by more
than ten minutes. Such a wall clock is *doubted*: it changes nothing until the uptime confirms it,
or an operator accepts it. Whatever clocks show, rolling windows and calendar periods last as long
as they should.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from policy_router.frozen import maker

if TYPE_CHECKING:
    from collections.abc import Callable

DOUBTED: Final = 600.0
"""A wall clock that differs from the ledger's time by more seconds than this is ignored."""
RATE: Final = 1 / 2000
"""How far a wall clock may move the ledger's time, in seconds per second of uptime."""
CLOSE: Final = 60.0
"""A difference of more seconds than this is worth a warning."""
PACE: Final = 60.0
"""Seconds of uptime between two corrections, so that few commits have to record one."""
SLACK: Final = 1.0
"""Seconds by which the ledger's time may exceed what the anchor yields before another machine must
have written to it: sums of floats are rounded, and readings of uptime are coarse."""


@dataclass(frozen=True, slots=True)
class ClockReading:
    """What the clocks of a machine show.

    Attributes:
        wall: Unix time in seconds.
        uptime: Seconds since the machine started, including sleep.
        machine: Identifies the machine from one start to the next; empty when only the wall clock
            is known.
    """

    wall: float
    uptime: float = 0.0
    machine: str = ""


if TYPE_CHECKING:
    Source = Callable[[], ClockReading]


@dataclass(frozen=True, slots=True)
class Anchor:
    """A moment as two clocks show it.

    Attributes:
        uptime: The uptime of a machine, in seconds.
        at: The ledger's time at that uptime, Unix time in seconds.
    """

    uptime: float
    at: float


@dataclass(frozen=True, slots=True)
class Moment:
    """The ledger's time.

    Attributes:
        now: Unix time in seconds.
        anchor: What to keep for this machine from now on; None when only the wall clock is known.
        offset: Seconds by which the wall clock is ahead of the ledger's time.
    """

    now: float
    anchor: Anchor | None
    offset: float

    @property
    def doubted(self) -> bool:
        """Whether the wall clock is ignored."""
        return abs(self.offset) > DOUBTED


_new_moment: Final = maker(Moment)


def moment(stored: float, anchor: Anchor | None, sight: ClockReading) -> Moment:
    """The time of a ledger now.

    Args:
        stored: The latest time that the ledger recorded; the result is never before it.
        anchor: What the ledger keeps for this machine; None for nothing.
        sight: What the machine's clocks show.
    """
    if not sight.machine:
        now = max(stored, sight.wall)
        return Moment(now, None, sight.wall - now)
    if anchor is None or sight.uptime < anchor.uptime:  # less uptime: a copy of a running machine
        now = max(stored, sight.wall)
        return Moment(now, Anchor(sight.uptime, now), sight.wall - now)
    elapsed = sight.uptime - anchor.uptime
    now = anchor.at + elapsed
    if stored > now + SLACK:  # another machine was ahead
        return Moment(stored, Anchor(sight.uptime, stored), sight.wall - stored)
    offset = sight.wall - now
    if elapsed >= PACE and abs(offset) <= DOUBTED:
        most = RATE * elapsed
        now = max(now + min(max(offset, -most), most), stored)
        anchor = Anchor(sight.uptime, now)
    now = max(now, stored)
    return _new_moment(now, anchor, sight.wall - now)


def doubt(off: float, remedy: str) -> str:
    """The warning about a wall clock that is ignored.

    Args:
        off: Seconds by which it is ahead of the ledger's time.
        remedy: What to do if the clock is right.
    """
    where = "ahead of" if off > 0 else "behind"
    return (
        f"the clock is {spell(abs(off))} {where} the ledger's time, and the machine's uptime does"
        " not confirm that: limits and budgets use the ledger's time; if the clock is right,"
        f" {remedy}"
    )


def describe_offset(off: float) -> str:
    """How a ledger's time relates to a wall clock that is `off` seconds ahead of it."""
    where = "behind" if off > 0 else "ahead of"
    return f"the ledger's time is {spell(abs(off))} {where} this machine's clock"


def spell(seconds: float) -> str:
    """A duration for people: `3 days`, `25 hours`, `90 s`."""
    for size, name in ((86_400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}"
    return f"{seconds:.0f} s"
