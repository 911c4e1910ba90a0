"""The root of all errors, and the error for wrong arguments."""

from __future__ import annotations


class PolicyRouterError(Exception):
    """The base of every exception that this package raises on purpose.

    Attributes:
        http_status: The HTTP status that a server answers with.
        code: The error code that a server answers with.
    """

    http_status: int = 500
    code: str = "internal_error"


class UsageError(PolicyRouterError):
    """The call itself is wrong: an option does not exist, or a value has the wrong type."""

    http_status = 400
    code = "invalid_request"
