"""How long an answer of the server is awaited, by a clock that stalls of our own do not advance.

An event loop that something else keeps busy - an import, a large answer, a starved host - sees an
answer late that lay in the socket all the time. So the wait is cut into short ticks, and each
counts as what it was asked to take, however late the loop came to it.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from policy_router.base_errors import UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

TICKS: Final = 8
"""Ticks of one wait."""
MOST: Final = 4 * TICKS
"""Ticks after which even a loop that is always late gives up."""
LATE: Final = 0.5
"""The part of a tick by which one may be late and still be the last: whoever was later than that
gets another look at the socket."""
LEAST: Final = 0.05
LONGEST: Final = 60.0
"""The bounds of the patience that a URL may ask for, in seconds."""


def read_patience(text: str) -> float:
    """The patience that the URL of a store asks for. Raises UsageError."""
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
    """Calls `over` when so many seconds have passed in which the loop could have seen an answer.

    loop: whose time it goes by.
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
        """Nobody waits any more."""
        self._handle.cancel()


@asynccontextmanager
async def patiently(seconds: float) -> AsyncIterator[None]:
    """Cancels what is inside, as TimeoutError, after so many seconds of waiting."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as limit:
        # What arrived before this moment wakes its reader first: that is one more look.
        countdown = Countdown(loop, seconds, lambda: limit.reschedule(loop.time()))
        try:
            yield
        finally:
            countdown.stop()
