"""Which models are left alone for a while, and until when. In memory, one a process."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Final

from policy_router import forks
from policy_router.execute.failure import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from policy_router.execute.failure import Failure
    from policy_router.model import Cooldown

_LEAST: Final = 1.0
_MOST: Final = 24 * 3600.0
"""Seconds: bounds of what a provider's Retry-After can do to a model."""
_TOLD: Final = frozenset({Kind.RATE_LIMITED, Kind.QUOTA_EXHAUSTED, Kind.OVERLOADED})
_KEPT: Final = 1_000
"""Failures remembered for one model, whatever the policy's threshold."""


class Health:
    """Cooldowns by model name. Safe to use from several threads.

    A model cools after `Cooldown.failures` failures that count within `Cooldown.within` seconds,
    and at once when the provider names a time or the kind of failure says so (see
    `failure.REACTIONS`). Of two deadlines the later one holds.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """clock: Unix time in seconds."""
        self._clock = clock
        self._lock = forks.lock()
        self._failures: dict[str, deque[float]] = {}
        self._until: dict[str, float] = {}

    def failed(self, model: str, failure: Failure, cooldown: Cooldown) -> None:
        """Notes one failed attempt."""
        now = self._clock()
        with self._lock:
            rest = _rest(failure)
            if failure.reaction.counts and self._full(model, now, cooldown):
                rest = max(rest, cooldown.duration)
            if rest > 0:
                self._until[model] = max(self._until.get(model, 0.0), now + rest)

    def cooling(self, now: float) -> Mapping[str, float]:
        """Model name -> Unix time until which it is left alone, for `Snapshot.cooling`."""
        with self._lock:
            self._until = {model: until for model, until in self._until.items() if until > now}
            return dict(self._until)

    def _full(self, model: str, now: float, cooldown: Cooldown) -> bool:
        times = self._failures.setdefault(model, deque(maxlen=_KEPT))
        times.append(now)
        while times[0] <= now - cooldown.within:
            times.popleft()
        if len(times) < min(cooldown.failures, _KEPT):
            return False
        times.clear()  # after the cooldown it takes as many failures again
        return True


def _rest(failure: Failure) -> float:
    """Seconds this failure alone takes the model out for."""
    if not failure.certain:
        return 0.0
    if failure.retry_after is not None and failure.kind in _TOLD:
        return min(max(failure.retry_after, _LEAST), _MOST)
    return failure.reaction.rest
