"""The error for a request that no model may be called for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.domain.decision import Reason
from policy_router.errors import (
    BudgetExceededError,
    CooldownError,
    InvalidRequestError,
    NoCandidateError,
    RateLimitError,
    StateUnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.domain.decision import Decision, Skip

_ERRORS: Final[tuple[tuple[Reason, type[NoCandidateError]], ...]] = (
    (Reason.COOLING, CooldownError),
    (Reason.BUDGET, BudgetExceededError),
    (Reason.RATE_LIMIT, RateLimitError),
    (Reason.STATE, StateUnavailableError),
)
"""The first reason that any model is out for decides. A model in cooldown soon returns, whatever
the others lack. Money comes before limits: where the budget is spent, more requests a minute do not
help."""


def refusal(
    decision: Decision, refused: Sequence[Skip] = (), now: float | None = None
) -> NoCandidateError | InvalidRequestError:
    """The error for a decision that leaves no model to call.

    Args:
        decision: Its skipped models say what they are out for.
        refused: Candidates without room in a limit or budget when their turn came.
        now: Unix time.
    """
    if decision.invalid:
        return InvalidRequestError(decision)
    reasons = {skip.reason for skip in (*decision.skipped, *refused)}
    for reason, error in _ERRORS:
        if reason in reasons and decision.denied is None:
            return error(decision, refused, now)
    return NoCandidateError(decision, refused, now)
