"""Invariants: promises about every request, whatever the state of the world."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from policy_router.diagnostics import Span
    from policy_router.domain.condition import Condition


@dataclass(frozen=True, slots=True)
class Invariant:
    """One promise. It is not proved in this version.

    Attributes:
        name: The promise as a sentence.
        when: Requests it is about; None is all of them.
        never: Names of the models that none of these requests may reach, in the order they were
            selected.
        span: The position of its name in the policy files.
    """

    name: str
    when: Condition | None
    never: tuple[str, ...]
    span: Span | None = field(default=None, compare=False, repr=False)
