"""Whether a failure opens a breaker for everyone or only for the user of the request.

A request may be the reason why its call fails: a prompt so long that its first token takes more
than the policy allows, an effort that makes a model think for minutes, a body that crashes the
server. In low traffic five such requests of one user are five failures in a row. They say nothing
about the requests of others, so the model's breaker opens only when the failures that would open it

- come from at least two users, or
- came about in a way that no request causes, such as a connection that is refused, or
- belong to a request that names no user.

Otherwise a breaker of the model opens for the one user whose requests failed, with the same times.
A provider that is down is still noticed at once, even with one active user: the next failure of
anyone else opens the breaker for all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.providers.failures.failure import FailureKind

if TYPE_CHECKING:
    from policy_router.providers.failures.failure import Failure

MAYBE_THE_REQUEST: Final = frozenset(
    {
        FailureKind.TIMEOUT,
        FailureKind.SERVER_ERROR,
        FailureKind.CONNECTION_LOST,
        FailureKind.MALFORMED,
        FailureKind.STREAM_BROKEN,
        FailureKind.UNKNOWN,
    }
)
"""Failures that count for a breaker and that a request may cause by what it asks for."""


def user_at_fault(user: str | None, failure: Failure) -> str | None:
    """The user for whom alone a failure counts, until another user has the same.

    Args:
        user: The user of the request that failed; None where it names none.
        failure: Why its call failed.

    Returns:
        The user; None where the failure counts for everyone.
    """
    return user if failure.kind in MAYBE_THE_REQUEST else None
