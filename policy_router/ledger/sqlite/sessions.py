"""The sessions of a SQLite ledger: their table, and how a batch of verbs loads and saves them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.ledger.sessions import MOST_SESSIONS, KeptSession, SessionRecord
from policy_router.ledger.sqlite.statements import FEW, find, many

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

TABLE: Final = (
    """
    CREATE TABLE session (
        key TEXT PRIMARY KEY,
        at REAL NOT NULL,
        rank INTEGER NOT NULL,
        body TEXT NOT NULL,
        expires REAL NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX session_expires ON session (expires)",
)
"""What the fifth format adds. They may be lost: no version of the ledger counts them."""


def load_sessions(
    connection: sqlite3.Connection, keys: Sequence[str], now: float
) -> dict[str, KeptSession]:
    """The sessions of these keys that have not expired."""
    chosen = "SELECT key, at, rank, body, expires FROM session WHERE key IN ({}) AND expires > ?"
    return {
        key: KeptSession(SessionRecord(at, rank, body), expires)
        for key, at, rank, body, expires in find(connection, chosen, list(dict.fromkeys(keys)), now)
    }


def save_sessions(
    connection: sqlite3.Connection,
    before: Mapping[str, KeptSession],
    after: Mapping[str, KeptSession],
) -> bool:
    """Write the sessions that changed. Returns whether any did."""
    rows = [
        (key, kept.record.at, kept.record.rank, kept.record.text, kept.expires)
        for key, kept in after.items()
        if before.get(key) != kept
    ]
    many(
        connection,
        "INSERT OR REPLACE INTO session (key, at, rank, body, expires) VALUES {}",
        rows,
    )
    return bool(rows)


def forget_sessions(connection: sqlite3.Connection, now: float) -> None:
    """Delete some sessions that expired, and those beyond the most that are kept."""
    row = connection.execute(
        f"SELECT expires FROM session ORDER BY expires DESC LIMIT 1 OFFSET {MOST_SESSIONS}"
    ).fetchone()
    until = now if row is None else max(now, row[0])
    connection.execute(
        "DELETE FROM session WHERE key IN"
        f" (SELECT key FROM session WHERE expires <= ? ORDER BY expires LIMIT {FEW})",
        (until,),
    )
