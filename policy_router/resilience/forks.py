"""What a fork does to threads and locks, and how objects prepare for one.

A forked child has only the thread that forked. A lock that another thread held stays locked in the
child for ever, and the work of that thread is no longer done.

Nothing happens on import. The first lock that is protected, or the first object that is registered,
installs one set of hooks with `os.register_at_fork`, which stays for the life of the process.
"""

from __future__ import annotations

import os
import threading
from typing import Final, Protocol
from weakref import WeakSet


class ForkAware(Protocol):
    """An object that starts over in a forked child."""

    def after_fork_in_child(self) -> None:
        """Drop the parent's threads and locks without touching them; start own ones."""


class ForkPaused(ForkAware, Protocol):
    """An object that stops its work while the process forks."""

    def before_fork(self) -> None:
        """Stop, before the fork. What it stopped stays so until one of the other two is called."""

    def after_fork_in_parent(self) -> None:
        """Go on in the parent."""


PATIENCE: Final = 60.0
"""Seconds that a fork waits for a lock: more than the longest work under one takes, which is an
import. After that the fork goes on, and the lock may stay locked in the child."""

_gate: Final = threading.RLock()
"""Held from before a fork until after it, and while the sets below change. Reentrant: the fork
hooks of others may create locks here."""
_locks: Final[WeakSet[threading.Lock]] = WeakSet()
_aware: Final[WeakSet[ForkAware]] = WeakSet()
_pausing: Final[WeakSet[ForkPaused]] = WeakSet()
_taken: Final[list[threading.Lock]] = []
_paused: Final[list[ForkPaused]] = []
_installed = False
_forking = False
"""Whether `_before` ran. It did not when a hook of other code installs these during a fork."""


def lock() -> threading.Lock:
    """Create a lock that no fork can leave locked in the child.

    Only for short work that takes no second lock, or a fork could wait for ever.
    """
    created = threading.Lock()
    protect(created)
    return created


def protect(existing: threading.Lock) -> None:
    """Have forks wait until a lock is free. Calling it again changes nothing."""
    _install()
    with _gate:
        _locks.add(existing)


def follow(aware: ForkAware) -> None:
    """Call an object's `after_fork_in_child` in every child, for as long as the object exists."""
    _install()
    with _gate:
        _aware.add(aware)


def pause(pausing: ForkPaused) -> None:
    """Stop an object around every fork, for as long as it exists."""
    _install()
    with _gate:
        _pausing.add(pausing)


def _install() -> None:
    global _installed  # noqa: PLW0603  the hooks are one set per process
    with _gate:
        if not _installed and hasattr(os, "register_at_fork"):  # not on Windows
            os.register_at_fork(
                before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child
            )
        _installed = True


def _before() -> None:
    global _forking  # noqa: PLW0603  a process forks once at a time
    _gate.acquire()
    _forking = True
    _paused[:] = _pausing
    for pausing in _paused:
        pausing.before_fork()
    for protected in list(_locks):
        if protected.acquire(timeout=PATIENCE):
            _taken.append(protected)


def _after() -> list[ForkPaused]:
    """Release the locks and the gate; what was paused."""
    global _forking  # noqa: PLW0603
    if not _forking:
        return []
    _forking = False
    paused = _paused[:]
    _paused.clear()
    while _taken:
        _taken.pop().release()
    _gate.release()
    return paused


def _after_in_parent() -> None:
    for pausing in _after():
        pausing.after_fork_in_parent()


def _after_in_child() -> None:
    for aware in (*_after(), *_aware):
        aware.after_fork_in_child()
