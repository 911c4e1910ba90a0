"""A circuit breaker: whether something that keeps failing is still called."""

from __future__ import annotations

import threading
from collections import deque
from typing import Final

FAILURES: Final = 3
WITHIN: Final = 5.0
"""This many failures within this many seconds open the circuit."""
SLOW: Final = 0.2
"""One failure that took this many seconds opens it: callers would wait as long for the next."""
PAUSE: Final = 1.0
"""Seconds until the first trial call; doubled after every trial that fails."""
LONGEST: Final = 30.0
"""Seconds of the longest pause."""


class CircuitBreaker:
    """Closed while calls are allowed; open once they failed too often or too slowly.

    While it is open, only trial calls are made, one at a time, after ever longer pauses. Times are
    seconds of a monotonic clock. Safe in any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failures: deque[float] = deque(maxlen=FAILURES)
        self._pause = PAUSE
        self._until: float | None = None

    @property
    def closed(self) -> bool:
        """Whether calls are allowed."""
        return self._until is None

    def wait(self, now: float) -> float:
        """Seconds until a call or a trial call is allowed."""
        return 0.0 if self._until is None else max(0.0, self._until - now)

    def record_failure(self, now: float, took: float) -> bool:
        """Record a call that failed.

        Args:
            now: When it failed.
            took: How long it took, in seconds.

        Returns:
            Whether this failure opened the circuit.
        """
        with self._lock:
            self._failures.append(now)
            often = len(self._failures) == FAILURES and now - self._failures[0] <= WITHIN
            if self._until is not None or not (often or took >= SLOW):
                return False
            self._until = now + self._pause
            return True

    def record_failed_trial(self, now: float) -> None:
        """Record a trial call that failed: the next one is made after a longer pause."""
        with self._lock:
            self._pause = min(2 * self._pause, LONGEST)
            self._until = now + self._pause

    def close(self) -> None:
        """Allow calls again, after a trial call that succeeded."""
        with self._lock:
            self._failures.clear()
            self._pause = PAUSE
            self._until = None
