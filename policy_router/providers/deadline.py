"""Waits for results, at most until a deadline, or measures how long that takes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from policy_router.providers.http.wire import Wire, watch, watch_no_more
from policy_router.resilience.time_limit import TimeLimit

if TYPE_CHECKING:
    from collections.abc import Awaitable

T = TypeVar("T")


async def within(seconds: float, work: Awaitable[T], wire: Wire | None = None) -> T:
    """The result of the work.

    Args:
        seconds: The longest to wait.
        work: What to wait for.
        wire: Where the connection of the work records what it sees; a new one by default.

    Raises:
        TimeoutError: The time is up; the work is cancelled.
    """
    before = watch(Wire() if wire is None else wire)
    try:
        with TimeLimit(seconds):
            return await work
    finally:
        watch_no_more(before)


async def duration(work: Awaitable[object]) -> float:
    """Awaits the work and returns the seconds that it took."""
    began = time.monotonic()
    await work
    return time.monotonic() - began
