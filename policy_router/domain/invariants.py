"""Invariants: promises about every request, whatever the state of the world."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from policy_router.diagnostics import Span
    from policy_router.domain.condition import Condition


class Countable(StrEnum):
    """What a promise can count of what the policy allows."""

    CANDIDATES = "candidates"
    PROVIDERS = "providers"


@dataclass(frozen=True, slots=True)
class AtLeast:
    """How much of what the policy allows for a request is promised.

    Attributes:
        count: How many, at least 1.
        of: Of what.
        without: What any one of may be missing: a model (CANDIDATES) or a provider (PROVIDERS);
            None for neither.
    """

    count: int
    of: Countable
    without: Countable | None = None


@dataclass(frozen=True, slots=True)
class Invariant:
    """One promise. It is not proved in this version.

    Attributes:
        name: The promise as a sentence.
        when: Requests it is about; None is all of them.
        never: Names of the models that none of these requests may reach, in the order they were
            selected.
        only: Names of the only models that they may reach; None does not restrict them.
        at_least: How much of what the policy allows for each of them; None promises nothing.
        max_cost: The most that each of them may be estimated to cost, in nano-USD; None promises
            nothing.
        always_denied: Whether each of them is refused.
        span: The position of its name in the policy files.
    """

    name: str
    when: Condition | None
    never: tuple[str, ...] = ()
    only: tuple[str, ...] | None = None
    at_least: AtLeast | None = None
    max_cost: int | None = None
    always_denied: bool = False
    span: Span | None = field(default=None, compare=False, repr=False)
