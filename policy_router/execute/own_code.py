"""Calls code of the policy's owner, which policies name as `module:function`, and outlives it.

The module is imported and the function called in a thread of their own: they may be slow, block or
end the process. What a coroutine function waits for, it waits for in the caller's event loop.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


@dataclass(frozen=True, slots=True)
class Broken:
    """The function came to no result. why: in words that repeat nothing it was given."""

    why: str


async def call_own(name: str, seconds: float, *given: object) -> object:
    """What the function returns, given these arguments, or Broken. Never raises. One that is not
    done after `seconds` is left behind."""
    try:
        async with asyncio.timeout(seconds):
            found = await _in_thread(lambda: _call(name, given))
            return await _awaited(found) if inspect.isawaitable(found) else found
    except TimeoutError:
        return Broken(f"took longer than {seconds:.3g} s")


def _call(name: str, given: tuple[object, ...]) -> object:
    module, _, attribute = name.partition(":")
    try:
        function = getattr(importlib.import_module(module), attribute)
    except BaseException as error:  # noqa: BLE001  `sys.exit()` in a module must not end a server
        return Broken(f"cannot be loaded ({type(error).__name__})")
    try:
        return function(*given)
    except BaseException as error:  # noqa: BLE001  as above
        return _raised(error)


async def _awaited(work: Awaitable[object]) -> object:
    try:
        return await work
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise  # the request is cancelled or its time is over: that is not the function's doing
        return _raised(error)
    except (Exception, SystemExit) as error:  # noqa: BLE001  somebody else's code may raise anything
        return _raised(error)


def _raised(error: BaseException) -> Broken:
    """Its kind alone: the message may repeat what the function was given."""
    return Broken(f"raised {type(error).__name__}")


async def _in_thread(work: Callable[[], object]) -> object:
    """The result of work that does not raise. Not a pool: its threads would be waited for at the
    end of the loop, also those that hang."""
    future: Future[object] = Future()
    future.set_running_or_notify_cancel()
    run = threading.Thread(
        target=lambda: future.set_result(work()), name="policy-router-own-code", daemon=True
    )
    run.start()
    return await asyncio.wrap_future(future)
