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
    """One rule: where its condition holds, it excludes models, reorders them, or denies.

    Lists of models are names in the order in which the policy selects them.

    Attributes:
        name: Its name in the policy.
        when: Its condition; None means that it always applies.
        only: The models that are not excluded; None excludes none.
        avoid: Models that are excluded.
        first: Models that come first.
        min_tier: Rank of the lowest tier that is wanted, if any.
        needs: Abilities that a model must have.
        deny: Why the request is denied, if it is.
        accept: What the answer is checked for, if anything.
        span: The position of the rule in the policy files.
        only_at: The position of `only`.
        avoid_at: The position of `avoid`.
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
    """A kind of request.

    `keywords`, `pattern` and `needs` are conditions, any one of which identifies the task. A task
    without conditions that has the name of a built-in kind of work is identified by that kind.

    Attributes:
        name: Its name in the policy.
        min_tier: Rank of the lowest tier that is wanted, if any.
        first: Names of the models that come first.
        default: Whether a request without a task has this one.
        accept: What its answers are checked for, if anything.
        span: Its position in the policy files.
        keywords: Words, one of which must be in the request.
        pattern: RE2 pattern that must be found in the request.
        needs: Abilities, all of which the request must need.
        confidence: The probability, 0..1, from which a built-in kind of work identifies it.
        criticality: How much it raises the complexity, 0..1.
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
        """Whether it has conditions of its own."""
        return bool(self.keywords or self.needs or self.pattern is not None)
