"""A router with everything that could send a private request elsewhere, and random requests to it.

Private requests carry a mark in their text. The caller of models looks for it in all that a model
is sent: to answer, to judge, or to estimate.
"""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from policy_router import PolicyRouterError, Router
from policy_router.providers.failures.failure import CallFailed, Failure, FailureKind
from tests.check.policies import policy_of
from tests.execution.make import response, spoken

if TYPE_CHECKING:
    from collections.abc import Iterable

    from policy_router.decision.policy import Policy
    from policy_router.domain.models import Model
    from policy_router.providers.requests.body import Body

MARK: Final = "MARKED-PRIVATE"
TEXT: Final = """version: 1
tags: [private, vip]
tiers: [light, standard, heavy]
models:
  near: { model: hosted_vllm/near, api_base: "http://127.0.0.1:9/v1", tier: light, price: free,
          context: 9k, tags: [local] }
  near-large: { model: hosted_vllm/large, api_base: "http://127.0.0.1:9/v1", tier: standard,
                price: free, context: 20k, tags: [local], can: [tools, json, reasoning] }
  far: { model: openai/far, tier: heavy, price: free, context: 200k,
         can: [tools, json, vision, reasoning], quality: 0.9 }
  far-cheap: { model: openrouter/cheap, tier: light, price: free, context: 100k, latency: 1s }
aliases: { fast: [far-cheap, near], "gpt-*": [far, near-large], auto: ["*"] }
tasks:
  code: { keywords: [refactor], min_tier: standard, use: [far, near-large, near] }
  extract: { keywords: [extract], accept: { json: true } }
  chat: { first: [far], accept: { llm: { model: far, rubric: It is polite. } } }
complexity:
  estimator: { llm: far-cheap }
  bands: { easy: { from: 0 }, hard: { from: 0.5, min_tier: heavy } }
sessions: { keep: model }
prefer: [reliable, fastest]
rules:
  - { name: private stays, when: { tags: private }, only: [local] }
  - { name: important first, when: { tags: vip }, first: [far] }
  - { name: vip goes far, when: { tags: vip }, avoid: [near], shadow: true }
limits: { few: { models: [near], concurrent: 2 } }
fallback:
  step_down: true
  on_stream_break: resume
  on_error: { rate_limit: retry_then_next, context_too_long: bigger_context, server_error: next }
  cooldown: { failures: 2, within: 1m, for: 5s }
experiments:
  far-for-all: { share: 50%, first: [far], stick_to: user }
learning: { mode: adjust, min_samples: 2, quality: [accept] }
prompts:
  brief: { models: [far, near], system: Be brief. }
invariants:
  - { name: private never leaves, when: { tags: private }, never: [far, far-cheap] }
"""
FAULTS: Final = (
    FailureKind.RATE_LIMITED, FailureKind.CONTEXT_TOO_LONG, FailureKind.SERVER_ERROR,
    FailureKind.TIMEOUT, FailureKind.CONTENT_POLICY, FailureKind.MODEL_GONE,
)  # fmt: skip
NONE: Final = (None,) * 5


def policy() -> Policy:
    """The policy, whose promise is proved."""
    return policy_of(TEXT)


class Listener:
    """A caller that answers or fails at random, and keeps what a far model saw of a marked text."""

    def __init__(self, chance: random.Random, faults: float) -> None:
        self._chance = chance
        self._faults = faults
        self.leaks: list[str] = []
        self.marked = 0
        self.asked: set[str] = set()

    async def prepare(self, models: Iterable[Model] = ()) -> None:
        """Ready as it is."""

    async def aclose(self) -> None:
        """Nothing is open."""

    async def call(self, model: Model, body: Body, timeout: float) -> Any:  # noqa: ASYNC109, ARG002  as Caller
        """An answer, a verdict, a number or a failure."""
        self._listen(model, body)
        await asyncio.sleep(0)
        self._fail()
        return response(self._chance.choice(("7", "PASS", "FAIL", '{"a": 1}', "certainly", "")))

    async def stream(self, model: Model, body: Body, timeout: float) -> Any:  # noqa: ASYNC109, ARG002  as Caller
        """A stream that may break."""
        self._listen(model, body)
        self._fail()
        return _Broken(self._chance.random() < self._faults)

    def _listen(self, model: Model, body: Body) -> None:
        self.asked.add(model.name)
        if MARK in json.dumps(list(body["messages"])):
            self.marked += 1
            if "local" not in model.tags:
                self.leaks.append(model.name)

    def _fail(self) -> None:
        if self._chance.random() < self._faults:
            raise CallFailed(Failure(self._chance.choice(FAULTS), "by chance"))


class _Broken:
    def __init__(self, broken: bool) -> None:
        self._chunks = iter(spoken("one ", "two ", "three"))
        self._broken = broken
        self._count = 0

    def __aiter__(self) -> _Broken:
        return self

    async def __anext__(self) -> Any:
        self._count += 1
        if self._broken and self._count > 2:
            raise CallFailed(Failure(FailureKind.CONNECTION_LOST, "by chance"))
        for chunk in self._chunks:
            return chunk
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Nothing is open."""


@dataclass
class Outcome:
    """What a run showed. leaks: far models that saw a marked text, once for each call."""

    leaks: list[str]
    marked: int
    asked: set[str]
    answered: int


async def _play(policy: Policy, seed: int, requests: int, faults: float) -> Outcome:
    chance = random.Random(seed)  # noqa: S311  it has to be repeatable
    listener = Listener(chance, faults)
    now = [1_700_000_000.0]
    answered = 0
    async with Router(policy, listener, clock=lambda: now[0]) as router:
        for i in range(requests):
            now[0] += chance.choice((0.1, 1.0, 20.0))
            private = chance.random() < 0.6
            options: dict[str, Any] = {
                "tags": ["private"] * private + ["vip"] * (chance.random() < 0.4),
                "user": chance.choice(("ada", "bob", None)),
                "session": chance.choice(("s1", "s2", None)),
                "task": chance.choice(("code", "extract", "chat", None, None)),
                "complexity": chance.choice(("hard", "easy", None, None)),
                "model": chance.choice((*NONE, "auto", "fast", "gpt-9", "far")),
                "prefer": chance.choice((*NONE, ["quality"], ["fastest"])),
                "tokens": chance.choice((*NONE, *NONE, 12_000, 50_000)),
                "needs": chance.choice((*NONE, *NONE, ["tools"], ["vision"])),
                "max_candidates": chance.choice((*NONE, 1, 2)),
                "only": chance.choice((*NONE, *NONE, ["far"], ["heavy"])),
            }
            said = f"{MARK} number {i} by {seed}" if private else f"hello number {i} by {seed}"
            messages = [{"role": "user", "content": said}]
            options = {name: value for name, value in options.items() if value is not None}
            try:
                if chance.random() < 0.4:
                    stream = await router.acompletion(messages, stream=True, **options)
                    async with stream:
                        async for _ in stream:
                            pass
                else:
                    await router.acompletion(messages, **options)
                answered += 1
            except PolicyRouterError:
                continue
            if i % 10 == 9:
                await router.experience.refresh()
    return Outcome(listener.leaks, listener.marked, listener.asked, answered)


def run(policy: Policy, seed: int, requests: int = 60, faults: float = 0.3) -> Outcome:
    """Send random requests to a router with this policy."""
    return asyncio.run(_play(policy, seed, requests, faults))
