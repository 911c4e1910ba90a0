"""The settings of a live policy: its timing, and the clocks and probes it uses."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from policy_router.base_errors import UsageError
from policy_router.live.watch import Observer, watchdog_observer
from policy_router.live.writers import open_for_writing

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadTiming:
    """How often files are scanned, and how long they must have been stable.

    Attributes:
        interval: Seconds between two scans.
        settle: Seconds for which the content must have been stable.
        settle_loss: The same for content that lacks something: a file became shorter or
            disappeared, or the new policy lacks restrictions.
        min_interval: Seconds between two compilations that were not requested.

    Raises:
        UsageError: A value is too small.
    """

    interval: float = 1.0
    settle: float = 0.1
    settle_loss: float = 2.0
    min_interval: float = 1.0

    def __post_init__(self) -> None:
        """Check the values."""
        if min(self.interval, self.settle) <= 0 or min(self.min_interval, self.settle_loss) < 0:
            raise UsageError(
                "`interval` and `settle` must be more than 0, "
                "`settle_loss` and `min_interval` must be at least 0"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The clocks and probes of the system.

    Attributes:
        clock: A monotonic clock, in seconds.
        wall: Returns Unix time.
        sleep: Sleeps for some seconds; used by `load` and `reload_now` only.
        observer: Creates the source of file events.
        writing: Returns whether a program has a file open for writing; None when unknown.
    """

    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    sleep: Callable[[float], object] = time.sleep
    observer: Callable[[], Observer] = watchdog_observer
    writing: Callable[[str], bool | None] = open_for_writing
