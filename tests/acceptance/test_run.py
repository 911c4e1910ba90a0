"""Checks of an answer keep neither the event loop nor the request waiting."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from policy_router import Router
from policy_router.execution.executor import Executor
from policy_router.providers.requests.body import Body
from tests.lag import watched
from tests.own_callers import OwnCaller, answer

if TYPE_CHECKING:
    from pathlib import Path

POLICY = """\
version: 1
tiers: [light]
models:
  a: {{ model: openai/a, tier: light, price: free, context: 32k }}
tasks: {{ t: {{ accept: {check} }} }}
fallback: {{ deadline: {deadline} }}
"""
ASK = [{"role": "user", "content": "x"}]
EITHER = (
    '{ json_schema: { anyOf: [ { type: array, items: { $ref: "#" } }, '
    '{ type: array, items: { $ref: "#" }, minItems: 1 } ] } }'
)
NUMBERS = "{ json_schema: { type: array, items: { type: number, minimum: 0 } } }"
OBJECTS = (
    "{ json_schema: { type: array, items: { type: object, required: [a], "
    'properties: { a: { pattern: "^x+$" }, b: { enum: [1, 2, 3] } } } } }'
)


@pytest.mark.parametrize(
    ("check", "text", "rejected"),
    [
        (EITHER, "[" * 60 + "1" + "]" * 60, "does not fit the schema at `anyOf`"),
        (NUMBERS, "[" + "1," * 60_000 + "1]", None),
        (NUMBERS, "[" + "1," * 499_000 + "1]", "the schema cannot be followed to its end"),
        (OBJECTS, "[" + '{"a":"xxx","b":1},' * 20_000 + '{"a":"x"}]', None),
        ("{ pattern: '(a+)+$' }", "a" * 999_000 + "b", "the pattern is not found"),
        ("{ json: true }", "[" * 100_000, "no JSON: nested too deeply"),
    ],
    ids=["recursive", "numbers", "many", "objects", "pattern", "deep"],
)
def test_the_event_loop_runs_while_an_answer_is_checked(
    tmp_path: Path, check: str, text: str, rejected: str | None
) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY.format(check=check, deadline="10m"))

    async def main() -> None:
        caller = OwnCaller(lambda _: answer(text))
        async with Router.open(path, caller=caller, watch="off") as router:
            async with watched() as lag:
                got = await router.acompletion(ASK, task="t")
            assert [f.detail for f in got.rejected] == ([] if rejected is None else [rejected])
            lag.check()

    asyncio.run(main())


def test_a_check_ends_with_the_request(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY.format(check=NUMBERS, deadline="10m"))
    now = [0.0]

    def late(_: str) -> object:
        now[0] = 599.8  # what is left of ten minutes is less than the check takes
        return answer("[" + "1," * 499_000 + "1]")

    async def main() -> None:
        caller = OwnCaller(late)
        async with Router.open(path, caller=caller, watch="off") as router:
            executor = Executor(caller, monotonic=lambda: now[0])
            decision = await router.aroute(ASK, task="t")
            got = await executor.run(decision, router.policy.fallback, Body(messages=ASK))
            (found,) = got.rejected
            assert (found.check, found.detail) == ("json_schema", "took longer than 0.2 s")
            checks = executor._context.tools.threads
            # It notices that no caller waits for it, so the next one gets its turn.
            await asyncio.gather(*(checks.run(int) for _ in range(3)))
            for thread in threading.enumerate():
                if thread.name == "policy-router-checks":
                    thread.join(30)
            assert checks.stuck == 0

    asyncio.run(main())
