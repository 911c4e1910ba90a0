"""What a whole request costs beyond the bare call of its model, alongside LiteLLM's own router.

The provider runs in a process of its own. For each way of calling a model, one request after
another is made through the bare caller and through `Router.acompletion`, in rounds that alternate,
as a whole answer and as a stream. The policy has two models, a budget and a limit, and counts in
memory. `litellm.Router` is in the same rounds, over `litellm.acompletion`. The figures are medians
of the rounds, in milliseconds per request: of wall time, and of CPU of this process. Read the
differences: a loaded machine slows both down.

    python benchmarks/execute.py [--calls 60] [--rounds 5] [--json] [--profile]
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import json
import os
import pstats
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from policy_router import Router
from policy_router.loading import load
from policy_router.providers.default_caller import DefaultCaller
from policy_router.providers.litellm import library
from policy_router.providers.requests.body import Body

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

PROVIDER = """
import sys
from policy_router.providers.simulated import Say, Simulated
with Simulated({"m": Say("a few words of an answer " * 8)}) as server:
    print(server.url, flush=True)
    sys.stdin.read()
"""
MESSAGES: Any = [{"role": "user", "content": "a prompt of some words " * 40}]
POLICY = """
version: 1
tiers: [light, heavy]
models:
  m:
    model: {provider}/m
    api_base: "{url}"
    api_key_env: BENCH_KEY
    tier: light
    context: 32k
    price: {{input: $1/M, output: $2/M}}
    via: {via}
  other:
    model: {provider}/other
    api_base: "{url}"
    api_key_env: BENCH_KEY
    tier: heavy
    context: 32k
    price: {{input: $3/M, output: $9/M}}
    via: {via}
budgets: {{all: {{cap: $1000/month}}}}
limits: {{each: {{per: user, requests: [1000000/min]}}}}
"""
WAYS = {
    "openai_wire": ("openai", "direct"),
    "anthropic_wire": ("anthropic", "direct"),
    "litellm": ("openai", "litellm"),
}


class Case:
    """One way to make a request.

    Attributes:
        name: What is called, such as `litellm`.
        kind: `bare` or `router`.
        whole: Asks for a whole answer.
        stream: Asks for a stream and reads it to its end.
    """

    def __init__(
        self,
        name: str,
        kind: str,
        whole: Callable[[], Awaitable[object]],
        stream: Callable[[], Awaitable[object]],
    ) -> None:
        self.name = name
        self.kind = kind
        self.whole = whole
        self.stream = stream


def cases_of(name: str, url: str) -> tuple[list[Case], Router]:
    """The bare call of a model, and the same through a router, which is returned to be closed."""
    provider, via = WAYS[name]
    address = url if provider == "openai" else url.removesuffix("/v1")
    policy = load(text=POLICY.format(provider=provider, via=via, url=address))
    caller, model = DefaultCaller(), policy.model("m")
    router = Router(policy, caller)
    body = Body(messages=MESSAGES, max_tokens=200)

    async def bare_stream() -> None:
        chunks = await caller.stream(model, body, 60)
        async for _ in chunks:
            pass
        await chunks.aclose()

    async def routed_stream() -> None:
        options: Any = {"user": "ada", "max_tokens": 200}
        async with await router.acompletion(MESSAGES, stream=True, **options) as chunks:
            async for _ in chunks:
                pass

    return [
        Case(name, "bare", lambda: caller.call(model, body, 60), bare_stream),
        Case(
            name,
            "router",
            lambda: router.acompletion(MESSAGES, user="ada", max_tokens=200),
            routed_stream,
        ),
    ], router


def cases_of_litellm(url: str) -> list[Case]:
    """`litellm.acompletion`, and `litellm.Router` with two deployments over it."""
    litellm = library.load()
    parameters = {"model": "openai/m", "api_base": url, "api_key": "sk-none", "max_retries": 0}
    deployments = [{"model_name": "m", "litellm_params": parameters}] * 2
    theirs = litellm.Router(model_list=deployments, num_retries=0)

    def ask(call: Any, **more: Any) -> Callable[[], Awaitable[object]]:
        return lambda: call(messages=MESSAGES, max_tokens=200, **more)

    def read(call: Any, **more: Any) -> Callable[[], Awaitable[object]]:
        async def whole_stream() -> None:
            options = {"stream": True, "stream_options": {"include_usage": True}}
            async for _ in await call(messages=MESSAGES, max_tokens=200, **options, **more):
                pass

        return whole_stream

    return [
        Case("litellm.Router", kind, ask(call, **more), read(call, **more))
        for kind, call, more in (
            ("bare", litellm.acompletion, parameters),
            ("router", theirs.acompletion, {"model": "m"}),
        )
    ]


async def cost(ask: Callable[[], Awaitable[object]], calls: int) -> tuple[float, float]:
    """Milliseconds per request: of wall time, and of CPU."""
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(calls):
        await ask()
    return (
        (time.perf_counter() - wall) / calls * 1e3,
        (time.process_time() - cpu) / calls * 1e3,
    )


Table = dict[str, dict[str, dict[str, tuple[float, float]]]]
"""Name -> `whole` or `stream` -> `bare` or `router` -> milliseconds of wall time and of CPU."""


async def measure(url: str, calls: int, rounds: int, *, profile: bool) -> Table:
    """Every case in every round."""
    cases, routers = cases_of_litellm(url), []
    for name in WAYS:
        more, router = cases_of(name, url)
        cases += more
        routers.append(router)
        await router.warm()
    samples: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
    for number in range(rounds + 1):  # the first one opens connections and is not counted
        print(f"\rround {number} of {rounds}", end="", file=sys.stderr, flush=True)
        for case in cases:
            for answer, ask in (("whole", case.whole), ("stream", case.stream)):
                taken = await cost(ask, calls if number else 3)
                if number:
                    samples.setdefault((case.name, answer, case.kind), []).append(taken)
    print(file=sys.stderr)
    if profile:
        routed = next(c for c in cases if (c.name, c.kind) == ("openai_wire", "router"))
        profiler = cProfile.Profile()
        profiler.enable()
        await cost(routed.whole, calls * 5)
        profiler.disable()
        pstats.Stats(profiler, stream=sys.stderr).sort_stats("tottime").print_stats(40)
    for router in routers:
        await router.aclose()
    table: Table = {}
    for (name, answer, kind), sample in samples.items():
        wall, cpu = (statistics.median(column) for column in zip(*sample, strict=True))
        table.setdefault(name, {}).setdefault(answer, {})[kind] = (wall, cpu)
    return table


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()

    os.environ["BENCH_KEY"] = "sk-none"
    with subprocess.Popen(  # noqa: S603  this interpreter, with a constant program
        [sys.executable, "-c", PROVIDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as provider:
        assert provider.stdout is not None  # noqa: S101  for the type checker
        url = provider.stdout.readline().strip()
        table = asyncio.run(
            measure(url, arguments.calls, arguments.rounds, profile=arguments.profile)
        )
    if arguments.json:
        print(json.dumps(table))
        return
    print("| ms per request | bare call, wall | CPU | router adds, wall | CPU |")
    print("|---|---|---|---|---|")
    for name, answers in table.items():
        for answer, kinds in answers.items():
            (wall, cpu), (routed, routed_cpu) = kinds["bare"], kinds["router"]
            print(
                f"| {name}, {answer} | {wall:.2f} | {cpu:.2f} | {routed - wall:+.2f} | "
                f"{routed_cpu - cpu:+.2f} |"
            )


if __name__ == "__main__":
    main()
