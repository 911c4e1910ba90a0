"""`keep_loaded`: models are loaded when a request needs them, and let go when none does."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import TYPE_CHECKING, Any

import pytest

from policy_router import Router, load
from policy_router.discovery.keep_loaded import LONGEST_TICK, KeptModels
from tests.discovery.sim import raw, redirecting
from tests.execution.make import FakeCaller, response, spoken

if TYPE_CHECKING:
    from http.server import BaseHTTPRequestHandler

    from policy_router.decision.policy import Policy
    from tests.discovery.sim import SimulatedSources

TEXT = """\
version: 1
models:
  ollama: { like: base, model: ollama_chat/llama3.2, api_base: "SERVER/ollama" }
  studio: { like: base, model: lm_studio/qwen/qwen3.5-9b, api_base: "SERVER/lmstudio/v1" }
  vllm: { like: base, model: hosted_vllm/Qwen/Qwen2.5-32B-Instruct, api_base: "SERVER/vllm/v1" }
  base:
    model: openai/any
    api_base: "SERVER/any/v1"
    tier: t
    price: free
    context: 4k
    keep_loaded: 30m
  plain: { model: ollama_chat/plain, api_base: "SERVER/ollama", tier: t, price: free, context: 4k }
"""
METRICS = """\
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="Qwen/Qwen2.5-32B-Instruct"} RUNNING
vllm:num_requests_waiting{engine="0",model_name="Qwen/Qwen2.5-32B-Instruct"} 0.0
"""


class Times:
    """A clock whose sleeps pass at once, until a number of them is used up."""

    def __init__(self) -> None:
        self.now, self.left = 1_000.0, 0
        self.slept: list[float] = []
        self.done = asyncio.Event()

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        if self.left <= 0:
            self.done.set()
            await asyncio.Event().wait()
        self.left -= 1
        self.slept.append(seconds)
        self.now += seconds

    async def pass_by(self, sleeps: int) -> None:
        """Let a number of sleeps pass."""
        self.left, self.done = sleeps, asyncio.Event()


class Rack:
    """Servers of one's own, and what is kept at them."""

    def __init__(self, sources: SimulatedSources) -> None:
        self.sources, self.times = sources, Times()
        self.policy: Policy = load(text=TEXT.replace("SERVER", sources.root))
        self.kept = KeptModels({}, clock=self.times, sleep=self.times.sleep)
        self.running, self.asleep = "0.0", False
        sources.answers |= {
            "/ollama/api/generate": {"done": True, "response": ""},
            "/lmstudio/api/v1/models/load": {"status": "loaded"},
            "/lmstudio/api/v1/models/unload": {"instance_id": "x"},
            "/vllm/wake_up": raw(b""),
            "/vllm/sleep": raw(b""),
            "/vllm/is_sleeping": {"is_sleeping": True},
            "/vllm/metrics": raw(METRICS.replace("RUNNING", "0.0").encode()),
        }

    async def use(self, name: str) -> None:
        model = self.policy.model(name)
        await self.kept.enter(model)
        self.kept.leave(model)

    def told(self) -> list[tuple[str, Any]]:
        """What the servers were told since the last time."""
        pairs = list(zip(self.sources.asked, self.sources.bodies, strict=True))
        self.sources.asked.clear()
        self.sources.bodies.clear()
        return pairs


@pytest.fixture
def rack(sources: SimulatedSources) -> Rack:
    return Rack(sources)


LOADS: dict[str, list[tuple[str, Any]]] = {
    "ollama": [("GET /ollama/api/ps", None), ("POST /ollama/api/generate", {"model": "llama3.2"})],
    "studio": [("GET /lmstudio/api/v1/models", None)],
    "vllm": [("GET /vllm/is_sleeping", None), ("POST /vllm/wake_up", {})],
}
GOES: dict[str, list[tuple[str, Any]]] = {
    "ollama": [("POST /ollama/api/generate", {"model": "llama3.2", "keep_alive": 0})],
    "studio": [
        ("GET /lmstudio/api/v1/models", None),
        ("POST /lmstudio/api/v1/models/unload", {"instance_id": "qwen/qwen3.5-9b"}),
    ],
    "vllm": [("GET /vllm/metrics", None), ("POST /vllm/sleep?level=1", {})],
}


@pytest.mark.parametrize("name", LOADS)
def test_a_model_is_loaded_kept_and_let_go(rack: Rack, name: str) -> None:
    async def work() -> None:
        await rack.use(name)
        assert rack.told() == LOADS[name]
        await rack.use(name)
        assert rack.told() == [], "it was used a moment ago"
        ticks = int(1_800 / LONGEST_TICK)
        await rack.times.pass_by(ticks - 1)
        await rack.times.done.wait()
        kept = [("POST /ollama/api/generate", {"model": "llama3.2", "keep_alive": 1_740})]
        assert rack.told() == (kept if name == "ollama" else [])
        await rack.kept.aclose()
        rack.times.now += LONGEST_TICK
        await rack.use(name)
        rack.told()
        await rack.times.pass_by(ticks + 1)
        watching = rack.kept._in_this_loop().watching
        assert watching is not None
        await asyncio.wait([watching])
        assert rack.told()[-len(GOES[name]) :] == GOES[name]
        await rack.use(name)
        assert rack.told() == LOADS[name], "loaded anew"
        await rack.kept.aclose()

    asyncio.run(work())


def test_a_model_in_use_is_not_let_go(rack: Rack) -> None:
    async def work() -> None:
        model = rack.policy.model("vllm")
        await rack.kept.enter(model)
        await rack.use("vllm")
        rack.told()
        await rack.times.pass_by(100)
        await rack.times.done.wait()
        assert rack.told() == []
        rack.kept.leave(model)
        await rack.kept.aclose()

    asyncio.run(work())


def test_vllm_is_not_interrupted_while_it_answers_others(rack: Rack) -> None:
    busy = METRICS.replace("RUNNING", "3.0").encode()
    rack.sources.answers["/vllm/metrics"] = raw(busy)

    async def work() -> None:
        await rack.use("vllm")
        rack.told()
        await rack.times.pass_by(32)
        await rack.times.done.wait()
        assert {request for request, _ in rack.told()} == {"GET /vllm/metrics"}
        await rack.kept.aclose()

    asyncio.run(work())


def test_a_server_that_does_not_obey_stops_no_call(
    rack: Rack, caplog: pytest.LogCaptureFixture
) -> None:
    rack.sources.answers["/vllm/is_sleeping"] = redirecting("http://169.254.169.254/")
    del rack.sources.answers["/vllm/metrics"]

    async def work() -> None:
        await rack.use("vllm")
        await rack.times.pass_by(31)
        watching = rack.kept._in_this_loop().watching
        assert watching is not None
        await asyncio.wait([watching])

    with caplog.at_level(logging.WARNING):
        asyncio.run(work())
    assert "was not loaded: it redirects to another address" in caplog.text
    assert "was not let go: it answers with the status 404" in caplog.text


def test_a_call_that_stops_waiting_does_not_stop_the_loading(rack: Rack) -> None:
    waiting = threading.Event()

    def when_told(handler: BaseHTTPRequestHandler) -> None:
        waiting.wait(60)
        raw(b"")(handler)

    rack.sources.answers["/vllm/wake_up"] = when_told
    model = rack.policy.model("vllm")

    async def work() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await rack.kept.enter(model)
        rack.kept.leave(model)
        waiting.set()
        await rack.use("vllm")
        assert rack.told() == LOADS["vllm"], "once"
        await rack.kept.aclose()

    asyncio.run(work())


def test_what_is_not_kept(rack: Rack) -> None:
    async def work() -> None:
        await rack.use("base")
        await rack.use("plain")
        await rack.kept.aclose()

    asyncio.run(work())
    assert rack.told() == []
    rack.kept.after_fork_in_child()


@pytest.mark.parametrize("stream", [False, True])
def test_a_router_has_a_model_loaded_before_it_calls_it(rack: Rack, stream: bool) -> None:
    caller = FakeCaller(vllm=[spoken("a", "b") if stream else response()])
    messages: Any = [{"role": "user", "content": "Hi"}]

    async def work() -> None:
        async with Router(rack.policy, caller) as router:
            if stream:
                async with await router.acompletion(messages, model="vllm", stream=True) as answer:
                    _ = [chunk async for chunk in answer]
            else:
                await router.acompletion(messages, model="vllm")

    asyncio.run(work())
    assert rack.told() == LOADS["vllm"]


def test_a_model_that_takes_too_long_to_load_is_a_timeout(rack: Rack) -> None:
    text = TEXT.replace("SERVER", rack.sources.root).replace(
        "keep_loaded: 30m", "keep_loaded: 30m\n    deadline: 200ms"
    )
    policy = load(text=text + "fallback: { max_attempts: 2 }\n")

    def stuck(_: object) -> None:
        rack.sources.release.wait(60)  # as long as it takes to read the weights

    rack.sources.answers["/vllm/wake_up"] = stuck

    async def work() -> tuple[str, list[str | None]]:
        caller = FakeCaller(plain=[response()])
        async with Router(policy, caller) as router:
            messages: Any = [{"role": "user", "content": "Hi"}]
            answer = await router.acompletion(messages, only=["vllm", "plain"])
            return answer.served_by, [each.failure for each in answer.attempts]

    assert asyncio.run(work()) == ("plain", ["timeout", None])
