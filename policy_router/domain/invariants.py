"""Invariants: promises about every request, whatever the runtime state."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from policy_router.diagnostics import Span
    from policy_router.domain.condition import Condition


class Countable(StrEnum):
    """What a promise can count."""

    CANDIDATES = "candidates"
    PROVIDERS = "providers"


@dataclass(frozen=True, slots=True)
class AtLeast:
    """The number of models or providers that the policy promises to allow for a request.

    Attributes:
        count: How many, at least 1.
        of: Of what.
        without: What may be missing: any one model (CANDIDATES) or any one provider (PROVIDERS);
            None for neither.
    """

    count: int
    of: Countable
    without: Countable | None = None


@dataclass(frozen=True, slots=True)
class Invariant:
    """One promise, which is proved or refuted before the policy is used.

    Attributes:
        name: The promise as a sentence.
        when: The requests that it covers; None for all.
        never: Names of the models that none of these requests may reach, in the order they were
            selected.
        only: Names of the only models that they may reach; None does not restrict them.
        at_least: The models or providers that the policy allows at least for each of them; None
            promises nothing.
        max_cost: The maximum estimated cost of each of them, in nano-USD; None promises nothing.
        always_denied: Whether each of them is denied.
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
