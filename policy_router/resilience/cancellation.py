"""Work that its caller may abandon.

The caller of a check passes a callable that returns whether the result is no longer wanted. The
check polls it between its steps and ends early by raising `Cancelled`. The callable must be cheap,
and once it has returned true it must always return true.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Poll: TypeAlias = Callable[[], bool]


class Cancelled(Exception):  # noqa: N818  the caller's own decision, not an error
    """The caller no longer wants the result."""


def never() -> bool:
    """A poll for work that always runs to its end."""
    return False


def checkpoint(cancelled: Poll) -> None:
    """Return, unless the caller abandoned the work.

    Raises:
        Cancelled: The poll returned true.
    """
    if cancelled():
        raise Cancelled
