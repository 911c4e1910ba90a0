"""Which time it is for a ledger, from clocks that anyone may set. Pure.

A wall clock can be set to anything; the time since the machine was started cannot. So a ledger
keeps, beside its own time, an *anchor* for each machine: how long the machine had been up when the
ledger's time was such and such. From there the ledger's time goes on as the machine's uptime does.
The wall clock is believed where there is no anchor yet (a new ledger, a restarted machine); after
that it only pulls gently, as fast as a time server may slew a clock, and not at all when it is more
than a few minutes away. Such a clock is *doubted*: until uptime has passed that confirms it, or an
operator accepts it, it changes nothing. Whatever clocks show, a window that rolls and a period of
the calendar last as long as they should.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

DOUBTED: Final = 600.0
"""Seconds between a wall clock and the ledger's time from which on the wall clock is ignored."""
RATE: Final = 1 / 2000
"""Seconds that a wall clock may pull the ledger's time by in a second: what a time server may."""
CLOSE: Final = 60.0
"""Seconds between the two from which on that is worth a warning."""
PACE: Final = 60.0
"""Seconds of uptime between two such corrections, so that few commits have one to write down."""
SLACK: Final = 1.0
"""Seconds that the ledger's time may be beyond what an anchor comes to without another machine
having written to it: sums of floats are rounded, and readings of uptime are coarse."""


@dataclass(frozen=True, slots=True)
class ClockReading:
    """What a process sees of the time.

    wall: Unix time. uptime: seconds since the machine was started, asleep or not. machine: names
    the machine from one start to the next, "" when nothing but the wall clock is known.
    """

    wall: float
    uptime: float = 0.0
    machine: str = ""


if TYPE_CHECKING:
    Source = Callable[[], ClockReading]


@dataclass(frozen=True, slots=True)
class Anchor:
    """The ledger's time `at` which a machine had been up for so many seconds."""

    uptime: float
    at: float


@dataclass(frozen=True, slots=True)
class Moment:
    """The ledger's time, and the anchor to keep from now on. off: seconds by which the wall clock
    is ahead of the ledger's time."""

    now: float
    anchor: Anchor | None
    offset: float

    @property
    def doubted(self) -> bool:
        """Whether the wall clock is ignored."""
        return abs(self.offset) > DOUBTED


def moment(stored: float, anchor: Anchor | None, sight: ClockReading) -> Moment:
    """The time of a ledger that has seen `stored`, where a machine with this anchor sees this.

    It is never before `stored`.
    """
    if not sight.machine:
        now = max(stored, sight.wall)
        return Moment(now, None, sight.wall - now)
    if anchor is None or sight.uptime < anchor.uptime:  # less uptime: a copy of a running machine
        now = max(stored, sight.wall)
        return Moment(now, Anchor(sight.uptime, now), sight.wall - now)
    elapsed = sight.uptime - anchor.uptime
    now = anchor.at + elapsed
    if stored > now + SLACK:  # another machine went ahead
        return Moment(stored, Anchor(sight.uptime, stored), sight.wall - stored)
    off = sight.wall - now
    if elapsed >= PACE and abs(off) <= DOUBTED:
        pull = RATE * elapsed
        now = max(now + min(max(off, -pull), pull), stored)
        anchor = Anchor(sight.uptime, now)
    now = max(now, stored)
    return Moment(now, anchor, sight.wall - now)


def doubt(off: float, remedy: str) -> str:
    """What to say where a wall clock is so many seconds ahead of the ledger's time. remedy: what to
    do if the clock is right."""
    where = "ahead of" if off > 0 else "behind"
    return (
        f"the clock is {spell(abs(off))} {where} the ledger's time, and the machine's uptime does"
        " not confirm that: limits and budgets keep to the ledger's time; if the clock is right,"
        f" {remedy}"
    )


def beside(off: float) -> str:
    """How a ledger's time stands to a wall clock that is so many seconds ahead of it."""
    where = "behind" if off > 0 else "ahead of"
    return f"the ledger's time is {spell(abs(off))} {where} this machine's clock"


def spell(seconds: float) -> str:
    """A stretch of time for people: `3 days`, `25 hours`, `90 s`."""
    for size, name in ((86_400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}"
    return f"{seconds:.0f} s"
