"""Functions that a program allows policies to call, and all others."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import shutil
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from policy_router import PolicyError, Router, UsageError
from policy_router.acceptance.user_code import MOST, REST, STUCK, FunctionFailed, Functions
from tests.own_callers import OwnCaller, answer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


HERE = "tests.acceptance.test_user_code"


def double(number: int) -> int:
    return number * 2


def call(functions: Functions, name: str, *given: object) -> object:
    return asyncio.run(functions.call(name, 30.0, *given))


def test_names_and_functions_are_allowed() -> None:
    assert call(Functions([f"{HERE}:double"]), f"{HERE}:double", 4) == 8
    assert call(Functions({"maths:triple": lambda n: n * 3}), "maths:triple", 4) == 12
    assert call(Functions([double]), f"{HERE}:double", 4) == 8
    some = Functions(name for name in [f"{HERE}:double"])
    assert some.allows(f"{HERE}:double")
    assert not some.allows(f"{HERE}:triple")


def test_nothing_is_imported_that_is_not_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "unwanted_module.py").write_text("def check(*_):\n    return True\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = call(Functions(), "unwanted_module:check")
    assert isinstance(found, FunctionFailed)
    assert found.reason.startswith("it is not allowed")
    allowed = Functions(["unwanted_module:check"])
    assert "unwanted_module" not in sys.modules
    assert call(allowed, "unwanted_module:check") is True


class Called:
    def __call__(self, number: int) -> int:
        return number + 1


@pytest.mark.parametrize(
    ("allowed", "problem"),
    [
        (["os:system"], "functions of Python's standard library"),
        (["os.path:exists"], "functions of Python's standard library"),
        (["builtins:eval"], "functions of Python's standard library"),
        (["_posixsubprocess:fork_exec"], "functions of Python's standard library"),
        ({"mine:run": os.system}, "functions of Python's standard library"),
        ({"mine:remove": shutil.rmtree}, "functions of Python's standard library"),
        ({"mine:look": eval}, "functions of Python's standard library"),
        ({"mine:half": functools.partial(os.system)}, "functions of Python's standard library"),
        ({"os:system": double}, "functions of Python's standard library"),
        ({"mine:none": 5}, "it is not a function"),
        (["double"], "a name is written `module:function`"),
        (["a:b:c"], "a name is written `module:function`"),
        (["a:b\n"], "a name is written `module:function`"),
        ([lambda: 5], "a name is written `module:function`"),
        ([5], "it is not a function"),
        ([os.system], "functions of Python's standard library"),
        ([eval], "functions of Python's standard library"),
        ([functools.partial(double)], "functions of Python's standard library"),
        (f"{HERE}:double", "`functions` is a list of names"),
        (5, "`functions` is a list of names"),
    ],
)
def test_what_can_never_be_allowed(allowed: Any, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        Functions(allowed)


system = os.system
"""A function of Python itself under a name of ours."""


@pytest.mark.parametrize("name", ["system", "HERE"])
def test_a_name_of_ours_does_not_make_it_ours(name: str, tmp_path: Path) -> None:
    path = f"{HERE}:{name}"
    found = call(Functions([path]), path, f"touch {tmp_path / 'made'}")
    assert isinstance(found, FunctionFailed)
    assert not (tmp_path / "made").exists()


def test_what_is_wrapped_is_ours() -> None:
    cached = functools.lru_cache(double)
    functions = Functions({"a:cached": cached, "a:object": Called(), "a:method": Called().__call__})
    assert [call(functions, name, 2) for name in ("a:cached", "a:object", "a:method")] == [4, 3, 3]


def test_a_function_that_hangs_is_suspended_and_called_again_later() -> None:
    now, held, began, calls = [0.0], threading.Event(), threading.Event(), []
    changes: list[tuple[str, bool]] = []

    def hang() -> bool:
        calls.append(1)
        began.set()
        return held.wait(60)

    functions = Functions(
        {"my:hang": hang},
        clock=lambda: now[0],
        on_change=lambda name, up, _: changes.append((name, up)),
    )

    async def leave() -> None:
        """A request that goes away while the function hangs."""
        asking = asyncio.create_task(functions.call("my:hang", 60.0))
        await asyncio.to_thread(began.wait, 60)
        began.clear()
        asking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asking

    async def ask() -> str:
        found = await functions.call("my:hang", 60.0)
        return found.reason if isinstance(found, FunctionFailed) else "returned"

    async def main() -> None:
        for _ in range(STUCK):
            await leave()
        assert changes == [("my:hang", False)]
        given_up = f"suspended: {STUCK} of its calls have not returned"
        assert [await ask() for _ in range(400)] == [given_up] * 400
        assert len(calls) == STUCK
        # One call tries it when it has rested, and no second one until it has rested again.
        for more in range(1, MOST - STUCK + 1):
            now[0] += REST
            await leave()
            assert (await ask()).startswith("suspended")
            assert len(calls) == STUCK + more
        now[0] += 10 * REST
        assert await ask() == f"suspended: {MOST} of its calls have not returned"
        held.set()
        for thread in threading.enumerate():
            if thread.name == "policy-router-own-code":
                await asyncio.to_thread(thread.join, 60)
        assert await ask() == "returned"
        assert changes == [("my:hang", False), ("my:hang", True)]

    asyncio.run(main())


def test_a_function_that_is_late_is_left_behind() -> None:
    held = threading.Event()
    functions = Functions({"my:hang": lambda: held.wait(60)})
    found = asyncio.run(functions.call("my:hang", 0.05))
    assert found == FunctionFailed("took longer than 0.05 s")
    held.set()


def test_many_at_once_leave_few_threads() -> None:
    held = threading.Event()
    functions = Functions({"my:hang": lambda: held.wait(30)})

    async def main() -> None:
        many = [functions.call("my:hang", 0.2) for _ in range(400)]
        found = await asyncio.gather(*many)
        assert all(isinstance(each, FunctionFailed) for each in found)

    before = threading.active_count()
    asyncio.run(main())
    assert threading.active_count() - before <= MOST
    held.set()


POLICY = """\
version: 1
tiers: [light]
models:
  a: {{ model: openai/a, tier: light, price: free, context: 32k }}
tasks: {{ checked: {{ accept: {{ python: "{check}" }} }}, chat: {{}} }}
complexity: {{ estimator: {{ python: "{rate}" }} }}
"""


def write(folder: Path, check: str = "mine:polite", rate: str = "mine:hard") -> Path:
    path = folder / "policy.yaml"
    path.write_text(POLICY.format(check=check, rate=rate))
    return path


MINE: dict[str, Callable[..., object]] = {
    "mine:polite": lambda text, _: "please" in text,
    "mine:hard": lambda _: 0.9,
}


def test_a_router_refuses_a_policy_that_calls_what_is_not_allowed(tmp_path: Path) -> None:
    path = write(tmp_path)
    caller = OwnCaller(lambda _: answer("yes, please"))
    with pytest.raises(PolicyError) as refused:
        Router.open(path, caller=caller, functions=["mine:hard"])
    (found,) = [d for d in refused.value.diagnostics if d.rule == "function-not-allowed"]
    assert found.message == (
        "`mine:polite` is called to check answers (task `checked`), and this program does not "
        "allow it"
    )
    assert found.span is not None
    assert found.span.line == 5
    with Router.open(path, caller=caller, watch="off", functions=MINE) as router:
        said = router.completion([{"role": "user", "content": "hi"}], task="checked")
        assert (said.rejected, said.decision.score) == ((), 0.9)
        # Whoever may change the file cannot run other code by it.
        write(tmp_path, check="tests.execution.checks_of_ours:short")
        assert router.reload().state == "degraded"
        assert "function-not-allowed" in [d.rule for d in router.status().errors]
        assert router.completion([{"role": "user", "content": "hi"}]).served_by == "a"


def test_a_policy_never_names_a_function_of_python(tmp_path: Path) -> None:
    path = write(tmp_path, check="shutil:rmtree", rate="os:system")
    with pytest.raises(PolicyError) as refused:
        Router.open(path, caller=OwnCaller(answer), functions=MINE)
    rules = [d.rule for d in refused.value.diagnostics if d.rule == "pythons-own-function"]
    assert len(rules) == 2


def test_more_arguments_go_to_functions_that_name_them() -> None:
    def named(number: int, more: int) -> int:
        return number + more

    functions = Functions({"a:named": named, "a:double": double})

    def called(name: str) -> object:
        return asyncio.run(functions.call(name, 5, 3, more=4))

    assert called("a:named") == 7
    assert called("a:double") == 6
