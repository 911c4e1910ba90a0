"""Tallies as stores keep them: daily counts that many processes add to.

Tallies are no counters: no limit is decided by them, and the history of the ledger does not contain
them. A process gathers its counts and adds them in numbered batches, so that a batch whose answer
was lost can be sent again and is added once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias, runtime_checkable

DAY: Final = 86_400
"""Seconds of a day; days are counted from the beginning of Unix time."""
KEPT_DAYS: Final = 92
"""Days for which tallies are kept."""
KNOWN_DAYS: Final = 7
"""Days for which it is known which batches of a process were added."""

Counts: TypeAlias = Mapping[str, int]
"""Counts by the name of what is counted."""


@dataclass(frozen=True, slots=True)
class TallyBatch:
    """Counts to add.

    Attributes:
        topic: What they are about; each topic is read by itself.
        source: Identifies the process that gathered them, among all processes that ever did.
        number: The number of the batch among those of its source, from 1.
        counts: What to add: (day, key) -> counts.
    """

    topic: str
    source: str
    number: int
    counts: Mapping[tuple[int, str], Counts]


@dataclass(frozen=True, slots=True)
class DayTallies:
    """The tallies of one day.

    Attributes:
        version: Changes whenever something is added.
        counts: Key -> counts.
    """

    version: int
    counts: Mapping[str, Counts]


@runtime_checkable
class TallyStore(Protocol):
    """A store that keeps tallies, for all processes that share it."""

    async def add_tallies(self, batch: TallyBatch) -> None:
        """Add a batch in one step, unless it was added before.

        Args:
            batch: The counts. Batches of one source are sent in the order of their numbers.

        Raises:
            StoreError: The store cannot be reached; whether the batch was added is unknown, and it
                may be sent again.
        """
        ...

    async def read_tallies(
        self, topic: str, known: Mapping[int, int]
    ) -> Mapping[int, DayTallies] | None:
        """Read the days on which something was added that the caller does not know.

        Args:
            topic: What the tallies are about.
            known: The version that the caller knows about each day.

        Returns:
            Day -> its tallies; None when this store keeps none.

        Raises:
            StoreError: The store cannot be reached.
        """
        ...


class TallyBoard:
    """The tallies of one process, in its memory. Not safe for threads by itself."""

    def __init__(self) -> None:
        self._added: dict[str, int] = {}
        self._topics: dict[str, dict[int, tuple[int, dict[str, dict[str, int]]]]] = {}

    def add(self, batch: TallyBatch, now: float) -> None:
        """Do what `TallyStore.add_tallies` does, at a Unix time."""
        if batch.number <= self._added.get(batch.source, 0):
            return
        self._added[batch.source] = batch.number
        days = self._topics.setdefault(batch.topic, {})
        touched = {day for day, _ in batch.counts}
        for day in touched:
            version, kept = days.get(day, (0, {}))
            days[day] = version + 1, kept
        for (day, key), counts in batch.counts.items():
            row = days[day][1].setdefault(key, {})
            for name, count in counts.items():
                row[name] = row.get(name, 0) + count
        oldest = int(now // DAY) - KEPT_DAYS
        for day in [day for day in days if day < oldest]:
            del days[day]

    def read(self, topic: str, known: Mapping[int, int]) -> dict[int, DayTallies]:
        """Do what `TallyStore.read_tallies` does."""
        return {
            day: DayTallies(version, {key: dict(row) for key, row in kept.items()})
            for day, (version, kept) in self._topics.get(topic, {}).items()
            if known.get(day) != version
        }
