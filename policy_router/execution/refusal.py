"""The errors for requests that have no model to call, from the start or after failures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.domain.decision import Reason
from policy_router.errors import (
    AllModelsFailedError,
    BadRequestError,
    BudgetExceededError,
    CooldownError,
    InvalidRequestError,
    NoCandidateError,
    RateLimitError,
    StateUnavailableError,
)
from policy_router.providers.failures.failure import OWN_FAULTS, REACTIONS, FailureKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.domain.attempt import Attempt
    from policy_router.domain.decision import Decision, Skip
    from policy_router.providers.failures.failure import Failure

_ERRORS: Final[tuple[tuple[Reason, type[NoCandidateError]], ...]] = (
    (Reason.COOLING, CooldownError),
    (Reason.BUDGET, BudgetExceededError),
    (Reason.RATE_LIMIT, RateLimitError),
    (Reason.BUSY, RateLimitError),
    (Reason.STATE, StateUnavailableError),
)
"""The first reason that any model is out for decides. A model in cooldown soon returns, whatever
the others lack. Money comes before limits: where the budget is spent, more requests a minute do not
help."""

_LASTING: Final = frozenset(
    {
        FailureKind.CREDENTIAL,
        FailureKind.FORBIDDEN,
        FailureKind.MODEL_GONE,
        FailureKind.REDIRECTED,
        FailureKind.INTERNAL,
    }
)
"""Failures that do not pass by themselves."""


def refusal(
    decision: Decision, refused: Sequence[Skip] = (), now: float | None = None
) -> NoCandidateError | InvalidRequestError:
    """The error for a decision that leaves no model to call.

    Args:
        decision: Its skipped models give the reasons.
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


def stopped(
    decision: Decision, attempts: Sequence[Attempt], failure: Failure, skipped: Sequence[Skip]
) -> BadRequestError:
    """The error when the request stops at a failure.

    Args:
        decision: The decision that was carried out.
        attempts: Every call, in order.
        failure: Why the last one failed.
        skipped: Candidates that were not called, and why.
    """
    return BadRequestError(
        decision,
        attempts,
        skipped,
        status=failure.reaction.status,
        code=failure.reaction.code,
        original=failure.original,
    )


def exhausted(
    decision: Decision,
    attempts: Sequence[Attempt],
    failures: Sequence[Failure],
    skipped: Sequence[Skip],
    retry_after: float | None,
) -> BadRequestError | AllModelsFailedError:
    """The error when no model is left to call, or no time.

    Where every failure is the request's own, the request is to blame, and the last one says why.
    Else the last failure that passes by itself gives the HTTP status, so that the caller learns
    when to try again; without one, the last that an operator has to look at.

    Args:
        decision: The decision that was carried out.
        attempts: Every call, in order.
        failures: Why each failed.
        skipped: Candidates that were not called, and why.
        retry_after: Seconds until one of the models may be called again.
    """
    telling = [failure for failure in failures if failure.fault not in OWN_FAULTS]
    if failures and not telling:
        return stopped(decision, attempts, failures[-1], skipped)
    passing = [failure for failure in telling if failure.kind not in _LASTING]
    most = next(reversed(passing or telling), None)
    last = REACTIONS[FailureKind.DEADLINE] if most is None else most.reaction
    return AllModelsFailedError(
        decision,
        attempts,
        skipped,
        status=last.status,
        retry_after=retry_after,
        original=None if most is None else most.original,
    )
