"""The complexity of requests: bands and estimation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from policy_router.diagnostics import Span


CONFIDENT: Final = 0.4
"""The minimum probability for classifying a request as a built-in kind of work."""


@dataclass(frozen=True, slots=True)
class Band:
    """A range of complexity scores; it ends where the next band begins.

    Attributes:
        name: Its name in the policy.
        start: Its lowest score, 0..1.
        min_tier: Rank of the lowest tier that its requests need, if any.
        span: Its position in the policy files.
    """

    name: str
    start: float
    min_tier: int | None = None
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Weights:
    """The weight of each factor of complexity, 0..1; together they are 1.

    Attributes:
        message: The size of the latest message.
        context: The size of the conversation before it.
        capability: The abilities that the request needs.
        depth: The number of turns.
        keywords: Words that suggest difficulty.
    """

    message: float = 0.30
    context: float = 0.15
    capability: float = 0.25
    depth: float = 0.10
    keywords: float = 0.20


@dataclass(frozen=True, slots=True)
class Complexity:
    """How the complexity of a request is estimated.

    Attributes:
        estimator: Name of the estimator.
        model: Name in the policy of the model that estimates, if a model does.
        function: The function that estimates, as `module:function`, if a function does.
        weights: The weights of the heuristic estimator.
        keywords: Words that suggest difficulty, in addition to the built-in ones.
        span: Its position in the policy files.
    """

    estimator: str = "heuristic"
    model: str | None = None
    function: str | None = None
    weights: Weights = Weights()
    keywords: tuple[str, ...] = ()
    span: Span | None = field(default=None, compare=False, repr=False)

    @property
    def is_external(self) -> bool:
        """Whether it is estimated by a model or a function, which is called only for requests that
        are sent."""
        return self.model is not None or self.function is not None
