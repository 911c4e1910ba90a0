"""Outcomes of a router: counted, shown, and acted on where the policy says so."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from policy_router import Router, UsageError, load
from policy_router.decision.decide import decide
from policy_router.experience.performance import Performance
from policy_router.journal.journal import Journal
from policy_router.observe.records import read_record, record_of
from tests.own_callers import answer

if TYPE_CHECKING:
    from pathlib import Path

    from policy_router.domain.models import Model
    from policy_router.events import Event

HELLO = [{"role": "user", "content": "Extract the total."}]
TEXT = """\
version: 1
tiers: [light]
models:
  first: { model: openai/first, tier: light, price: free, latency: 1s }
  second: { model: openai/second, tier: light, price: free, latency: 2s }
tasks:
  extract: { keywords: [extract], accept: { json: true } }
  chat: {}
learning: { mode: MODE, min_samples: 20 }
prefer: [reliable]
"""


def policy(mode: str) -> Any:
    return load(text=TEXT.replace("MODE", mode))


class Caller:
    """Of three answers of `first` one is no JSON; those of `second` all are."""

    def __init__(self) -> None:
        self.calls = 0

    async def __call__(self, model: Model, _body: Any, _timeout: float) -> Any:
        self.calls += 1
        return answer("no" if model.name == "first" and self.calls % 3 == 0 else "{}")


async def play(router: Router, requests: int = 60) -> None:
    for _ in range(requests):
        for model in ("first", "second"):
            await router.acompletion(HELLO, task="extract", model=model, max_candidates=1)
    await router.experience.refresh()


def test_adjust_orders_by_outcomes_and_says_why() -> None:
    async def main() -> None:
        events: list[Event] = []
        async with Router(policy("adjust"), Caller(), on_event=events.append) as router:
            before = await router.aroute(HELLO, task="extract")
            assert [c.name for c in before.candidates] == ["first", "second"]
            await play(router)
            decision = await router.aroute(HELLO, task="extract")
            assert [c.name for c in decision.candidates] == ["second", "first"]
            assert decision.candidates[0].detail == (
                "most reliable first: at least 94.0% succeed measured over 60 calls"
            )
            request, snapshot = read_record(record_of(decision, time=0.0))
            assert decide(router.policy, request, snapshot) == decision

    asyncio.run(main())


def test_shadow_shows_what_would_change() -> None:
    async def main() -> None:
        async with Router(policy("shadow"), Caller()) as router:
            await play(router)
            decision = await router.aroute(HELLO, task="extract")
            assert [c.name for c in decision.candidates] == ["first", "second"]
            (effect,) = decision.shadow
            assert effect.first == "second"
            assert "at least 94.0% succeed measured over 60 calls" in effect.detail

    asyncio.run(main())


def test_nothing_is_counted_unless_the_policy_learns() -> None:
    async def main() -> None:
        async with Router(policy("off"), Caller()) as router:
            await play(router, 2)
            assert router.experience.counts() == {}
            assert router.experience.performance("first") == Performance("first")

    asyncio.run(main())


def test_performance_ranking_and_best() -> None:
    async def main() -> None:
        async with Router(policy("suggest"), Caller()) as router:
            await play(router, 30)
            experience = router.experience
            second = experience.performance("second", task="extract")
            assert (second.calls, second.answered, second.failed) == (30, 30, 0)
            assert second.quality is not None
            assert (second.quality.value, second.quality.high) == (1.0, 1.0)
            assert 0.88 < second.quality.low < 0.9
            assert second.latency_p50 is not None
            assert [p.model for p in experience.ranking("extract")] == ["second", "first"]
            best = experience.best("extract")
            assert best is not None
            assert (best.model, best.task) == ("second", "extract")
            assert experience.best("extract", min_samples=1000) is None
            assert experience.best("chat") is None
            assert experience.performance("second", since=4e9).calls == 0
            assert experience.dropped == 0
            with pytest.raises(UsageError, match="unknown model `secnd`; did you mean `second`"):
                experience.performance("secnd")
            with pytest.raises(UsageError, match="unknown task `extrct`"):
                experience.best("extrct")
            with pytest.raises(UsageError, match="`since` must be a Unix time"):
                experience.ranking(since="yesterday")  # type: ignore[arg-type]

    asyncio.run(main())


def test_feedback_is_part_of_the_quality() -> None:
    async def main() -> None:
        async with Router(policy("shadow"), Caller()) as router:
            given = await router.acompletion(HELLO, task="chat", model="second")
            assert router.experience.add_feedback(given.decision_id, 0.25)
            assert not router.experience.add_feedback("unknown", 1)
            with pytest.raises(UsageError, match="`score` must be a number from 0 to 1"):
                router.experience.add_feedback(given.decision_id, 2)
            await router.experience.refresh()
            quality = router.experience.performance("second").quality
            assert quality is not None
            assert (quality.value, quality.samples) == (0.25, 1)

    asyncio.run(main())


def test_calls_and_feedback_of_the_program_are_experience_too(tmp_path: Path) -> None:
    async def main() -> None:
        journal = Journal(f"sqlite:///{tmp_path / 'journal.db'}")
        async with Router(policy("shadow"), Caller(), journal=journal) as router:
            given = await router.acompletion(HELLO, task="chat", model="second")
            await router.afeedback(given.decision_id, 0.25, by="ada")
            decision = await router.aroute(HELLO, task="extract")
            async with router.attempt(decision, "first") as attempt:
                attempt.settle(checks={"tests pass": False})
            again = await router.aroute(HELLO, task="extract")
            router.record(again, "second", seconds=1.0, checks={"tests pass": True})
            await router.experience.refresh()
            chat = router.experience.performance("second", task="chat")
            assert chat.quality is not None
            assert (chat.quality.value, chat.quality.samples) == (0.25, 1)
            first = router.experience.performance("first", task="extract")
            second = router.experience.performance("second", task="extract")
            assert first.quality is not None
            assert second.quality is not None
            assert (first.calls, first.quality.value) == (1, 0.0)
            assert (second.calls, second.quality.value) == (1, 1.0)

    asyncio.run(main())
