"""The error for a request that no model may be called for."""

from __future__ import annotations

import pytest

from policy_router.domain.decision import Decision, Reason, Skip
from policy_router.domain.request import Request
from policy_router.domain.situation import Situation
from policy_router.errors import (
    BudgetExceededError,
    CooldownError,
    InvalidRequestError,
    NoCandidateError,
    RateLimitError,
    StateUnavailableError,
)
from policy_router.execution.refusal import refusal


def decided(*reasons: Reason, denied: str | None = None, invalid: bool = False) -> Decision:
    skips = tuple(Skip(f"m{i}", reason, "why") for i, reason in enumerate(reasons))
    return Decision(
        revision="rev",
        situation=Situation(Request(), problem=denied if invalid else None),
        candidates=(),
        further=skips,
        denied=denied,
    )


@pytest.mark.parametrize(
    ("reasons", "error"),
    [
        ((), NoCandidateError),
        ((Reason.ONLY,), NoCandidateError),
        ((Reason.ONLY, Reason.STATE), StateUnavailableError),
        ((Reason.STATE, Reason.RATE_LIMIT), RateLimitError),
        ((Reason.RATE_LIMIT, Reason.BUDGET), BudgetExceededError),
        ((Reason.BUDGET, Reason.COOLING), CooldownError),
    ],
)
def test_the_first_reason_of_the_table_decides(
    reasons: tuple[Reason, ...], error: type[NoCandidateError]
) -> None:
    assert type(refusal(decided(*reasons))) is error


def test_candidates_without_room_count_as_skipped_models_do() -> None:
    skip = Skip("a", Reason.RATE_LIMIT, "full", until=1_060.0)
    error = refusal(decided(Reason.ONLY), [skip], now=1_000.0)
    assert isinstance(error, RateLimitError)
    assert (error.refused, error.retry_after) == ((skip,), 60.0)


def test_a_denied_request_names_no_limit() -> None:
    assert type(refusal(decided(Reason.BUDGET, denied="closed"))) is NoCandidateError


def test_an_invalid_request_is_its_caller_s_mistake() -> None:
    error = refusal(decided(denied="unknown task `nope`", invalid=True))
    assert isinstance(error, InvalidRequestError)
    assert str(error) == "invalid request: unknown task `nope`"


@pytest.mark.parametrize(
    ("until", "now", "retry_after"),
    [
        ((None, None), 1_000.0, None),
        ((1_060.0, 1_030.0), 1_000.0, 30.0),
        ((990.0, 1_030.0), 1_000.0, 0.0),
        ((1_060.0, 1_030.0), None, None),
    ],
)
def test_the_soonest_model_names_the_wait(
    until: tuple[float | None, ...], now: float | None, retry_after: float | None
) -> None:
    skips = [Skip("a", Reason.BUDGET, "spent", until=time) for time in until]
    error = refusal(decided(), skips, now)
    assert isinstance(error, NoCandidateError)
    assert error.retry_after == retry_after
