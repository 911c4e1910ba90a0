"""What one call of a model costs this process, through LiteLLM and directly.

The provider runs in a process of its own, so that only the caller's work is measured. The figures
are CPU milliseconds per call of this process, the median of several rounds that alternate.

    python benchmarks/callers.py [--calls 100] [--rounds 5] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from policy_router.domain.models import Model
from policy_router.providers.anthropic_wire.caller import AnthropicWireCaller
from policy_router.providers.litellm.caller import LiteLLMCaller
from policy_router.providers.openai_wire.caller import OpenAIWireCaller
from policy_router.providers.requests.body import Body

if TYPE_CHECKING:
    from policy_router.providers.caller import Caller

PROVIDER = """
import sys
from policy_router.providers.simulated import Say, Simulated
with Simulated({"m": Say("a few words of an answer " * 8)}) as server:
    print(server.url, flush=True)
    sys.stdin.read()
"""
BODY = Body(messages=[{"role": "user", "content": "a prompt of some words " * 50}])


async def cost(caller: Caller, model: Model, calls: int, *, stream: bool) -> float:
    """CPU milliseconds per call."""
    began = time.process_time()
    for _ in range(calls):
        if stream:
            chunks = await caller.stream(model, BODY, 60)
            async for _chunk in chunks:
                pass
            await chunks.aclose()
        else:
            await caller.call(model, BODY, 60)
    return (time.process_time() - began) / calls * 1e3


async def measure(url: str, calls: int, rounds: int) -> dict[str, dict[str, float]]:
    """CPU milliseconds per call, by caller and kind of answer."""
    rows: dict[str, tuple[Caller, Model]] = {}
    for provider, direct in (("openai", OpenAIWireCaller()), ("anthropic", AnthropicWireCaller())):
        address = url if provider == "openai" else url.removesuffix("/v1")
        model = Model("m", f"{provider}/m", "t", 0, api_base=address, api_key_env="BENCH_KEY")
        rows[f"{provider}, litellm"] = (LiteLLMCaller(), model)
        rows[f"{provider}, direct"] = (direct, model)
    samples: dict[tuple[str, str], list[float]] = {}
    for caller, model in rows.values():
        await caller.prepare([model])
        for stream in (False, True):  # connections and imports
            await cost(caller, model, 3, stream=stream)
    for number in range(rounds):
        print(f"\rround {number + 1} of {rounds}", end="", file=sys.stderr, flush=True)
        for name, (caller, model) in rows.items():
            for stream in (False, True):
                kind = "stream" if stream else "whole"
                taken = await cost(caller, model, calls, stream=stream)
                samples.setdefault((name, kind), []).append(taken)
    print(file=sys.stderr)
    for caller, _ in rows.values():
        await caller.aclose()
    return {
        name: {kind: statistics.median(samples[name, kind]) for kind in ("whole", "stream")}
        for name in rows
    }


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()

    os.environ["BENCH_KEY"] = "sk-none"
    with subprocess.Popen(  # noqa: S603  this interpreter, with a constant program
        [sys.executable, "-c", PROVIDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as provider:
        assert provider.stdout is not None  # noqa: S101  for the type checker
        url = provider.stdout.readline().strip()
        table = asyncio.run(measure(url, arguments.calls, arguments.rounds))
    if arguments.json:
        print(json.dumps(table))
        return
    print("| CPU ms per call | whole | stream |\n|---|---|---|")
    for name, row in table.items():
        print(f"| {name} | {row['whole']:.2f} | {row['stream']:.2f} |")


if __name__ == "__main__":
    main()
