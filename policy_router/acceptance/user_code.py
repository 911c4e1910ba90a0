"""Calls functions of the program, which policies name as `module:function`.

A policy is data that may come from elsewhere, so it can only call what the program that opened the
router has allowed. Calls run in threads, as a function may be slow, block, or try to end the
process. A coroutine is awaited in the event loop of the request.
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
"""Functions that policies may call: a list of names or functions, or a mapping of names to
functions."""
MOST: Final = 16
"""Calls of one function that run at a time; further ones wait until one of them returns."""
STUCK: Final = 4
"""Abandoned calls that still run: with this many, the function is suspended."""
REST: Final = 60.0
"""Seconds until a suspended function gets one more call as a trial, while fewer than `MOST` calls
are stuck. When its calls return, it is no longer suspended."""


@dataclass(frozen=True, slots=True)
class FunctionFailed:
    """A call without a result.

    Attributes:
        reason: Why; repeats no part of the arguments.
    """

    reason: str


@dataclass(slots=True)
class _Calls:
    """The calls of one function.

    Attributes:
        threads: Where they run.
        until: Monotonic time at which a suspended function gets a trial; None while it is not
            suspended.
    """

    threads: Threads = field(default_factory=lambda: Threads(MOST, "policy-router-own-code"))
    until: float | None = None


class Functions:
    """The functions that policies may call.

        Functions(["my_checks:polite", my_checks.short])
        Functions({"checks:polite": lambda text, answer: "please" in text})

    A name is imported when it is first called, and not before. Functions of Python itself are
    refused: `os:system` would run what a prompt says.
    """

    def __init__(
        self,
        allowed: Allowed = (),
        *,
        clock: Callable[[], float] = time.monotonic,
        on_change: Callable[[str, bool, str], None] = lambda _name, _up, _detail: None,
    ) -> None:
        """Takes the functions that are allowed.

        Args:
            allowed: Names, functions, or a mapping of names to functions.
            clock: Monotonic seconds.
            on_change: Gets the name of a function when it is suspended (False) or called again
                (True), and why.

        Raises:
            UsageError: Something cannot be allowed.
        """
        self._clock = clock
        self._on_change = on_change
        self._known: dict[str, Any] = {}
        self._calls: dict[str, _Calls] = {}
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

    async def call(self, name: str, seconds: float, *given: object, **offered: object) -> object:
        """Calls a function.

        Args:
            name: The function.
            seconds: After this time the call is abandoned; a thread that hangs stays behind.
            *given: The arguments.
            **offered: More arguments, for a function that has parameters of these names.

        Returns:
            What the function returns, or a FunctionFailed.
        """
        if name not in self._known:
            return FunctionFailed(
                "it is not allowed: the program that opens the router names what is"
            )
        calls = self._calls.setdefault(name, _Calls())
        if self._is_suspended(calls):
            return FunctionFailed(
                f"suspended: {calls.threads.stuck} of its calls have not returned"
            )
        try:
            async with asyncio.timeout(seconds):
                result = await calls.threads.run(lambda: self._call(name, given, offered))
                if inspect.isawaitable(result):
                    result = await _awaited(result)
        except TimeoutError:
            result = FunctionFailed(f"took longer than {seconds:.3g} s")
        finally:  # also when the request is cancelled
            self._review(name, calls)
        return result

    def _is_suspended(self, calls: _Calls) -> bool:
        stuck = calls.threads.stuck
        if calls.until is None or stuck < STUCK:
            return False
        now = self._clock()
        if stuck >= MOST or now < calls.until:
            return True
        calls.until = now + REST  # this call is the trial
        return False

    def _review(self, name: str, calls: _Calls) -> None:
        """Suspends a function or takes it back, by how many of its calls are stuck."""
        stuck = calls.threads.stuck
        if stuck >= STUCK:
            first, calls.until = calls.until is None, self._clock() + REST
            if first:
                detail = f"{stuck} of its calls were not done in time and have not returned"
                self._changed(name, up=False, detail=detail)
        elif calls.until is not None:
            calls.until = None
            self._changed(name, up=True, detail="its calls return again")

    def _changed(self, name: str, *, up: bool, detail: str) -> None:
        change = "is called again" if up else "is suspended"
        _log.warning("the function `%s` %s: %s", name, change, detail)
        self._on_change(name, up, detail)

    def _call(
        self, name: str, arguments: tuple[object, ...], offered: Mapping[str, object]
    ) -> object:
        function = self._known[name]
        if function is _IMPORTED:
            module, _, attribute = name.partition(":")
            try:
                function = getattr(importlib.import_module(module), attribute)
            except BaseException as error:  # noqa: BLE001  `sys.exit()` in a module must not end a server
                return FunctionFailed(f"cannot be loaded ({type(error).__name__})")
            problem = _unfit(function)
            if problem is not None:
                return FunctionFailed(problem)
            self._known[name] = function
        try:
            return function(*arguments, **_wanted(function, offered))
        except BaseException as error:  # noqa: BLE001  as above
            return _raised(error)


def _wanted(function: Callable[..., object], offered: Mapping[str, object]) -> dict[str, object]:
    """Those of the arguments that a function has parameters for."""
    if not offered:
        return {}
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # a callable of C may have none that is known
        return {}
    return {
        name: value
        for name, value in offered.items()
        if name in parameters and parameters[name].kind in _BY_NAME
    }


_BY_NAME: Final = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def not_allowed(policy: Policy, functions: Functions) -> tuple[Diagnostic, ...]:
    """Reports the functions that a policy calls without being allowed to."""
    return tuple(
        Diagnostic(
            "function-not-allowed",
            Severity.ERROR,
            f"`{name}` is called {purpose}, and this program does not allow it",
            span,
            f'allow it where the policy is opened: `Router.open(..., functions=["{name}"])`, or '
            f"`policy-router run --allow-function {name}`",
        )
        for name, purpose, span in functions_of(policy)
        if not functions.allows(name)
    )


_IMPORTED: Final = object()
"""Stands for a function that is imported when it is first called."""


def _named(allowed: Allowed) -> Iterator[tuple[str, Any]]:
    """Each name with its function."""
    if isinstance(allowed, Mapping):
        yield from allowed.items()
        return
    for entry in allowed:
        if isinstance(entry, str):
            yield entry, _IMPORTED
        else:
            own = getattr(entry, "__qualname__", type(entry).__name__)
            yield f"{getattr(entry, '__module__', None)}:{own}", entry


def _problem(name: object) -> str | None:
    """Why no policy may call something by this name."""
    if not isinstance(name, str) or not is_reference(name):
        return "a name is written `module:function`; a mapping may give a function such a name"
    return WRAP if is_pythons_own(name) else None


def _unfit(function: object) -> str | None:
    """Why no policy may call this, whatever its name is."""
    if not callable(function):
        return "it is not a function"
    home = getattr(function, "__module__", None)
    return WRAP if isinstance(home, str) and is_pythons_own(home) else None


async def _awaited(work: Awaitable[object]) -> object:
    try:
        return await work
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise  # the request is cancelled, or its time is over
        return _raised(error)
    except (Exception, SystemExit) as error:  # noqa: BLE001  code of the program may raise anything
        return _raised(error)


def _raised(error: BaseException) -> FunctionFailed:
    """Names the class alone: the message may repeat the arguments."""
    return FunctionFailed(f"raised {type(error).__name__}")
