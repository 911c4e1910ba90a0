"""Whose requests open a breaker: those of one user open one for that user alone.

A request may be the reason why its call fails: a prompt so long that its first token takes more
than the policy allows, an effort that makes a model think for minutes, a body that crashes the
server. In low traffic five such requests of one user are five failures in a row. They say nothing
about the requests of others, so the model's breaker opens only when the failures that would open it

- come from at least two users, or
- came about in a way that no request causes, such as a connection that is refused, or
- belong to a request that names no user.

Otherwise a breaker of the model opens for the one user whose requests failed, with the same times.
A provider that is down is thus found as soon as ever, also with one user: the next failure of
anybody else opens the breaker for all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.providers.failure import FailureKind

if TYPE_CHECKING:
    from policy_router.providers.failure import Failure

PERHAPS_THE_REQUEST: Final = frozenset(
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


def only_for(user: str | None, failure: Failure) -> str | None:
    """The user whom a failure is about, until another one has the same.

    Args:
        user: The user of the request that failed; None where it names none.
        failure: Why its call failed.

    Returns:
        The user; None where the failure is about everyone.
    """
    return user if failure.kind in PERHAPS_THE_REQUEST else None
