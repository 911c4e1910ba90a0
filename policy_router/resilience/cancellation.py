"""Work that its caller may abandon.

Whoever starts a check passes a callable that says whether the result is still wanted. The check
polls it between its steps and ends early by raising `Cancelled`. The callable must be cheap, and
once it has returned true it must go on doing so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Poll: TypeAlias = Callable[[], bool]


class Cancelled(Exception):  # noqa: N818  the caller's own decision, not an error
    """The caller no longer wants the result."""


def never() -> bool:
    """For work that always runs to its end."""
    return False


def checkpoint(cancelled: Poll) -> None:
    """Go on, unless the caller has lost interest. Raises Cancelled."""
    if cancelled():
        raise Cancelled
