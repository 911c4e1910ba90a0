"""The file of a SQLite ledger: how it is created, locked, opened and verified."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from policy_router.ledger import private_file
from policy_router.ledger.continuity import REMEDY
from policy_router.ledger.sqlite.clock import anchored
from policy_router.ledger.sqlite.connection import connect
from policy_router.ledger.sqlite.continuity import read_high_water
from policy_router.ledger.sqlite.errors import DOCTOR, translated, unusable
from policy_router.ledger.sqlite.lock import Lock
from policy_router.ledger.sqlite.mounts import MOUNTS, NETWORK, file_system
from policy_router.ledger.sqlite.schema import APPLICATION, MIGRATIONS, damage, identify, upgrade
from policy_router.ledger.sqlite.timing import TIMING, Timing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.errors import StoreError
    from policy_router.ledger.clock import ClockReading
    from policy_router.ledger.continuity import Loss
    from policy_router.ledger.sqlite.connection import Connection, Durability
    from policy_router.ledger.sqlite.continuity import HighWater

OLDEST: Final = (3, 37, 0)
"""The first SQLite with STRICT tables."""
SUFFIXES: Final = ("-wal", "-shm", "-journal")
"""What SQLite appends to a database's name for the files that it keeps next to it."""


@dataclass(frozen=True, slots=True)
class LedgerFile:
    """The file of a ledger.

    Attributes:
        path: The path of the database, free of links.
        durability: What survives a loss of power.
        timing: How long things may take.
        mounts: The table of mounted file systems.
    """

    path: Path
    durability: Durability = "normal"
    timing: Timing = TIMING
    mounts: Path = MOUNTS

    @classmethod
    def at(
        cls, path: str | Path, durability: Durability = "normal", timing: Timing = TIMING
    ) -> LedgerFile:
        """The ledger at a path, which may be a link.

        Raises:
            StoreError: It is a link that is not followed.
        """
        given_path = Path(path)
        try:
            return cls(private_file.resolve(given_path), durability, timing)
        except OSError as error:
            raise translated(given_path, error) from error

    # -- errors ------------------------------------------------------------------------------

    def unusable(self, cause: str, remedy: str) -> StoreError:
        """The error of a ledger that cannot be used."""
        return unusable(self.path, cause, remedy)

    def translated(self, error: Exception) -> StoreError:
        """An error of SQLite, the operating system or a verb as an error of the store."""
        return translated(self.path, error)

    @contextmanager
    def translating(self) -> Iterator[None]:
        """Turn errors of SQLite and the operating system into StoreErrors."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise self.translated(error) from error

    def lock_timeout(self) -> StoreError:
        """The error when another process does not release the lock."""
        cause = f"another process has kept its lock for {self.timing.patience:g} s"
        return self.unusable(cause, "look for one that is stopped or waits for its disk")

    def lost(self, loss: Loss) -> str:
        """Why budgets are closed."""
        return f"the ledger {self.path} lost data: {loss.text}; {REMEDY}"

    # -- the lock ----------------------------------------------------------------------------

    def lock(self) -> Lock:
        """A handle on the file's lock, for one thread."""
        return Lock(self.path)

    @contextmanager
    def locked(self) -> Iterator[Lock]:
        """Hold the lock.

        Raises:
            StoreError: It was not free in time.
        """
        lock = self.lock()
        try:
            with self.translating():
                acquired = lock.acquire(self.timing.patience)
            if not acquired:
                raise self.lock_timeout()
            yield lock
        finally:
            lock.close()

    @contextmanager
    def closing(self) -> Iterator[None]:
        """Hold the lock while a connection is closed, which may write.

        When the lock is not free in time, its holder has a connection open, and only the last
        connection that is closed writes.
        """
        lock = self.lock()
        try:
            with suppress(OSError):
                lock.acquire(self.timing.patience)
            yield
        finally:
            lock.close()

    # -- connections -------------------------------------------------------------------------

    def connect(self, *, reads: bool = False, mode: str = "rw") -> Connection:
        """Connect to the database, which exists.

        Args:
            reads: Whether the connection only reads.
            mode: How SQLite opens the file, `rw` or `ro`.
        """
        patience, durability = self.timing.patience, self.durability
        return connect(self.path, self.check_files(), patience, durability, reads=reads, mode=mode)

    def check_files(self) -> os.stat_result | None:
        """Make sure that SQLite opens only the ledger's own files.

        Returns:
            The status of the database; None where there is none.

        Raises:
            OSError: One of the files is not safe.
        """
        database = private_file.inspect(self.path)
        if database is not None:
            owners = private_file.user(), database.st_uid
            for suffix in SUFFIXES:
                private_file.inspect(Path(f"{self.path}{suffix}"), owners)
        return database

    def open(self, *, reads: bool, thorough: bool) -> Connection:
        """Connect to a verified ledger.

        Args:
            reads: Whether the connection only reads.
            thorough: Whether to look for damage, too.

        Raises:
            StoreError: It cannot be used.
        """
        connection = self.connect(reads=reads)
        try:
            self.verify(connection, thorough=thorough)
        except BaseException:
            connection.close()
            raise
        return connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One transaction that reads, however long it takes."""
        with self.translating():
            connection = self.connect(reads=True)
            try:
                connection.execute("BEGIN")
                yield connection
            finally:
                with self.closing():
                    connection.close()

    # -- the disk ----------------------------------------------------------------------------

    def checkpoint(self, connection: sqlite3.Connection) -> None:
        """Copy the log into the database and restart it; under the lock. Where a reader is in the
        way, what can be copied is, and the log goes on."""
        connection.execute("PRAGMA busy_timeout = 0")
        connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
        connection.execute(f"PRAGMA busy_timeout = {self.timing.patience * 500:.0f}")

    def sync(self) -> None:
        """Synchronize the log to the disk; without the lock. Raises OSError."""
        # Whatever file is there, it does no harm to synchronize it.
        log = os.open(f"{self.path}-wal", os.O_RDONLY | private_file.SAFE)
        try:
            os.fsync(log)
        finally:
            os.close(log)

    # -- creating and verifying --------------------------------------------------------------

    def prepare(self, clocks: ClockReading) -> HighWater | None:
        """Create the ledger, or verify the one that is there.

        Args:
            clocks: What this machine's clocks show.

        Returns:
            The last recorded point of the ledger; None where there is no record.

        Raises:
            StoreError: It cannot be used.
        """
        if sqlite3.sqlite_version_info < OLDEST:
            oldest = ".".join(map(str, OLDEST))
            cause = f"SQLite {sqlite3.sqlite_version} is too old"
            raise self.unusable(cause, f"use a Python with SQLite {oldest} or later")
        name = file_system(self.path, self.mounts)
        if name in NETWORK:
            cause = f"it lies on a network file system ({name}), where locks do not work"
            raise self.unusable(cause, "put it on a local disk, or use Redis for several hosts")
        with self.translating():
            missing = [p for p in self.path.parents if not p.exists()]
            for folder in reversed(missing):
                folder.mkdir(0o700, exist_ok=True)
        with self.locked() as lock, self.translating():
            self._create()
            with closing(self.connect()) as connection:
                self.migrate(connection, existed=lock.last_checkpoint() is not None)
                self.verify(connection, thorough=True)
                anchored(connection, clocks)
            if lock.last_checkpoint() is None:
                lock.record_checkpoint(0.0, 0)
            return read_high_water(lock.fd)

    def _create(self) -> None:
        # Only a file that did not exist is opened here: closing one that a connection of this
        # process has open would drop the locks of that connection.
        with suppress(FileExistsError):
            os.close(private_file.create(self.path))

    def migrate(self, connection: sqlite3.Connection, *, existed: bool) -> None:
        """Bring a ledger to the format of this version; under the lock.

        Args:
            connection: A connection to the ledger.
            existed: Whether there was a ledger here before, so that an empty file is not a new one.

        Raises:
            StoreError: It is empty but should not be, or belongs to another program.
        """
        version, application, tables = identify(connection)
        if not tables and existed:
            cause = "it is empty, and a ledger was here before"
            raise self.unusable(cause, f"restore it, or remove {self.path}-lock to start again")
        if tables and application != APPLICATION:
            raise self.unusable("it is the database of another program", "choose another path")
        connection.execute("PRAGMA journal_mode = WAL")
        upgrade(connection, version)

    def verify(self, connection: sqlite3.Connection, *, thorough: bool) -> None:
        """Make sure that a ledger can be used.

        Args:
            connection: A connection to the ledger.
            thorough: Whether to look for damage, too.

        Raises:
            StoreError: It is of another format, or damaged.
        """
        version, _, _ = identify(connection)
        if version != len(MIGRATIONS):
            cause = f"its format is {version}, and this version writes {len(MIGRATIONS)}"
            raise self.unusable(cause, "use the version that wrote it, or another path")
        for line in damage(connection) if thorough else ():
            raise self.unusable(f"it is damaged ({line})", DOCTOR)
