"""Rules and tasks: which models a request may use, and which come first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from policy_router.diagnostics import Span
    from policy_router.domain.acceptance import Accept
    from policy_router.domain.condition import Condition
from policy_router.domain.complexity import CONFIDENT


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: when its condition holds it takes models away, reorders them, or denies.

    only, avoid, first: names of models in the order they were selected (None: not said).
    min_tier: rank. needs: abilities a model must have. accept: what the answer is checked for.
    """

    name: str
    when: Condition | None
    only: tuple[str, ...] | None = None
    avoid: tuple[str, ...] = ()
    first: tuple[str, ...] = ()
    min_tier: int | None = None
    needs: frozenset[str] = frozenset()
    deny: str | None = None
    accept: Accept | None = None
    span: Span | None = field(default=None, compare=False, repr=False)
    only_at: Span | None = field(default=None, compare=False, repr=False)
    avoid_at: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Task:
    """A kind of request. `default`: the one that a request has when it has no other.

    keywords, pattern (RE2), needs (all of them): conditions, any one of which gives it away. A
    task without any that bears the name of a built-in kind of work is told by that, from this
    `confidence` on, 0..1. criticality: 0..1, how much it raises the complexity.
    accept: what its answers are checked for.
    """

    name: str
    min_tier: int | None = None
    first: tuple[str, ...] = ()
    default: bool = False
    accept: Accept | None = None
    span: Span | None = field(default=None, compare=False, repr=False)
    keywords: tuple[str, ...] = ()
    pattern: str | None = None
    needs: frozenset[str] = frozenset()
    confidence: float = CONFIDENT
    criticality: float = 0.0

    @property
    def conditions(self) -> bool:
        """Whether it states conditions of its own."""
        return bool(self.keywords or self.needs or self.pattern is not None)
