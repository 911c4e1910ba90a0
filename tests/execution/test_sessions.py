"""What is remembered of sessions while a router answers, over real stores."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from policy_router import Router, load
from policy_router.domain.request import Request
from policy_router.domain.sessions import (
    CachedPrompt,
    Keep,
    SessionMove,
    SessionOutcome,
    SessionState,
    SessionStep,
    advance,
)
from policy_router.errors import RoutingError, StoreError
from policy_router.execution.sessions import (
    SessionMemory,
    from_record,
    session_key,
    to_record,
)
from policy_router.ledger.memory import MemoryStore
from policy_router.ledger.sessions import SessionRecord
from policy_router.ledger.sqlite.store import SqliteStore
from policy_router.providers.failures.failure import CallFailed, Failure, FailureKind
from tests.execution.make import chunk, spoken
from tests.own_callers import OwnCaller, answer

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from pathlib import Path

    from policy_router.decision.policy import Policy
    from policy_router.options import RequestOptions

POLICY = """\
version: 1
tiers: [light, standard, heavy]
models:
  tiny: { model: openai/tiny, api_base: "http://127.0.0.1:1", tier: light, price: free, context: 8k }
  small: { model: openai/small, api_base: "http://127.0.0.1:2", tier: light, price: free, context: 8k }
  middle: { model: openai/middle, api_base: "http://127.0.0.1:3", tier: standard, price: free, context: 8k }
  large: { model: openai/large, api_base: "http://127.0.0.1:4", tier: heavy, price: free, context: 64k }
tasks:
  code: { min_tier: standard }
  checked: { accept: { pattern: good } }
  chat: {}
complexity: { bands: { easy: { from: 0.0 }, hard: { from: 0.6, min_tier: heavy } } }
sessions: { keep: KEEP, for: 1h }
fallback: { on_stream_break: resume, cooldown: { failures: 50, within: 1m, for: 1s } }
rules:
  - { name: nobody, when: { tags: secret }, deny: not with us }
"""  # noqa: E501  one model on each line
NOW = 1_700_000_000.0
HELLO = [{"role": "user", "content": "Hello!"}]
S1: RequestOptions = {"session": "s1", "complexity": "easy", "task": "chat"}
HARD: RequestOptions = {"session": "s1", "complexity": "hard", "task": "chat"}


def policy(keep: str = "model") -> Policy:
    return load(text=POLICY.replace("KEEP", keep))


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


class World:
    """A router over a store, with a caller whose models fail or say what a test wants."""

    def __init__(self, keep: str = "model", store: Any = None) -> None:
        self.clock = Clock()
        self.store = MemoryStore(self.clock) if store is None else store
        self.says: dict[str, Any] = {}
        self.caller = OwnCaller(self._answer)
        self.policy = policy(keep)
        self.router = Router(self.policy, self.caller, store=self.store, clock=self.clock)

    def _answer(self, name: str) -> Any:
        said = self.says.get(name, f"from {name}")
        if isinstance(said, FailureKind):
            raise CallFailed(Failure(said, "it is down"))
        return answer(said) if isinstance(said, str) else said

    async def ask(self, **more: Any) -> str:
        """Name of the model that answered; empty when none did."""
        with suppress(RoutingError):
            given = await self.router.acompletion(HELLO, **{**S1, **more})
            return str(given.served_by)
        return ""

    async def state(self, **more: Any) -> SessionState | None:
        accounting = self.router._accounting
        return await accounting.sessions.read(self.policy, Request(session="s1", **more))


def run(work: Awaitable[None]) -> None:
    async def main() -> None:
        await work

    asyncio.run(main())


# -- from request to request -----------------------------------------------------------------------


def test_a_session_stays_with_the_model_that_answered() -> None:
    async def main() -> None:
        w = World()
        assert await w.ask() == "tiny"
        w.says["tiny"] = FailureKind.SERVER_ERROR
        assert await w.ask() == "small"
        w.says.clear()
        assert await w.ask() == "small"
        assert await w.ask(session="s2") == "tiny"
        assert await w.ask(session=None) == "tiny"
        decision = await w.router.aroute(HELLO, **S1)
        assert decision.session_note == "stays with `small`, which answered last"

    run(main())


def test_a_harder_turn_moves_it_up_and_an_easier_one_not_down() -> None:
    async def main() -> None:
        w = World()
        assert [await w.ask(), await w.ask(task="code"), await w.ask()] == [
            "tiny", "middle", "middle",
        ]  # fmt: skip
        assert await w.ask(complexity="hard") == "large"
        assert await w.ask() == "large"
        state = await w.state()
        assert state is not None
        assert (state.rank, state.reason) == (2, "band `hard` needs it")

    run(main())


@pytest.mark.parametrize("keep", ["model", "tier"])
def test_a_rejected_answer_raises_the_tier(keep: str) -> None:
    async def main() -> None:
        w = World(keep)
        assert await w.ask() == "tiny"
        w.says = {"tiny": "bad", "small": "bad", "middle": "good"}
        assert await w.ask(task="checked") == "middle"
        w.says = {}
        assert await w.ask() == "middle"
        state = await w.state()
        assert state is not None
        assert (state.rank, state.reason) == (1, "an answer of `tiny` failed its checks")

    run(main())


def test_a_model_that_stood_in_after_failures_does_not_raise_the_tier() -> None:
    async def main() -> None:
        w = World("tier")
        assert await w.ask() == "tiny"
        w.says = dict.fromkeys(("tiny", "small"), FailureKind.SERVER_ERROR)
        assert await w.ask() == "middle"
        w.says = {}
        assert await w.ask() == "tiny"

    run(main())


def test_a_request_that_fails_changes_nothing_but_the_failure() -> None:
    async def main() -> None:
        w = World()
        assert await w.ask() == "tiny"
        before = await w.state()
        w.says = dict.fromkeys(("tiny", "small", "middle", "large"), FailureKind.SERVER_ERROR)
        assert await w.ask(complexity="hard", model="large") == ""
        assert await w.state() == before  # it was not the session's model that failed
        assert await w.ask() == ""
        assert before is not None
        assert await w.state() == replace(before, failed=True)
        w.says = {}
        decision = await w.router.aroute(HELLO, **S1)
        assert decision.session_note == "leaves `tiny`: it failed in this session"

    run(main())


def test_a_denied_request_and_one_that_is_only_routed_change_nothing() -> None:
    async def main() -> None:
        w = World()
        assert await w.ask(tags=["secret"]) == ""
        await w.router.aroute(HELLO, **S1)
        assert await w.state() is None
        await w.ask()
        before = await w.state()
        assert await w.ask(tags=["secret"], complexity="hard") == ""
        await w.router.aroute(HELLO, **HARD)
        assert await w.state() == before

    run(main())


def test_a_failure_of_the_request_is_no_failure_of_the_model() -> None:
    async def main() -> None:
        w = World()
        assert await w.ask() == "tiny"
        w.says["tiny"] = FailureKind.INVALID_REQUEST
        before = await w.state()
        assert await w.ask() == ""
        assert await w.state() == before

    run(main())


# -- streams ---------------------------------------------------------------------------------------


async def chunks(*parts: Any) -> Any:
    for part in parts:
        if isinstance(part, FailureKind):
            raise CallFailed(Failure(part, "it broke"))
        yield part


def test_of_a_stream_that_is_resumed_the_model_that_finished_is_remembered() -> None:
    async def main() -> None:
        w = World()
        w.says["tiny"] = chunks(chunk("one "), FailureKind.STREAM_BROKEN)
        w.says["small"] = chunks(*spoken("one ", "two"))
        stream = await w.router.acompletion(HELLO, stream=True, **S1)
        text = "".join([part.text async for part in stream])
        assert text == "one two"
        state = await w.state()
        assert state is not None
        assert state.model == "small"

    run(main())


def test_a_stream_that_its_reader_leaves_changes_nothing() -> None:
    async def main() -> None:
        w = World()
        w.says["tiny"] = chunks(*spoken("one ", "two"))
        async with await w.router.acompletion(HELLO, stream=True, **S1) as stream:
            async for _ in stream:
                break
        assert await w.state() is None

    run(main())


# -- prompt caches ---------------------------------------------------------------------------------


def counted(cached: int, written: int, kept: int | None) -> Any:
    made = answer("hello")
    made.usage = SimpleNamespace(
        prompt_tokens=1000,
        completion_tokens=2,
        cache_read_input_tokens=cached,
        cache_creation_input_tokens=written,
        cache_creation={"ephemeral_1h_input_tokens": kept},
    )
    return made


@pytest.mark.parametrize(
    ("usage", "held"),
    [
        ((600, 200, None), (CachedPrompt("tiny", 800, NOW + 300),)),
        ((600, 200, 0), (CachedPrompt("tiny", 800, NOW + 300),)),
        ((0, 200, 200), (CachedPrompt("tiny", 200, NOW + 3600),)),
        ((0, 0, None), ()),
    ],
)
def test_what_the_provider_reports_to_hold_is_remembered(
    usage: tuple[int, int, int | None], held: tuple[CachedPrompt, ...]
) -> None:
    async def main() -> None:
        w = World("tier")
        w.says["tiny"] = counted(*usage)
        await w.ask()
        state = await w.state()
        assert state is not None
        assert state.cached == held

    run(main())


# -- the store -------------------------------------------------------------------------------------


def test_a_session_is_forgotten_when_it_is_not_used_for_so_long() -> None:
    async def main() -> None:
        w = World()
        w.says["tiny"] = FailureKind.SERVER_ERROR
        assert await w.ask() == "small"
        w.says = {}
        w.clock.now += 3599
        assert await w.ask() == "small"
        w.clock.now += 3600
        assert await w.ask() == "tiny"

    run(main())


def test_processes_that_share_a_store_agree(tmp_path: Path) -> None:
    async def main() -> None:
        one, other = (World(store=SqliteStore(tmp_path / "ledger.db", Clock())) for _ in range(2))
        one.says["tiny"] = FailureKind.SERVER_ERROR
        assert await one.ask() == "small"
        assert await other.ask() == "small"
        for w in (one, other):
            await w.router.aclose()

    run(main())


def test_no_caller_steers_the_session_of_another() -> None:
    async def main() -> None:
        w = World()
        w.says["tiny"] = FailureKind.SERVER_ERROR
        assert await w.ask(user="ada") == "small"
        w.says = {}
        others: list[dict[str, str]] = [
            {"user": "bob"}, {}, {"user": "ada", "tenant": "t"}, {"user": "ada", "team": "t"},
            {"user": "ada", "key": "k"}, {"team": "ada"},
        ]  # fmt: skip
        for other in others:
            assert await w.ask(**other) == "tiny"
        assert await w.ask(user="ada") == "small"

    run(main())


def test_titles_and_subagents_leave_the_session_alone() -> None:
    async def main() -> None:
        w = World()
        assert await w.ask(complexity="hard") == "large"
        before = await w.state()
        assert await w.ask(housekeeping=True) == "tiny"
        assert [await w.ask(subagent=True, task=task) for task in ("code", "chat")] == [
            "middle", "middle",
        ]  # fmt: skip
        assert await w.state() == before
        assert await w.ask() == "large"

    run(main())


def test_the_key_of_a_session_depends_on_who_asks_and_on_the_tiers() -> None:
    requests = [
        Request(session="s1"),
        Request(session="s1", user="ada"),
        Request(session="s1", subagent=True),
        Request(session="s2"),
        Request(session="\ud800"),
    ]
    keys = [session_key(policy(), request) for request in requests]
    assert len(set(keys)) == len(keys)
    assert all(len(key) == 32 for key in keys)
    fewer = load(text=POLICY.replace("KEEP", "model").replace("[light, ", "[least, light, "))
    assert session_key(fewer, requests[0]) not in keys
    assert session_key(policy("tier"), requests[0]) == keys[0]


class Counting(MemoryStore):
    """A store that counts how often sessions are asked for."""

    asked = 0

    async def read_session(self, key: str) -> SessionRecord | None:
        self.asked += 1
        return await super().read_session(key)

    async def write_session(self, key: str, record: SessionRecord, lasts: float) -> None:
        self.asked += 1
        await super().write_session(key, record, lasts)


@pytest.mark.parametrize(
    ("keep", "options", "asked"),
    [("off", {}, 0), ("model", {"session": None}, 0), ("model", {}, 2), ("tier", {}, 2)],
)
def test_without_need_the_store_is_not_asked(
    keep: str, options: dict[str, Any], asked: int
) -> None:
    async def main() -> None:
        store = Counting(Clock())
        assert await World(keep, store).ask(**options) == "tiny"
        assert store.asked == asked

    run(main())


class Broken(MemoryStore):
    """A store whose sessions are out of reach."""

    async def read_session(self, key: str) -> SessionRecord | None:
        raise StoreError(key)

    async def write_session(self, key: str, *_: object) -> None:
        raise StoreError(key)


class Without:
    """A store that keeps no sessions."""

    def __init__(self) -> None:
        inner = MemoryStore(Clock())
        self.read, self.reserve, self.renew = inner.read, inner.reserve, inner.renew
        self.settle, self.release, self.aclose = inner.settle, inner.release, inner.aclose


@pytest.mark.parametrize("store", [Broken(Clock()), Without()])
def test_a_store_without_sessions_fails_no_request(store: Any) -> None:
    async def main() -> None:
        w = World(store=store)
        assert [await w.ask(), await w.ask()] == ["tiny", "tiny"]
        assert await w.state() is None

    run(main())


# -- what is kept ----------------------------------------------------------------------------------

STATE = SessionState(
    "small", 1, "band `härter` needs it", NOW, failed=True, tool_errors=3,
    cached=(CachedPrompt("small", 5, NOW + 1.5),),
)  # fmt: skip


def test_a_state_is_the_same_after_the_store() -> None:
    assert from_record(to_record(STATE)) == STATE


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "3", '{"cached": 1}', '{"cached": [[1, 2]], "model": "m"}']
)
def test_what_another_version_wrote_starts_again(text: str) -> None:
    assert from_record(SessionRecord(NOW, 0, text)) is None


def test_a_memory_without_a_store_remembers_nothing() -> None:
    async def main() -> None:
        async def finish(work: Awaitable[None]) -> None:
            await work

        memory = SessionMemory(Without(), Clock(), finish)
        request = Request(session="s1")
        assert memory.of(policy(), request) is None
        assert await memory.read(policy(), request) is None
        await memory.write("key", STATE, 1.0)
        kept = SessionMemory(MemoryStore(Clock()), Clock(), finish)
        assert kept.of(policy(), request) is not None
        assert kept.of(policy(), replace(request, housekeeping=True)) is None

    run(main())


# -- how a session moves on ------------------------------------------------------------------------


def step(before: SessionState | None, rank: int = 0, reason: str = "why") -> SessionStep:
    return SessionStep(Keep.MODEL, before, SessionMove.STAYS, rank, "a tier", reason, 2)


def test_a_session_begins_in_the_tier_of_its_first_model() -> None:
    began = advance(step(None, 0, ""), SessionOutcome("large", 2), NOW)
    assert began == SessionState("large", 2, "it began with `large`", NOW, tool_errors=2)
    weak = advance(step(None, 2, "band `hard` needs it"), SessionOutcome("tiny", 0), NOW)
    assert weak is not None
    assert (weak.rank, weak.reason) == (2, "band `hard` needs it")


def test_a_rejected_answer_without_a_better_one_raises_no_tier() -> None:
    outcome = SessionOutcome("tiny", 0, frozenset({"tiny"}), rejected="tiny")
    after = advance(step(STATE, 1), outcome, NOW + 1)
    assert after is not None
    assert (after.rank, after.reason, after.failed) == (1, "why", False)


def test_prompts_that_are_no_longer_held_are_forgotten() -> None:
    held = tuple(CachedPrompt(name, 5, NOW + 10) for name in "abcd")
    over = CachedPrompt("e", 5, NOW)
    before = replace(STATE, cached=(over, *held))
    new = CachedPrompt("b", 7, NOW + 300)
    after = advance(step(before), SessionOutcome("b", cached=new), NOW)
    assert after is not None
    assert after.cached == (new, held[0], held[2], held[3])
    after = advance(step(before), SessionOutcome("f", cached=CachedPrompt("f", 1, NOW + 1)), NOW)
    assert after is not None
    assert [c.model for c in after.cached] == ["f", "a", "b", "c"]


@pytest.mark.parametrize(
    ("before", "failed"),
    [(None, {"tiny"}), (STATE, {"small"}), (replace(STATE, failed=False), {"tiny"})],
)
def test_nothing_changes_without_an_answer(before: SessionState | None, failed: set[str]) -> None:
    assert advance(step(before), SessionOutcome(failed=frozenset(failed)), NOW) is None
