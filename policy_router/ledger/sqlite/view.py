"""A SQLite ledger that is only read: nothing is written into its folder.

SQLite itself writes when it reads: it creates the files that processes share, and as root it gives
them to the owner of the database. So a ledger that no process has open, or whose folder belongs to
another user, is copied into a private folder, and the copy is read. A ledger that processes of the
same user have open is read in place.
"""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import stat
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn, TypeVar

from policy_router.ledger import private_file
from policy_router.ledger.arithmetic import clamped
from policy_router.ledger.engine import LedgerState
from policy_router.ledger.health import texts
from policy_router.ledger.sqlite import clock as sqlite_clock
from policy_router.ledger.sqlite.clock import LedgerClock
from policy_router.ledger.sqlite.connection import is_connected
from policy_router.ledger.sqlite.continuity import compare, read_high_water, read_state
from policy_router.ledger.sqlite.file import LedgerFile
from policy_router.ledger.sqlite.health import FORMAT, load_health
from policy_router.ledger.sqlite.lock import Lock
from policy_router.ledger.sqlite.reports import SqliteReader
from policy_router.ledger.sqlite.rows import LoadedState, load_counters
from policy_router.ledger.sqlite.schema import MIGRATIONS, identify
from policy_router.ledger.sqlite.sessions import load_sessions
from policy_router.ledger.sqlite.tallies import read_tallies
from policy_router.ledger.sqlite.timing import TIMING
from policy_router.ledger.uptime import host

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from policy_router.domain.limits import Charge, Reading
    from policy_router.ledger.clock import Moment, Source
    from policy_router.ledger.continuity import Loss, Mark
    from policy_router.ledger.sessions import SessionRecord
    from policy_router.ledger.sqlite.timing import Timing
    from policy_router.ledger.tallies import DayTallies

T = TypeVar("T")

TRIES: Final = 5
"""How often a ledger is copied when it is written to in the meantime."""
ROOM: Final = 64 * 2**20
"""Bytes that a copy leaves free on its disk."""


class SqliteView(SqliteReader):
    """A store for reading. It opens the file with the first call, which can raise StoreError.

    Args:
        path: The path of a database that exists.
        sight: A source of clock readings; by default this machine's clocks.
        timing: How long things may take.
    """

    def __init__(
        self, path: str | Path, sight: Source | None = None, timing: Timing = TIMING
    ) -> None:
        self._file = LedgerFile.at(path, timing=timing)
        self._time = LedgerClock(sight or host())
        self._stack = ExitStack()
        self._connection: sqlite3.Connection | None = None
        self._loss: Loss | None = None

    async def read(self, charges: Sequence[Charge]) -> tuple[Reading, ...]:
        """See Store."""
        wanted = clamped(charges)

        def look(connection: sqlite3.Connection) -> tuple[Reading, ...]:
            now, loaded = self._now(connection), LoadedState(LedgerState())
            counters = {charge.counter.id: charge.counter for charge in wanted}
            load_counters(connection, loaded, counters.values(), now)
            return tuple(loaded.ledger.reading(charge, now) for charge in wanted)

        return await self._consult(look)

    async def read_session(self, key: str) -> SessionRecord | None:
        """See SessionStore."""

        def look(connection: sqlite3.Connection) -> SessionRecord | None:
            kept = load_sessions(connection, (key,), self._now(connection)).get(key)
            return None if kept is None else kept.record

        return await self._consult(look)

    async def read_health(self) -> dict[str, str]:
        """See HealthStore."""

        def look(connection: sqlite3.Connection) -> dict[str, str]:
            if identify(connection)[0] < FORMAT:
                return {}
            now = self._now(connection)
            return texts(load_health(connection, now), now)

        return await self._consult(look)

    async def read_tallies(self, topic: str, known: Mapping[int, int]) -> dict[int, DayTallies]:
        """See TallyStore."""
        return await self._consult(read_tallies, topic, known)

    async def _write(self, *_: object) -> NoReturn:
        raise self._file.unusable("it was opened for reading only", "open it with `open_store`")

    reserve = renew = settle = release = write_session = swap_health = add_tallies = _write

    async def aclose(self) -> None:
        """See Store."""
        await asyncio.to_thread(self._stack.close)
        self._connection = None

    @property
    def loss(self) -> Loss | None:
        """See Continuous."""
        return self._loss

    async def accept_loss(self) -> NoReturn:
        """See Continuous."""
        await self._write()

    async def moment(self) -> Moment:
        """The ledger's time, and how this machine's clock differs. Raises StoreError."""
        return await self._consult(
            lambda connection: self._time.look(sqlite_clock.load(connection, self._time.machine))
        )

    def _now(self, connection: sqlite3.Connection) -> float:
        return self._time.look(sqlite_clock.load(connection, self._time.machine)).now

    async def _consult(self, look: Callable[..., T], *about: object) -> T:
        return await asyncio.to_thread(self._look, look, *about)

    def _look(self, look: Callable[..., T], *about: object) -> T:
        with self._file.translating():
            if self._connection is None:
                seen = expected(self._file)  # before the database, to which others may write
                self._connection = self._stack.enter_context(usable(self._file))
                now, reached, loss = read_state(self._connection)
                self._loss = loss or compare(self._connection, seen, reached, now)
            self._connection.execute("BEGIN")
            try:
                return look(self._connection, *about)
            finally:
                self._connection.rollback()


@contextmanager
def usable(file: LedgerFile) -> Iterator[sqlite3.Connection]:
    """A connection that reads a ledger in the format of this version.

    A ledger in an older format is copied, and the copy is migrated.

    Raises:
        StoreError: It cannot be used.
    """
    with ExitStack() as stack:
        connection = stack.enter_context(viewed(file))
        if 0 < identify(connection)[0] < len(MIGRATIONS):
            connection = stack.enter_context(viewed(file, copied=True))
            file.migrate(connection, existed=True)
        file.verify(connection, thorough=False)
        yield connection


@contextmanager
def viewed(file: LedgerFile, *, copied: bool = False) -> Iterator[sqlite3.Connection]:
    """A connection that reads a ledger in any format.

    Args:
        file: The file of the ledger.
        copied: Whether the connection is to a copy, which may be changed.

    Raises:
        StoreError: It cannot be read.
    """
    with file.translating(), ExitStack() as stack:
        if not copied and _is_ours(file):
            connection = file.connect(reads=True)
            stack.callback(_close, file, connection)
        elif not copied and _is_in_use(file):
            with _shared(file):  # so that no process closes the ledger and removes shared files
                connection = file.connect(reads=True, mode="ro")
                stack.callback(connection.close)
                identify(connection)
        else:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="policy-router-"))
            copy = Path(folder, file.path.name)
            _copy(file, copy)
            connection = LedgerFile(copy, file.durability, file.timing).connect()
            stack.callback(connection.close)
        yield connection


def expected(file: LedgerFile) -> Mark | None:
    """The point that a ledger must contain, by its high-water mark; None where that is unknown."""
    lock = Path(f"{file.path}-lock")
    try:
        descriptor = private_file.open_existing(lock, os.O_RDONLY)
    except OSError:
        return None
    try:
        high_water = read_high_water(descriptor)
    finally:
        os.close(descriptor)
    return None if high_water is None else high_water.expected


def _close(file: LedgerFile, connection: sqlite3.Connection) -> None:
    with file.closing():
        connection.close()


def _is_ours(file: LedgerFile) -> bool:
    """Whether this process has the ledger open itself."""
    database = private_file.inspect(file.path)
    if database is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(file.path))
    return is_connected((database.st_dev, database.st_ino))


def _is_in_use(file: LedgerFile) -> bool:
    """Whether a ledger can be read in place, next to processes of this user, without a file being
    created, and its folder can be trusted that far."""
    database, user = file.check_files(), private_file.user()
    if database is None or database.st_uid != user or not Path(f"{file.path}-shm").exists():
        return False
    folder = file.path.parent.stat()
    others = folder.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return user != 0 or (folder.st_uid == 0 and not others)


@contextmanager
def _shared(file: LedgerFile) -> Iterator[Lock]:
    """Hold the ledger's lock together with other readers; without a lock file, hold nothing.
    Raises StoreError when a writer does not release it."""
    lock = Lock(file.path, shares=True)
    try:
        if not lock.acquire(file.timing.patience) and lock.fd >= 0:
            raise file.lock_timeout()
        yield lock
    finally:
        lock.close()


def _copy(file: LedgerFile, copy: Path) -> None:
    """Copy the database and its log in one consistent state."""
    log = Path(f"{file.path}-wal")
    for _ in range(TRIES):
        with _shared(file):
            before = _stamp(file.path), _stamp(log)
            size = sum(size for _, size, _ in before)
            if size + ROOM > shutil.disk_usage(copy.parent).free:
                cause = f"there is no room for a copy of {size / 1e6:,.0f} MB in {copy.parent}"
                raise file.unusable(
                    cause, "free some space, or run this as the user of the service"
                )
            _copy_file(file.path, copy)
            if log.exists():
                _copy_file(log, Path(f"{copy}-wal"))
            if before == (_stamp(file.path), _stamp(log)):
                return
    raise file.unusable("it keeps changing", f"restore {file.path}-lock by opening the ledger")


def _copy_file(path: Path, copy: Path) -> None:
    with (
        os.fdopen(private_file.open_existing(path, os.O_RDONLY), "rb") as source,
        copy.open("wb") as target,
    ):
        shutil.copyfileobj(source, target, 2**20)


def _stamp(path: Path) -> tuple[int, int, int]:
    """Inode, size and time of change of a file, which change when it is written or replaced."""
    status = private_file.inspect(path)
    return (0, 0, 0) if status is None else (status.st_ino, status.st_size, status.st_mtime_ns)
