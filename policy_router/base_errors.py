"""The root of all errors, and the error for wrong arguments."""

from __future__ import annotations


class PolicyRouterError(Exception):
    """Base of everything this package raises on purpose.

    `http_status` is the status a server in front of the caller would answer with.
    """

    http_status: int = 500


class UsageError(PolicyRouterError):
    """The call itself is wrong: an option that does not exist, a value out of range."""

    http_status = 400
