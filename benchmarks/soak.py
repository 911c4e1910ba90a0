"""Whether a server holds out: many requests, for a minute of which its policy changes ten times a
second.

    python benchmarks/soak.py [--requests 200000] [--reloads 600] [--connections 16] [--rate 100]

The server is a process of its own, as `policy-router serve` runs it, with limits, a budget, metrics
and a decision log. The policy exists in several versions, in which everything has another name; the
provider echoes the name of the model that it was asked for. A request that saw two policies would
have names of two versions in its headers, its answer, its events or its line in the decision log.

Each change is waited for. While the policy changes, requests are sent at a rate that leaves the
server time for it; `--rate 0` sends as many as it answers, and then it changes less often.

The first tenth of the requests, with its share of the reloads, warms the server up. What it has of
memory and of file descriptors after that is compared with what it has at the end. Ends with 1 if a
request saw two policies or failed, memory grew by 20 MiB or a descriptor was lost.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import re
import signal
import socket
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from multiprocessing.context import SpawnProcess

VERSIONS: Final = 8
REQUESTS: Final = 200_000
RELOADS: Final = 600
"""A minute of them."""
EVERY: Final = 0.1
"""Seconds between two reloads."""
RATE: Final = 100
"""Requests a second while the policy changes."""
GROWTH: Final = 20.0
"""MiB by which the memory of the server may grow."""
LOST: Final = 8
"""Descriptors by which two counts may differ while connections come and go."""
STREAMED: Final = 10
"""One of so many requests is streamed."""
POLICY: Final = """\
version: 1
name: v{v}
tiers: [light, heavy]
models:
  small-v{v}: {{ model: openai/small-v{v}, api_base: "{url}", via: direct, tier: light, context: 8k,
                 price: {{ input: $1/M, output: $2/M }} }}
  large-v{v}: {{ model: openai/large-v{v}, api_base: "{url}", via: direct, tier: heavy, context: 8k,
                 price: {{ input: $2/M, output: $4/M }} }}
tasks:
  task-v{v}: {{ keywords: [soak] }}
rules:
  - {{ name: rule-v{v}, when: {{ tags: big }}, only: ["large-v{v}"] }}
limits:
  calls: {{ requests: [100000000/min] }}
budgets:
  all: {{ cap: $1000000/month, then: block }}
"""
_VERSION: Final = re.compile(r"\bv(\d+)\b")


def provider() -> web.Application:
    """A provider that says which model it was asked for, in every part of its answer."""

    async def chat(request: web.Request) -> web.StreamResponse:
        body = await request.json()
        frame = {"id": "chatcmpl-1", "created": 1, "model": body["model"]}
        usage = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
        if not body.get("stream"):
            message = {"role": "assistant", "content": f"I am {body['model']}."}
            choice = {"index": 0, "finish_reason": "stop", "message": message}
            whole = {**frame, "object": "chat.completion", "usage": usage, "choices": [choice]}
            return web.json_response(whole)
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        deltas: list[tuple[dict[str, str], str | None]] = [
            ({"role": "assistant", "content": "I am "}, None),
            ({"content": f"{body['model']}."}, None),
            ({}, "stop"),
        ]
        frame["object"] = "chat.completion.chunk"
        for delta, finish in deltas:
            choice = {"index": 0, "delta": delta, "finish_reason": finish}
            await response.write(_event({**frame, "choices": [choice]}))
        await response.write(_event({**frame, "choices": [], "usage": usage}))
        await response.write(b"data: [DONE]\n\n")
        return response

    app = web.Application()
    app.router.add_post("/v1/chat/completions", chat)
    return app


def _event(value: Mapping[str, object]) -> bytes:
    return f"data: {json.dumps(value)}\n\n".encode()


def serve(folder: str, listener: socket.socket) -> None:
    """Serve the policy in a folder, with reloads that need not wait for slow writers."""
    import uvicorn

    from policy_router.event_source import EventSource
    from policy_router.observe.decision_log import DecisionLog
    from policy_router.observe.prometheus import PrometheusMetrics
    from policy_router.router.router import Router
    from policy_router.server.app import closes, create_app
    from policy_router.server.serving import uvicorn_options
    from policy_router.server.settings import SETTINGS

    metrics = PrometheusMetrics()
    log = DecisionLog(Path(folder, "decisions.jsonl"), max_bytes=1 << 40)
    router = Router.open(
        Path(folder, "policies"), settle=0.01, settle_loss=0.0, interval=0.05, warm=True,
        state="memory://", on_event=EventSource(metrics, log),
    )  # fmt: skip
    metrics.follow(router)
    app = create_app(router, metrics=metrics, lifespan=closes(router))
    uvicorn.Server(uvicorn.Config(app, **uvicorn_options(SETTINGS, 30))).run([listener])


@dataclass(slots=True)
class Soak:
    """One run.

    Attributes:
        folder: Where the policy and the decision log are.
        url: The address of the server.
        upstream: The address of the provider.
        pid: The process of the server.
        rate: Requests a second while the policy changes; 0 for no limit.
        left: How many requests are still to be sent.
        versions: How many requests each version answered.
        mixed: Requests that saw two policies.
        failed: What other answers there were.
        reloads: How often another policy became active.
        seconds: How long that took.
        changing: Whether the policy is replaced now.
        due: When the next request is due while the policy changes, by `time.monotonic`.
    """

    folder: Path
    url: str
    upstream: str
    pid: int
    rate: int
    left: int = 0
    versions: Counter[str] = field(default_factory=Counter)
    mixed: list[str] = field(default_factory=list)
    failed: Counter[str] = field(default_factory=Counter)
    reloads: int = 0
    seconds: float = 0.0
    changing: bool = False
    due: float = 0.0

    def write_policy(self, version: int) -> None:
        """Replace the policy by another version of it, in one step."""
        text = POLICY.format(v=version, url=self.upstream)
        path = self.folder / "policies" / "policy.yaml"
        new = path.with_suffix(".new")
        new.write_text(text)
        new.replace(path)

    async def ask(self, session: aiohttp.ClientSession, number: int) -> None:
        """Send one request, and compare the versions in all that comes back."""
        body: dict[str, Any] = {
            "model": "auto",
            "messages": [{"role": "user", "content": "soak"}],
            "stream": number % STREAMED == 0,
        }
        headers = {"x-policy-router-tags": "big"} if number % 3 == 0 else {}
        url = f"{self.url}/v1/chat/completions"
        async with session.post(url, json=body, headers=headers) as response:
            text = await response.text()
            if response.status != 200 or (body["stream"] and "[DONE]" not in text):
                self.failed[f"{response.status}: {text[:120]}"] += 1
                return
            told = " ".join(
                value for name, value in response.headers.items() if "policy-router" in name.lower()
            )
        self.compare(f"{told} {text}")

    def compare(self, text: str) -> None:
        """Count the version in a text; it must be one."""
        found = set(_VERSION.findall(text))
        if len(found) == 1:
            self.versions[found.pop()] += 1
        else:
            self.mixed.append(text[:500])

    async def work(self, session: aiohttp.ClientSession) -> None:
        """Send requests as long as any are left."""
        while self.left > 0:
            self.left -= 1
            if self.changing and self.rate:
                self.due = max(self.due, time.monotonic()) + 1 / self.rate
                await asyncio.sleep(self.due - time.monotonic())
            try:
                await self.ask(session, self.left)
            except aiohttp.ClientError as error:
                self.failed[type(error).__name__] += 1

    async def reload(self, session: aiohttp.ClientSession, times: int) -> None:
        """Replace the policy again and again, and wait until each is in use."""
        began, self.changing = time.monotonic(), True
        for number in range(times):
            due = began + number * EVERY
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            self.write_policy(self.reloads % VERSIONS + 1)
            async with session.post(f"{self.url}/-/reload") as response:
                told = await response.json()
            if told["state"] != "ok":
                self.failed[f"reload: {told}"] += 1
            self.reloads += 1
            if self.left <= 0:
                break
        self.changing = False
        self.seconds += time.monotonic() - began

    async def send(self, requests: int, reloads: int, connections: int) -> None:
        """Send requests while the policy changes."""
        self.left = requests
        timeout = aiohttp.ClientTimeout(total=120)
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), timeout=timeout
        ) as session:
            workers = [self.work(session) for _ in range(connections)]
            await asyncio.gather(self.reload(session, reloads), *workers)

    def memory(self) -> float:
        """MiB of the server that are in memory."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        return int(found[1]) / 1024 if found else 0.0

    def descriptors(self) -> int:
        """How many descriptors the server has open."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def logged(self) -> int:
        """Compare the versions within each line of the decision log; return how many it has."""
        lines = 0
        with (self.folder / "decisions.jsonl").open() as file:
            for line in file:
                lines += 1
                record = json.loads(line)
                record.pop("request", None)
                found = set(_VERSION.findall(json.dumps(record).replace("-v", " v")))
                if len(found) > 1:
                    self.mixed.append(line[:500])
        return lines


async def soak(run: Soak, requests: int, reloads: int, connections: int) -> dict[str, Any]:
    """Warm the server up, measure it, send the rest, and measure it again."""
    share = 10
    await run.send(requests // share, reloads // share, connections)
    await asyncio.sleep(1)  # until closed connections are gone
    memory, descriptors = run.memory(), run.descriptors()
    rest, began = requests - requests // share, time.monotonic()
    await run.send(rest, reloads - reloads // share, connections)
    seconds = time.monotonic() - began
    await asyncio.sleep(1)
    return {
        "requests": sum(run.versions.values()),
        "per_second": round(rest / seconds),
        "reloads": run.reloads,
        "reloads_per_second": round(run.reloads / run.seconds, 1) if run.seconds else 0.0,
        "versions": len(run.versions),
        "memory_mib": [round(memory, 1), round(run.memory(), 1)],
        "grown_mib": round(run.memory() - memory, 1),
        "descriptors": [descriptors, run.descriptors()],
    }


def started(stack: ExitStack, folder: Path) -> tuple[SpawnProcess, str]:
    """Start the server; return its process and its address."""
    listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=1024))
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=serve, args=(str(folder), listener), daemon=True)
    process.start()
    stack.callback(process.kill)
    return process, f"http://127.0.0.1:{listener.getsockname()[1]}"


async def run_all(arguments: argparse.Namespace, stack: ExitStack) -> tuple[Soak, dict[str, Any]]:
    """Start the provider and the server, and soak them."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soak-")))
    (folder / "policies").mkdir()
    runner = web.AppRunner(provider(), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    run = Soak(folder, "", f"http://127.0.0.1:{port}/v1", 0, arguments.rate)
    run.write_policy(VERSIONS)
    process, run.url = started(stack, folder)
    run.pid = process.pid or 0
    told = await soak(run, arguments.requests, arguments.reloads, arguments.connections)
    process.terminate()
    await asyncio.to_thread(process.join, 60)
    told["ended"] = process.exitcode in (0, -signal.SIGTERM)
    told["logged"] = run.logged()
    await runner.cleanup()
    return run, told


def main(argv: Sequence[str] | None = None) -> int:
    """Run it, and print what came of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--requests", type=int, default=REQUESTS)
    parser.add_argument("--reloads", type=int, default=RELOADS)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--rate", type=int, default=RATE)
    arguments = parser.parse_args(argv)
    with ExitStack() as stack:
        run, told = asyncio.run(run_all(arguments, stack))
    before, after = told["descriptors"]
    wrong = [
        *(f"saw two policies: {text}" for text in run.mixed[:3]),
        *(f"{number} failed: {text}" for text, number in run.failed.most_common(5)),
        *([f"memory grew by {told['grown_mib']} MiB"] if told["grown_mib"] >= GROWTH else ()),
        *([f"{after - before} descriptors more"] if after - before > LOST else ()),
        *(["decisions are missing in the log"] if told["logged"] < told["requests"] else ()),
        *(["the server did not end"] if not told["ended"] else ()),
    ]
    print(json.dumps({**told, "mixed": len(run.mixed), "wrong": wrong}, indent=2))
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
