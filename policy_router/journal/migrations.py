"""Brings the tables of a journal to the newest version, one step after the other.

A step never changes once it has been released: it is written out as SQL and uses nothing of
`tables`. A process of an older version refuses a newer journal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import inspect, text

from policy_router.errors import StoreError

if TYPE_CHECKING:
    from sqlalchemy import Connection

STEPS: Final[tuple[tuple[str, ...], ...]] = (
    (
        """CREATE TABLE outcomes (
            id {serial} PRIMARY KEY, at DOUBLE PRECISION NOT NULL, latency_bucket SMALLINT,
            model TEXT NOT NULL, role TEXT NOT NULL, task TEXT, band TEXT, failure TEXT,
            ending TEXT, cost BIGINT, estimate BIGINT, tokens_in BIGINT, tokens_out BIGINT,
            tokens_cached BIGINT, seconds DOUBLE PRECISION NOT NULL, first_token DOUBLE PRECISION,
            ok INTEGER NOT NULL, unsure INTEGER NOT NULL, served INTEGER NOT NULL,
            accepted INTEGER, rated INTEGER NOT NULL DEFAULT 0, rating BIGINT NOT NULL DEFAULT 0,
            decision TEXT NOT NULL, rank INTEGER NOT NULL, status INTEGER, provider TEXT,
            tier TEXT, key_env TEXT, form TEXT, kind TEXT, score DOUBLE PRECISION,
            propensity DOUBLE PRECISION, tenant TEXT, user_id TEXT, team TEXT, key_id TEXT,
            session TEXT, client TEXT, stream INTEGER NOT NULL, subagent INTEGER NOT NULL,
            housekeeping INTEGER NOT NULL, turn BIGINT, tool_errors BIGINT NOT NULL, arms TEXT,
            prompt TEXT, revision TEXT NOT NULL, rules TEXT, passed TEXT, rejected TEXT
        )""",
        "CREATE INDEX outcomes_at ON outcomes (at)",
        "CREATE INDEX outcomes_decision ON outcomes (decision)",
        """CREATE TABLE days (
            day INTEGER, model TEXT, task TEXT, band TEXT, role TEXT, calls BIGINT NOT NULL,
            ok BIGINT NOT NULL, failed BIGINT NOT NULL, rejected BIGINT NOT NULL,
            accepted BIGINT NOT NULL, served BIGINT NOT NULL, requests BIGINT NOT NULL,
            denied BIGINT NOT NULL, stopped BIGINT NOT NULL, exhausted BIGINT NOT NULL,
            cost BIGINT NOT NULL, unsure BIGINT NOT NULL, estimate BIGINT NOT NULL,
            tokens_in BIGINT NOT NULL, tokens_out BIGINT NOT NULL, tokens_cached BIGINT NOT NULL,
            micros BIGINT NOT NULL, first_tokens BIGINT NOT NULL,
            first_token_micros BIGINT NOT NULL, rated BIGINT NOT NULL, rating BIGINT NOT NULL,
            PRIMARY KEY (day, model, task, band, role)
        )""",
        """CREATE TABLE day_latencies (
            day INTEGER, model TEXT, task TEXT, band TEXT, role TEXT, bucket SMALLINT,
            calls BIGINT NOT NULL, PRIMARY KEY (day, model, task, band, role, bucket)
        )""",
        """CREATE TABLE feedback (
            id TEXT PRIMARY KEY, decision TEXT NOT NULL, source TEXT NOT NULL, label TEXT,
            at DOUBLE PRECISION NOT NULL, score DOUBLE PRECISION NOT NULL
        )""",
        """CREATE TABLE ratings (
            decision TEXT, source TEXT, at DOUBLE PRECISION NOT NULL, id TEXT NOT NULL,
            rating BIGINT NOT NULL, PRIMARY KEY (decision, source)
        )""",
        "CREATE TABLE batches (id TEXT PRIMARY KEY, at DOUBLE PRECISION NOT NULL)",
    ),
    (
        # Feedback is shown by decision, and rows of feedback are deleted by their age.
        "CREATE INDEX feedback_decision ON feedback (decision)",
        "CREATE INDEX feedback_at ON feedback (at)",
    ),
)
"""What each version adds to the one before it; version 0 is an empty database."""
NEWEST: Final = len(STEPS)
_LOCK: Final = 0x706F6C69
"""The number of the lock that processes migrate under, where the database has such locks."""


def migrate(connection: Connection, to: int = NEWEST) -> int:
    """Bring a journal to a version, within the caller's transaction.

    Args:
        connection: Has begun a transaction that no other can write beside, or, on PostgreSQL, any
            transaction.
        to: The version.

    Returns:
        The version that it had before.

    Raises:
        StoreError: A newer version of the program has written it.
    """
    on_postgresql = connection.dialect.name == "postgresql"
    if on_postgresql:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    version = version_of(connection)
    if version > NEWEST:
        raise StoreError(
            f"the journal has version {version}, and this version of policy-router reads up to "
            f"{NEWEST}: update policy-router, or name another journal"
        )
    if version >= to:
        return version
    if not version:
        connection.execute(text("CREATE TABLE journal_version (version INTEGER NOT NULL)"))
        connection.execute(text("INSERT INTO journal_version VALUES (0)"))
    serial = "BIGSERIAL" if on_postgresql else "INTEGER"
    for step in STEPS[version:to]:
        for statement in step:
            connection.execute(text(statement.replace("{serial}", serial)))
    connection.execute(text("UPDATE journal_version SET version = :to"), {"to": to})
    return version


def version_of(connection: Connection) -> int:
    """The version of a journal; 0 for an empty database."""
    if not inspect(connection).has_table("journal_version"):
        return 0
    return int(connection.execute(text("SELECT version FROM journal_version")).scalar_one())
