"""The result of a simulation."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.domain.attempt import Attempt
    from policy_router.simulation.scenario import Happening

SLICES: Final = 60
"""Into how many equal parts the time is divided."""
_GOOD: Final = 0.99
"""The share of answered requests from which a part of the time counts as recovered."""


class End(StrEnum):
    """How a request ended.

    Attributes:
        ANSWERED: A model answered.
        REFUSED: The policy, a limit, a budget or cooldowns left no model.
        FAILED: Every model that was called failed, or the deadline passed.
    """

    ANSWERED = "answered"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(slots=True)
class RequestTally:
    """Counts of requests.

    Attributes:
        requests: How many there were.
        answered: How many were answered.
        refused: How many were refused.
        failed: How many failed.
        free: How many were answered by a free model.
        calls: Calls of models that were made for them.
        cost: What was charged for them, in nano-USD.
        seconds: What the answered ones took together.
    """

    requests: int = 0
    answered: int = 0
    refused: int = 0
    failed: int = 0
    free: int = 0
    calls: int = 0
    cost: int = 0
    seconds: float = 0.0

    @property
    def availability(self) -> float | None:
        """The share of requests that were answered, 0..1; None without requests."""
        return self.answered / self.requests if self.requests else None

    @property
    def free_share(self) -> float | None:
        """The share of answers that cost nothing, 0..1; None without answers."""
        return self.free / self.answered if self.answered else None

    @property
    def amplification(self) -> float | None:
        """Calls of models for each request; None without requests."""
        return self.calls / self.requests if self.requests else None

    def add(self, end: End, attempts: Sequence[Attempt], seconds: float, *, free: bool) -> None:
        """Count a request that ended."""
        self.requests += 1
        self.answered += end is End.ANSWERED
        self.refused += end is End.REFUSED
        self.failed += end is End.FAILED
        self.free += free
        self.calls += len(attempts)
        self.cost += sum(attempt.cost_nano_usd or 0 for attempt in attempts)
        self.seconds += seconds if end is End.ANSWERED else 0.0


@dataclass(slots=True)
class ModelTally:
    """Counts of the calls of a model.

    Attributes:
        calls: How many there were.
        answered: How many of them answered.
        cost: What was charged for them, in nano-USD.
        answers: Times of the answers, in seconds after the beginning.
    """

    calls: int = 0
    answered: int = 0
    cost: int = 0
    answers: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Recovery:
    """How long it took until something that ended had no consequences any more.

    Attributes:
        name: What had happened.
        ended: Seconds after the beginning at which it ended.
        requests: Seconds after that until a part of the time with nearly all requests answered;
            0 where that was so when it ended, None where it was not reached.
        models: Seconds after that until one of its models answered again; None where none did.
    """

    name: str
    ended: float
    requests: float | None
    models: float | None


@dataclass(slots=True)
class SimulationResult:
    """The result of a simulation.

    Attributes:
        duration: Seconds of traffic.
        total: All requests.
        slices: The same for each of equal parts of the time.
        groups: The same for each kind of request.
        users: The same for each user, those without a name together as "".
        models: The calls of each model.
        reasons: Why requests were refused, and how often.
        recoveries: How long it took to recover from what happened.
        seconds: What the simulation took, in seconds of real time.
    """

    duration: float
    total: RequestTally = field(default_factory=RequestTally)
    slices: list[RequestTally] = field(
        default_factory=lambda: [RequestTally() for _ in range(SLICES)]
    )
    groups: dict[str, RequestTally] = field(default_factory=dict)
    users: dict[str, RequestTally] = field(default_factory=dict)
    models: dict[str, ModelTally] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)
    recoveries: tuple[Recovery, ...] = ()
    seconds: float = 0.0

    @property
    def slice_seconds(self) -> float:
        """The length of a part of the time."""
        return self.duration / SLICES

    def tallies(self, at: float, group: str, user: str | None) -> tuple[RequestTally, ...]:
        """The counts that a request belongs to."""
        place = min(int(at / self.duration * SLICES), SLICES - 1)
        return (
            self.total,
            self.slices[place],
            self.groups.setdefault(group, RequestTally()),
            self.users.setdefault(user or "", RequestTally()),
        )

    @property
    def starving(self) -> list[tuple[str, RequestTally]]:
        """Users of whose requests half as many are answered as usual, or fewer; worst first."""
        usual = self.total.availability or 0.0
        hungry = [
            (user, tally)
            for user, tally in self.users.items()
            if user and tally.requests > 1 and (tally.availability or 0.0) <= usual / 2
        ]
        return sorted(hungry, key=lambda pair: (pair[1].availability or 0.0, -pair[1].requests))


def recoveries(result: SimulationResult, happenings: Sequence[Happening]) -> tuple[Recovery, ...]:
    """How long it took to recover from each fault that ended within the time."""
    return tuple(
        Recovery(
            each.name,
            each.ends,
            _until_answered(result, each.ends),
            _until_used(result, each),
        )
        for each in happenings
        if each.fault is not None and each.ends < result.duration
    )


def _until_answered(result: SimulationResult, ended: float) -> float | None:
    length = result.slice_seconds
    for place, tally in enumerate(result.slices):
        begins = place * length
        availability = tally.availability
        if begins + length > ended and availability is not None and availability >= _GOOD:
            return max(0.0, begins - ended)
    return None


def _until_used(result: SimulationResult, happening: Happening) -> float | None:
    ended = happening.ends
    times = [
        at
        for model in happening.models
        for at in (result.models[model].answers if model in result.models else ())
        if at >= ended
    ]
    return min(times) - ended if times else None
