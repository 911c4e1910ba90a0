"""Refusals by the server itself, before a policy is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.base_errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping


class RefusedCallError(UsageError):
    """A call that the server does not hand to the router.

    Attributes:
        code: What is wrong, as one word for programs.
        headers: Headers of the answer.
        retry_after: Seconds after which the client should try again; None when it should not.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        headers: Mapping[str, str] | None = None,
        retry_after: float | None = None,
    ) -> None:
        """Create the refusal.

        Args:
            status: The HTTP status of the answer.
            code: See the class.
            message: The message for the person who made the call.
            headers: See the class.
            retry_after: See the class.
        """
        super().__init__(message)
        self.http_status = status
        self.code = code
        self.headers = dict(headers or {})
        self.retry_after = retry_after


def stopped() -> RefusedCallError:
    """Return the refusal of a call that the server cut off because it stops."""
    return RefusedCallError(
        503,
        "server_stopping",
        "the server stops, and the answer was not complete in time: send the request again",
        retry_after=1.0,
    )
