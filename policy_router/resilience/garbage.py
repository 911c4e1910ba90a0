"""Keeps the garbage collector from stopping the process while a thread makes many objects.

A full collection visits every object of the process, and nothing else runs in the meantime: 0.1 s
with LiteLLM imported. The objects that compiling a policy makes would set one off, although almost
all of them are freed as soon as nothing refers to them.
"""

from __future__ import annotations

import gc
import threading
from typing import TYPE_CHECKING, Final, Self

from policy_router.resilience import forks

if TYPE_CHECKING:
    from policy_router.resilience.cancellation import Poll

YOUNG: Final = 10_000
"""New objects after which those alone are searched for garbage, in about a millisecond."""


class _Paused:
    """How many pauses of the collector are under way in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self._was_on = False

    def begin(self) -> None:
        """Turn the collector off, unless it is off."""
        forks.protect(self._lock)
        forks.follow(self)
        with self._lock:
            if self._count == 0:
                self._was_on = gc.isenabled()
                gc.disable()
            self._count += 1

    def end(self) -> None:
        """Turn the collector on again after the last pause, if it was on before the first."""
        with self._lock:
            self._count -= 1
            if self._count == 0 and self._was_on:
                gc.enable()

    def after_fork_in_child(self) -> None:
        """End the pauses: the threads that began them are the parent's."""
        if self._count and self._was_on:
            gc.enable()
        self._count = 0


_paused: Final = _Paused()


class CollectorPause:
    """A context in which garbage is only looked for among new objects.

    It is itself a poll for work that may be abandoned, and the work must poll it: that is when the
    new objects are searched.

    Args:
        cancelled: Whether the work is no longer wanted.
    """

    def __init__(self, cancelled: Poll) -> None:
        self._cancelled = cancelled

    def __enter__(self) -> Self:
        _paused.begin()
        return self

    def __exit__(self, *_: object) -> None:
        _paused.end()

    def __call__(self) -> bool:
        """Return whether the work is no longer wanted."""
        if gc.get_count()[0] >= YOUNG:
            gc.collect(0)
        return self._cancelled()
