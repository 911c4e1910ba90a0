"""What the thread of a journal does with outcomes that cannot be kept."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import select

from policy_router.events import Answered
from policy_router.ids import Ids
from policy_router.journal import journal as module
from policy_router.journal import writing
from policy_router.journal.engine import engine_of
from policy_router.journal.journal import GATHERED, Journal
from policy_router.journal.tables import PROGRESS
from policy_router.journal.writing import JournalWriter, WriterHooks
from tests.execution.make import decision
from tests.journal.make import answered

if TYPE_CHECKING:
    import pytest

    from policy_router.journal.address import JournalAddress


def kept(journal: Journal) -> list[str]:
    with journal.reader() as reader:
        return [outcome.decision for outcome in reader.outcomes()]


def test_only_the_row_that_the_database_refuses_is_dropped(address: JournalAddress) -> None:
    drops: list[tuple[int, str]] = []
    with Journal(address, on_drop=lambda number, why: drops.append((number, why))) as journal:
        journal.add(answered("a"))
        journal.add(answered("b", rank=2**80))
        journal.add(answered("c"))
        journal.flush()
        journal.add(answered("d"))
    assert kept(journal) == ["a", "c", "d"]
    assert drops == [(1, "the database refuses a value")]
    with journal.reader() as reader:
        assert [days.calls for days in reader.days([])] == [3]


def test_an_event_that_cannot_be_read_ends_nothing(address: JournalAddress) -> None:
    broken = Answered("e", "d", 1.0, "r", decision("a"), (None,), "a")  # type: ignore[arg-type]
    with Journal(address) as journal:
        journal(broken)
        journal.add(answered("a"))
    assert kept(journal) == ["a"]
    assert journal.dropped == 1


def test_what_comes_while_too_much_waits_is_dropped(address: JournalAddress) -> None:
    drops: list[int] = []
    journal = Journal(address, waiting=10, on_drop=lambda number, _: drops.append(number))
    with journal:
        for number in range(50):
            journal.add(replace(answered(), decision=f"d{number}"))
        journal.flush()
    assert len(kept(journal)) + journal.dropped == 50
    assert sum(drops) == journal.dropped


def test_counts_whose_sum_is_too_large_end_nothing(address: JournalAddress) -> None:
    with Journal(address) as journal:
        for name in ("a", "b"):
            journal.add(answered(name, tokens_in=2**63 - 1))
        journal.add(answered("c", model="opus"))
    assert {"a", "c"} <= set(kept(journal)) <= {"a", "b", "c"}
    assert len(kept(journal)) + journal.dropped == 3


def test_many_items_are_written_without_waiting_for_more(
    address: JournalAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GATHERING", 3_600.0)
    with Journal(address) as journal:
        journal.add(answered("first"))  # the thread starts, and waits for more
        for number in range(GATHERED):
            journal.add(answered(f"d{number}"))
        while len(kept(journal)) < GATHERED:  # the time limit of a test ends it else
            time.sleep(0.01)


def test_sums_of_facets_wait_while_many_requests_end(
    address: JournalAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "SUMMED", 10)
    monkeypatch.setattr(writing, "QUIET", 0)
    hooks = WriterHooks(
        lambda: None, lambda: None, lambda: None, lambda _up, _why: None, lambda _n, _why: None
    )
    writer = JournalWriter(address, time.time, Ids(time.time), hooks)

    def summed() -> int:
        with engine_of(address, writes=False).connect() as connection:
            return int(connection.execute(select(PROGRESS.c.summed)).scalar_one())

    writer.step([])  # deletes what is old
    writer.step([answered(f"d{number}") for number in range(20)])
    assert summed() == 0
    writer.step([])
    assert summed() > 0
    writer.close()
