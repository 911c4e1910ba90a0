"""Functions of ours as checks: what they say, and everything that can go wrong with them."""

from __future__ import annotations

import asyncio

import pytest

from policy_router.acceptance.function import check_with_function
from policy_router.acceptance.user_code import Functions
from policy_router.providers.answers.adapt import to_answer
from policy_router.providers.answers.chat import ChatAnswer
from tests.execution import checks_of_ours
from tests.execution.make import response

OURS = "tests.execution.checks_of_ours"


def ask(name: str, text: str, seconds: float = 30.0) -> str | None:
    module = name if ":" in name else f"{OURS}:{name}"
    functions = Functions([module])
    answer = to_answer(response(text))
    return asyncio.run(check_with_function(functions, module, text, answer, seconds))


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("short", "brief", None),
        ("short", "a text that goes on and on", "it says no"),
        ("polite", "yes, please", None),
        ("polite", "yes", "it is not polite"),
        ("waits", "good", None),
        ("waits", "bad", "it says no"),
        ("echo", "a very private text", "message withheld: it repeats the answer"),
        ("nothing", "x", "returned NoneType, neither true nor false nor a text"),
        ("broken", "a very private text", "raised KeyError"),
        ("leaves", "x", "raised SystemExit"),
        ("fails", "x", "raised ZeroDivisionError"),
        ("late", "x", "raised TimeoutError"),
        ("no_such_function", "x", "cannot be loaded (AttributeError)"),
        ("no.such.module:check", "x", "cannot be loaded (ModuleNotFoundError)"),
        ("HELD", "x", "it is not a function"),
    ],
)
def test_what_a_function_says(name: str, text: str, why: str | None) -> None:
    assert ask(name, text) == why


def test_one_that_hangs_is_left_behind() -> None:
    checks_of_ours.HELD.clear()
    try:
        assert ask("hang", "x", seconds=0.05) == "took longer than 0.05 s"
    finally:
        checks_of_ours.HELD.set()


def test_the_event_loop_is_not_blocked() -> None:
    """The function waits for what only the loop can do."""
    checks_of_ours.HELD.clear()

    name = f"{OURS}:hang"

    async def go() -> str | None:
        work = check_with_function(Functions([name]), name, "x", ChatAnswer(), 30.0)
        asking = asyncio.create_task(work)
        await asyncio.sleep(0)
        checks_of_ours.HELD.set()
        return await asking

    assert asyncio.run(go()) is None
