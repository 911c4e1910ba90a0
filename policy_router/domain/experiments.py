"""Experiments: another order of models for a share of the traffic."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date

    from policy_router.diagnostics import Span
    from policy_router.domain.condition import Condition


@dataclass(frozen=True, slots=True)
class Experiment:
    """One experiment. No decision depends on it in this version.

    Attributes:
        name: Its name in the policy.
        when: Requests it is about; None is all of them.
        share: Part of these requests that gets the other order, 0..1.
        first: Names of the models that come first in that order.
        stick_to: What is assigned to one arm for good: `user`, `tenant`, `team` or `key`. None
            assigns each request by itself.
        until: Last day of the experiment, in the policy's time zone; None has no end.
        span: Its position in the policy files.
    """

    name: str
    when: Condition | None
    share: float
    first: tuple[str, ...]
    stick_to: str | None = None
    until: date | None = None
    span: Span | None = field(default=None, compare=False, repr=False)
