"""What a SQLite ledger records of its own history, and its high-water mark in the lock's file.

The high-water mark is written with every commit, under the lock, so that a process that starts
later notices when the database is older than the mark.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from policy_router.ledger.continuity import BRANCHES, Loss, Mark, SeenState, contains, new_token

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

SCHEMA: Final = (
    "ALTER TABLE meta ADD COLUMN ledger TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE meta ADD COLUMN branch TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE meta ADD COLUMN version INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE meta ADD COLUMN lost TEXT",
    "UPDATE meta SET ledger = lower(hex(randomblob(8))), branch = lower(hex(randomblob(8)))",
    """
    CREATE TABLE branch (
        id TEXT PRIMARY KEY,
        succeeded INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE lost_ledger (
        id TEXT PRIMARY KEY,
        accepted INTEGER NOT NULL CHECK (accepted IN (0, 1))
    ) STRICT, WITHOUT ROWID
    """,
)
"""What the second format adds. `meta.version`: the number of changes so far, one for each commit;
`meta.lost`: what was lost, until it is accepted. `branch`: branches that were succeeded by others.
`lost_ledger`: the ledgers that processes saw here and that lost data."""

BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
HIGH_WATER: Final = struct.Struct("<8s16s16s36sqq")
MARK: Final = b"seenmark"
OFFSET: Final = 64
"""The offset of the high-water mark in the lock's file."""


@cache
def boot_id() -> str:
    """Identifies this start of the host; empty where that is unknown."""
    try:
        return BOOT.read_text(encoding="utf-8").strip()
    except OSError:
        return ""


@dataclass(frozen=True, slots=True)
class HighWater:
    """The last recorded point of a ledger.

    Attributes:
        mark: Its state at the last commit.
        synced: The version that is known to be on the disk.
        boot: Identifies the start of the host in which this was written.
    """

    mark: Mark
    synced: int
    boot: str

    @property
    def expected(self) -> Mark:
        """What the ledger must contain: every commit, or what was on the disk when the power may
        have been lost in the meantime.
        """
        if self.boot and self.boot == boot_id():
            return self.mark
        return Mark(self.mark.ledger, "", min(self.synced, self.mark.version))


def read_high_water(file: int) -> HighWater | None:
    """The high-water mark in a lock's file; None when there is none."""
    record = os.pread(file, HIGH_WATER.size, OFFSET)
    if len(record) < HIGH_WATER.size or not record.startswith(MARK):
        return None
    _, ledger, branch, boot, version, synced = HIGH_WATER.unpack(record)
    return HighWater(Mark(_text(ledger), _text(branch), version), synced, _text(boot))


def write_high_water(file: int, mark: Mark, synced: int) -> None:
    """Write the high-water mark; only under the lock.

    Args:
        file: The descriptor of the lock's file.
        mark: The state of the ledger.
        synced: The version that this process knows to be on the disk.
    """
    before = read_high_water(file)
    if before is not None and before.mark.ledger == mark.ledger:
        synced = max(synced, before.synced)
    texts = (text.encode("ascii") for text in (mark.ledger, mark.branch, boot_id()))
    os.pwrite(file, HIGH_WATER.pack(MARK, *texts, mark.version, synced), OFFSET)


def record_synced(file: int, synced: int) -> None:
    """Record that the log was synchronized up to a version; only under the lock."""
    high_water = read_high_water(file)
    if high_water is not None:
        write_high_water(file, high_water.mark, synced)


def _text(padded: bytes) -> str:
    return padded.rstrip(b"\0").decode("ascii", "replace")


def read_state(connection: sqlite3.Connection) -> tuple[float, Mark, Loss | None]:
    """The ledger's time, the point that it has reached, and what it is known to have lost."""
    now, ledger, branch, version, lost = connection.execute(
        "SELECT now, ledger, branch, version, lost FROM meta"
    ).fetchone()
    return now, Mark(ledger, branch, version), None if lost is None else Loss.restored(lost)


def compare(
    connection: sqlite3.Connection, seen: Mark | None, reached: Mark, now: float
) -> Loss | None:
    """What was lost since a point was seen; None when nothing was.

    Args:
        connection: A connection in a transaction.
        seen: The point; None for nothing.
        reached: Where the ledger is now.
        now: The ledger's time.
    """
    if seen is None or (reached.branch == seen.branch and reached.version >= seen.version):
        return None
    (count, oldest) = connection.execute("SELECT count(*), min(succeeded) FROM branch").fetchone()

    def succeeded(branch: str) -> int | None:
        row = connection.execute("SELECT succeeded FROM branch WHERE id = ?", (branch,)).fetchone()
        return None if row is None else int(row[0])

    def accepted(ledger: str) -> bool:
        row = connection.execute(
            "SELECT 1 FROM lost_ledger WHERE id = ? AND accepted", (ledger,)
        ).fetchone()
        return row is not None

    if contains(reached, seen, succeeded, oldest if count >= BRANCHES else -1, accepted):
        return None
    return Loss(now, seen.version, reached.version if reached.ledger == seen.ledger else None)


def is_recorded(connection: sqlite3.Connection, seen: Mark) -> bool:
    """Whether it is recorded that the ledger that was seen here lost data."""
    row = connection.execute("SELECT 1 FROM lost_ledger WHERE id = ?", (seen.ledger,)).fetchone()
    return row is not None


def record_loss(connection: sqlite3.Connection, loss: Loss, seen: Mark) -> None:
    """Record a loss for all processes."""
    connection.execute("INSERT OR IGNORE INTO lost_ledger VALUES (?, 0)", (seen.ledger,))
    connection.execute("UPDATE meta SET lost = ? WHERE lost IS NULL", (loss.stored(),))


def begin_branch(connection: sqlite3.Connection, reached: Mark, branch: str) -> Mark:
    """Begin a branch of this process."""
    connection.execute(
        "INSERT OR REPLACE INTO branch VALUES (?, ?)", (reached.branch, reached.version)
    )
    connection.execute(
        "DELETE FROM branch WHERE id IN (SELECT id FROM branch ORDER BY succeeded DESC"
        f" LIMIT -1 OFFSET {BRANCHES})"
    )
    connection.execute("UPDATE meta SET branch = ?", (branch,))
    return replace(reached, branch=branch)


def accept(connection: sqlite3.Connection, seen: Mark | None) -> Loss | None:
    """Accept what was lost, in one transaction.

    Processes that saw a lost ledger continue with this one. It gets a new id, so that a later loss
    of its own data will be noticed.

    Returns:
        What had been lost; None for nothing.
    """
    connection.execute("BEGIN IMMEDIATE")
    now, reached, recorded = read_state(connection)
    new = compare(connection, seen, reached, now)
    if new is not None and seen is not None:
        record_loss(connection, new, seen)
    loss = recorded or new
    if loss is not None:
        connection.execute("UPDATE lost_ledger SET accepted = 1")
        connection.execute("INSERT OR REPLACE INTO lost_ledger VALUES (?, 1)", (reached.ledger,))
        connection.execute(
            "UPDATE meta SET lost = NULL, ledger = ?, branch = ?, version = version + 1",
            (new_token(), new_token()),
        )
    connection.execute("COMMIT")
    return loss


class History:
    """The part of one transaction that concerns the ledger's history.

    Args:
        connection: A connection in a transaction.
        memory: What the process remembers.
        seen: What it remembered before the transaction began.
        look: Returns the time now, from the latest time that the ledger recorded.

    Attributes:
        loss: What was lost; None for nothing.
        mark: Where the ledger is.
        now: The latest time that the ledger recorded.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        memory: SeenState,
        seen: Mark | None,
        look: Callable[[float], float],
    ) -> None:
        self._connection = connection
        self._memory = memory
        self._seen = seen
        self.now, self.mark, recorded = read_state(connection)
        self._new = compare(connection, seen, self.mark, look(self.now))
        self.loss = recorded or self._new
        if recorded is not None and seen is not None and is_recorded(connection, seen):
            self._new = None

    def write(self, *, changed: bool) -> bool:
        """Record the change, or a loss.

        Args:
            changed: Whether the transaction changed something else.

        Returns:
            Whether there is anything to commit.
        """
        if self._new is not None and self._seen is not None:
            record_loss(self._connection, self._new, self._seen)
        if changed:
            if not self._memory.joined:
                self.mark = begin_branch(self._connection, self.mark, self._memory.branch)
            self.mark = Mark(self.mark.ledger, self.mark.branch, self.mark.version + 1)
        return changed or self._new is not None

    def end(self) -> None:
        """Remember what was seen, after the commit."""
        self._memory.record(self.mark, self.loss)
