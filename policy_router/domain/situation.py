"""A request as one policy sees it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from policy_router.domain.complexity import Band
    from policy_router.domain.condition import Facts
    from policy_router.domain.request import Request
    from policy_router.domain.rules import Task


@dataclass(frozen=True, slots=True)
class Situation:
    """A request as one policy sees it at one time. It is computed once and passed on.

    Attributes:
        request: The request.
        task: Its task; None when neither the request nor the policy names one.
        band: The band of its complexity; None when the complexity is unknown.
        score: Its complexity, 0..1; None when it is unknown.
        facts: One value per fact of the policy's vocabulary; empty for an invalid request.
        problem: What makes the request invalid for the policy; None for a valid one.
        unknown_model: Whether the request asks for a model that the policy does not know.
    """

    request: Request
    task: Task | None = None
    band: Band | None = None
    score: float | None = None
    facts: Facts = field(default=(), compare=False, repr=False)
    problem: str | None = None
    unknown_model: bool = False
