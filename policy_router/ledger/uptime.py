"""This machine's clocks: the wall clock, and the uptime that nobody sets."""

from __future__ import annotations

import os
import time
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from policy_router.ledger.clock import ClockReading

if TYPE_CHECKING:
    from collections.abc import Callable

    from policy_router.ledger.clock import Source

PROC: Final = Path("/proc")
CLOCK: Final[int | None] = getattr(time, "CLOCK_BOOTTIME", None)
CLOSE: Final = 1.0
"""Seconds that two readings of the uptime may lie apart and still be of the same clock."""


class Machine:
    """The clocks of one machine, as a process sees them. Without /proc there is only a wall clock.

    wall, fine: Unix time, and the uptime by the clock of the highest resolution.
    """

    def __init__(
        self,
        proc: Path = PROC,
        wall: Callable[[], float] | None = None,
        fine: Callable[[], float] | None = None,
    ) -> None:
        self._wall = wall
        self._fine = fine or _boottime
        self._uptime = -1
        self.name = _name(proc)
        if self.name and _genuine(proc):
            self._uptime = os.open(proc / "uptime", os.O_RDONLY | os.O_CLOEXEC)

    def __call__(self) -> ClockReading:
        """What the clocks show."""
        wall = time.time() if self._wall is None else self._wall()
        if not self.name:
            return ClockReading(wall)
        fine = self._fine()
        if self._uptime >= 0:
            # A preloaded library may show a process any time it likes, but not through this file.
            coarse = float(os.pread(self._uptime, 64, 0).split(maxsplit=1)[0])
            if abs(fine - coarse) > CLOSE:
                fine = coarse
        return ClockReading(wall, fine, self.name)


def _boottime() -> float:
    return 0.0 if CLOCK is None else time.clock_gettime(CLOCK)


def _name(proc: Path) -> str:
    """Names the machine from one start to the next, and the time namespace, in which uptime may
    be another."""
    if CLOCK is None:
        return ""
    try:
        boot = (proc / "sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    except OSError:
        return ""
    try:
        space = (proc / "self/ns/time").stat().st_ino
    except OSError:  # a kernel without time namespaces
        space = 0
    return f"{boot}/{space}"


def _genuine(proc: Path) -> bool:
    """Whether /proc/uptime is the kernel's: container managers mount one of their own over it."""
    try:
        return (proc / "uptime").stat().st_dev == proc.stat().st_dev
    except OSError:
        return False


@lru_cache(maxsize=1)
def host() -> Machine:
    """The clocks of the machine that this process runs on."""
    return Machine()


def source(clock: Callable[[], float] | None) -> Source:
    """Where a store takes the time from. clock: Unix time; None or `time.time` is the machine's,
    held against its uptime. Any other clock is believed: it is set by whoever passes it."""
    if clock is None or clock is time.time:
        return host()
    return lambda: ClockReading(clock())
