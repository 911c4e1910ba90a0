"""Rules and tasks: which models a request may use, and which come first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from policy_router.diagnostics import Span
    from policy_router.domain.acceptance import Accept
    from policy_router.domain.condition import Condition
    from policy_router.domain.ordering import OrderKey
from policy_router.domain.complexity import CONFIDENT
from policy_router.domain.criteria import NO_CRITERIA, Criteria


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
        criteria: What a model must meet.
        prefer: Sort keys that take the place of the task's and the policy's; None leaves those.
        shadow: Whether it is only worked out and recorded, not applied.
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
    criteria: Criteria = NO_CRITERIA
    prefer: tuple[OrderKey, ...] | None = None
    shadow: bool = False
    span: Span | None = field(default=None, compare=False, repr=False)
    only_at: Span | None = field(default=None, compare=False, repr=False)
    avoid_at: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Task:
    """A kind of request.

    `keywords`, `pattern` and `when_needs` are conditions, any one of which identifies the task. A
    task without conditions that has the name of a built-in kind of work is identified by that kind.

    Attributes:
        name: Its name in the policy.
        min_tier: Rank of the lowest tier that is wanted, if any.
        first: Names of the models that come first.
        default: Whether a request without a task has this one.
        accept: What its answers are checked for, if anything.
        span: Its position in the policy files.
        keywords: Words, one of which must be in the request.
        pattern: RE2 pattern that must be found in the request.
        when_needs: Abilities, all of which the request must need.
        confidence: The probability, 0..1, from which a built-in kind of work identifies it.
        criticality: How much it raises the complexity, 0..1.
        needs: Abilities that a model must have.
        only: The models that are not excluded; None excludes none.
        avoid: Models that are excluded.
        use: The only models that may answer, in an exact order: for each selector the models that
            it adds. None leaves the choice and the order to the rest of the policy.
        criteria: What a model must meet.
        prefer: Sort keys that take the place of the policy's; None leaves those.
        deadline: Seconds for the whole request, in place of the policy's; None leaves that.
        max_attempts: The most calls that a request makes, in place of the policy's; None leaves
            that.
        worth: What an answer that is accepted is worth, in nano-USD, for the key `value`; None when
            the policy does not say it.
        patience: What a second of waiting costs, in nano-USD, for the key `value`.
        only_at: The position of `only`.
        avoid_at: The position of `avoid`.
        use_at: The position of `use`.
    """

    name: str
    min_tier: int | None = None
    first: tuple[str, ...] = ()
    default: bool = False
    accept: Accept | None = None
    span: Span | None = field(default=None, compare=False, repr=False)
    keywords: tuple[str, ...] = ()
    pattern: str | None = None
    when_needs: frozenset[str] = frozenset()
    confidence: float = CONFIDENT
    criticality: float = 0.0
    needs: frozenset[str] = frozenset()
    only: tuple[str, ...] | None = None
    avoid: tuple[str, ...] = ()
    use: tuple[tuple[str, ...], ...] | None = None
    criteria: Criteria = NO_CRITERIA
    prefer: tuple[OrderKey, ...] | None = None
    deadline: float | None = None
    max_attempts: int | None = None
    worth: int | None = None
    patience: int = 0
    only_at: Span | None = field(default=None, compare=False, repr=False)
    avoid_at: Span | None = field(default=None, compare=False, repr=False)
    use_at: Span | None = field(default=None, compare=False, repr=False)

    @property
    def conditions(self) -> bool:
        """Whether it has conditions of its own."""
        return bool(self.keywords or self.when_needs or self.pattern is not None)
