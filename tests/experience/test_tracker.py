"""Experiments while they run: counts that processes share, arms that end, restarts."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec

import pytest

from policy_router.catalog.table import Catalog
from policy_router.decision.arm_assignment import draw_arms
from policy_router.decision.decide import decide
from policy_router.decision.facts import situation_of
from policy_router.domain.attempt import Attempt
from policy_router.domain.experiments import CONTROL
from policy_router.domain.feedback import Feedback, GivenFeedback
from policy_router.domain.outcome import Outcome
from policy_router.domain.request import Request
from policy_router.domain.snapshot import Snapshot
from policy_router.errors import StoreError
from policy_router.event_source import EventSource
from policy_router.events import Answered, Exhausted
from policy_router.experience.tallying import counts_of, topic_of
from policy_router.experience.tracker import ExperimentTracker
from policy_router.experience.verdicts import EndReason
from policy_router.language.files import PolicyFile
from policy_router.language.load import compile_files
from policy_router.ledger.memory import MemoryStore
from policy_router.ledger.tallies import DAY

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from policy_router.decision.policy import Policy
    from policy_router.experience.verdicts import ArmReport, ExperimentReport
    from policy_router.ledger.tallies import DayTallies, TallyBatch

NOON = 1_800_014_400.0
P = ParamSpec("P")


def runs(test: Callable[P, Coroutine[object, object, None]]) -> Callable[P, None]:
    """A test that is run in an event loop."""

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


def policy_of(experiment: str = "", stop: str = "confidence: 95%") -> Policy:
    text = f"""\
version: 1
models:
  a: {{ model: acme/a, tier: t, price: free }}
  b: {{ model: acme/b, tier: t, price: free }}
tasks: {{ chat: {{}} }}
experiments:
  e: {{ share: 50%, first: [b], stick_to: user, stop: {{ {stop} }} {experiment} }}
"""
    found = compile_files(
        [PolicyFile("p.yaml", text.encode())], Catalog({}, frozenset({"acme"}), "made up")
    )
    assert found.policy is not None, found.diagnostics
    return found.policy


class Process:
    """A process with a router: requests and rounds."""

    def __init__(
        self, store: MemoryStore, policy: Policy, clock: Clock, said: Said | None = None
    ) -> None:
        self.policy, self.clock = policy, clock
        self.ends: list[tuple[str, EndReason | None]] = []
        self.tracker = ExperimentTracker(store, clock=clock, on_end=self._ended, feedback=said)
        self._source = EventSource(clock=clock)
        self._requests = 0

    def _ended(self, report: ExperimentReport, arm: ArmReport) -> None:
        assert arm in report.arms
        self.ends.append((arm.arm.name, arm.ended))

    async def ask(self, user: str, ok: Mapping[str, bool]) -> str | None:
        """Ask one request, which succeeds as its arm does; return the arm."""
        ended = await self.tracker.ended(self.policy, 1.0)
        if ended is None:
            return None
        self._requests += 1
        situation = situation_of(self.policy, Request(user=user), self.clock())
        arms = draw_arms(self.policy, situation, f"{id(self)}{self._requests}", self.clock(), ended)
        decision = decide(self.policy, Request(user=user), Snapshot(arms=arms))
        decision = replace(decision, id=f"{id(self)}{self._requests}")
        if not arms:
            return None
        good = ok[arms[0].arm]
        attempt = Attempt("a", "acme/a", self.clock(), 1.0, None if good else "timeout",
                          cost_nano_usd=5)  # fmt: skip
        identity = self._source.identity(decision.id, decision.revision)
        event: Answered | Exhausted = Exhausted(*identity, decision, (attempt,), stopped=False)
        if good:
            event = Answered(*identity, decision, (attempt,), "a")
        self.tracker.observe(event)
        return arms[0].arm


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


GOOD = {"e": True, CONTROL: True}
BAD = {"e": False, CONTROL: True}


async def many(process: Process, ok: Mapping[str, bool], count: int = 400) -> list[str | None]:
    return [await process.ask(f"u{i}", ok) for i in range(count)]


async def counted(store: MemoryStore, policy: Policy) -> dict[str, int]:
    """Everything that is counted of the experiment, by name."""
    days = await store.read_tallies(topic_of(policy.experiments[0]), {})
    total: dict[str, int] = {}
    for tallies in (days or {}).values():
        for key, counts in tallies.counts.items():
            for name, count in counts.items():
                if not key.startswith("-"):
                    total[name] = total.get(name, 0) + count
    return total


@runs
async def test_an_arm_that_is_worse_gets_no_more_requests_in_any_process(clock: Clock) -> None:
    store, policy = MemoryStore(clock), policy_of()
    one, two = (Process(store, policy, clock) for _ in range(2))
    assert {"e", CONTROL} == set(await many(one, BAD))
    assert set(await many(two, BAD, 20)) == {"e", CONTROL}
    await one.tracker.round()
    assert one.ends == [("e", EndReason.CONFIDENCE)]
    assert set(await many(one, BAD, 50)) == {None}
    await two.tracker.round()
    assert two.ends == []  # the first one said it
    assert set(await many(two, BAD, 50)) == {None}


@runs
async def test_that_an_arm_ended_outlives_a_restart_and_old_counts(clock: Clock) -> None:
    store, policy = MemoryStore(clock), policy_of()
    first = Process(store, policy, clock)
    await many(first, BAD)
    await first.tracker.round()
    for _ in range(5):
        clock.now += 31 * DAY
        again = Process(store, policy, clock)
        assert set(await many(again, GOOD, 20)) == {None}
        await again.tracker.round()
        assert again.ends == []


@runs
async def test_another_way_to_stop_begins_with_what_was_counted(clock: Clock) -> None:
    store = MemoryStore(clock)
    first = Process(store, policy_of(stop="samples: 400"), clock)
    await many(first, GOOD)
    await first.tracker.round()
    assert first.ends == [("e", EndReason.SAMPLES)]
    longer = Process(store, policy_of(stop="samples: 401"), clock)
    assert CONTROL in set(await many(longer, GOOD, 20))
    await longer.tracker.round()
    assert longer.ends == [("e", EndReason.SAMPLES)]


@runs
async def test_counts_of_processes_and_restarts_add_up_exactly(clock: Clock) -> None:
    store, policy = MemoryStore(clock), policy_of()
    made = 0
    for number in range(4):
        process = Process(store, policy, clock)
        made += len(await many(process, dict.fromkeys(GOOD, number % 2 == 0), 100))
        await (process.tracker.aclose() if number % 2 else process.tracker.round())
        clock.now += DAY / 2
    counts = await counted(store, policy)
    assert (counts["requests"], counts["priced"], counts["nano_usd"]) == (made, made, 5 * made)
    assert counts["timed"] * 1_000_000 == counts["microseconds"]
    assert counts["successes"] == counts["timed"] == made / 2


@runs
async def test_the_last_day_ends_all_arms(clock: Clock) -> None:
    store, policy = MemoryStore(clock), policy_of(", until: 2027-01-15")
    process = Process(store, policy, clock)
    assert set(await many(process, GOOD, 20)) == {"e", CONTROL}
    await process.tracker.round()
    clock.now += DAY
    assert set(await many(process, GOOD, 20)) == {None}
    for _ in range(2):
        await process.tracker.round()
    assert process.ends == [("e", EndReason.UNTIL)]


class Flaky(MemoryStore):
    """A store that can be out of reach, or lose an answer."""

    down = False
    lose_answer = False

    async def add_tallies(self, batch: TallyBatch) -> None:
        if self.down:
            raise StoreError("down")
        await super().add_tallies(batch)
        if self.lose_answer:
            self.lose_answer = False
            raise StoreError("the answer was lost")

    async def read_tallies(self, topic: str, known: Mapping[int, int]) -> dict[int, DayTallies]:
        if self.down:
            raise StoreError("down")
        return await super().read_tallies(topic, known)


@runs
async def test_while_the_store_was_never_read_all_requests_are_decided_as_usual(
    clock: Clock,
) -> None:
    store, policy = Flaky(clock), policy_of()
    store.down = True
    process = Process(store, policy, clock)
    assert set(await many(process, GOOD, 20)) == {None}
    store.down = False
    assert set(await many(process, GOOD, 20)) == {"e", CONTROL}


@runs
async def test_what_a_store_did_not_take_is_added_later_and_once(clock: Clock) -> None:
    store, policy = Flaky(clock), policy_of()
    process = Process(store, policy, clock)
    await many(process, GOOD, 20)
    store.down = True
    with pytest.raises(StoreError):
        await process.tracker.round()
    await many(process, GOOD, 20)
    store.down, store.lose_answer = False, True
    with pytest.raises(StoreError):
        await process.tracker.round()
    await process.tracker.round()
    assert (await counted(store, policy))["requests"] == 40


@runs
async def test_rounds_in_the_background(clock: Clock) -> None:
    store, policy = MemoryStore(clock), policy_of()
    rounds = asyncio.Event()
    waits = 0

    async def sleep(_: float) -> None:
        nonlocal waits
        waits += 1
        if waits > 2:
            rounds.set()
            await asyncio.Event().wait()

    tracker = ExperimentTracker(store, clock=clock, on_end=lambda *_: None, sleep=sleep)
    process = Process(store, policy, clock)
    process.tracker = tracker
    await many(process, GOOD, 20)
    tracker.begin(policy)
    tracker.begin(policy)
    await rounds.wait()
    assert (await counted(store, policy))["requests"] == 20
    await tracker.aclose()
    await tracker.aclose()


def test_what_is_counted_of_a_request() -> None:
    rejected = Attempt("a", "x", 0.0, 1.5, cost_nano_usd=7, rejected=("json",))
    passed = Attempt("b", "y", 0.0, 0.5, cost_nano_usd=None, passed=("json",))
    assert counts_of((rejected,), accepted=False, answered=True) == {
        "requests": 1, "successes": 0, "checked": 1, "passed": 0, "priced": 1, "nano_usd": 7,
        "timed": 1, "microseconds": 1_500_000,
    }  # fmt: skip
    assert counts_of((rejected, passed), accepted=True, answered=True) == {
        "requests": 1, "successes": 1, "checked": 1, "passed": 0, "timed": 1,
        "microseconds": 2_000_000,
    }  # fmt: skip
    failed = Attempt("a", "x", 0.0, 9.0, "timeout", cost_nano_usd=0)
    assert counts_of((failed,), accepted=False, answered=False) == {
        "requests": 1, "successes": 0, "priced": 1, "nano_usd": 0,
    }  # fmt: skip


def test_what_begins_the_counts_of_an_experiment_again() -> None:
    (usual,) = policy_of().experiments
    others = policy_of(", when: { task: chat }"), policy_of(", effort: high")
    topics = [topic_of(usual), *(topic_of(other.experiments[0]) for other in others)]
    assert len(set(topics)) == 3
    (same,) = policy_of(", measure: cost, until: 2030-01-01", stop="samples: 5").experiments
    assert topic_of(same) == topics[0]


class Said:
    """Feedback on answers, as a journal has it."""

    def __init__(self) -> None:
        self.given: list[GivenFeedback] = []
        self.away = False

    def say(self, policy: Policy, user: str, arm: str, score: float, before: float | None) -> None:
        number = str(len(self.given))
        feedback = Feedback(f"d-{user}", score, "ada", at=NOON, id=number)
        answer = Outcome(
            at=NOON, decision=f"d-{user}", user=user, arms={"e": arm}, revision=policy.revision
        )
        self.given.append(GivenFeedback(feedback, before, answer))

    def feedback_since(self, since: float) -> list[GivenFeedback]:
        if self.away:
            raise StoreError("out of reach")
        return [each for each in self.given if each.feedback.at >= since]


@runs
async def test_feedback_counts_for_the_quality_of_an_arm(clock: Clock) -> None:
    store, policy, said = MemoryStore(clock), policy_of(", measure: quality"), Said()
    processes = [Process(store, policy, clock, said) for _ in range(2)]
    for number in range(1, 301):
        user = f"u{number}"
        arm = await processes[number % 2].ask(user, GOOD)
        assert arm is not None
        said.say(policy, user, arm, 0.0, None)
        said.say(policy, user, arm, 0.9 if arm == "e" else 0.2, 0.0)  # her latest word counts
    said.say(policy_of(", measure: cost"), "u1", "e", 0.0, None)  # of a policy that nobody follows
    for process in (*processes, *processes):
        await process.tracker.round()
    for process in processes:
        (report,) = [each.report(clock()) for each in process.tracker._followed[policy.revision]]
        (arm_report,) = report.arms
        compared = arm_report.comparison
        assert compared.arm_count + compared.control_count == 300
        assert [compared.arm, compared.control] == pytest.approx([0.9, 0.2])
    assert processes[0].ends == [("e", EndReason.CONFIDENCE)]


@runs
async def test_feedback_waits_for_its_journal(clock: Clock) -> None:
    store, policy, said = MemoryStore(clock), policy_of(", measure: quality"), Said()
    process = Process(store, policy, clock, said)
    arm = await process.ask("u1", GOOD)
    assert arm is not None
    said.say(policy, "u1", arm, 1.0, None)
    (followed,) = process.tracker._followed[policy.revision]
    for said.away, ratings in ((True, 0), (False, 1)):
        await process.tracker.round()
        days = await store.read_tallies(followed.topic, {})
        rows = [row for day in days.values() for row in day.counts.values()]
        assert sum(row.get("ratings", 0) for row in rows) == ratings
