"""Feedback in a journal counts as experience, exactly once, whichever process hears of it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from policy_router import Router, load
from policy_router.domain.feedback import Feedback, GivenFeedback
from policy_router.domain.outcome import Outcome, Role
from policy_router.errors import StoreError
from policy_router.experience.counted_feedback import LATE, MISSED, FeedbackLog, batch_of
from policy_router.experience.counts import FEEDBACK, FEEDBACK_SUM, TENANT, tenant_group, total
from policy_router.experience.keeper import ExperienceKeeper
from policy_router.experience.nodes import OutcomeKey
from policy_router.experience.recorder import OutcomeRecorder
from policy_router.journal.journal import Journal
from policy_router.ledger.memory import MemoryStore
from policy_router.ledger.sqlite.store import SqliteStore
from policy_router.ledger.tallies import TallyStore
from tests.experience.test_recorder import NOON, POLICY, attempt, end
from tests.own_callers import answer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Any

TEXT = """\
version: 1
tiers: [light]
models:
  small: { model: openai/small, tier: light, price: free }
  other: { model: openai/other, tier: light, price: free }
tasks: { chat: {} }
learning: { mode: shadow }
experiments: { e: { share: 50%, first: [other], measure: quality } }
"""
HELLO: Any = [{"role": "user", "content": "Hello"}]


async def call(_model: object, _body: object, _timeout: float) -> Any:
    return answer("{}")


def opened(folder: Path) -> Router:
    journal = Journal(f"sqlite:///{folder / 'journal.db'}")
    store = SqliteStore(folder / "state.db")
    return Router(load(text=TEXT), call, store=store, journal=journal)


def say(folder: Path, decision: str, score: float, by: str = "user") -> None:
    """Give feedback by the command, in a process of its own."""
    journal = f"sqlite:///{folder / 'journal.db'}"
    command = ["feedback", decision, str(score), "--by", by, "--journal", journal]
    subprocess.run([sys.executable, "-m", "policy_router", *command], check=True, timeout=120)


async def counted(*routers: Router) -> set[tuple[int, int]]:
    """How much feedback each router knows of, and its sum."""
    for router in (*routers, *routers):
        await router.experience.refresh()
    sums = [total(router.experience.counts().values()) for router in routers]
    return {(each.feedback, each.feedback_sum) for each in sums}


async def rated(*routers: Router) -> set[tuple[int, int]]:
    """The same, of their experiment."""
    found = set()
    for router in (*routers, *routers):
        await router._experiments.round()
    for router in routers:
        (followed,) = router._experiments._followed[router.policy.revision]
        assert isinstance(router._store, TallyStore)
        days = await router._store.read_tallies(followed.topic, {}) or {}
        rows = [row for day in days.values() for row in day.counts.values()]
        number, total_rating = (
            sum(row.get(name, 0) for row in rows) for name in ("ratings", "rating")
        )
        found.add((number, total_rating))
    return found


def test_feedback_by_the_command_counts_once_over_processes_and_a_restart(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as one, opened(tmp_path) as other:
            first = await one.acompletion(HELLO, task="chat")
            second = await other.acompletion(HELLO, task="chat")
            for router in (one, other):
                assert router.journal is not None
                router.journal.flush()
            say(tmp_path, first.decision_id, 0.2)
            assert await counted(one, other) == await rated(one, other) == {(1, 200)}
            say(tmp_path, first.decision_id, 0.9)  # the latest word of a source counts
            await other.afeedback(first.decision_id, 0.5, by="ada")  # an answer of another process
            assert await counted(one, other) == await rated(one, other) == {(2, 1400)}
        say(tmp_path, second.decision_id, 0.1)  # no process runs
        async with opened(tmp_path) as again, opened(tmp_path) as late:
            assert await counted(again, late) == {(3, 1500)}
            for router in (again, late):
                await router.acompletion(HELLO, task="chat")  # then it follows experiments
            assert await rated(again, late) == {(3, 1500)}

    asyncio.run(main())


GIVEN = GivenFeedback(
    Feedback("d1", 0.25, at=1000.0, id="f1"),
    None,
    Outcome(
        at=900.0,
        decision="d1",
        model="small",
        task="chat",
        band="hard",
        form="plain",
        role=Role.AFTER_FAILURE,
        prompt="careful",
        tenant="acme",
    ),
)


def test_what_feedback_adds() -> None:
    batch = batch_of("experience", GIVEN)
    ((day, text),) = batch.counts
    key = OutcomeKey.parse(text)
    assert day == 0
    assert key.node.parts() == ("chat", "plain", "", "hard")
    assert (key.model, key.role, key.prompt) == ("small", Role.FIRST, "careful")
    group = f"{TENANT}{tenant_group('acme')} "
    (counts,) = batch.counts.values()
    assert counts == {
        FEEDBACK: 1, FEEDBACK_SUM: 250, f"{group}{FEEDBACK}": 1, f"{group}{FEEDBACK_SUM}": 250,
    }  # fmt: skip
    answered = replace(GIVEN.outcome, tenant=None, role=Role.AFTER_REJECTION)
    again = batch_of("experience", replace(GIVEN, before=1.0, outcome=answered))
    ((_, text),) = again.counts
    assert OutcomeKey.parse(text).role is Role.AFTER_REJECTION
    assert list(again.counts.values()) == [{FEEDBACK_SUM: -750}]


class Said:
    """Feedback in memory, and from when on it was asked for."""

    def __init__(self) -> None:
        self.given: list[GivenFeedback] = []
        self.asked: list[float] = []
        self.away = False

    def feedback_since(self, since: float) -> Sequence[GivenFeedback]:
        if self.away:
            raise StoreError("away")
        self.asked.append(since)
        return [each for each in self.given if each.feedback.at >= since]


def test_each_look_goes_on_where_the_last_one_ended() -> None:
    said = Said()
    log = FeedbackLog(said, 1000.0)
    said.given.append(GIVEN)
    assert log.look() == [GIVEN]
    log.note(GIVEN)
    log.go_on(1001.0)
    assert log.look() == []
    log.go_on(1000.0 + LATE + 1)
    late = replace(GIVEN, feedback=replace(GIVEN.feedback, at=1002.0, id="f2"))
    said.given.append(late)  # it was under way
    assert log.look() == [late]
    assert said.asked == [1000.0 - MISSED, 1001.0 - LATE, 1001.0]


def test_a_journal_that_is_away_keeps_nothing_else_from_being_counted() -> None:
    async def main() -> None:
        said, recorder = Said(), OutcomeRecorder(lambda: POLICY)
        store = MemoryStore(lambda: NOON)
        keeper = ExperienceKeeper(
            store, recorder, lambda: POLICY, feedback=said, clock=lambda: NOON
        )
        said.away = True
        said.given.append(replace(GIVEN, feedback=replace(GIVEN.feedback, at=NOON)))
        recorder(end(attempt(), task="chat"))
        await keeper.exchange()
        found = total(keeper.counted().values())
        assert (found.calls, found.feedback) == (1, 0)
        said.away = False
        await keeper.exchange()
        assert total(keeper.counted().values()).feedback == 1

    asyncio.run(main())
