"""The measure itself: it sees what blocks a loop and nothing else."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.lag import MARGIN, Lag, watched


def test_work_in_the_loop_is_seen() -> None:
    async def main() -> Lag:
        async with watched() as lag:
            time.sleep(1.0)  # noqa: ASYNC251  the very thing to be seen
        return lag

    lag = asyncio.run(main())
    assert lag.loop > 0.9
    if lag.thread < 0.1:
        with pytest.raises(AssertionError, match="the loop was"):
            lag.check()


def test_work_in_a_thread_is_not() -> None:
    async def main() -> Lag:
        async with watched() as lag:
            await asyncio.to_thread(time.sleep, 1.0)
        return lag

    asyncio.run(main()).check()


def test_a_late_machine_is_no_blocked_loop() -> None:
    Lag(loop=1.0, thread=0.5).check()
    with pytest.raises(AssertionError):
        Lag(loop=MARGIN + 0.1).check()
