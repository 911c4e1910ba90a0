"""What reports and audits read of a SQLite ledger, in one read transaction."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections import Counter as Tally
from typing import TYPE_CHECKING, Final, TypeVar

from policy_router.domain.limits import CounterKey, Metric
from policy_router.ledger.arithmetic import compare
from policy_router.ledger.memory import KEPT
from policy_router.ledger.reader import Balance
from policy_router.ledger.sqlite.codec import LEDGER, decode, to_entry

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import AsyncIterator, Callable, Iterator

    from policy_router.ledger.reader import Difference, LedgerEntry

T = TypeVar("T")

PAGE: Final = 5_000
"""Entries that are read at once."""
STRETCH: Final = 100_000
"""Entries that are added up at once; at most as many lists of keys are in memory."""


class SqliteReader(ABC):
    """The LedgerReader of a file; how the file is read is up to the subclass."""

    @abstractmethod
    async def _consult(self, look: Callable[..., T], *about: object) -> T:
        """Call `look` with a connection in one transaction that reads. Raises StoreError."""

    @abstractmethod
    def _now(self, connection: sqlite3.Connection) -> float:
        """The ledger's time."""

    async def rows(self, since: float = 0.0) -> AsyncIterator[LedgerEntry]:
        """See LedgerReader."""
        first, last = await self._consult(span, since)
        while first <= last:
            entries = await self._consult(page, first, last)
            for entry in entries:
                yield entry
            first = entries[-1].seq + 1

    async def balances(self) -> tuple[Balance, ...]:
        """See LedgerReader."""
        return await self._consult(lambda c: balances(c, self._now(c)))

    async def audit(self) -> tuple[Difference, ...]:
        """See LedgerReader."""
        return await self._consult(audit)


def span(connection: sqlite3.Connection, since: float) -> tuple[int, int]:
    """The numbers of the first entry from a time on and of the last entry; there are none when the
    first is greater than the last."""
    first, last = connection.execute("SELECT min(seq), max(seq) FROM ledger").fetchone()
    if last is None:
        return 1, 0
    # The ledger's time goes back only where an operator set it, so between two such entries they
    # are in the order of their times.
    resets = connection.execute("SELECT seq FROM reset WHERE seq >= ? ORDER BY seq", (first,))
    for (end,) in [*resets.fetchall(), (last,)]:
        seq = _first(connection, first, end, since)
        if seq is not None:
            return seq, last
        first = end + 1
    return last + 1, last


def _first(connection: sqlite3.Connection, first: int, last: int, since: float) -> int | None:
    """The number of the first of these entries that is not older than a time."""
    end = last + 1
    while first < end:
        middle = (first + end) // 2
        later = "SELECT ts FROM ledger WHERE seq >= ? ORDER BY seq LIMIT 1"
        (ts,) = connection.execute(later, (middle,)).fetchone()
        if ts >= since:
            end = middle
        else:
            first = middle + 1
    return first if first <= last else None


def page(connection: sqlite3.Connection, first: int, last: int) -> list[LedgerEntry]:
    """The next entries between two numbers, in order."""
    wanted = f"SELECT seq, {LEDGER} FROM ledger WHERE seq BETWEEN ? AND ? ORDER BY seq LIMIT {PAGE}"
    return [to_entry(columns) for columns in connection.execute(wanted, (first, last))]


def balances(connection: sqlite3.Connection, now: float) -> tuple[Balance, ...]:
    """Every calendar counter of this month and the last, and every other one with open holds."""
    wanted = (
        "SELECT key, spent - forgotten, held FROM bucket WHERE ends >= ? OR held > 0 ORDER BY key"
    )
    return tuple(_balance(*row) for row in connection.execute(wanted, (now - KEPT,)))


def _balance(key: str, spent: int, held: int) -> Balance:
    return Balance(CounterKey.parse(key), spent, held)


def audit(connection: sqlite3.Connection) -> tuple[Difference, ...]:
    """Compare every calendar counter with its ledger entries and open holds."""
    counted = (_balance(*row) for row in connection.execute("SELECT key, spent, held FROM bucket"))
    return tuple(compare(counted, _spent(connection), _held(connection)))


def _spent(connection: sqlite3.Connection) -> Tally[CounterKey]:
    """The sums of the ledger's entries, by key.

    SQLite adds up the entries with the same keys, which lets other threads run in the meantime.
    """
    wanted = (
        "SELECT keys, sum(cost), sum(tokens_in + tokens_out), sum(requests) FROM ledger"
        " WHERE seq BETWEEN ? AND ? GROUP BY keys"
    )
    (first, last) = connection.execute(
        "SELECT coalesce(min(seq), 1), coalesce(max(seq), 0) FROM ledger"
    ).fetchone()
    spent: Tally[CounterKey] = Tally()
    for start in range(first, last + 1, STRETCH):
        for keys, cost, tokens, requests in connection.execute(
            wanted, (start, start + STRETCH - 1)
        ):
            parts = {Metric.USD: cost, Metric.TOKENS: tokens}
            for key in map(CounterKey.parse, json.loads(keys)):
                spent[key] += parts.get(key.metric, requests)
    return spent


def _held(connection: sqlite3.Connection) -> Iterator[tuple[CounterKey, int]]:
    for hold_id, body in connection.execute("SELECT id, body FROM hold WHERE state = 'open'"):
        for charge in decode(hold_id, body).charges:
            if charge.counter.calendar:
                yield charge.counter.key, charge.amount
