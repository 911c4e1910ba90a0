"""Brings the tables of a journal to the newest version, one step after the other.

A step never changes once it has been released: it is written out as SQL and uses nothing from
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
    (
        "ALTER TABLE outcomes ADD COLUMN first_token_bucket SMALLINT",
        "ALTER TABLE days ADD COLUMN free BIGINT NOT NULL DEFAULT 0",
        "ALTER TABLE days ADD COLUMN unpriced BIGINT NOT NULL DEFAULT 0",
        "ALTER TABLE days ADD COLUMN answer_micros BIGINT NOT NULL DEFAULT 0",
        """UPDATE days SET free = r.free, unpriced = r.unpriced, answer_micros = r.answer_micros
            FROM (
                SELECT CAST({floor_of_at} AS BIGINT) / 86400 AS day, model,
                    COALESCE(task, '') AS task, COALESCE(band, '') AS band, role,
                    SUM(CASE WHEN latency_bucket IS NOT NULL AND cost = 0 THEN 1 ELSE 0 END)
                        AS free,
                    SUM(CASE WHEN role <> 'refused' AND cost IS NULL THEN 1 ELSE 0 END)
                        AS unpriced,
                    SUM(CASE WHEN latency_bucket IS NOT NULL
                        THEN CAST(ROUND(seconds * 1000000) AS BIGINT) ELSE 0 END)
                        AS answer_micros
                FROM outcomes GROUP BY 1, 2, 3, 4, 5
            ) AS r
            WHERE days.day = r.day AND days.model = r.model AND days.task = r.task
                AND days.band = r.band AND days.role = r.role""",
        """CREATE TABLE day_first_tokens (
            day INTEGER, model TEXT, task TEXT, band TEXT, role TEXT, bucket SMALLINT,
            calls BIGINT NOT NULL, PRIMARY KEY (day, model, task, band, role, bucket)
        )""",
        """CREATE TABLE facets (
            facet TEXT, day INTEGER, value TEXT, model TEXT, role TEXT, calls BIGINT NOT NULL,
            ok BIGINT NOT NULL, failed BIGINT NOT NULL, rejected BIGINT NOT NULL,
            accepted BIGINT NOT NULL, served BIGINT NOT NULL, requests BIGINT NOT NULL,
            denied BIGINT NOT NULL, stopped BIGINT NOT NULL, exhausted BIGINT NOT NULL,
            cost BIGINT NOT NULL, unsure BIGINT NOT NULL, estimate BIGINT NOT NULL,
            tokens_in BIGINT NOT NULL, tokens_out BIGINT NOT NULL, tokens_cached BIGINT NOT NULL,
            micros BIGINT NOT NULL, first_tokens BIGINT NOT NULL,
            first_token_micros BIGINT NOT NULL, rated BIGINT NOT NULL, rating BIGINT NOT NULL,
            free BIGINT NOT NULL, unpriced BIGINT NOT NULL, answer_micros BIGINT NOT NULL,
            PRIMARY KEY (facet, day, value, model, role)
        ){clustered}""",
        """CREATE TABLE facet_latencies (
            facet TEXT, day INTEGER, value TEXT, model TEXT, role TEXT, bucket SMALLINT,
            calls BIGINT NOT NULL, PRIMARY KEY (facet, day, value, model, role, bucket)
        ){clustered}""",
        """CREATE TABLE facet_first_tokens (
            facet TEXT, day INTEGER, value TEXT, model TEXT, role TEXT, bucket SMALLINT,
            calls BIGINT NOT NULL, PRIMARY KEY (facet, day, value, model, role, bucket)
        ){clustered}""",
        # The rows of before do not say when their streams began, and those of the earliest days
        # may be deleted already: reports read them one by one.
        "CREATE TABLE progress (summed BIGINT NOT NULL, whole_from BIGINT NOT NULL)",
        """INSERT INTO progress SELECT
            COALESCE((SELECT MAX(id) FROM outcomes), 0),
            COALESCE((SELECT MAX(day) + 1 FROM days), 0)""",
    ),
    (
        "ALTER TABLE outcomes ADD COLUMN next_model TEXT",
        "ALTER TABLE outcomes ADD COLUMN fit_cost BIGINT",
        # Where requests went after failures is read from the failures alone.
        """CREATE INDEX outcomes_failures ON outcomes (at, role, model, failure, next_model)
            WHERE failure IS NOT NULL""",
        *(
            f"ALTER TABLE {table} ADD COLUMN {name} BIGINT NOT NULL DEFAULT 0"
            for table in ("days", "facets")
            for name in (
                "poor",
                "uncounted_cost",
                "compared",
                "compared_cost",
                "compared_in",
                "compared_out",
                "compared_cached",
                "fitted",
                "fit_cost",
                "fitted_cost",
            )
        ),
        """UPDATE days SET poor = r.poor, uncounted_cost = r.all_cost - r.compared_cost,
            compared = r.compared, compared_cost = r.compared_cost, compared_in = r.compared_in,
            compared_out = r.compared_out, compared_cached = r.compared_cached
            FROM (
                SELECT CAST({floor_of_at} AS BIGINT) / 86400 AS day, model,
                    COALESCE(task, '') AS task, COALESCE(band, '') AS band, role,
                    SUM(CASE WHEN ending = 'rejected' THEN 1 ELSE 0 END) AS poor,
                    SUM(CASE WHEN served = 1 THEN COALESCE(cost, 0) ELSE 0 END) AS all_cost,
                    SUM(counted) AS compared, SUM(counted * COALESCE(cost, 0)) AS compared_cost,
                    SUM(counted * COALESCE(tokens_in, 0)) AS compared_in,
                    SUM(counted * COALESCE(tokens_out, 0)) AS compared_out,
                    SUM(CASE WHEN tokens_cached < tokens_in THEN counted * tokens_cached
                        WHEN tokens_cached IS NOT NULL THEN counted * tokens_in
                        ELSE 0 END) AS compared_cached
                FROM (
                    SELECT outcomes.*, CASE WHEN served = 1 AND tokens_in IS NOT NULL
                        AND tokens_out IS NOT NULL THEN 1 ELSE 0 END AS counted
                    FROM outcomes
                ) AS o GROUP BY 1, 2, 3, 4, 5
            ) AS r
            WHERE days.day = r.day AND days.model = r.model AND days.task = r.task
                AND days.band = r.band AND days.role = r.role""",
        # What facets lack is read from rows.
        "DELETE FROM facets",
        "DELETE FROM facet_latencies",
        "DELETE FROM facet_first_tokens",
        """UPDATE progress SET summed = COALESCE((SELECT MAX(id) FROM outcomes), 0),
            whole_from = COALESCE((SELECT MAX(day) + 1 FROM days), 0)""",
        """CREATE TABLE suspensions (
            id TEXT PRIMARY KEY, at DOUBLE PRECISION NOT NULL, seconds DOUBLE PRECISION NOT NULL,
            scope TEXT NOT NULL, name TEXT NOT NULL, cause TEXT NOT NULL
        )""",
        "CREATE INDEX suspensions_at ON suspensions (at)",
    ),
    (
        "ALTER TABLE outcomes ADD COLUMN tags TEXT",
        "ALTER TABLE outcomes ADD COLUMN attributes TEXT",
    ),
)
"""What each version adds to the one before it; version 0 is an empty database."""
NEWEST: Final = len(STEPS)
_LOCK: Final = 0x706F6C69
"""The number of the lock that processes migrate under, where the database has such locks."""


def migrate(connection: Connection, to: int = NEWEST) -> int:
    """Bring a journal to a version, within the caller's transaction.

    Args:
        connection: Has begun a transaction during which no other can write, or, on PostgreSQL, any
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
    by_dialect = {
        "{serial}": "BIGSERIAL" if on_postgresql else "INTEGER",
        "{floor_of_at}": "FLOOR(at)" if on_postgresql else "at",
        "{clustered}": "" if on_postgresql else " WITHOUT ROWID",
    }
    for step in STEPS[version:to]:
        for statement in step:
            for word, meaning in by_dialect.items():
                statement = statement.replace(word, meaning)  # noqa: PLW2901  step by step
            connection.execute(text(statement))
    connection.execute(text("UPDATE journal_version SET version = :to"), {"to": to})
    return version


def version_of(connection: Connection) -> int:
    """The version of a journal; 0 for an empty database.

    Raises:
        StoreError: It has no single version, so something else has changed it.
    """
    if not inspect(connection).has_table("journal_version"):
        return 0
    found = connection.execute(text("SELECT version FROM journal_version")).scalars().all()
    if len(found) == 1 and isinstance(found[0], int):
        return found[0]
    raise StoreError(
        "the table `journal_version` of the journal does not hold one number, so something else "
        "has changed it: restore it from a backup, or name another journal"
    )
