"""The HTTP response for each error: a status, a body that clients understand, and headers.

    try:
        answer = await router.acompletion(messages)
    except PolicyRouterError as error:
        status, body, headers = error_response(error)

It never contains a prompt, a credential or a local path: for internal errors, the body is a fixed
sentence.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

from policy_router.base_errors import PolicyRouterError, UsageError
from policy_router.domain.decision import Decision, Reason
from policy_router.domain.dialect import Dialect
from policy_router.errors import (
    NoCandidateError,
    RoutingError,
    StateUnavailableError,
    StoreError,
)
from policy_router.execution.refusal import refusal
from policy_router.providers.failures.failure import OWN_FAULTS, REACTIONS, FailureKind
from policy_router.redaction.mask import remove

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policy_router.domain.attempt import Attempt

_INTERNAL: Final = "an internal error; the log of the server has its cause"
_STORE: Final = "the counters cannot be reached, and what cannot be counted is not sent"
_STORE_WAIT: Final = 5.0
"""Seconds to wait before retrying while the store is unreachable."""
_LONGEST_RETRY: Final = 60.0
"""Seconds: the SDKs of OpenAI and Anthropic ignore longer waits and retry immediately."""
_SHOWN: Final = 3
"""Maximum number of reasons in a message."""
_LONGEST_MESSAGE: Final = 1_000
"""Characters."""
_TOO_LONG: Final = "prompt is too long: it fits the context of no model that may answer"
"""Coding agents recognize Anthropic's wording at the beginning, and shorten the prompt."""

_PASSING: Final = frozenset({429, 500, 502, 503, 504})
"""Statuses after which a client may send the same request again."""


class ErrorTypes(NamedTuple):
    """The error type of a status in a body.

    Attributes:
        openai: The `type` in OpenAI's format.
        anthropic: The `type` in Anthropic's format.
    """

    openai: str
    anthropic: str


_SERVER: Final = 500
"""The lowest status of server errors."""
_SERVER_TYPES: Final = ErrorTypes("server_error", "api_error")
_CLIENT_TYPES: Final = ErrorTypes("invalid_request_error", "invalid_request_error")
_TYPES: Final[Mapping[int, ErrorTypes]] = {
    401: ErrorTypes("authentication_error", "authentication_error"),
    402: ErrorTypes("insufficient_quota", "billing_error"),
    403: ErrorTypes("permission_error", "permission_error"),
    404: ErrorTypes("invalid_request_error", "not_found_error"),
    408: ErrorTypes("invalid_request_error", "timeout_error"),
    413: ErrorTypes("invalid_request_error", "request_too_large"),
    429: ErrorTypes("rate_limit_error", "rate_limit_error"),
    503: ErrorTypes("server_error", "overloaded_error"),
    504: ErrorTypes("server_error", "timeout_error"),
    529: ErrorTypes("server_error", "overloaded_error"),
}


def error_types(status: int) -> ErrorTypes:
    """Return the error types of an HTTP status."""
    return _TYPES.get(status) or (_CLIENT_TYPES if status < _SERVER else _SERVER_TYPES)


class ErrorResponse(NamedTuple):
    """The HTTP response for an error.

    Attributes:
        status: The HTTP status.
        body: The body, as plain JSON values.
        headers: `retry-after` in whole seconds if the wait is known; `x-should-retry: false` if a
            client should not retry the request on its own.
    """

    status: int
    body: dict[str, object]
    headers: dict[str, str]


def error_response(
    error: BaseException | Decision,
    dialect: Dialect = Dialect.CHAT,
    *,
    now: float | None = None,
) -> ErrorResponse:
    """Return the HTTP response for an error, or for a decision without candidates.

    Args:
        error: The exception. One that is not from this package is an internal error, whose details
            are not shown.
        dialect: The format of the request: `MESSAGES` gets Anthropic's format, the others OpenAI's.
        now: The current Unix time, to compute how long to wait; None omits the wait.

    Returns:
        The status, the body and the headers.
    """
    if isinstance(error, Decision):
        error = refusal(error, now=now)
    known = error if isinstance(error, PolicyRouterError) else PolicyRouterError()
    status, code = known.http_status, known.code
    wait = getattr(known, "retry_after", None)
    if wait is None and isinstance(known, StoreError | StateUnavailableError):
        wait = _STORE_WAIT
    message = remove(" ".join(_message(known).split()))[:_LONGEST_MESSAGE]
    types = error_types(status)
    decision_id = known.decision_id if isinstance(known, RoutingError) else None
    if dialect is Dialect.MESSAGES:
        body: dict[str, object] = {
            "type": "error",
            "error": {"type": types.anthropic, "message": message},
            "request_id": decision_id or None,
        }
    else:
        attempts = known.attempts if isinstance(known, RoutingError) else ()
        body = {
            "error": {
                "message": message,
                "type": types.openai,
                "param": None,
                "code": code,
                "metadata": {
                    "decision": decision_id or None,
                    "attempts": [_attempt(each) for each in attempts],
                },
            }
        }
    return ErrorResponse(status, body, _headers(status, wait))


def _headers(status: int, wait: float | None) -> dict[str, str]:
    headers = {}
    if wait is not None:
        headers["retry-after"] = str(max(math.ceil(wait), 1))
    if status not in _PASSING or wait is None or wait > _LONGEST_RETRY:
        headers["x-should-retry"] = "false"
    return headers


def _attempt(attempt: Attempt) -> dict[str, object]:
    return {
        "model": attempt.model,
        "failure": attempt.failure,
        "status": attempt.status,
        "seconds": round(attempt.seconds, 3),
        "retry_after": attempt.retry_after,
    }


def _message(error: PolicyRouterError) -> str:
    if isinstance(error, StoreError):
        return _STORE
    if isinstance(error, UsageError):  # InvalidRequestError too
        return str(error)
    if not isinstance(error, RoutingError):
        return _INTERNAL
    headline = str(error).partition("\n")[0]
    if isinstance(error, NoCandidateError):
        if error.decision.denied is not None:
            return headline
        skips = (*error.decision.skipped, *error.refused)
        reasons = [skip.detail for skip in skips if skip.reason is not Reason.STATE]
        return _listed(headline, reasons)
    if error.code == REACTIONS[FailureKind.CONTEXT_TOO_LONG].code:
        headline = _TOO_LONG
    return _listed(
        headline, [_attempt_text(each, each.failure) for each in error.attempts if each.failure]
    )


def _attempt_text(attempt: Attempt, failure: str) -> str:
    """How an attempt failed. The provider's message is shown if it is about the request, which the
    caller can change."""
    status = "" if attempt.status is None else f" ({attempt.status})"
    own = REACTIONS[FailureKind(failure)].fault in OWN_FAULTS and attempt.detail
    return f"`{attempt.model}`: {failure}{f': {attempt.detail}' if own else status}"


def _listed(headline: str, reasons: Sequence[str]) -> str:
    """The headline, with the first of the different reasons."""
    distinct = list(dict.fromkeys(reasons))
    if not distinct:
        return headline
    more = len(distinct) - _SHOWN
    return f"{headline}: {'; '.join(distinct[:_SHOWN])}" + (
        f"; and {more} more" if more > 0 else ""
    )
