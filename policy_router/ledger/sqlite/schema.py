"""The tables of a SQLite ledger, in this format and in those before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.ledger.sqlite.continuity import SCHEMA as CONTINUITY
from policy_router.ledger.sqlite.health import TABLE as HEALTH
from policy_router.ledger.sqlite.sessions import TABLE as KEPT_SESSIONS
from policy_router.ledger.sqlite.tallies import TABLES as TALLIES

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

APPLICATION: Final = 0x506F5274
"""The `application_id` that marks a database as a ledger of this package (`PoRt`)."""

SCHEMA: Final = (
    """
    CREATE TABLE meta (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        now REAL NOT NULL
    ) STRICT
    """,
    "INSERT INTO meta VALUES (1, 0)",
    """
    CREATE TABLE bucket (
        key TEXT PRIMARY KEY,
        spent INTEGER NOT NULL CHECK (spent >= 0),
        held INTEGER NOT NULL CHECK (held >= 0),
        told INTEGER NOT NULL,
        ends REAL NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE slot (
        key TEXT NOT NULL,
        slot INTEGER NOT NULL,
        n INTEGER NOT NULL CHECK (n >= 0),
        ends REAL NOT NULL,
        PRIMARY KEY (key, slot)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE seat (
        key TEXT NOT NULL,
        hold TEXT NOT NULL,
        PRIMARY KEY (key, hold)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE hold (
        id TEXT NOT NULL UNIQUE,
        state TEXT NOT NULL CHECK (state IN ('open', 'expired')),
        taken REAL NOT NULL,
        expires REAL NOT NULL,
        forget REAL,
        body TEXT NOT NULL
    ) STRICT
    """,
    "CREATE INDEX hold_open ON hold (expires, id) WHERE state = 'open'",
    "CREATE INDEX hold_expired ON hold (forget) WHERE state = 'expired'",
    """
    CREATE TABLE released (
        id TEXT PRIMARY KEY,
        expires REAL NOT NULL,
        forget REAL NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX released_forget ON released (forget)",
    """
    CREATE TABLE ledger (
        seq INTEGER PRIMARY KEY,
        id TEXT NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('settle', 'expire', 'adjust')),
        ts REAL NOT NULL,
        model TEXT NOT NULL,
        task TEXT NOT NULL,
        tenant TEXT NOT NULL,
        user TEXT NOT NULL,
        team TEXT NOT NULL,
        key TEXT NOT NULL,
        revision TEXT NOT NULL,
        cost INTEGER NOT NULL,
        tokens_in INTEGER NOT NULL,
        tokens_out INTEGER NOT NULL,
        requests INTEGER NOT NULL,
        estimated INTEGER NOT NULL CHECK (estimated IN (0, 1)),
        keys TEXT NOT NULL,
        expires REAL NOT NULL,
        UNIQUE (id, kind)
    ) STRICT
    """,
)
"""The first format. `bucket`: calendar counters; `told` is the highest amount whose threshold was
reported, `ends` the end of the period. `slot`: slots of rolling windows, `n` is what was charged.
`seat`: open holds that count for concurrency. `hold`: holds that are open, or expired and may still
be settled. `released`: the ids of holds that were given back. `ledger`: every settled attempt."""

CLOCKS: Final = (
    # The uptime of each machine at a time of the ledger (see `clock.Anchor`).
    """
    CREATE TABLE anchor (
        machine TEXT PRIMARY KEY,
        uptime REAL NOT NULL,
        at REAL NOT NULL
    ) STRICT
    """,
    # Each time that an operator set the ledger's time, with the last row before it: only between
    # two of these are rows in the order of their times.
    """
    CREATE TABLE reset (
        number INTEGER PRIMARY KEY,
        seq INTEGER NOT NULL,
        before REAL NOT NULL,
        after REAL NOT NULL
    ) STRICT
    """,
)
SESSIONS: Final = (
    # What was spent before the session was last over; `ends` is when it is over unless it is used.
    "ALTER TABLE bucket ADD COLUMN forgotten INTEGER NOT NULL DEFAULT 0 CHECK (forgotten >= 0)",
    "ALTER TABLE ledger ADD COLUMN session TEXT NOT NULL DEFAULT ''",
)
MIGRATIONS: Final = (SCHEMA, CONTINUITY, CLOCKS, SESSIONS, KEPT_SESSIONS, HEALTH, TALLIES)
"""The statements that bring a ledger from each `user_version` to the next."""
COUNTERS: Final = (
    "meta", "bucket", "slot", "seat", "hold", "released", "branch", "lost_ledger",
)  # fmt: skip
"""The tables that are checked whenever a ledger is opened. `ledger` is not: it may be long."""


def identify(connection: sqlite3.Connection) -> tuple[int, int, int]:
    """What a database is.

    Returns:
        Its format (`user_version`), the program that it is marked for (`application_id`), and how
        many tables and indexes it has.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return version, application, tables


def upgrade(connection: sqlite3.Connection, version: int) -> None:
    """Bring a ledger of an older format, or an empty database (0), to the format of this version,
    in one transaction for each format."""
    for number in range(version, len(MIGRATIONS)):
        connection.execute("BEGIN IMMEDIATE")
        for statement in MIGRATIONS[number]:
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {number + 1}")
        connection.execute("COMMIT")


def damage(connection: sqlite3.Connection) -> Iterator[str]:
    """What SQLite reports to be wrong with the tables of the counters."""
    for table in COUNTERS:
        for (line,) in connection.execute(f"PRAGMA quick_check({table})"):
            if line != "ok":
                yield str(line)
