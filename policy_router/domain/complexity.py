"""Complexity bands: how hard a request is, and which models it needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from policy_router.diagnostics import Span


CONFIDENT: Final = 0.4
"""From so much probability on, a request is taken for a built-in kind of work."""


@dataclass(frozen=True, slots=True)
class Band:
    """A stretch of the complexity score: begins at `start`, ends where the next begins."""

    name: str
    start: float
    min_tier: int | None = None
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Weights:
    """What each factor of complexity weighs, 0..1; together 1."""

    message: float = 0.30
    context: float = 0.15
    capability: float = 0.25
    depth: float = 0.10
    keywords: float = 0.20


@dataclass(frozen=True, slots=True)
class Complexity:
    """How the complexity of a request is worked out.

    estimator: its name. model: the policy's name of the model that is asked, function: what own
    code is (`module:function`), for estimators of that kind. keywords: words that make a request
    look hard, beside the built-in ones.
    """

    estimator: str = "heuristic"
    model: str | None = None
    function: str | None = None
    weights: Weights = Weights()
    keywords: tuple[str, ...] = ()
    span: Span | None = field(default=None, compare=False, repr=False)

    @property
    def is_asked(self) -> bool:
        """Whether the estimator is a model or own code, which only a real request asks."""
        return self.model is not None or self.function is not None
