"""Engines of SQLAlchemy for the database of a journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool

from policy_router.base_errors import UsageError
from policy_router.errors import StoreError
from policy_router.journal.file import prepare_file

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection, Engine
    from sqlalchemy.engine.interfaces import DBAPIConnection

    from policy_router.journal.address import JournalAddress

PATIENCE: Final = 5.0
"""Seconds to wait for a lock or a connection."""
_PRAGMAS: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA temp_store = MEMORY",
)


def engine_of(address: JournalAddress, *, writes: bool) -> Engine:
    """Make an engine, without connecting.

    Args:
        address: Where the journal is.
        writes: Whether transactions write; then one at a time does.

    Raises:
        UsageError: It is not an address.
        StoreError: A package is missing, or the file must not be used.
    """
    if address.file is not None:
        return _sqlite(address.file, writes=writes)
    try:
        url = make_url(address.url).set(drivername="postgresql+psycopg")
        engine = create_engine(
            url, poolclass=NullPool, connect_args={"connect_timeout": int(PATIENCE)},
            hide_parameters=True,
            # What one reader adds up in several queries is of the same moment.
            isolation_level="READ COMMITTED" if writes else "REPEATABLE READ",
        )  # fmt: skip
    except ArgumentError:
        raise UsageError("the address of the journal cannot be read") from None
    except ModuleNotFoundError as error:
        raise StoreError(
            f"the package `{error.name}` is not installed: `pip install policy-router[postgres]`"
        ) from None
    if not writes:
        event.listen(engine, "begin", _set_for_sums)
    return engine


def _set_for_sums(connection: Connection) -> None:
    """Let a transaction of PostgreSQL sort in memory, and compile nothing: it takes longer than
    the sums of a report do. Only this transaction, so that a pool of connections may be between."""
    connection.exec_driver_sql("SET LOCAL work_mem = '32MB'; SET LOCAL jit = off")


def _sqlite(path: Path, *, writes: bool) -> Engine:
    url = URL.create("sqlite+pysqlite", database=str(prepare_file(path.absolute())))
    engine = create_engine(
        url, poolclass=NullPool, connect_args={"timeout": PATIENCE, "check_same_thread": False},
        hide_parameters=True,
    )  # fmt: skip

    @event.listens_for(engine, "connect")
    def _configure(connection: DBAPIConnection, _: Any) -> None:
        connection.isolation_level = None  # transactions begin below, not where sqlite3 guesses
        cursor = connection.cursor()
        for pragma in _PRAGMAS:
            cursor.execute(pragma)
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
