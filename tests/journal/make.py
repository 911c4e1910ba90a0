"""Outcomes for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from policy_router.domain.outcome import Outcome, RequestEnding
from policy_router.journal.database import JournalDatabase
from policy_router.journal.encoding import row_of
from policy_router.journal.reader import JournalReader

if TYPE_CHECKING:
    from collections.abc import Iterable

    from policy_router.journal.address import JournalAddress

DAY = 86_400.0
NOON = 20_000 * DAY + 43_200.0
"""Noon of a day, in Unix time."""


def answered(decision: str = "d1", **fields: Any) -> Outcome:
    """The only attempt of a request that was answered."""
    values: dict[str, Any] = {
        "at": NOON,
        "model": "haiku",
        "task": "extract",
        "band": "easy",
        "seconds": 0.5,
        "cost": 1_000_000_001,
        "tokens_in": 100,
        "tokens_out": 20,
        "served": True,
        "ending": RequestEnding.ANSWERED,
    }
    return Outcome(decision=decision, **(values | fields))


def write(address: JournalAddress, outcomes: Iterable[Outcome], batch: str = "b1") -> None:
    """Write one batch."""
    database = JournalDatabase(address)
    try:
        database.write(batch, [row_of(outcome) for outcome in outcomes], NOON)
    finally:
        database.close()


def read(address: JournalAddress) -> list[Outcome]:
    """Everything, in order."""
    with JournalReader(address) as reader:
        return list(reader.outcomes())
