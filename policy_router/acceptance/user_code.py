"""Calls functions of the program that opened the router, which policies name as `module:function`.

A policy is data that may come from elsewhere, so it calls nothing that the program has not allowed.
A function is called in a thread of its own: it may be slow, block or end the process. What a
coroutine function waits for, it waits for in the caller's event loop.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from policy_router.base_errors import UsageError
from policy_router.diagnostics import Diagnostic, Severity
from policy_router.language.compile.functions import (
    WRAP,
    functions_of,
    is_pythons_own,
    is_reference,
)
from policy_router.quoting import quoted
from policy_router.resilience.threads import Threads

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from policy_router.decision.policy import Policy

_log: Final = logging.getLogger(__name__)

Allowed: TypeAlias = "Mapping[str, Callable[..., object]] | Iterable[str | Callable[..., object]]"
"""Functions that policies may call: names, functions that go by their own name, or what each name
stands for."""
MOST: Final = 16
"""Calls of one function that run at a time; further ones wait for one of them to return."""
STUCK: Final = 4
"""Calls that were not done in time and are still running: from so many on the function is not
called for a while."""
REST: Final = 60.0
"""Seconds until a function that is stuck is tried with one more call, while fewer than `MOST` are
stuck. When its calls return, it is called again at once."""


@dataclass(frozen=True, slots=True)
class FunctionFailed:
    """The function came to no result. why: in words that repeat nothing it was given."""

    reason: str


@dataclass(slots=True)
class _Line:
    """How the calls of one function go. until: when it is tried again; None while nothing is
    wrong with it."""

    threads: Threads = field(default_factory=lambda: Threads(MOST, "policy-router-own-code"))
    until: float | None = None


class Functions:
    """The functions that policies may call.

        Functions(["my_checks:polite", my_checks.short])
        Functions({"checks:polite": lambda text, answer: "please" in text})

    A name is imported when it is first called, and not before. Functions of Python itself are
    refused: `os:system` would run what a prompt says. clock: monotonic seconds. tell: gets an
    event when a function is given up, and when it is back.
    """

    def __init__(
        self,
        allowed: Allowed = (),
        *,
        clock: Callable[[], float] = time.monotonic,
        on_change: Callable[[str, bool, str], None] = lambda _name, _up, _detail: None,
    ) -> None:
        self._clock = clock
        self._on_change = on_change
        self._known: dict[str, Any] = {}
        self._lines: dict[str, _Line] = {}
        if isinstance(allowed, str) or not isinstance(allowed, Iterable):
            raise UsageError(
                "`functions` is a list of names or functions, or a mapping of names to functions"
            )
        for name, function in _named(allowed):
            problem = _problem(name)
            if problem is None and function is not _IMPORTED:
                problem = _unfit(function)
            if problem is not None:
                raise UsageError(f"`{quoted(name)}` cannot be allowed: {problem}")
            self._known[name] = function

    def allows(self, name: str) -> bool:
        """Whether a policy may call this function."""
        return name in self._known

    async def call(self, name: str, seconds: float, *given: object) -> object:
        """What the function returns, given these arguments, or Broken. Never raises. One that is
        not done after `seconds` is left behind."""
        if name not in self._known:
            return FunctionFailed(
                "it is not allowed: the program that opens the router names what is"
            )
        line = self._lines.setdefault(name, _Line())
        if self._rests(line):
            return FunctionFailed(
                f"given up for now: {line.threads.stuck} of its calls have not returned"
            )
        try:
            async with asyncio.timeout(seconds):
                found = await line.threads.run(lambda: self._call(name, given))
                result = await _awaited(found) if inspect.isawaitable(found) else found
        except TimeoutError:
            result = FunctionFailed(f"took longer than {seconds:.3g} s")
        finally:  # also when the request is cancelled
            self._look_at(name, line)
        return result

    def _rests(self, line: _Line) -> bool:
        stuck = line.threads.stuck
        if line.until is None or stuck < STUCK:
            return False
        now = self._clock()
        if stuck >= MOST or now < line.until:
            return True
        line.until = now + REST  # this call tries it
        return False

    def _look_at(self, name: str, line: _Line) -> None:
        """Gives a function up, or takes it back, by how many of its calls are stuck."""
        stuck = line.threads.stuck
        if stuck >= STUCK:
            first, line.until = line.until is None, self._clock() + REST
            if first:
                detail = f"{stuck} of its calls were not done in time and have not returned"
                self._changed(name, up=False, detail=detail)
        elif line.until is not None:
            line.until = None
            self._changed(name, up=True, detail="its calls return again")

    def _changed(self, name: str, *, up: bool, detail: str) -> None:
        words = "is called again" if up else "is not called for a while"
        _log.warning("the function `%s` %s: %s", name, words, detail)
        self._on_change(name, up, detail)

    def _call(self, name: str, given: tuple[object, ...]) -> object:
        function = self._known[name]
        if function is _IMPORTED:
            module, _, attribute = name.partition(":")
            try:
                found = getattr(importlib.import_module(module), attribute)
            except BaseException as error:  # noqa: BLE001  `sys.exit()` in a module must not end a server
                return FunctionFailed(f"cannot be loaded ({type(error).__name__})")
            problem = _unfit(found)
            if problem is not None:
                return FunctionFailed(problem)
            function = self._known[name] = found
        try:
            return function(*given)
        except BaseException as error:  # noqa: BLE001  as above
            return _raised(error)


def not_allowed(policy: Policy, functions: Functions) -> tuple[Diagnostic, ...]:
    """The functions that a policy calls and may not."""
    return tuple(
        Diagnostic(
            "function-not-allowed",
            Severity.ERROR,
            f"`{name}` is called {purpose}, and this program does not allow it",
            at,
            f'allow it where the policy is opened: `Router.open(..., functions=["{name}"])`, or '
            f"`policy-router run --allow-function {name}`",
        )
        for name, purpose, at in functions_of(policy)
        if not functions.allows(name)
    )


_IMPORTED: Final = object()
"""Stands for a function that is imported when it is first called."""


def _named(allowed: Allowed) -> Iterator[tuple[str, Any]]:
    """Each name with its function."""
    if isinstance(allowed, Mapping):
        yield from allowed.items()
        return
    for given in allowed:
        if isinstance(given, str):
            yield given, _IMPORTED
        else:
            own = getattr(given, "__qualname__", type(given).__name__)
            yield f"{getattr(given, '__module__', None)}:{own}", given


def _problem(name: object) -> str | None:
    """Why a policy may never call something by that name."""
    if not isinstance(name, str) or not is_reference(name):
        return "a name is written `module:function`; a mapping may give a function such a name"
    return WRAP if is_pythons_own(name) else None


def _unfit(function: object) -> str | None:
    """Why a policy may never call that, whatever its name is."""
    if not callable(function):
        return "it is no function"
    home = getattr(function, "__module__", None)
    return WRAP if isinstance(home, str) and is_pythons_own(home) else None


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


def _raised(error: BaseException) -> FunctionFailed:
    """Its kind alone: the message may repeat what the function was given."""
    return FunctionFailed(f"raised {type(error).__name__}")
