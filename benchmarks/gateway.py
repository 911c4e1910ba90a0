"""What a gateway adds to a request: policy-router beside LiteLLM and Portkey, in one run.

    python benchmarks/gateway.py [--python PROGRAM] [--litellm PROGRAM] [--portkey PROGRAM]
                                 [--seconds 5] [--rounds 3]

Each gateway is a process on one core, the provider and the clients share another. Every gateway
forwards the same request to the same provider, which answers at once: 200 words as a whole, or as a
stream of 50 events. policy-router runs with rules, limits, a budget and its decision log; the
others run as they come, and LiteLLM's proxy a second time with duties like these: limits, a budget,
a fallback and a log of requests. The bare relay is the floor of any gateway in Python: it passes
bytes on between two connections over uvloop, the event loop of policy-router, and reads nothing of
them but their length. The figures are the medians of the rounds, which alternate. The last lines
say how many times as many requests a second policy-router and the bare relay answer as the others.
Where other programs share the machine, compare the CPU time that a request takes: that of the
process, as Linux counts it.

LiteLLM's proxy is `pip install 'litellm[proxy]'` in an environment of its own, Portkey's gateway
`npm install @portkey-ai/gateway`; the program of either that is not given is left out.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import aiohttp

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PROVIDER = """
import json, sys
from aiohttp import web

WORDS = "word " * 200
USAGE = {"prompt_tokens": 300, "completion_tokens": 250, "total_tokens": 550}
FRAME = {"id": "chatcmpl-1", "created": 1700000000, "model": "m"}
WHOLE = json.dumps({**FRAME, "object": "chat.completion", "usage": USAGE, "choices": [
    {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": WORDS}}]})
def event(delta, finish=None, usage=None):
    choices = [] if usage else [{"index": 0, "delta": delta, "finish_reason": finish}]
    data = {**FRAME, "object": "chat.completion.chunk", "choices": choices}
    return f"data: {json.dumps({**data, **({'usage': usage} if usage else {})})}\\n\\n".encode()
EVENTS = [event({"role": "assistant", "content": ""}), *[event({"content": "word " * 4})] * 50,
          event({}, "stop"), event({}, usage=USAGE), b"data: [DONE]\\n\\n"]

async def chat(request):
    body = await request.json()
    if not body.get("stream"):
        return web.Response(text=WHOLE, content_type="application/json")
    response = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await response.prepare(request)
    for each in EVENTS:
        await response.write(each)
    return response

app = web.Application()
app.router.add_post("/v1/chat/completions", chat)
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)
"""

OURS = """
import sys
from policy_router import Router
from policy_router.observe.decision_log import DecisionLog
from policy_router.server.app import create_app
from policy_router.server.serving import listen, run_application

policy, port, log = sys.argv[1:]
with DecisionLog(log) as decisions, Router.open(policy, watch="off", on_event=decisions) as router:
    run_application(lambda: create_app(router), listen("127.0.0.1", int(port)), grace=5)
"""

BARE = """
import asyncio, sys, uvloop

provider, port = map(int, sys.argv[1:])
loop = uvloop.new_event_loop()
idle = []

def length_of(head):
    field = head.lower().partition(b"content-length:")[2]
    return int(field.partition(b"\\r\\n")[0]) if field else None

class Client(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.request = transport, b""

    def data_received(self, data):
        self.request += data
        head, end, body = self.request.partition(b"\\r\\n\\r\\n")
        if end and len(body) >= (length_of(head) or 0):
            data, self.request = self.request, b""
            if idle:
                idle.pop().send(data, self.transport)
            else:
                loop.create_task(connect(data, self.transport))

class Provider(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.answer = transport, b""

    def send(self, data, client):
        self.client = client
        self.transport.write(data)

    def data_received(self, data):
        self.client.write(data)
        self.answer += data
        head, end, body = self.answer.partition(b"\\r\\n\\r\\n")
        length = length_of(head)
        whole = body.endswith(b"\\r\\n0\\r\\n\\r\\n") if length is None else len(body) >= length
        if end and whole:
            self.answer = b""
            idle.append(self)

    def connection_lost(self, error):
        if self in idle:
            idle.remove(self)

async def connect(data, client):
    _, opened = await loop.create_connection(Provider, "127.0.0.1", provider)
    opened.send(data, client)

async def main():
    server = await loop.create_server(Client, "127.0.0.1", port)
    await server.serve_forever()

loop.run_until_complete(main())
"""

POLICY = """
version: 1
tiers: [light, heavy]
models:
  m:
    model: openai/m
    api_base: http://127.0.0.1:{port}/v1
    api_key_env: BENCH_KEY
    tier: light
    price: {{ input: $0.10/M, output: $0.40/M }}
    can: [tools, json]
  spare:
    model: openai/spare
    api_base: http://127.0.0.1:{port}/v1
    api_key_env: BENCH_KEY
    tier: heavy
    price: {{ input: $1/M, output: $4/M }}
    can: [tools, json]
rules:
  - {{ name: private, when: "'private' in tags", only: [m] }}
limits:
  calls: {{ requests: [1000000/min] }}
budgets:
  all: {{ cap: $100000/month }}
"""

LITELLM = """
model_list:
  - model_name: m
    litellm_params: {{ model: openai/m, api_base: "http://127.0.0.1:{port}/v1", api_key: none }}
litellm_settings: {{ telemetry: false }}
"""

LITELLM_SAME_DUTIES = """
model_list:
  - model_name: m
    litellm_params:
      model: openai/m
      api_base: "http://127.0.0.1:{port}/v1"
      api_key: none
      rpm: 1000000
      input_cost_per_token: 0.0000001
      output_cost_per_token: 0.0000004
  - model_name: spare
    litellm_params:
      model: openai/spare
      api_base: "http://127.0.0.1:{port}/v1"
      api_key: none
      rpm: 1000000
      input_cost_per_token: 0.000001
      output_cost_per_token: 0.000004
router_settings:
  optional_pre_call_checks: [enforce_model_rate_limits]
  provider_budget_config: {{ openai: {{ budget_limit: 100000, time_period: 30d }} }}
  fallbacks: [{{ m: [spare] }}]
litellm_settings: {{ telemetry: false, callbacks: request_log.request_log }}
"""

REQUEST_LOG = """
import json
from pathlib import Path
from litellm.integrations.custom_logger import CustomLogger

class RequestLog(CustomLogger):
    def __init__(self):
        super().__init__()
        self.file = open(Path(__file__).with_name("requests.jsonl"), "a", buffering=1)

    async def async_log_success_event(self, kwargs, response_obj, start_time, end_time):
        entry = dict(kwargs["standard_logging_object"])
        del entry["messages"], entry["response"]  # no text, as in our decision log
        self.file.write(json.dumps(entry, default=str) + "\\n")

request_log = RequestLog()
"""

ASK = {"model": "m", "messages": [{"role": "user", "content": "a prompt of some words " * 50}]}
ROUTER, FLOOR, UPSTREAM = "policy-router", "bare relay", "provider"
RATE = "requests_per_second"
CONNECTIONS = (1, 32)
KINDS = ("whole", "stream")


class Sample(NamedTuple):
    """What was measured in one round: requests a second, the median latency and the CPU time of a
    request, both in milliseconds."""

    rate: float
    latency: float
    cpu: float


@dataclass
class Target:
    """Something that answers.

    Attributes:
        name: Its name in the table.
        port: Where it listens.
        pid: Its process.
        headers: What its clients send besides.
        broken: Kinds of answers that it fails to give, each with what it says.
        samples: What was measured, by kind of answer and number of connections.
    """

    name: str
    port: int
    pid: int
    headers: Mapping[str, str] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    samples: dict[tuple[str, int], list[Sample]] = field(default_factory=dict)

    def cpu_seconds(self) -> float:
        """The CPU time that its process has taken; 0 where the system does not show it."""
        times = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(each.read_text().split()[0]) for each in times) / 1e9

    @property
    def url(self) -> str:
        """Where it takes chat completions."""
        return f"http://127.0.0.1:{self.port}/v1/chat/completions"


def free_port() -> int:
    """A port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@contextmanager
def process(core: int, *command: str | Path, env: Mapping[str, str] | None = None) -> Iterator[int]:
    """A process on one core, until the block ends; yields its id."""
    with subprocess.Popen(  # noqa: S603  programs that the caller of this benchmark names
        command,
        env={**os.environ, **(env or {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as running:
        os.sched_setaffinity(running.pid, {core})
        try:
            yield running.pid
        finally:
            running.terminate()
            try:
                running.wait(10)
            except subprocess.TimeoutExpired:
                running.kill()


async def ready(session: aiohttp.ClientSession, target: Target, patience: float = 120) -> None:
    """Wait until a target answers."""
    end = time.monotonic() + patience
    while True:
        try:
            await ask(session, target, stream=False)
        except (aiohttp.ClientError, AssertionError):
            if time.monotonic() > end:
                raise
            await asyncio.sleep(0.3)
        else:
            return


async def ask(session: aiohttp.ClientSession, target: Target, *, stream: bool) -> None:
    """Ask once and read the answer to its end."""
    body = {**ASK, "stream": stream}
    headers = {"authorization": "Bearer none", **target.headers}
    async with session.post(target.url, json=body, headers=headers) as response:
        text = await response.read()
        assert response.status == 200, text  # noqa: S101  a benchmark of errors is none
        assert b"word word" in text  # noqa: S101  as above


async def load(
    session: aiohttp.ClientSession,
    target: Target,
    seconds: float,
    connections: int,
    *,
    stream: bool,
) -> Sample:
    """Send requests for some seconds."""
    taken: list[float] = []
    began, before_all = time.perf_counter(), target.cpu_seconds()

    async def client() -> None:
        while (before := time.perf_counter()) - began < seconds:
            await ask(session, target, stream=stream)
            taken.append(time.perf_counter() - before)

    await asyncio.gather(*(client() for _ in range(connections)))
    rate = len(taken) / (time.perf_counter() - began)
    cpu = (target.cpu_seconds() - before_all) / len(taken)
    return Sample(rate, statistics.median(taken) * 1e3, cpu * 1e3)


async def measure(targets: Sequence[Target], seconds: float, rounds: int) -> None:
    """Measure all targets in turn, several times."""
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=3)  # servers close after 5 s
    async with aiohttp.ClientSession(connector=connector) as session:
        for target in targets:
            print(f"waiting for {target.name}", file=sys.stderr, flush=True)
            await ready(session, target)
            for kind in KINDS:
                try:
                    await load(session, target, 1, 8, stream=kind == "stream")  # imports
                except AssertionError as error:
                    target.broken[kind] = str(error)[:80]
        for number in range(rounds):
            for target in targets:
                print(f"round {number + 1}: {target.name}", file=sys.stderr, flush=True)
                for kind in [kind for kind in KINDS if kind not in target.broken]:
                    for count in CONNECTIONS:
                        stream = kind == "stream"
                        sample = await load(session, target, seconds, count, stream=stream)
                        target.samples.setdefault((kind, count), []).append(sample)


def start(stack: ExitStack, arguments: argparse.Namespace, folder: Path) -> list[Target]:
    """Start the provider and every gateway."""
    ours, others = 0, 1
    os.sched_setaffinity(0, {others})
    provider = free_port()
    python = arguments.python
    pid = stack.enter_context(process(others, python, "-c", PROVIDER, str(provider)))
    targets = [Target(UPSTREAM, provider, pid)]

    port = free_port()
    policy = folder / "policy.yaml"
    policy.write_text(POLICY.format(port=provider))
    program = (python, "-c", OURS, policy, str(port), folder / "decisions.jsonl")
    pid = stack.enter_context(process(ours, *program, env={"BENCH_KEY": "none"}))
    targets.append(Target(ROUTER, port, pid))

    port = free_port()
    relay = (python, "-c", BARE, str(provider), str(port))
    pid = stack.enter_context(process(ours, *relay))
    targets.append(Target(FLOOR, port, pid))

    if arguments.portkey:
        port = free_port()
        command = ("node", arguments.portkey, f"--port={port}", "--headless")
        pid = stack.enter_context(process(ours, *command, env={"NODE_ENV": "production"}))
        headers = {
            "x-portkey-provider": "openai",
            "x-portkey-custom-host": f"http://127.0.0.1:{provider}/v1",
        }
        targets.append(Target("Portkey", port, pid, headers))
    if arguments.litellm:
        (folder / "request_log.py").write_text(REQUEST_LOG)
        for name, text in (
            ("LiteLLM proxy", LITELLM),
            ("LiteLLM, same duties", LITELLM_SAME_DUTIES),
        ):
            port = free_port()
            config = folder / f"{name}.yaml"
            config.write_text(text.format(port=provider))
            proxy = (arguments.litellm, "--config", str(config), "--port", str(port))
            offline = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"}
            offline["LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY"] = "true"  # on loopback
            pid = stack.enter_context(process(ours, *proxy, "--host", "127.0.0.1", env=offline))
            targets.append(Target(name, port, pid))
    return targets


def show(targets: Sequence[Target]) -> dict[str, dict[str, dict[str, float]]]:
    """Print the table, and return its values."""
    provider = targets[0]
    table: dict[str, dict[str, dict[str, float]]] = {}
    columns = f"{'requests/s':>12}{'p50 ms':>10}{'added ms':>10}{'CPU ms':>10}"
    print(f"{'':22}{'answer':8}{'connections':>12}{columns}")
    for target in targets:
        for (kind, count), samples in target.samples.items():
            rate = statistics.median(each.rate for each in samples)
            latency = statistics.median(each.latency for each in samples)
            cpu = statistics.median(each.cpu for each in samples)
            bare = statistics.median(each.latency for each in provider.samples[kind, count])
            row = {RATE: rate, "p50_ms": latency, "added_ms": latency - bare}
            table.setdefault(target.name, {})[f"{kind} x {count}"] = row | {"cpu_ms": cpu}
            shown = f"{rate:12.0f}{latency:10.2f}{latency - bare:10.2f}{cpu:10.2f}"
            print(f"{target.name:22}{kind:8}{count:12}{shown}")
        for kind, text in target.broken.items():
            print(f"{target.name:22}{kind:8} fails: {text}")
    show_ratios(table)
    return table


def show_ratios(table: Mapping[str, Mapping[str, Mapping[str, float]]]) -> None:
    """Print how many times as many requests a second two of the targets answer as the others."""
    for name in (ROUTER, FLOOR):
        for other in [other for other in table if other not in (ROUTER, FLOOR, UPSTREAM)]:
            ratios = [
                f"{key}: {table[name][key][RATE] / row[RATE]:.1f}"
                for key, row in table[other].items()
            ]
            print(f"{name} / {other}: {', '.join(ratios)}")


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--litellm", type=Path, help="the program `litellm` with its proxy")
    parser.add_argument("--portkey", type=Path, help="Portkey's build/start-server.js")
    parser.add_argument(
        "--python",
        type=Path,
        default=sys.executable,
        help="the interpreter of policy-router, the bare relay and the provider",
    )
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="also write the values to a file")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        targets = start(stack, arguments, folder)
        asyncio.run(measure(targets, arguments.seconds, arguments.rounds))
        table = show(targets)
    if arguments.json:
        arguments.json.write_text(json.dumps(table, indent=2))


if __name__ == "__main__":
    main()
