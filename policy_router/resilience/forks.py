"""What a fork does to threads and locks, and what is done about it.

A forked child has only the thread that forked. A lock that another thread held stays locked in the
child for ever, and the work of that thread is not done any more.
"""

from __future__ import annotations

import os
import threading
from typing import Final, Protocol
from weakref import WeakSet


class Threaded(Protocol):
    """An object with threads of its own."""

    def after_fork_in_child(self) -> None:
        """Let go of the parent's threads and locks without touching them; start own ones."""


PATIENCE: Final = 60.0
"""Seconds that a fork waits for a lock: more than the longest work under one takes, which is an
import. After that the fork goes on, and the lock may stay locked in the child."""

_gate: Final = threading.RLock()
"""Held from before a fork until after it, and while the sets below change. Reentrant: what others
have registered for a fork may make locks here."""
_locks: Final[WeakSet[threading.Lock]] = WeakSet()
_threaded: Final[WeakSet[Threaded]] = WeakSet()
_taken: Final[list[threading.Lock]] = []


def lock() -> threading.Lock:
    """A lock that no fork can leave locked in the child: a fork waits until it is free.

    Only for short work that takes no second lock, or a fork could wait for ever.
    """
    made = threading.Lock()
    with _gate:
        _locks.add(made)
    return made


def follow(threaded: Threaded) -> None:
    """Have the object told in every child, for as long as it exists."""
    with _gate:
        _threaded.add(threaded)


def _before() -> None:
    _gate.acquire()
    for each in list(_locks):
        if each.acquire(timeout=PATIENCE):
            _taken.append(each)


def _after_in_parent() -> None:
    while _taken:
        _taken.pop().release()
    _gate.release()


def _after_in_child() -> None:
    _after_in_parent()
    for each in list(_threaded):
        each.after_fork_in_child()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(
        before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child
    )
