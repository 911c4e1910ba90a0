"""Nothing blocks the event loop: neither a provider, nor a store, nor a reload.

What might block it lasts much longer than what a loaded machine delays: a provider in another
process takes 3 s to answer, and 40 s for anything that is not the request for an answer.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import pytest

from policy_router import Router
from policy_router.ledger.open import open_store
from policy_router.loading import load
from policy_router.providers.default_caller import DefaultCaller
from tests.lag import TIMES, Lag, watched
from tests.own_callers import OwnCaller, answer
from tests.slow_server import slow_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HELLO: Final = [{"role": "user", "content": "hello"}]
POLICY: Final = """
version: 1
tiers: [light]
models:
  m:
    model: {model}
    api_base: "{url}"
    api_key_env: LAG_KEY
    tier: light
    context: 8k
    price: {{input: $1/M, output: $1/M}}
    via: {via}
budgets: {{all: {{cap: $100/month}}}}
fallback: {{deadline: 10m, first_token_within: 5m, stall: 5m}}
"""
WAYS: Final = {
    "openai_wire": ("openai/m", "/v1", "direct"),
    "anthropic_wire": ("anthropic/m", "", "direct"),
    "responses_wire": ("openai/responses/m", "/v1", "direct"),
    "litellm, openai": ("openai/m", "/v1", "litellm"),
    "litellm, anthropic": ("anthropic/m", "", "litellm"),
    "litellm, groq": ("groq/m", "/v1", "litellm"),
    "litellm, gemini": ("gemini/m", "", "litellm"),
    "litellm, ollama_chat": ("ollama_chat/m", "", "litellm"),
}
BOUND: Final = 1.5
"""Seconds: half of what a provider takes, and less than a store would wait."""


def check(lag: Lag) -> None:
    """Fail when the loop stood still for as long as the shortest of what might block it."""
    words = f"the loop was {lag.loop:.2f} s late, a thread beside it {lag.thread:.3f} s"
    assert lag.loop <= BOUND + TIMES * lag.thread, words


async def read(router: Router) -> str:
    async with await router.acompletion(HELLO, stream=True) as chunks:
        return "".join([chunk.text async for chunk in chunks])


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with slow_server() as url:
        yield url


@pytest.mark.parametrize("way", WAYS)
def test_no_caller_blocks_the_loop(way: str, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAG_KEY", "sk-none")
    model, path, via = WAYS[way]
    policy = load(text=POLICY.format(model=model, url=server + path, via=via))

    async def main() -> Lag:
        async with Router(policy, DefaultCaller()) as router:
            await router.warm()
            async with watched() as lag:
                whole, text = await asyncio.gather(router.acompletion(HELLO), read(router))
                # LiteLLM looks at a model again when its first answer is logged.
                again = await router.acompletion(HELLO)
            assert [whole.choices[0].message.content, text, again.choices[0].message.content] == [
                "a few words"
            ] * 3
        return lag

    check(asyncio.run(main()))


LOCK: Final = """
import sqlite3, sys
with sqlite3.connect(sys.argv[1], isolation_level=None) as connection:
    connection.execute("BEGIN IMMEDIATE")
    print("locked", flush=True)
    sys.stdin.read()
    connection.execute("ROLLBACK")
"""


@contextmanager
def locked(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process holds the write lock until its standard input is closed."""
    with subprocess.Popen(
        [sys.executable, "-c", LOCK, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        try:
            yield process
        finally:
            process.stdin.close()


def test_a_locked_ledger_does_not_block_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAG_KEY", "sk-none")
    policy = load(text=POLICY.format(model="openai/m", url="http://127.0.0.1:9/v1", via="auto"))
    path = tmp_path / "ledger.db"

    async def main() -> Lag:
        store = open_store(f"sqlite:///{path}?patience=30")
        async with Router(policy, OwnCaller(lambda _: answer("hi")), store=store) as router:
            await router.acompletion(HELLO)
            async with watched() as lag:
                with locked(path):
                    asked = asyncio.create_task(router.acompletion(HELLO))
                    done, _ = await asyncio.wait({asked}, timeout=2 * BOUND)
                    assert not done, "the write lock is held"
                assert (await asked).choices[0].message.content == "hi"
        return lag

    check(asyncio.run(main()))


def test_a_reload_of_a_large_policy_does_not_block_the_loop(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    start = POLICY.format(model="openai/m", url="http://127.0.0.1:9/v1", via="auto")
    path.write_text(start)
    rules = "".join(f"  - {{name: r{i}, when: {{tags: t{i}}}, first: [m]}}\n" for i in range(1_000))

    async def main() -> Lag:
        caller: Any = OwnCaller(lambda _: answer("hi"))
        async with Router.open(path, caller=caller, watch="off") as router:
            await router.acompletion(HELLO)
            over = asyncio.Event()
            answered = 0

            async def ask() -> None:
                nonlocal answered
                while not over.is_set():
                    await router.acompletion(HELLO)
                    answered += 1
                    await asyncio.sleep(0.005)

            traffic = [asyncio.create_task(ask()) for _ in range(4)]
            async with watched() as lag:
                await asyncio.to_thread(path.write_text, f"{start}rules:\n{rules}")
                await asyncio.to_thread(router.reload)
            over.set()
            await asyncio.gather(*traffic)
            assert len(router.policy.rules) == 1_000
            assert answered > 0
        return lag

    asyncio.run(main()).check()
