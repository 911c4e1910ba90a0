"""The tallies of a SQLite ledger: their tables, and how they are added to and read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.ledger.sqlite.statements import FEW, many
from policy_router.ledger.tallies import DAY, KEPT_DAYS, KNOWN_DAYS, DayTallies

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from policy_router.ledger.tallies import TallyBatch

FORMAT: Final = 7
"""The first format that has the tables."""
TABLES: Final = (
    """
    CREATE TABLE tally (
        topic TEXT NOT NULL,
        day INTEGER NOT NULL,
        key TEXT NOT NULL,
        name TEXT NOT NULL,
        n INTEGER NOT NULL,
        PRIMARY KEY (topic, day, key, name)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE tally_day (
        topic TEXT NOT NULL,
        day INTEGER NOT NULL,
        version INTEGER NOT NULL,
        PRIMARY KEY (topic, day)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE tally_source (
        source TEXT PRIMARY KEY,
        number INTEGER NOT NULL,
        at REAL NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
)
"""What that format adds. They may be lost: no version of the ledger counts them."""


def add_tallies(connection: sqlite3.Connection, batch: TallyBatch, now: float) -> bool:
    """Add a batch, unless it was added before. Returns whether it was added now."""
    newer = connection.execute(
        "INSERT INTO tally_source VALUES (?, ?, ?) ON CONFLICT (source) DO UPDATE"
        " SET number = excluded.number, at = excluded.at WHERE number < excluded.number",
        (batch.source, batch.number, now),
    )
    if not newer.rowcount:
        return False
    many(
        connection,
        "INSERT INTO tally VALUES {} ON CONFLICT DO UPDATE SET n = n + excluded.n",
        [
            (batch.topic, day, key, name, n)
            for (day, key), counts in batch.counts.items()
            for name, n in counts.items()
        ],
    )
    many(
        connection,
        "INSERT INTO tally_day VALUES {} ON CONFLICT DO UPDATE SET version = version + 1",
        [(batch.topic, day, 1) for day in sorted({day for day, _ in batch.counts})],
    )
    return True


def read_tallies(
    connection: sqlite3.Connection, topic: str, known: Mapping[int, int]
) -> dict[int, DayTallies]:
    """The tallies of the days whose version is not the known one."""
    versions = connection.execute("SELECT day, version FROM tally_day WHERE topic = ?", (topic,))
    changed = {}
    for day, version in versions.fetchall():
        if known.get(day) == version:
            continue
        kept: dict[str, dict[str, int]] = {}
        rows = connection.execute(
            "SELECT key, name, n FROM tally WHERE topic = ? AND day = ?", (topic, day)
        )
        for key, name, n in rows:
            kept.setdefault(key, {})[name] = n
        changed[day] = DayTallies(version, kept)
    return changed


def forget_tallies(connection: sqlite3.Connection, now: float) -> None:
    """Delete some rows of days that are over, and of processes that added nothing lately."""
    oldest = int(now // DAY) - KEPT_DAYS
    connection.execute(
        "DELETE FROM tally WHERE (topic, day, key, name) IN"
        f" (SELECT topic, day, key, name FROM tally WHERE day < ? LIMIT {FEW})",
        (oldest,),
    )
    connection.execute("DELETE FROM tally_day WHERE day < ?", (oldest,))
    connection.execute("DELETE FROM tally_source WHERE at < ?", (now - KNOWN_DAYS * DAY,))
