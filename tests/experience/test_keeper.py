"""Counts are stored in the background, merged over processes and restarts, and kept while away."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
from typing import TYPE_CHECKING, Any

import pytest

from policy_router.errors import StoreError
from policy_router.experience import keeper as keeper_module
from policy_router.experience.counts import total
from policy_router.experience.keeper import TOPIC, ExperienceKeeper
from policy_router.experience.nodes import Node, node_of
from policy_router.experience.recorder import OutcomeRecorder
from policy_router.ledger.memory import MemoryStore
from policy_router.ledger.open import open_store
from policy_router.ledger.tallies import TallyBatch
from tests.experience.test_recorder import NOON, POLICY, TODAY, attempt, decided, end

if TYPE_CHECKING:
    from pathlib import Path


def process(store: Any) -> tuple[OutcomeRecorder, ExperienceKeeper]:
    """The counts of one process."""
    recorder = OutcomeRecorder(lambda: POLICY)
    return recorder, ExperienceKeeper(store, recorder, lambda: POLICY, clock=lambda: NOON)


def calls(keeper: ExperienceKeeper) -> int:
    return total(keeper.counted().values()).calls


def test_processes_that_share_a_store_know_what_each_counted() -> None:
    async def main() -> None:
        store = MemoryStore(lambda: NOON)
        (one, first), (other, second) = process(store), process(store)
        for _ in range(40):
            one(end(attempt(passed=("json",)), task="form"))
            other(end(attempt("large"), task="chat"))
        await first.exchange()
        assert calls(first) == 40
        await second.exchange()
        await first.exchange()
        assert calls(first) == calls(second) == 80
        measured = first.measured(POLICY, decided(task="form").situation)
        assert measured["small"].accepted is not None
        assert measured["small"].accepted.samples == 40
        assert node_of(decided(task="form").situation) == Node("form", "", "", "")
        assert first.counted(NOON + 86_400) == {}

    asyncio.run(main())


def _count_in_a_process(url: str, number: int) -> None:
    async def main() -> None:
        store = open_store(url, lambda: NOON)
        recorder, keeper = process(store)
        for turn in range(5):
            for _ in range(number):
                recorder(end(attempt(), task="chat"))
            if turn % 2:
                await keeper.exchange()
        await keeper.aclose()
        await store.aclose()

    asyncio.run(main())


def test_two_processes_and_a_restart_merge_exactly(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/state.db"
    context = multiprocessing.get_context("spawn")
    for numbers in ((3, 50), (7, 1)):
        workers = [context.Process(target=_count_in_a_process, args=(url, n)) for n in numbers]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert [worker.exitcode for worker in workers] == [0, 0]

    async def main() -> int:
        store = open_store(url, lambda: NOON)
        _, keeper = process(store)
        await keeper.exchange()
        await store.aclose()
        return calls(keeper)

    assert asyncio.run(main()) == 5 * (3 + 50 + 7 + 1)


class Away(MemoryStore):
    """A store that is out of reach for a while; what was sent may have arrived all the same."""

    def __init__(self, *, arrives: bool) -> None:
        super().__init__(lambda: NOON)
        self.away = True
        self._arrives = arrives

    async def add_tallies(self, batch: TallyBatch) -> None:
        if self.away and self._arrives:
            await super().add_tallies(batch)
        if self.away:
            raise StoreError("away")
        await super().add_tallies(batch)


@pytest.mark.parametrize("arrives", [False, True])
def test_counts_wait_for_a_store_that_is_away_and_count_once(arrives: bool) -> None:
    async def main() -> None:
        store = Away(arrives=arrives)
        recorder, keeper = process(store)
        for _ in range(3):
            recorder(end(attempt(), task="chat"))
            with pytest.raises(StoreError):
                await keeper.exchange()
        store.away = False
        await keeper.exchange()
        assert calls(keeper) == 3
        assert keeper.dropped == 0

    asyncio.run(main())


def test_what_waits_is_bounded_and_reported(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(keeper_module, "MOST_WAITING", 2)

    async def main() -> None:
        store = Away(arrives=False)
        recorder, keeper = process(store)
        for _ in range(4):
            recorder(end(attempt(), task="chat"))
            with pytest.raises(StoreError):
                await keeper.exchange()
        assert keeper.dropped == 2
        await keeper.aclose()
        assert keeper.dropped == 4

    with caplog.at_level(logging.ERROR):
        asyncio.run(main())
    assert [r.message for r in caplog.records] == ["counts of outcomes were dropped: too many wait"]


def test_it_works_in_the_background_and_stores_what_is_left() -> None:
    async def main() -> None:
        store = MemoryStore(lambda: NOON)
        woken = asyncio.Event()

        async def sleep(_: float) -> None:
            woken.set()
            await asyncio.Event().wait()

        recorder = OutcomeRecorder(lambda: POLICY)
        keeper = ExperienceKeeper(store, recorder, lambda: POLICY, clock=lambda: NOON, sleep=sleep)
        recorder(end(attempt(), task="chat"))
        keeper.begin(POLICY)
        keeper.begin(POLICY)
        await woken.wait()
        assert calls(keeper) == 1
        recorder(end(attempt(), task="chat"))
        await keeper.aclose()
        await keeper.aclose()
        _, other = process(store)
        await other.exchange()
        assert calls(other) == 2

    asyncio.run(main())


def test_it_goes_on_when_the_store_is_back(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        store = Away(arrives=False)
        rounds: asyncio.Queue[None] = asyncio.Queue()
        on = asyncio.Semaphore(0)

        async def sleep(_: float) -> None:
            rounds.put_nowait(None)
            await on.acquire()

        recorder = OutcomeRecorder(lambda: POLICY)
        keeper = ExperienceKeeper(store, recorder, lambda: POLICY, clock=lambda: NOON, sleep=sleep)
        recorder(end(attempt(), task="chat"))
        keeper.begin(POLICY)
        await rounds.get()
        assert calls(keeper) == 0
        store.away = False
        on.release()
        await rounds.get()
        assert calls(keeper) == 1
        await keeper.aclose()

    asyncio.run(main())
    assert [r for r in caplog.records if r.levelno >= logging.WARNING] == []


def test_a_store_without_tallies_keeps_nothing() -> None:
    async def main() -> None:
        recorder, keeper = process(object())
        recorder(end(attempt(), task="chat"))
        keeper.begin(POLICY)
        await keeper.exchange()
        await keeper.aclose()
        assert keeper.counted() == {}

    asyncio.run(main())


def test_keys_of_another_version_are_left_out() -> None:
    async def main() -> None:
        store = MemoryStore(lambda: NOON)
        batch = TallyBatch(TOPIC, "newer", 1, {(TODAY, "{}"): {"calls": 1}})
        await store.add_tallies(batch)
        recorder, keeper = process(store)
        recorder(end(attempt(), task="chat"))
        await keeper.exchange()
        assert calls(keeper) == 1

    asyncio.run(main())


def test_a_forked_child_sends_under_a_name_of_its_own() -> None:
    async def main() -> None:
        store = MemoryStore(lambda: NOON)
        recorder, keeper = process(store)
        recorder(end(attempt(), task="chat"))
        await keeper.exchange()
        recorder(end(attempt(), task="chat"))
        for part in (recorder, keeper):
            part.after_fork_in_child()
        recorder(end(attempt(), task="chat"))
        await keeper.exchange()
        assert calls(keeper) == 2  # the parent stores the one in between

    asyncio.run(main())
