"""Whether a program still has a file open for writing.

On Linux the kernel reports it for the user's own files on local file systems. Elsewhere file events
are used: a file that was modified and not closed is open.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from typing import TYPE_CHECKING, Final

try:
    import fcntl
except ImportError:  # Windows: only events show it there
    fcntl = None  # type: ignore[assignment]  # absence is checked before each use

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE: Final = 10.0
"""Seconds without a write after which a file counts as closed without an event.

Events can be lost, and some changes are not followed by a close."""

_LEASES: Final = fcntl is not None and hasattr(fcntl, "F_SETLEASE") and hasattr(fcntl, "F_SETSIG")


def open_for_writing(path: str) -> bool | None:
    """Return whether any program has the file open for writing; None when the kernel cannot tell.

    The kernel grants a read lease only for a file that no program has open for writing. The lease
    is returned immediately; a program that opens the file for writing in the meantime waits for
    microseconds.
    """
    if not _LEASES:
        return None
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        # The signal that announces such a program: the default one would end this process, this one
        # is ignored unless it has a handler.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return True
    except OSError:
        return None  # another user's file, or a file system without leases
    else:
        with contextlib.suppress(OSError):
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        return False
    finally:
        os.close(descriptor)


class Writers:
    """The files that are open for writing, according to events. One thread records, any thread may
    query."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._written: dict[str, float] = {}

    def note(self, event_type: str, *paths: str) -> None:
        """Record an event of watchdog.

        Args:
            event_type: Type of the event, such as `modified`.
            paths: The paths it is about.
        """
        if event_type == "modified":
            self._written[paths[0]] = self._clock()
        elif event_type in ("closed", "moved", "deleted"):
            for path in paths:
                self._written.pop(path, None)

    def open(self, path: str) -> bool:
        """Return whether the file was written to and has not been closed since."""
        written = self._written.get(path)
        return written is not None and self._clock() - written < PATIENCE

    def clear(self) -> None:
        """Forget everything, because the source of events changes."""
        self._written.clear()
