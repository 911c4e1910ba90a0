"""The whole history of a request, for clients that send `x-policy-router-explain: 1`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.server.answer_headers import cost
from policy_router.server.hints import EXPLAIN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policy_router.domain.attempt import Attempt
    from policy_router.domain.decision import Decision

FIELD: Final = "policy_router"
"""The field of an answer that holds the history."""
_NO: Final = frozenset({"", "0", "false", "no"})


def wants_trace(headers: Mapping[str, str]) -> bool:
    """Return whether a client asks for the history."""
    return headers.get(EXPLAIN, "").strip().lower() not in _NO


def history(decision: Decision, attempts: Sequence[Attempt]) -> dict[str, object]:
    """Return a decision and the calls that followed it as a JSON object."""
    return {
        "decision": decision.as_dict(),
        "attempts": [
            {
                "model": attempt.model,
                "calls": attempt.provider_model,
                "seconds": round(attempt.seconds, 3),
                "failure": attempt.failure,
                "status": attempt.status,
                "detail": attempt.detail,
                "retry_after": attempt.retry_after,
                "cost_usd": cost([attempt]),
            }
            for attempt in attempts
        ],
        "cost_usd": cost(attempts),
    }
