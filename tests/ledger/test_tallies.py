"""What every store does alike with tallies."""

from __future__ import annotations

import asyncio
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from policy_router.errors import StoreError
from policy_router.ledger.degraded import DegradableStore
from policy_router.ledger.memory import MemoryStore
from policy_router.ledger.sqlite.tallies import forget_tallies
from policy_router.ledger.sqlite.timing import Timing
from policy_router.ledger.sqlite.view import SqliteView
from policy_router.ledger.tallies import DAY, KEPT_DAYS, TallyBatch, TallyStore
from tests.ledger.stores import NOON, Clock, World, world

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TODAY = int(NOON // DAY)
Counts = dict[tuple[int, str], dict[str, int]]


def add(
    w: World, counts: Counts, number: int = 1, source: str = "one", topic: str = "experience"
) -> None:
    w.do(w.store.add_tallies(TallyBatch(topic, source, number, counts)))


def read(w: World, topic: str = "experience", known: Mapping[int, int] | None = None) -> Any:
    days = w.do(w.store.read_tallies(topic, known or {}))
    return {day: found.counts for day, found in days.items()}


def test_every_store_keeps_tallies(w: World) -> None:
    assert isinstance(w.store, TallyStore)
    assert read(w) == {}
    text = '["chat", "Köln\n"] and a space'
    add(w, {(TODAY, text): {"calls": 3, "cost": 10**15}, (TODAY - 1, "b"): {"calls": 1}})
    assert read(w) == {
        TODAY: {text: {"calls": 3, "cost": 10**15}},
        TODAY - 1: {"b": {"calls": 1}},
    }


def test_counts_are_added_up(w: World) -> None:
    add(w, {(TODAY, "a"): {"calls": 1, "fast": 1}})
    add(w, {(TODAY, "a"): {"calls": 2, "slow": 1}, (TODAY, "b"): {"calls": 1}}, number=2)
    add(w, {(TODAY, "a"): {"calls": 4}}, source="two")
    assert read(w) == {TODAY: {"a": {"calls": 7, "fast": 1, "slow": 1}, "b": {"calls": 1}}}


def test_a_batch_is_added_once(w: World) -> None:
    for number in (1, 1, 2, 1, 2):
        add(w, {(TODAY, "a"): {"calls": number}}, number=number)
    assert read(w) == {TODAY: {"a": {"calls": 3}}}


def test_topics_are_apart(w: World) -> None:
    add(w, {(TODAY, "a"): {"calls": 1}})
    add(w, {(TODAY, "a"): {"calls": 5}}, number=2, topic="experiments")
    assert read(w) == {TODAY: {"a": {"calls": 1}}}
    assert read(w, "experiments") == {TODAY: {"a": {"calls": 5}}}


def test_only_days_that_changed_are_read(w: World) -> None:
    add(w, {(TODAY, "a"): {"calls": 1}, (TODAY - 1, "a"): {"calls": 1}})
    days = w.do(w.store.read_tallies("experience", {}))
    known = {day: found.version for day, found in days.items()}
    assert read(w, known=known) == {}
    add(w, {(TODAY, "a"): {"calls": 1}}, number=2)
    assert read(w, known=known) == {TODAY: {"a": {"calls": 2}}}


def test_a_large_batch_is_added_whole(w: World) -> None:
    counts = {(TODAY, f"key {n}"): {"calls": n + 1, "cost": n} for n in range(1_500)}
    add(w, counts)
    assert read(w) == {TODAY: {key: row for (_, key), row in counts.items()}}


def test_tallies_are_no_counters(w: World) -> None:
    add(w, {(TODAY, "a"): {"calls": 1}})
    assert w.rows() == []
    assert w.do(w.store.balances()) == ()
    assert w.audit() == ()


def test_processes_and_restarts_add_up_exactly(lasting: tuple[World, Any]) -> None:
    w, _ = lasting
    other = w.newcomer()
    for number in range(1, 6):
        add(w, {(TODAY, "a"): {"calls": 1}}, number=number, source="one")
        add(other, {(TODAY, "a"): {"calls": 10}}, number=number, source="two")
    w.change_hands(closes=True)
    add(w, {(TODAY, "a"): {"calls": 10}}, number=5, source="two")  # sent again after the restart
    add(w, {(TODAY, "a"): {"calls": 100}}, source="three")
    assert read(w) == read(other) == {TODAY: {"a": {"calls": 155}}}


def test_many_at_once_add_up(w: World) -> None:
    async def all_of_them() -> None:
        await asyncio.gather(
            *(
                w.store.add_tallies(
                    TallyBatch("experience", f"{source}", 1, {(TODAY, "a"): {"calls": 1}})
                )
                for source in range(40)
            )
        )

    w.do(all_of_them())
    assert read(w) == {TODAY: {"a": {"calls": 40}}}


def test_old_days_are_forgotten(tmp_path: Path) -> None:
    old = TODAY - KEPT_DAYS - 1
    for name in ("memory", "redis", "sqlite"):
        place = tmp_path / name
        place.mkdir()
        with world(name, place) as w:
            add(w, {(old, "a"): {"calls": 1}, (TODAY, "a"): {"calls": 1}})
            add(w, {(TODAY, "a"): {"calls": 1}}, number=2)
            if name == "sqlite":
                with closing(w.store._file.connect()) as connection:  # as a checkpoint does
                    forget_tallies(connection, NOON)
            assert read(w) == {TODAY: {"a": {"calls": 2}}}


def test_a_view_reads_tallies_and_adds_none(tmp_path: Path) -> None:
    with world("sqlite", tmp_path) as w:
        add(w, {(TODAY, "a"): {"calls": 1}})

        async def look() -> Any:
            view = SqliteView(tmp_path / "ledger.db", w.store._time.sight, Timing())
            try:
                with pytest.raises(StoreError, match="for reading only"):
                    await view.add_tallies(TallyBatch("experience", "one", 2, {}))
                return await view.read_tallies("experience", {})
            finally:
                await view.aclose()

        assert w.do(look())[TODAY].counts == {"a": {"calls": 1}}


class Broken(MemoryStore):
    """A store out of reach."""

    async def add_tallies(self, *_: object) -> None:
        raise StoreError("away")

    async def read_tallies(self, *_: object) -> Any:
        raise StoreError("away")


class Without:
    """A store that keeps no tallies."""


def test_a_guarded_store_says_so_when_it_is_out_of_reach() -> None:
    async def both() -> None:
        store = DegradableStore(Broken(Clock()))
        with pytest.raises(StoreError):
            await store.add_tallies(TallyBatch("experience", "one", 1, {}))
        with pytest.raises(StoreError):
            await store.read_tallies("experience", {})

    asyncio.run(both())


def test_a_guarded_store_without_tallies_keeps_none() -> None:
    async def both() -> Any:
        store = DegradableStore(Without())  # type: ignore[arg-type]  # only its tallies matter
        await store.add_tallies(TallyBatch("experience", "one", 1, {}))
        return await store.read_tallies("experience", {})

    assert asyncio.run(both()) is None
