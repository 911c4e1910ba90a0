"""How late an event loop is while something runs in it, held against a thread of the same process.

    async with watched() as lag:
        await something()
    lag.check()

A loaded machine makes everything late. So a thread that does nothing else measures its own lateness
meanwhile: what the machine and other threads cost, it pays as well. What only the loop is late by
was done in the loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

STEP: Final = 0.005
"""Seconds that both sleep at a time."""
MARGIN: Final = 0.3
"""Seconds by which the machine may delay one thread and not another."""
TIMES: Final = 5


@dataclass
class Lag:
    """Seconds. loop: the most that the event loop was late. thread: the most that a thread was."""

    loop: float = 0.0
    thread: float = 0.0

    def check(self) -> None:
        """Fails when the loop was kept from its work by what ran in it."""
        most = MARGIN + TIMES * self.thread
        words = f"the loop was {self.loop:.2f} s late, a thread beside it {self.thread:.3f} s"
        assert self.loop <= most, words


@asynccontextmanager
async def watched() -> AsyncIterator[Lag]:
    """Measures until it is left."""
    lag, over = Lag(), threading.Event()

    def beside() -> None:
        while not over.is_set():
            began = time.monotonic()
            time.sleep(STEP)
            lag.thread = max(lag.thread, time.monotonic() - began - STEP)

    async def within() -> None:
        while True:
            began = time.monotonic()
            try:
                await asyncio.sleep(STEP)
            finally:  # also when it is ended right after the loop was blocked
                lag.loop = max(lag.loop, time.monotonic() - began - STEP)

    thread = threading.Thread(target=beside, daemon=True)
    thread.start()
    task = asyncio.create_task(within())
    await asyncio.sleep(0)
    try:
        yield lag
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        over.set()
        thread.join()
