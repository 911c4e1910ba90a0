"""A scenario: traffic, the behaviour of models, and events in the meantime."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

LATENCY: Final = 2.0
"""Seconds that a model takes whose latency neither the scenario nor the policy knows."""


class Fault(StrEnum):
    """What goes wrong with models for some time.

    Attributes:
        OUTAGE: They cannot be reached.
        RATE_LIMIT: They answer 429.
        ERRORS: They answer 500.
        HANG: They never answer.
        SLOW: They take longer.
    """

    OUTAGE = "outage"
    RATE_LIMIT = "rate_limit"
    ERRORS = "errors"
    HANG = "hang"
    SLOW = "slow"


@dataclass(frozen=True, slots=True)
class Mix:
    """One kind of request in the traffic.

    Attributes:
        name: Its name in the report.
        weight: Its part of the traffic, relative to the others.
        facts: Facts of its requests, as tests state them.
        tokens: The least and the most input tokens.
        output: The least and the most output tokens of an answer.
        users: How many users make them; 0 names no user.
    """

    name: str
    weight: float = 1.0
    facts: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    tokens: tuple[int, int] = (200, 800)
    output: tuple[int, int] = (100, 400)
    users: int = 20


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a model behaves when nothing is wrong.

    Attributes:
        latency: Median seconds of an answer.
        failures: The share of its calls that end with an error of the server, 0..1.
    """

    latency: float = LATENCY
    failures: float = 0.0


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happens at a time.

    Attributes:
        name: What it is, for the report.
        at: Seconds after the beginning.
        lasts: Seconds for which it lasts; None is until the end.
        models: Names of the models that it is about.
        fault: What goes wrong with them, if anything.
        share: The share of calls that it hits, 0..1.
        factor: How many times as long they take, of `slow`; how many times the traffic.
        price: New prices of input and output, in nano-USD per million tokens.
        caps: New caps of budgets, in nano-USD, by name.
    """

    name: str
    at: float
    lasts: float | None = None
    models: frozenset[str] = frozenset()
    fault: Fault | None = None
    share: float = 1.0
    factor: float = 1.0
    price: tuple[int, int] | None = None
    caps: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def ends(self) -> float:
        """Seconds after the beginning at which it ends."""
        return float("inf") if self.lasts is None else self.at + self.lasts

    def active(self, now: float) -> bool:
        """Whether it lasts at a time, in seconds after the beginning."""
        return self.at <= now < self.ends


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is simulated.

    Attributes:
        duration: Seconds of traffic.
        rate: Requests a second.
        start: Unix time of the beginning.
        seed: What all chance follows from.
        traffic: The kinds of requests.
        models: How models behave, by name; others as the policy says.
        happenings: What happens in the meantime, in order of time.
    """

    duration: float
    rate: float
    start: float
    seed: int = 1
    traffic: tuple[Mix, ...] = (Mix("requests"),)
    models: Mapping[str, Behaviour] = field(default_factory=lambda: MappingProxyType({}))
    happenings: tuple[Happening, ...] = ()
