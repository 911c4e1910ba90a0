"""A timeout for answers of a server that does not count the delays of this process itself.

An event loop that is kept busy - by an import, a large answer, an overloaded host - sees an answer
late that was in the socket all the time. So the wait is divided into short ticks, each of which
counts with its nominal length, however late the loop gets to it.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from policy_router.base_errors import UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

TICKS: Final = 8
"""The ticks of one wait."""
MOST: Final = 4 * TICKS
"""The ticks after which even a loop that is always late gives up."""
LATE: Final = 0.5
"""The share of a tick by which the last one may be late. When it was later than that, the socket is
looked at once more."""
LEAST: Final = 0.05
LONGEST: Final = 60.0
"""The bounds of the patience that a URL may ask for, in seconds."""


def read_patience(text: str) -> float:
    """Read the `patience` option of a store's URL.

    Returns:
        Seconds.

    Raises:
        UsageError: It is not a number of seconds within the bounds.
    """
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not LEAST <= seconds <= LONGEST:
        raise UsageError(
            f"a store's patience is a number of seconds from {LEAST:g} to {LONGEST:g}: write "
            "`?patience=1`"
        )
    return seconds


class Countdown:
    """Calls a function once the loop could have seen an answer for long enough.

    Args:
        loop: The event loop that waits.
        seconds: How long to wait.
        over: The function to call.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, seconds: float, over: Callable[[], None]
    ) -> None:
        self._loop = loop
        self._tick = seconds / TICKS
        self._over = over
        self._ticks = 0
        self._wait()

    def _wait(self) -> None:
        self._due = self._loop.time() + self._tick
        self._handle = self._loop.call_at(self._due, self._passed)

    def _passed(self) -> None:
        self._ticks += 1
        late = self._loop.time() - self._due > LATE * self._tick
        if self._ticks < TICKS or (late and self._ticks < MOST):
            self._wait()
        else:
            self._over()

    def stop(self) -> None:
        """Cancel the call."""
        self._handle.cancel()


@asynccontextmanager
async def patiently(seconds: float) -> AsyncIterator[None]:
    """Cancel the body with a TimeoutError after a number of seconds of waiting."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as limit:
        # What arrived before this moment wakes its reader first, before the timeout acts.
        countdown = Countdown(loop, seconds, lambda: limit.reschedule(loop.time()))
        try:
            yield
        finally:
            countdown.stop()
