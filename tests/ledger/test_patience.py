"""Stalls of our own event loop are no waits for the store."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import TYPE_CHECKING, Any, cast

import pytest

from policy_router.base_errors import UsageError
from policy_router.ledger.patience import MOST, TICKS, Countdown, patiently, read_patience

if TYPE_CHECKING:
    from collections.abc import Callable


class Loop:
    """What a countdown needs of an event loop, on a clock that tests set."""

    def __init__(self) -> None:
        self.now = 0.0
        self.due = 0.0
        self.call: Callable[[], None] | None = None

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, call: Callable[[], None]) -> Loop:
        self.due, self.call = when, call
        return self

    def cancel(self) -> None:
        self.call = None

    def run(self, late: float = 0.0) -> None:
        """Come to the next timer, late."""
        assert self.call is not None
        call, self.call = self.call, None
        self.now = self.due + late
        call()


def stall(seconds: float) -> None:
    """Hold up the event loop; time itself is the subject."""
    time.sleep(seconds)


def counting(seconds: float) -> tuple[Loop, list[float], Countdown]:
    loop = Loop()
    over: list[float] = []
    events = cast("asyncio.AbstractEventLoop", loop)
    return loop, over, Countdown(events, seconds, lambda: over.append(loop.now))


def test_a_loop_that_is_never_late_waits_exactly_its_patience() -> None:
    loop, over, _ = counting(2.0)
    while not over:
        loop.run()
    assert over == [2.0]


@pytest.mark.parametrize("stalls", [{0}, {3}, {TICKS - 1}, {0, 4, TICKS - 1}])
def test_a_stall_counts_as_one_tick_and_is_never_the_last_look(stalls: set[int]) -> None:
    loop, over, _ = counting(2.0)
    ticks = 0
    while not over:
        loop.run(late=30.0 if ticks in stalls else 0.0)
        ticks += 1
    assert ticks == TICKS + (TICKS - 1 in stalls)
    assert loop.now == 30.0 * len(stalls) + 2.0 * ticks / TICKS


def test_a_loop_that_is_always_late_gives_up_as_well() -> None:
    loop, over, _ = counting(2.0)
    for _ in range(MOST):
        assert not over
        loop.run(late=1.0)
    assert over


def test_a_caller_that_was_answered_is_not_interrupted() -> None:
    loop, over, countdown = counting(2.0)
    loop.run()
    countdown.stop()
    assert loop.call is None
    assert not over


def test_a_wait_without_end_is_a_timeout() -> None:
    async def wait() -> None:
        async with patiently(0.05):
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        asyncio.run(wait())


def test_an_answer_that_arrived_during_a_stall_is_read() -> None:
    here, there = socket.socketpair()

    async def wait() -> bytes:
        reader, writer = await asyncio.open_connection(sock=here)
        async with patiently(0.05):
            there.send(b"ok")
            stall(0.2)
            answer = await reader.readexactly(2)
        writer.close()
        return answer

    with there:
        assert asyncio.run(wait()) == b"ok"


@pytest.mark.parametrize("text", ["", "x", "0", "-1", "nan", "inf", "0.01", "61", "1s"])
def test_a_patience_that_makes_no_sense(text: str) -> None:
    with pytest.raises(UsageError, match=r"from 0\.05 to 60: write `\?patience=1`"):
        read_patience(text)


@pytest.mark.parametrize(("text", "seconds"), [("1", 1.0), ("0.05", 0.05), ("60", 60.0)])
def test_a_patience(text: str, seconds: Any) -> None:
    assert read_patience(text) == seconds
