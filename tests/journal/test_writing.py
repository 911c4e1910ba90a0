"""What the thread of a journal does with outcomes that cannot be kept."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from policy_router.events import Answered
from policy_router.journal.journal import Journal
from tests.execution.make import decision
from tests.journal.make import answered

if TYPE_CHECKING:
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
