"""Time passes only while nothing is left to do."""

from __future__ import annotations

import asyncio
import threading

import pytest

from policy_router.simulation.virtual_loop import VirtualLoop, run_virtually


def test_waits_are_free_and_in_order() -> None:
    loop = VirtualLoop()
    seen: list[tuple[str, float]] = []

    async def wait(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        seen.append((name, loop.time()))

    async def main() -> float:
        await asyncio.gather(wait("late", 86_400), wait("soon", 1), wait("now", 0))
        return loop.time()

    assert run_virtually(loop, main()) == 86_400
    assert seen == [("now", 0), ("soon", 1), ("late", 86_400)]


def test_timeouts_are_of_that_time() -> None:
    loop = VirtualLoop()

    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3600):
                await asyncio.Event().wait()

    run_virtually(loop, main())
    assert loop.is_closed()


def test_another_thread_is_waited_for() -> None:
    loop = VirtualLoop()

    async def main() -> str:
        done = loop.create_future()
        threading.Thread(target=loop.call_soon_threadsafe, args=(done.set_result, "x")).start()
        return str(await done)

    assert run_virtually(loop, main()) == "x"
