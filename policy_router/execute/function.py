"""Checks that a function of the policy's owner makes: `python: module:function`.

It runs in a thread of its own, for it may be slow or block. What cannot be checked is rejected:
the owner asked for that check, and code that fails is a mistake to be seen.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from policy_router.execute.redact import redact

if TYPE_CHECKING:
    from collections.abc import Callable


async def ask_function(name: str, text: str, answer: Any, seconds: float) -> str | None:
    """Why the function rejects the answer, or None when it does not. Never raises.

    It is called as `function(text, answer)`, may be a coroutine function, and returns True, or
    False, or a text that says why not. One that is not done after `seconds` is left behind.
    """
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            said = await _in_thread(lambda: _call(name, text, answer))
            if inspect.isawaitable(said):
                said = await said
    except TimeoutError as error:
        return f"took longer than {seconds:.3g} s" if limit.expired() else _raised(error)
    except Exception as error:  # noqa: BLE001  somebody else's code may raise anything
        return _raised(error)
    if isinstance(said, _Broken):
        return said.why
    if isinstance(said, bool):
        return None if said else "it says no"
    if isinstance(said, str):
        return redact(said, text, "answer")
    return f"returned {type(said).__name__}, neither true nor false nor a text"


class _Broken:
    """The function could not be called to its end, and why."""

    def __init__(self, why: str) -> None:
        self.why = why


def _call(name: str, text: str, answer: Any) -> object:
    module, _, attribute = name.partition(":")
    try:
        function = getattr(importlib.import_module(module), attribute)
    except BaseException as error:  # noqa: BLE001  `sys.exit()` in a module must not end a server
        return _Broken(f"cannot be loaded ({type(error).__name__})")
    try:
        return function(text, answer)
    except BaseException as error:  # noqa: BLE001  as above
        return _Broken(_raised(error))


def _raised(error: BaseException) -> str:
    """Its kind alone: the message may repeat the answer."""
    return f"raised {type(error).__name__}"


async def _in_thread(work: Callable[[], object]) -> object:
    """The result of work that does not raise. Not a pool: its threads would be waited for at the
    end of the loop, also those that hang."""
    future: Future[object] = Future()
    future.set_running_or_notify_cancel()
    run = threading.Thread(
        target=lambda: future.set_result(work()), name="policy-router-check", daemon=True
    )
    run.start()
    return await asyncio.wrap_future(future)
