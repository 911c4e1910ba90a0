"""Tests of a policy: requests, and what the policy is expected to decide for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.diagnostics import Span
    from policy_router.units import Rate

StatedValue: TypeAlias = str | float | bool
"""What a test states of a request; whole numbers are `int`."""


@dataclass(frozen=True, slots=True)
class GivenState:
    """The state that a test assumes.

    Attributes:
        spent: Name of a budget -> money spent of it, in nano-USD.
        used: Name of a limit -> how much of it is used up, in which period.
        arm: Name of the experiment that the request takes part in; None is no experiment.
        session: Name of a session -> name of the model that answered its last request.
    """

    spent: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    used: Mapping[str, Rate] = field(default_factory=lambda: MappingProxyType({}))
    arm: str | None = None
    session: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a test expects of the decision; None is not compared.

    Attributes:
        first: Name of the first candidate.
        then: Names of the candidates after it, in order.
        never: Names of models that are no candidates.
        task: Name of the task.
        complexity: Name of the complexity band.
        rule: Name of a rule that applies.
        cost: Estimated cost of the first candidate, in nano-USD.
        denied: Whether the request is refused.
    """

    first: str | None = None
    then: tuple[str, ...] | None = None
    never: tuple[str, ...] = ()
    task: str | None = None
    complexity: str | None = None
    rule: str | None = None
    cost: int | None = None
    denied: bool | None = None


@dataclass(frozen=True, slots=True)
class PolicyTest:
    """One test. It is not run in this version.

    Attributes:
        name: What the test shows.
        request: The prompt, or facts about the request by name (a list is a tuple). Among the
            facts, `prompt` is the prompt and `needs` are the abilities the request needs.
        expect: What is expected of the decision.
        given: The state it assumes.
        span: The position of its name in the policy files.
    """

    name: str
    request: str | Mapping[str, StatedValue | tuple[StatedValue, ...]]
    expect: Expectation
    given: GivenState = field(default_factory=GivenState)
    span: Span | None = field(default=None, compare=False, repr=False)
