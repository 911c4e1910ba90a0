"""An event loop whose time passes only while nothing is left to do."""

from __future__ import annotations

import asyncio
import selectors
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop that jumps to the next timer instead of waiting for it.

    Every wait in it is free: `asyncio.sleep(3600)` returns at once, after everything that was due
    before. What it runs must not wait for files, sockets or other threads.
    """

    def __init__(self) -> None:
        self._passed = 0.0
        super().__init__(_Skipping(self))

    def time(self) -> float:
        """Seconds since the loop began."""
        return self._passed

    def skip(self, seconds: float) -> None:
        """Let time pass."""
        self._passed += seconds


class _Skipping(selectors.SelectSelector):
    """A selector that lets the time of its loop pass instead of waiting."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._owner = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:  # only another thread can go on
            return super().select(None)
        if timeout > 0:
            self._owner.skip(timeout)
            return super().select(0)
        return []


def run_virtually(loop: VirtualLoop, main: Coroutine[object, object, T]) -> T:
    """Run a coroutine in a virtual loop, and close the loop."""
    try:
        return loop.run_until_complete(main)
    finally:
        loop.close()
