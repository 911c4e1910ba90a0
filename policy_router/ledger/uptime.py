"""The clocks of this machine: the wall clock, which can be set, and the uptime, which cannot."""

from __future__ import annotations

import os
import time
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from policy_router.frozen import maker
from policy_router.ledger.clock import ClockReading

if TYPE_CHECKING:
    from collections.abc import Callable

    from policy_router.ledger.clock import Source

PROC: Final = Path("/proc")
CLOCK: Final[int | None] = getattr(time, "CLOCK_BOOTTIME", None)
CLOSE: Final = 1.0
"""Seconds by which two readings of the same uptime may differ."""
BELIEVED: Final = 0.05
"""Seconds for which a clock that was right is believed: reading the file takes longer than the rest
of what counts a request."""
_new_reading: Final = maker(ClockReading)
BELIEVED_TIMES: Final = 256
"""The most readings for which it is believed, in case it stands still: as many as a busy process
takes in that time."""


class Machine:
    """The clocks of one machine. Without /proc there is only a wall clock.

    Args:
        proc: Where /proc is.
        wall: Unix time in seconds.
        fine: The uptime in seconds, at a high resolution.
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
        self._right = 0.0
        self._believed = 0
        self.name = _name(proc)
        if self.name and _genuine(proc):
            self._uptime = os.open(proc / "uptime", os.O_RDONLY | os.O_CLOEXEC)

    def __call__(self) -> ClockReading:
        """Read the clocks."""
        wall = time.time() if self._wall is None else self._wall()
        if not self.name:
            return ClockReading(wall)
        fine = self._fine()
        if self._uptime >= 0:
            if self._believed and 0.0 <= fine - self._right < BELIEVED:
                self._believed -= 1
            else:
                fine = self._checked(fine)
        return _new_reading(wall, fine, self.name)

    def _checked(self, fine: float) -> float:
        """The uptime, in place of a clock that shows another one."""
        # A preloaded library can fake any clock of a process, but not this file.
        coarse = float(os.pread(self._uptime, 64, 0).split(maxsplit=1)[0])
        if abs(fine - coarse) > CLOSE:
            self._believed = 0
            return coarse
        self._right, self._believed = fine, BELIEVED_TIMES
        return fine


def _boottime() -> float:
    return 0.0 if CLOCK is None else time.clock_gettime(CLOCK)


def _name(proc: Path) -> str:
    """Identifies the machine from one start to the next, and the time namespace, which may have
    another uptime."""
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
    """Whether /proc/uptime is the kernel's: some container managers mount another file over it."""
    try:
        return (proc / "uptime").stat().st_dev == proc.stat().st_dev
    except OSError:
        return False


@lru_cache(maxsize=1)
def host() -> Machine:
    """The clocks of the machine on which this process runs."""
    return Machine()


def source(clock: Callable[[], float] | None) -> Source:
    """Where a store takes the time from.

    Args:
        clock: Unix time in seconds. None and `time.time` are the machine's clock, which is compared
            with its uptime. Any other clock is trusted, because the caller controls it.
    """
    if clock is None or clock is time.time:
        return host()
    return lambda: ClockReading(clock())
