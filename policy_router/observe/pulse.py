"""Activity of the last hour, summed in steps of ten seconds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from policy_router.resilience import forks

STEP: Final = 10
"""Seconds that are added up."""
STEPS: Final = 360
"""How many such sums are kept: an hour."""


@dataclass(slots=True)
class PulseStep:
    """What happened in ten seconds.

    Attributes:
        requests: Requests that ended.
        denied: Those for which no model was called.
        answered: Those with an answer.
        free: Answers of free models.
        failovers: Calls of models that failed.
        cost: What was charged, in nano-USD.
        seconds: How long all requests took together.
    """

    requests: int = 0
    denied: int = 0
    answered: int = 0
    free: int = 0
    failovers: int = 0
    cost: int = 0
    seconds: float = 0.0

    def add(self, other: PulseStep) -> None:
        """Add what else happened in the same time."""
        self.requests += other.requests
        self.denied += other.denied
        self.answered += other.answered
        self.free += other.free
        self.failovers += other.failovers
        self.cost += other.cost
        self.seconds += other.seconds


class Pulse:
    """The sums of the last hour; any thread may add to them."""

    def __init__(self) -> None:
        self._lock = forks.lock()
        self._steps = [PulseStep() for _ in range(STEPS)]
        self._newest = 0

    def add(self, now: float, happened: PulseStep) -> None:
        """Add the outcome of one request.

        Args:
            now: Unix time.
            happened: Its outcome.
        """
        with self._lock:
            number = int(now // STEP)
            if number > self._newest:
                self._turn(number)
            self._steps[self._newest % STEPS].add(happened)

    def steps(self, now: float) -> tuple[PulseStep, ...]:
        """Return the sums of the hour before a moment, the oldest first.

        Args:
            now: Unix time.
        """
        with self._lock:
            self._turn(int(now // STEP))
            newest = self._newest
            return tuple(
                replace(self._steps[(newest + 1 + place) % STEPS]) for place in range(STEPS)
            )

    def _turn(self, number: int) -> None:
        """Empty the sums of the time that has passed; a clock that goes back changes nothing."""
        for passed in range(max(self._newest + 1, number - STEPS + 1), number + 1):
            self._steps[passed % STEPS] = PulseStep()
        self._newest = max(self._newest, number)
