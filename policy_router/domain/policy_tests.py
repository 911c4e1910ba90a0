"""Tests of a policy: requests, and what the policy is expected to decide for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from policy_router.diagnostics import Span
    from policy_router.domain.decision import Reason
    from policy_router.domain.sessions import SessionMove
    from policy_router.units import Rate

StatedValue: TypeAlias = str | float | bool
"""A fact of a request in a test; whole numbers are `int`."""


@dataclass(frozen=True, slots=True)
class GivenStats:
    """Measured statistics of a model; None where nothing was measured.

    Attributes:
        success: Share of its calls that gave a usable answer, 0..1.
        latency: Median time of its answers, in seconds.
        quality: Mean of the verdicts on its answers, 0..1.
        accepted: Share of its answers that passed the checks, 0..1.
        samples: The number of outcomes behind these; None means enough to count.
    """

    success: float | None = None
    latency: float | None = None
    quality: float | None = None
    accepted: float | None = None
    samples: int | None = None


@dataclass(frozen=True, slots=True)
class GivenState:
    """The runtime state that a test assumes.

    Attributes:
        spent: Name of a budget -> money spent of it, in nano-USD.
        used: Name of a limit, of a budget of tokens or of a model with limits -> how much of it is
            used up, in which period.
        arm: Name of the experiment that the request takes part in, followed by `/` and the name of
            the arm where it has several; None is no experiment.
        session: Name of a session -> name of the model that answered its last request.
        cooling: Names of models in cooldown.
        clock: When the request is decided, as date and time in the policy's time zone; None is
            without a clock.
        stats: Name of a model -> what past outcomes say about it.
    """

    spent: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    used: Mapping[str, Rate] = field(default_factory=lambda: MappingProxyType({}))
    arm: str | None = None
    session: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    cooling: tuple[str, ...] = ()
    clock: datetime | None = None
    stats: Mapping[str, GivenStats] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a test expects of the decision; None is not checked.

    Attributes:
        first: Name of the first candidate.
        then: Names of the candidates after it, in order.
        never: Names of models that must not be candidates.
        task: Name of the task.
        complexity: Name of the complexity band.
        rule: Name of a rule that applies.
        cost: Estimated cost of the first candidate, in nano-USD.
        denied: Whether no model may answer, or the text with which a rule denies the request.
        order: Names of all candidates, in order.
        max_cost: The maximum estimated cost of any candidate, in nano-USD.
        reasons: Name of a model -> why it may not answer.
        alias: Name of the alias that the request asks for.
        session: What the decision does with the model or the tier of the session.
        places: Name of an expectation -> the position of its value in the policy files.
    """

    first: str | None = None
    then: tuple[str, ...] | None = None
    never: tuple[str, ...] = ()
    task: str | None = None
    complexity: str | None = None
    rule: str | None = None
    cost: int | None = None
    denied: bool | str | None = None
    order: tuple[str, ...] | None = None
    max_cost: int | None = None
    reasons: Mapping[str, Reason] = field(default_factory=lambda: MappingProxyType({}))
    alias: str | None = None
    session: SessionMove | None = None
    places: Mapping[str, Span] = field(
        default_factory=lambda: MappingProxyType({}), compare=False, repr=False
    )


@dataclass(frozen=True, slots=True)
class PolicyTest:
    """One test.

    Attributes:
        name: What the test shows.
        request: The prompt, or facts about the request by name (a list is a tuple). Among the
            facts, `prompt` is the prompt, `system` a system message, `needs` are the abilities the
            request needs, and the names of constraints are those of its caller.
        expect: What is expected of the decision.
        given: The state it assumes.
        span: The position of its name in the policy files.
    """

    name: str
    request: str | Mapping[str, StatedValue | tuple[StatedValue, ...]]
    expect: Expectation
    given: GivenState = field(default_factory=GivenState)
    span: Span | None = field(default=None, compare=False, repr=False)
