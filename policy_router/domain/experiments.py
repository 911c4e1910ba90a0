"""Experiments: another order of models for a share of the traffic."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from policy_router.diagnostics import Span
    from policy_router.domain.condition import Condition


class Measure(StrEnum):
    """What the arms of an experiment are compared by."""

    SUCCESS = "success"
    QUALITY = "quality"
    COST = "cost"
    LATENCY = "latency"


@dataclass(frozen=True, slots=True)
class StopWhen:
    """When an experiment is over, whatever its last day.

    Attributes:
        confidence: How sure the result must be, 0..1; None does not stop for it.
        samples: Requests after which it stops in any case; None does not count them.
        guard: Changes, as shares, beyond which it stops: -0.03 is three percent less.
    """

    confidence: float | None = None
    samples: int | None = None
    guard: Mapping[Measure, float] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Experiment:
    """One experiment. No decision depends on it in this version.

    Attributes:
        name: Its name in the policy.
        when: Requests it is about; None is all of them.
        share: Part of these requests that gets the other order, 0..1.
        first: Names of the models that come first in that order.
        stick_to: What is assigned to one arm for good: `user`, `tenant`, `team`, `key` or
            `session`. None assigns each request by itself.
        measure: What the arms are compared by; None when the policy does not say it.
        stop: When it is over, whatever its last day; None is only then.
        until: Last day of the experiment, in the policy's time zone; None has no end.
        span: Its position in the policy files.
    """

    name: str
    when: Condition | None
    share: float
    first: tuple[str, ...]
    stick_to: str | None = None
    measure: Measure | None = None
    stop: StopWhen | None = None
    until: date | None = None
    span: Span | None = field(default=None, compare=False, repr=False)
