"""Experiments: other orders of models, prompts or efforts for a share of the traffic."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from policy_router.diagnostics import Span
    from policy_router.domain.condition import Condition
    from policy_router.domain.effort import Effort

CONTROL: Final = "control"
"""The arm of all requests of an experiment that are in no other arm: they are decided as usual."""


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
        confidence: The confidence that the result must have, 0..1; None never stops for it.
        samples: The number of requests after which it always stops; None for no such limit.
        guard: Changes, as shares of the control's value, beyond which an arm ends: -0.03 is three
            percent less.
    """

    confidence: float | None = None
    samples: int | None = None
    guard: Mapping[Measure, float] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Arm:
    """A variation that applies to a share of an experiment's requests.

    Attributes:
        name: Its name, unique in the experiment and never `control`.
        share: The share of the requests that it gets, 0..1.
        first: Names of the models that it puts first, where they are allowed.
        prompt: Name of the prompt that is preferred to the others; None prefers none.
        effort: The effort of reasoning models; None leaves it unchanged.
        span: Its position in the policy files.
    """

    name: str
    share: float
    first: tuple[str, ...] = ()
    prompt: str | None = None
    effort: Effort | None = None
    span: Span | None = field(default=None, compare=False, repr=False)

    @property
    def acts_on(self) -> frozenset[str]:
        """What it changes: `first`, `prompt` and `effort`, as the policy calls them."""
        changed = {"first": self.first, "prompt": self.prompt, "effort": self.effort}
        return frozenset(name for name, value in changed.items() if value)


@dataclass(frozen=True, slots=True)
class Experiment:
    """One experiment.

    Attributes:
        name: Its name in the policy.
        when: The requests that take part; None for all.
        arms: Its arms in written order, at least one; the remaining requests are the control.
        stick_to: The fact whose value determines the arm: `user`, `tenant`, `team`, `key` or
            `session`. None assigns each request individually.
        measure: What the arms are compared by; None if the policy does not say.
        stop: When it ends before its last day; None for only then.
        until: Last day of the experiment, in the policy's time zone; None for no end.
        ends: The end of that day as Unix time.
        span: Its position in the policy files.
    """

    name: str
    when: Condition | None
    arms: tuple[Arm, ...]
    stick_to: str | None = None
    measure: Measure | None = None
    stop: StopWhen | None = None
    until: date | None = None
    ends: float | None = None
    span: Span | None = field(default=None, compare=False, repr=False)

    def arm(self, name: str) -> Arm | None:
        """Return the arm of that name; None for the control and for an unknown name."""
        return next((arm for arm in self.arms if arm.name == name), None)

    @property
    def acts_on(self) -> frozenset[str]:
        """What its arms change: `first`, `prompt` and `effort`, as the policy calls them."""
        return frozenset().union(*(arm.acts_on for arm in self.arms))


@dataclass(frozen=True, slots=True)
class Assignment:
    """The arm of an experiment that a request was drawn into.

    Attributes:
        experiment: Name of the experiment.
        arm: Name of the arm; `control` if the request is decided as usual.
        propensity: The probability of this arm, 0..1.
        by: The fact that it was drawn by: `user`, `tenant`, `team`, `key` or `session`, whose
            requests all get this arm; None if this request was drawn individually.
        orders: Whether any arm of the experiment puts models first; otherwise they only change what
            models are sent.
    """

    experiment: str
    arm: str
    propensity: float
    by: str | None = None
    orders: bool = field(default=True, compare=False)

    def as_dict(self) -> dict[str, object]:
        """Return it as plain JSON values."""
        return {
            "experiment": self.experiment,
            "arm": self.arm,
            "propensity": self.propensity,
            "by": self.by,
        }
