"""Connections to the database of a SQLite ledger."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Final, Literal, TypeAlias
from urllib.parse import quote

if TYPE_CHECKING:
    import os
    from pathlib import Path

Durability: TypeAlias = Literal["normal", "strict"]
"""What survives a loss of power: all but the last second, or every commit."""

PRAGMAS: Final = (
    "wal_autocheckpoint = 0",
    "temp_store = MEMORY",
    "cache_size = -8000",
    "mmap_size = 0",
    "trusted_schema = OFF",
    "fullfsync = ON",  # otherwise macOS does not flush the disk
)


class Connection(sqlite3.Connection):
    """A connection that `is_connected` knows about for as long as it is open."""

    def belongs_to(self, identity: tuple[int, int]) -> None:
        """Record the device and inode of its file."""
        _CONNECTED[id(self)] = identity

    def close(self) -> None:
        """Close it."""
        super().close()
        _CONNECTED.pop(id(self), None)

    def __del__(self) -> None:
        _CONNECTED.pop(id(self), None)


_CONNECTED: Final[dict[int, tuple[int, int]]] = {}
"""The device and inode of the file of every open connection, by the id() of the connection."""


def is_connected(identity: tuple[int, int]) -> bool:
    """Whether this process has a connection to the file with this device and inode. Opening and
    closing such a file without SQLite would drop the locks of that connection."""
    return identity in [*_CONNECTED.values()]


def connect(
    path: Path,
    status: os.stat_result | None,
    patience: float,
    durability: Durability,
    *,
    reads: bool,
    mode: str,
) -> Connection:
    """Connect to a database that exists.

    Args:
        path: The path of the database.
        status: The status of its file; None where that is unknown.
        patience: Half of it is how long SQLite itself waits for a lock, in seconds.
        durability: What survives a loss of power.
        reads: Whether it only reads.
        mode: How SQLite opens the file, `rw` or `ro`.

    Raises:
        sqlite3.Error: It cannot be opened.
    """
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode={mode}", timeout=patience / 2, isolation_level=None,
        check_same_thread=False, cached_statements=256, uri=True, factory=Connection,
    )  # fmt: skip
    if status is not None:
        connection.belongs_to((status.st_dev, status.st_ino))
    try:
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        level = "FULL" if durability == "strict" else "NORMAL"
        connection.execute(f"PRAGMA synchronous = {level}")
        if reads:
            connection.execute("PRAGMA query_only = ON")
    except BaseException:
        connection.close()
        raise
    return connection
