"""A limit on time behaves as the one of asyncio does."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from policy_router.resilience.time_limit import TimeLimit

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from contextlib import AbstractAsyncContextManager

LONG = 60.0


class Ours:
    """`TimeLimit` in the form of `asyncio.timeout`."""

    def __init__(self, seconds: float) -> None:
        self._limit = TimeLimit(seconds)

    async def __aenter__(self) -> None:
        self._limit.__enter__()

    async def __aexit__(self, *error: Any) -> None:
        self._limit.__exit__(*error)


Limit: TypeAlias = "Callable[[float], AbstractAsyncContextManager[object]]"
Case: TypeAlias = "Callable[[Limit], Coroutine[Any, Any, str]]"


def outcome(case: Case, limit: Limit) -> str:
    async def main() -> str:
        task = asyncio.current_task()
        assert task is not None
        try:
            result = await case(limit)
        except (asyncio.CancelledError, Exception) as error:  # noqa: BLE001  as both raise it
            result = type(error).__name__
        return f"{result}, cancelling {task.cancelling()}"

    return asyncio.run(main())


async def in_time(limit: Limit) -> str:
    async with limit(LONG):
        await asyncio.sleep(0)
    return "done"


async def too_late(limit: Limit) -> str:
    async with limit(0.01):
        await asyncio.sleep(LONG)
    return "done"


async def no_time(limit: Limit) -> str:
    async with limit(-1):
        await asyncio.sleep(LONG)
    return "done"


async def without_waiting(limit: Limit) -> str:
    async with limit(0):
        pass
    await asyncio.sleep(0)
    return "done"


async def inner(limit: Limit) -> str:
    async with limit(LONG):
        with suppress(TimeoutError):
            async with limit(0.01):
                await asyncio.sleep(LONG)
        await asyncio.sleep(0)
    return "done"


async def outer(limit: Limit) -> str:
    async with limit(0.01), limit(LONG):
        await asyncio.sleep(LONG)
    return "done"


async def ignored(limit: Limit) -> str:
    async with limit(0.01):
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(LONG)
        await asyncio.sleep(0)
    return "done"


async def another_error(limit: Limit) -> str:
    async with limit(0.01):
        try:
            await asyncio.sleep(LONG)
        finally:
            raise KeyError
    return "done"


async def cancelled(limit: Limit) -> str:
    task = asyncio.current_task()
    assert task is not None
    async with limit(LONG):
        asyncio.get_running_loop().call_soon(task.cancel)
        await asyncio.sleep(LONG)
    return "done"


async def cancelled_and_late(limit: Limit) -> str:
    task = asyncio.current_task()
    assert task is not None
    async with limit(0.01):
        try:
            await asyncio.sleep(LONG)
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.sleep(LONG)
    return "done"


CASES: dict[Case, str] = {
    in_time: "done, cancelling 0",
    too_late: "TimeoutError, cancelling 0",
    no_time: "TimeoutError, cancelling 0",
    without_waiting: "done, cancelling 0",
    inner: "done, cancelling 0",
    outer: "TimeoutError, cancelling 0",
    ignored: "done, cancelling 0",
    another_error: "KeyError, cancelling 0",
    cancelled: "CancelledError, cancelling 1",
    cancelled_and_late: "CancelledError, cancelling 1",
}


@pytest.mark.parametrize("case", CASES)
def test_a_time_limit(case: Case) -> None:
    assert outcome(case, Ours) == outcome(case, asyncio.timeout) == CASES[case]


def test_a_time_limit_needs_a_task() -> None:
    async def main() -> None:
        failed: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()

        def outside() -> None:
            try:
                TimeLimit(1).__enter__()
            except RuntimeError as error:
                failed.set_result(error)

        asyncio.get_running_loop().call_soon(outside)
        assert "a running task" in str(await failed)

    asyncio.run(main())
