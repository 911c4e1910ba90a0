"""What reports and audits read of a SQLite ledger. Who calls holds one read transaction."""

from __future__ import annotations

import json
from collections import Counter as Tally
from typing import TYPE_CHECKING, Final

from policy_router.meter import Metric
from policy_router.state.counting import compare, metric_of
from policy_router.state.memory import KEPT
from policy_router.state.sqlite_tables import LEDGER, decode, to_row
from policy_router.state.store import Bucket

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from policy_router.state.store import Difference, Row

PAGE: Final = 5_000
"""Rows that are read at once."""
STRETCH: Final = 100_000
"""Rows that are summed at once: as many keys are in memory, at most."""


def span(connection: sqlite3.Connection, since: float) -> tuple[int, int]:
    """The numbers of the first row from a time on and of the last row; empty when first > last."""
    (first, last) = connection.execute("SELECT min(seq), max(seq) FROM ledger").fetchone()
    if last is None:
        return 1, 0
    last_of_all = last
    # The store's time never goes back, so rows are in the order of their times.
    last += 1
    while first < last:
        middle = (first + last) // 2
        later = "SELECT ts FROM ledger WHERE seq >= ? ORDER BY seq LIMIT 1"
        (ts,) = connection.execute(later, (middle,)).fetchone()
        if ts >= since:
            last = middle
        else:
            first = middle + 1
    return first, last_of_all


def page(connection: sqlite3.Connection, first: int, last: int) -> list[Row]:
    """The next rows of the ledger, by their numbers, in order."""
    wanted = f"SELECT seq, {LEDGER} FROM ledger WHERE seq BETWEEN ? AND ? ORDER BY seq LIMIT {PAGE}"
    return [to_row(columns) for columns in connection.execute(wanted, (first, last))]


def buckets(connection: sqlite3.Connection, now: float) -> tuple[Bucket, ...]:
    """Every calendar counter of this month and the last, and every other that something is held
    in."""
    wanted = "SELECT key, spent, held FROM bucket WHERE ends >= ? OR held > 0 ORDER BY key"
    return tuple(Bucket(*row) for row in connection.execute(wanted, (now - KEPT,)))


def audit(connection: sqlite3.Connection) -> tuple[Difference, ...]:
    """Every calendar counter beside its ledger rows and open holds."""
    counted = (Bucket(*row) for row in connection.execute("SELECT key, spent, held FROM bucket"))
    return tuple(compare(counted, _spent(connection), _held(connection)))


def _spent(connection: sqlite3.Connection) -> Tally[str]:
    """What the ledger's rows come to, by key.

    Rows that name the same keys are added up by SQLite, which lets other threads run meanwhile.
    """
    wanted = (
        "SELECT keys, sum(cost), sum(tokens_in + tokens_out), sum(requests) FROM ledger"
        " WHERE seq BETWEEN ? AND ? GROUP BY keys"
    )
    (first, last) = connection.execute(
        "SELECT coalesce(min(seq), 1), coalesce(max(seq), 0) FROM ledger"
    ).fetchone()
    spent: Tally[str] = Tally()
    for start in range(first, last + 1, STRETCH):
        for keys, cost, tokens, requests in connection.execute(
            wanted, (start, start + STRETCH - 1)
        ):
            parts = {Metric.USD: cost, Metric.TOKENS: tokens}
            for key in json.loads(keys):
                spent[key] += parts.get(metric_of(key), requests)
    return spent


def _held(connection: sqlite3.Connection) -> Iterator[tuple[str, int]]:
    for hold_id, body in connection.execute("SELECT id, body FROM hold WHERE state = 'open'"):
        for charge in decode(hold_id, body).charges:
            if charge.counter.calendar:
                yield charge.counter.key, charge.amount
