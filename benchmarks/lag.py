"""How late the event loop is at most while the router does what might keep it busy.

    python benchmarks/lag.py

A task in the same loop sleeps for a millisecond at a time and notes how much longer it took. First
come the callers, provider by provider, with the provider in a process of its own: a whole answer
and a stream at once, after one of each. Then the provider runs in threads of this process, so its
work is in the figures too. Aim: 50 ms. `warm`
imports LiteLLM in a thread, and an import keeps the interpreter lock for longer at times. The two
last lines are how long the first and the second call took, in all.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1]))

from policy_router import Router, UsageError
from policy_router.loading import load
from policy_router.providers.default_caller import DefaultCaller
from policy_router.providers.simulated import Say, Simulated
from tests.slow_server import slow_server

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

STEP = 0.001
HELLO = [{"role": "user", "content": "hello"}]
DEEP = "[" * 60 + "]" * 60
LONG = json.dumps([[1, 2, 3]] * 100_000)
POLICY = """\
version: 1
tiers: [light]
models:
  deep: {{ model: openai/deep, api_base: "{url}", tier: light, price: free, context: 2M }}
  long: {{ model: openai/long, api_base: "{url}", tier: light, price: free, context: 2M }}
  plain: {{ model: openai/plain, api_base: "{url}", tier: light, price: free, context: 2M }}
tasks:
{tasks}
rules:
  - name: answers are nested lists
    when: {{ tags: checked }}
    accept:
      json_schema:
        type: array
        items: {{ anyOf: [{{ $ref: "#" }}, {{ $ref: "#/items" }}, {{ type: number }}] }}
      otherwise: best
{rules}
"""


WAYS = {
    "openai_wire": ("openai/m", "/v1", "direct"),
    "anthropic_wire": ("anthropic/m", "", "direct"),
    "responses_wire": ("openai/responses/m", "/v1", "direct"),
    "litellm, openai": ("openai/m", "/v1", "litellm"),
    "litellm, anthropic": ("anthropic/m", "", "litellm"),
    "litellm, groq": ("groq/m", "/v1", "litellm"),
    "litellm, gemini": ("gemini/m", "", "litellm"),
    "litellm, ollama_chat": ("ollama_chat/m", "", "litellm"),
}
CALLED = """\
version: 1
tiers: [light]
models:
  m: {{ model: {model}, api_base: "{url}", api_key_env: BENCH_KEY, tier: light, price: free,
       context: 8k, via: {via} }}
"""


async def by_provider(url: str) -> list[tuple[str, float]]:
    """The lag while each provider is called; what is not an answer would take it 40 s."""
    rows = []
    for way, (model, path, via) in WAYS.items():
        called = load(text=CALLED.format(model=model, url=url + path, via=via))
        async with Router(called, DefaultCaller()) as router:
            await router.warm()

            async def read(router: Router = router) -> None:
                async with await router.acompletion(HELLO, stream=True) as chunks:
                    [chunk async for chunk in chunks]

            async def both(
                router: Router = router, read: Callable[[], Awaitable[None]] = read
            ) -> None:
                await asyncio.gather(router.acompletion(HELLO), read())

            rows.append((f"the first calls by {way}", await latest(both)))
            rows.append((f"later calls by {way}", await latest(both)))
    return rows


def policy(url: str, rules: int) -> str:
    tasks = "\n".join(
        f"  t{i}: {{ keywords: [keyword{i}], pattern: 'x{i}[a-z]+y' }}" for i in range(50)
    )
    more = "\n".join(
        f"  - {{ name: r{i}, when: {{ tags: tag{i} }}, first: [plain] }}" for i in range(rules)
    )
    return POLICY.format(url=url, tasks=tasks, rules=more)


async def latest(work: Callable[[], Awaitable[object]]) -> float:
    """Seconds by which the loop was late at most while this was done."""
    most = 0.0

    async def note() -> None:
        nonlocal most
        while True:
            began = time.monotonic()
            await asyncio.sleep(STEP)
            most = max(most, time.monotonic() - began - STEP)

    noting = asyncio.create_task(note())
    await asyncio.sleep(0.05)
    most = 0.0
    with contextlib.suppress(UsageError):  # what is too large is refused
        await work()
    await asyncio.sleep(2 * STEP)  # work that never paused is noted after it
    noting.cancel()
    return most


async def measured(path: Path, url: str) -> list[tuple[str, float]]:
    async with Router.open(path, watch="off") as router:
        warming = await latest(router.warm)

        def ask(model: str, *tags: str) -> Callable[[], Awaitable[object]]:
            return lambda: router.acompletion(HELLO, model=model, tags=list(tags))

        async def reload() -> None:
            await asyncio.to_thread(path.write_text, policy(url, 1000), "utf-8")
            await asyncio.to_thread(router.reload)

        many = [{"role": "user", "content": "x"}] * 1_000_000
        text = [{"role": "user", "content": "word " * 200_000}]
        turns = [{"role": "user", "content": "word " * 20}] * 330
        small = [{"role": "user", "content": "word " * 39_000}]
        chinese = [{"role": "user", "content": "\u4e2d\u6587" * 24_000}]
        began = time.monotonic()
        first = await latest(ask("plain"))
        took = time.monotonic() - began
        again = time.monotonic()
        second = await latest(ask("plain"))
        took_again = time.monotonic() - again
        return [
            ("getting ready: LiteLLM is imported in a thread", warming),
            ("first call of the process, after that", first),
            ("a call", second),
            ("a nested answer against a recursive schema", await latest(ask("deep", "checked"))),
            ("an answer of 1 MB against a schema", await latest(ask("long", "checked"))),
            ("a million messages", await latest(lambda: router.aroute(many))),
            ("50 keywords in a prompt of 1 MB", await latest(lambda: router.aroute(text))),
            ("the longest prompt read in the loop", await latest(lambda: router.aroute(small))),
            ("the same in Chinese", await latest(lambda: router.aroute(chinese))),
            ("the most messages read in the loop", await latest(lambda: router.aroute(turns))),
            ("a reload of 1,000 rules", await latest(reload)),
            ("the whole first call", took),
            ("the whole second call", took_again),
        ]


def main() -> None:
    os.environ["BENCH_KEY"] = "sk-none"
    with slow_server(before=0.2) as url:
        for name, seconds in asyncio.run(by_provider(url)):
            print(f"{name:45} {seconds * 1000:8.1f} ms")
    scripts = {"deep": Say(DEEP), "long": Say(LONG), "plain": Say("hello")}
    with tempfile.TemporaryDirectory() as folder, Simulated(scripts) as provider:
        path = Path(folder, "policy.yaml")
        path.write_text(policy(provider.url, 10), encoding="utf-8")
        for name, seconds in asyncio.run(measured(path, provider.url)):
            print(f"{name:45} {seconds * 1000:8.1f} ms")


if __name__ == "__main__":
    main()
