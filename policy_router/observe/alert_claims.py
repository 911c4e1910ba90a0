"""Lets one of the processes that serve together tell what all of them noticed."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from typing import TYPE_CHECKING, Final

try:
    import fcntl
except ImportError:  # pragma: no cover  `fcntl` exists on POSIX systems only
    fcntl = None  # type: ignore[assignment]  # where there are no such locks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_log: Final = logging.getLogger(__name__)

WITHIN: Final = 600.0
"""Seconds within which processes notice the same: a model that does worse than usual is noticed by
each of them by its own calls, some later than others."""
_NEVER: Final = float("-inf")


class AlertClaims:
    """What this process has noticed, and what the processes of a folder have told.

    Args:
        folder: Where the processes say what they tell.
        clock: Unix time.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._clock = clock
        self._noticed: dict[str, float] = {}

    def claim(self, fact: str) -> bool:
        """Return whether this process is to tell what it has noticed.

        It is not where another one has told the same since this process noticed it the last time.
        So a fact is told once, and what happens again is told again.

        Args:
            fact: What was noticed: the same text in every process.
        """
        name = hashlib.sha256(fact.encode()).hexdigest()[:32]
        try:
            return self._claim(name)
        except OSError as problem:
            _log.warning("an alert may be sent by several processes: %s", problem.strerror)
            return True

    def _claim(self, name: str) -> bool:
        path = self._folder / f"{name}.told"
        held = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if fcntl is not None:
                fcntl.flock(held, fcntl.LOCK_EX)
            now = self._clock()
            told = float(os.read(held, 64) or _NEVER)
            known = self._noticed.get(name, _NEVER)
            self._noticed[name] = now
            if told > known and now - told < WITHIN:
                return False
            os.ftruncate(held, 0)
            os.pwrite(held, repr(now).encode(), 0)
            return True
        finally:
            os.close(held)
