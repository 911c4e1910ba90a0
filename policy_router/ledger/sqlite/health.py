"""The health of models in a SQLite ledger: its table, and how a batch of verbs loads and saves it.

There are few rows, one for each thing that failed lately, so that all are loaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.ledger.health import KeptHealth
from policy_router.ledger.sqlite.statements import FEW, many

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

FORMAT: Final = 6
"""The first format that has the table."""
TABLE: Final = (
    """
    CREATE TABLE health (
        key TEXT PRIMARY KEY,
        body TEXT NOT NULL,
        expires REAL NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
)
"""What that format adds. It may be lost: no version of the ledger counts it."""


def load_health(connection: sqlite3.Connection, now: float) -> dict[str, KeptHealth]:
    """All rows that have not expired."""
    rows = connection.execute("SELECT key, body, expires FROM health WHERE expires > ?", (now,))
    return {key: KeptHealth(body, expires) for key, body, expires in rows}


def save_health(
    connection: sqlite3.Connection,
    before: Mapping[str, KeptHealth],
    after: Mapping[str, KeptHealth],
) -> bool:
    """Write the rows that changed. Returns whether any did."""
    rows = [
        (key, kept.text, kept.expires) for key, kept in after.items() if before.get(key) != kept
    ]
    many(connection, "INSERT OR REPLACE INTO health (key, body, expires) VALUES {}", rows)
    return bool(rows)


def forget_health(connection: sqlite3.Connection, now: float) -> None:
    """Delete some rows that expired."""
    connection.execute(
        f"DELETE FROM health WHERE key IN (SELECT key FROM health WHERE expires <= ? LIMIT {FEW})",
        (now,),
    )
