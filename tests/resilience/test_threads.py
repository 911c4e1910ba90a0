"""Work in other threads: few of them, none left over, none waited for."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading

import pytest

from policy_router.resilience.threads import Threads

NAME = "test-of-threads"


def running() -> int:
    return sum(thread.name == NAME for thread in threading.enumerate())


def test_results_and_errors_come_back() -> None:
    threads = Threads(2, NAME)

    def fails() -> int:
        raise ZeroDivisionError

    async def main() -> None:
        assert await threads.run(lambda: 5) == 5
        assert await threads.run(threading.get_ident) != threading.get_ident()
        with pytest.raises(ZeroDivisionError):
            await threads.run(fails)
        assert await threads.run(lambda: 6) == 6
        assert threads.stuck == 0

    asyncio.run(main())


def test_never_more_than_so_many_and_none_when_there_is_no_work() -> None:
    threads, lock, now, most = Threads(3, NAME), threading.Lock(), 0, 0
    held = threading.Event()

    def work() -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        held.wait(30)
        with lock:
            now -= 1

    async def main() -> None:
        many = [asyncio.create_task(threads.run(work)) for _ in range(50)]
        await asyncio.sleep(0)
        held.set()
        await asyncio.gather(*many)

    asyncio.run(main())
    assert most <= 3
    for thread in threading.enumerate():
        if thread.name == NAME:
            thread.join(30)
    assert running() == 0


def test_work_without_a_waiter_is_dropped_or_counted() -> None:
    threads, held, began, done = Threads(1, NAME), threading.Event(), threading.Event(), []

    def hang() -> None:
        began.set()
        held.wait(30)

    async def main() -> None:
        first = asyncio.create_task(threads.run(hang))
        await asyncio.to_thread(began.wait, 30)
        second = asyncio.create_task(threads.run(lambda: done.append(2)))
        await asyncio.sleep(0)
        for task in (first, second):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        assert threads.stuck == 1
        held.set()
        await threads.run(lambda: done.append(3))
        assert threads.stuck == 0

    asyncio.run(main())
    assert done == [3]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_has_threads_of_its_own() -> None:
    threads, held, began = Threads(1, NAME), threading.Event(), threading.Event()

    def hang() -> None:
        began.set()
        held.wait(30)

    async def leave() -> None:
        task = asyncio.create_task(threads.run(hang))
        await asyncio.to_thread(began.wait, 30)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    asyncio.run(leave())
    assert threads.stuck == 1
    child = os.fork()
    if child == 0:
        right = False
        with contextlib.suppress(BaseException):
            signal.alarm(30)  # it must not outlive the test
            right = threads.stuck == 0 and asyncio.run(threads.run(lambda: 7)) == 7
        os._exit(not right)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    held.set()
