"""The file of a SQLite ledger: who may open it, under which lock, in which shape it must be.

Everything that writes - a commit, a checkpoint, the close of a connection - happens under one lock
of the operating system, on a file of its own beside the database. SQLite up to 3.51.2 can lose
commits when a checkpoint races a commit that begins the write-ahead log anew
(https://sqlite.org/wal.html#walresetbug); under one lock there is no such race, and whoever waits
for it is served in turn.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import struct
import time
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias
from urllib.parse import quote

from policy_router.errors import AmountError, StoreError
from policy_router.ledger import private_file
from policy_router.ledger.continuity import REMEDY
from policy_router.ledger.private_file import UnsafeFileError
from policy_router.ledger.sqlite.clock import anchored
from policy_router.ledger.sqlite.continuity import SCHEMA as CONTINUITY
from policy_router.ledger.sqlite.continuity import read_note

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from policy_router.ledger.clock import ClockReading
    from policy_router.ledger.continuity import Loss
    from policy_router.ledger.sqlite.continuity import Note

Durability: TypeAlias = Literal["normal", "strict"]
"""What survives a loss of power: all but the last second, or every commit."""

RETRY: Final = 0.005
"""Seconds between two looks at a lock that must not be waited for without end."""
OLDEST: Final = (3, 37, 0)
"""The first SQLite with STRICT tables."""
APPLICATION: Final = 0x506F5274
"""What marks a database as a ledger of this package (`PoRt`)."""
MOUNTS: Final = Path("/proc/mounts")

NETWORK: Final = frozenset(
    {
        "nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "9p", "afs", "ceph", "coda", "glusterfs",
        "lustre", "gpfs", "beegfs", "ocfs2", "gfs2", "fuse.sshfs", "fuse.glusterfs", "fuse.ceph",
        "fuse.s3fs", "fuse.gcsfuse", "fuse.rclone", "fuse.goofys", "fuse.juicefs", "fuse.davfs",
    }
)  # fmt: skip
"""File systems on which several hosts may sit: locks and shared memory do not reach across."""

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
CLOCKS: Final = (
    # What is known of the uptime of each machine (see `clock.Anchor`).
    """
    CREATE TABLE anchor (
        machine TEXT PRIMARY KEY,
        uptime REAL NOT NULL,
        at REAL NOT NULL
    ) STRICT
    """,
    # Times that an operator set the ledger's time, and the rows that had been written by then: only
    # between two of them are rows in the order of their times.
    """
    CREATE TABLE reset (
        number INTEGER PRIMARY KEY,
        seq INTEGER NOT NULL,
        before REAL NOT NULL,
        after REAL NOT NULL
    ) STRICT
    """,
)
MIGRATIONS: Final = (SCHEMA, CONTINUITY, CLOCKS)
"""What brings a ledger from one `user_version` to the next."""
COUNTERS: Final = (
    "meta", "bucket", "slot", "seat", "hold", "released", "branch", "lost_ledger",
)  # fmt: skip
"""The tables that are checked whenever a ledger is opened. The ledger itself may be long."""

PRAGMAS: Final = (
    "wal_autocheckpoint = 0",
    "temp_store = MEMORY",
    "cache_size = -8000",
    "mmap_size = 0",
    "trusted_schema = OFF",
    "fullfsync = ON",  # on macOS the disk is not asked otherwise
)

ENDINGS: Final = ("-wal", "-shm", "-journal")
"""What SQLite adds to a database's name for the files that it keeps beside it."""

DOCTOR: Final = "run `policy-router doctor`"

_CAUSES: Final = {
    sqlite3.SQLITE_FULL: ("the disk is full", "make room"),
    sqlite3.SQLITE_READONLY: (
        "it may not be written",
        "let this user write the file and its folder",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "it is not there or may not be opened",
        "let this user read and write the file and its folder",
    ),
    sqlite3.SQLITE_PERM: ("it may not be opened", "let this user read and write the file"),
    sqlite3.SQLITE_BUSY: (
        "another program keeps it locked",
        "close whatever else has it open, such as a database shell or a backup",
    ),
    sqlite3.SQLITE_CORRUPT: ("it is damaged", DOCTOR),
    sqlite3.SQLITE_NOTADB: ("it is not a database", DOCTOR),
    sqlite3.SQLITE_IOERR: ("the disk does not answer as it should", "look at the disk"),
}


@dataclass(frozen=True, slots=True)
class Timing:
    """How long things may take.

    patience: seconds to wait for a lock before the store counts as out of reach.
    sync: seconds after which a commit is brought to the disk: about what a loss of power can cost,
    where commits are not synchronous. It is done beside everything else.
    checkpoint: seconds after which the log is brought into the database, under the lock.
    commits: after so many that is done sooner.
    """

    patience: float = 2.0
    sync: float = 1.0
    checkpoint: float = 5.0
    commits: int = 2000


PACE: Final = Timing()


class Connection(sqlite3.Connection):
    """A connection to a ledger, which `is_connected` knows of as long as it is open."""

    def belongs_to(self, identity: tuple[int, int]) -> None:
        """Note the device and inode of its file."""
        _CONNECTED[id(self)] = identity

    def close(self) -> None:
        """Close it."""
        super().close()
        _CONNECTED.pop(id(self), None)

    def __del__(self) -> None:
        _CONNECTED.pop(id(self), None)


_CONNECTED: Final[dict[int, tuple[int, int]]] = {}
"""Device and inode of the file of every open connection."""


def is_connected(identity: tuple[int, int]) -> bool:
    """Whether this process has a connection to a file. To open and close it without SQLite would
    drop that connection's locks."""
    return identity in [*_CONNECTED.values()]


class Lock:
    """The one lock of a ledger, over all processes. An object belongs to one thread.

    The file tells when the last checkpoint was, and that a ledger once was here. shares: for
    readers, who let each other in and leave no trace; without a file there is nothing to wait for.
    """

    _NOTE: Final = struct.Struct("<8sdq")
    _MARK: Final = b"policyrt"

    def __init__(self, database: Path, *, shares: bool = False) -> None:
        self._database = database
        self._path = database.with_name(database.name + "-lock")
        self._shares = shares
        self.fd = -1

    def acquire(self, patience: float | None = None) -> bool:
        """Wait for the lock: in turn and without end, or so many seconds. Whether it was had."""
        until = None if patience is None else time.monotonic() + patience
        while True:
            if self.fd < 0:
                self._open()
            if self.fd < 0 or not self._take(until):
                return False
            if self._is_there():
                return True
            self.close()  # someone removed the file: what is locked is not what others lock

    def _open(self) -> None:
        database = private_file.examine(self._database)
        owners = {private_file.user()} | ({database.st_uid} if database else set())
        while self.fd < 0:
            try:
                self.fd = self._open_existing(owners)
            except FileNotFoundError:
                if self._shares:
                    return
                with suppress(FileExistsError):  # another process came first
                    self.fd = private_file.create(self._path, database)

    def _open_existing(self, owners: Collection[int]) -> int:
        flags = os.O_RDONLY if self._shares else os.O_RDWR
        descriptor = private_file.open_existing(self._path, flags, owners)
        found = os.pread(descriptor, self._NOTE.size, 0)
        if found.strip(b"\0") and not found.startswith(self._MARK):
            os.close(descriptor)
            raise UnsafeFileError(f"{self._path} is no lock of a ledger", f"remove {self._path}")
        return descriptor

    def _take(self, until: float | None) -> bool:
        how = fcntl.LOCK_SH if self._shares else fcntl.LOCK_EX
        if until is None:
            fcntl.flock(self.fd, how)
            return True
        while True:
            try:
                fcntl.flock(self.fd, how | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= until:
                    return False
                time.sleep(RETRY)
            else:
                return True

    def _is_there(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self.fd), self._path.lstat())
        except FileNotFoundError:
            return False

    def release(self) -> None:
        """Let the next one in."""
        fcntl.flock(self.fd, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go of lock and file."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def note(self) -> tuple[float, int] | None:
        """When the last checkpoint was (seconds since the host started), and how many commits came
        since; None where no ledger has been yet. Without the lock it may be out of date."""
        found = os.pread(self.fd, self._NOTE.size, 0)
        if len(found) < self._NOTE.size:
            return None
        mark, at, commits = self._NOTE.unpack(found)
        return (at, commits) if mark == self._MARK else None

    def write_note(self, at: float, commits: int) -> None:
        """See `note`. Only under the lock."""
        os.pwrite(self.fd, self._NOTE.pack(self._MARK, at, commits), 0)


@dataclass(frozen=True, slots=True)
class File:
    """A ledger's file. path: free of links. mounts: the table of mounted file systems."""

    path: Path
    durability: Durability = "normal"
    pace: Timing = Timing()
    mounts: Path = MOUNTS

    @classmethod
    def at(cls, path: str | Path, durability: Durability = "normal", pace: Timing = PACE) -> File:
        """The ledger at a path, which may be a link. Raises StoreError."""
        given = Path(path)
        try:
            return cls(private_file.resolve(given), durability, pace)
        except OSError as error:
            raise cls(given).worded(error) from error

    def lock(self) -> Lock:
        """A way to the file's lock, for one thread."""
        return Lock(self.path)

    def trouble(self, why: str, help_: str) -> StoreError:
        """The error that says so."""
        return StoreError(f"the ledger {self.path} cannot be used: {why}; {help_}")

    def lost(self, loss: Loss) -> str:
        """Why budgets are closed."""
        return f"the ledger {self.path} lost data: {loss.text}; {REMEDY}"

    def worded(self, error: Exception) -> StoreError:
        """An error of SQLite, the operating system or a verb, in words."""
        if isinstance(error, StoreError):
            return StoreError(*error.args)
        if isinstance(error, UnsafeFileError):
            return self.trouble(error.why, error.help)
        if isinstance(error, OverflowError):
            return AmountError(f"the ledger {self.path} cannot count so much")
        if isinstance(error, sqlite3.Error):
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
            return self.trouble(*_CAUSES.get(code, (str(error), DOCTOR)))
        if isinstance(error, OSError):
            why = error.strerror or str(error)
            return self.trouble(why, "let this user read and write the file and its folder")
        return self.trouble(f"{type(error).__name__}: {error}", DOCTOR)

    @contextmanager
    def spoken(self) -> Iterator[None]:
        """Turns the errors of SQLite and the operating system into words."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise self.worded(error) from error

    @contextmanager
    def locked(self) -> Iterator[Lock]:
        """The lock, if it is to be had soon. Raises StoreError if not."""
        lock = self.lock()
        try:
            with self.spoken():
                had = lock.acquire(self.pace.patience)
            if not had:
                raise self.held_up()
            yield lock
        finally:
            lock.close()

    def held_up(self) -> StoreError:
        """Another process does not let go of the lock."""
        why = f"another process has kept its lock for {self.pace.patience:g} s"
        return self.trouble(why, "look for one that is stopped or waits for its disk")

    def connect(self, *, reads: bool = False, mode: str = "rw") -> Connection:
        """A connection to the file that is there. reads: it never writes. mode: `rw` or `ro`."""
        status = self.examine()
        address = f"file:{quote(str(self.path))}?mode={mode}"
        connection = sqlite3.connect(
            address, timeout=self.pace.patience / 2, isolation_level=None, check_same_thread=False,
            cached_statements=256, uri=True, factory=Connection,
        )  # fmt: skip
        if status is not None:
            connection.belongs_to((status.st_dev, status.st_ino))
        try:
            for pragma in PRAGMAS:
                connection.execute(f"PRAGMA {pragma}")
            level = "FULL" if self.durability == "strict" else "NORMAL"
            connection.execute(f"PRAGMA synchronous = {level}")
            if reads:
                connection.execute("PRAGMA query_only = ON")
        except BaseException:
            connection.close()
            raise
        return connection

    def examine(self) -> os.stat_result | None:
        """Makes sure that SQLite opens only the ledger's own files; what is known of the database.
        Raises OSError."""
        database = private_file.examine(self.path)
        if database is not None:
            owners = private_file.user(), database.st_uid
            for ending in ENDINGS:
                private_file.examine(Path(f"{self.path}{ending}"), owners)
        return database

    def open(self, *, reads: bool, doubted: bool) -> sqlite3.Connection:
        """A connection to a ledger that can be trusted. doubted: something was wrong with it, so
        it is looked through. Raises StoreError."""
        connection = self.connect(reads=reads)
        try:
            self.trust(connection, doubted=doubted)
        except BaseException:
            connection.close()
            raise
        return connection

    @contextmanager
    def closing(self) -> Iterator[None]:
        """The lock for closing a connection, which may write. When it is not to be had soon, then
        whoever keeps it has a connection open, and only the last to be closed writes."""
        lock = self.lock()
        try:
            with suppress(OSError):
                lock.acquire(self.pace.patience)
            yield
        finally:
            lock.close()

    @contextmanager
    def consult(self) -> Iterator[sqlite3.Connection]:
        """One transaction that reads, however long it takes."""
        with self.spoken():
            connection = self.connect(reads=True)
            try:
                connection.execute("BEGIN")
                yield connection
            finally:
                with self.closing():
                    connection.close()

    def checkpoint(self, connection: sqlite3.Connection) -> None:
        """Brings the log into the database and begins it anew; under the lock. Where a reader is
        in the way it brings over what it can, and the log goes on."""
        connection.execute("PRAGMA busy_timeout = 0")
        connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
        connection.execute(f"PRAGMA busy_timeout = {self.pace.patience * 500:.0f}")

    def sync(self) -> None:
        """Brings the log to the disk; without the lock. Raises OSError."""
        # Whatever is there, it does no harm to have it written to the disk.
        log = os.open(f"{self.path}-wal", os.O_RDONLY | private_file.SAFE)
        try:
            os.fsync(log)
        finally:
            os.close(log)

    def prepare(self, sight: ClockReading) -> Note | None:
        """Makes the ledger, or makes sure that it can be trusted. How far it had come, if that was
        noted. sight: what this machine's clocks show. Raises StoreError."""
        if sqlite3.sqlite_version_info < OLDEST:
            oldest = ".".join(map(str, OLDEST))
            why = f"SQLite {sqlite3.sqlite_version} is too old"
            raise self.trouble(why, f"use a Python with SQLite {oldest} or later")
        kind = file_system(self.path, self.mounts)
        if kind in NETWORK:
            why = f"it lies on a network file system ({kind}), where locks do not hold"
            raise self.trouble(why, "put it on a local disk, or use Redis for several hosts")
        with self.spoken():
            missing = [p for p in self.path.parents if not p.exists()]
            for folder in reversed(missing):
                folder.mkdir(0o700, exist_ok=True)
        with self.locked() as lock, self.spoken():
            self._create()
            with closing(self.connect()) as connection:
                self.migrate(connection, known=lock.note() is not None)
                self.trust(connection, doubted=True)
                anchored(connection, sight)
            if lock.note() is None:
                lock.write_note(0.0, 0)
            return read_note(lock.fd)

    def _create(self) -> None:
        # Only a file that was not there is opened here: closing one that a connection of this
        # process has open would drop that connection's locks.
        with suppress(FileExistsError):
            os.close(private_file.create(self.path))

    def migrate(self, connection: sqlite3.Connection, *, known: bool) -> None:
        """Brings a ledger to the format of this version; under the lock. known: a ledger was here
        before, so that an empty file is not taken for a new one."""
        version, application, tables = shape(connection)
        if not tables and known:
            why = "it is empty, and a ledger was here before"
            help_ = f"restore it, or remove {self.path}-lock to begin from nothing"
            raise self.trouble(why, help_)
        if tables and application != APPLICATION:
            raise self.trouble("it is the database of another program", "choose another path")
        connection.execute("PRAGMA journal_mode = WAL")
        for number in range(version, len(MIGRATIONS)):
            connection.execute("BEGIN IMMEDIATE")
            for statement in MIGRATIONS[number]:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute(f"PRAGMA user_version = {number + 1}")
            connection.execute("COMMIT")

    def trust(self, connection: sqlite3.Connection, *, doubted: bool) -> None:
        """Raises StoreError for a ledger of another format, and where it is doubted for a damaged
        one."""
        version, _, _ = shape(connection)
        if version != len(MIGRATIONS):
            why = f"its format is {version}, and this version writes {len(MIGRATIONS)}"
            raise self.trouble(why, "use the version that wrote it, or another path")
        for line in check(connection) if doubted else ():
            raise self.trouble(f"it is damaged ({line})", DOCTOR)


def shape(connection: sqlite3.Connection) -> tuple[int, int, int]:
    """Of a database: its format, the program it is marked for, the number of its tables."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return version, application, tables


def check(connection: sqlite3.Connection) -> Iterator[str]:
    """What is wrong with the counters' tables, told by SQLite."""
    for table in COUNTERS:
        for (line,) in connection.execute(f"PRAGMA quick_check({table})"):
            if line != "ok":
                yield str(line)


def file_system(path: Path, mounts: Path = MOUNTS) -> str | None:
    """The type of the file system that a path lies on; None where that cannot be told."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    found, depth = None, 0
    for line in lines:
        _, point, kind, *_ = line.split(" ")
        place = Path(_unescaped(point))
        # Of two mounts on one point, the later one is seen.
        if path.is_relative_to(place) and len(place.parts) >= depth:
            found, depth = kind, len(place.parts)
    return found


def _unescaped(point: str) -> str:
    for code in ("040", "011", "012", "134"):
        point = point.replace(f"\\{code}", chr(int(code, 8)))
    return point
