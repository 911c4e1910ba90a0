"""What an operator should know about a SQLite ledger, whether or not it can be used."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from policy_router.diagnostics import Severity
from policy_router.errors import StoreError
from policy_router.ledger.clock import CLOSE, RATE, describe_offset, moment
from policy_router.ledger.diagnosis import Diagnosis, describe_loss
from policy_router.ledger.sqlite import clock as sqlite_clock
from policy_router.ledger.sqlite.continuity import compare, read_state
from policy_router.ledger.sqlite.file import OLDEST, LedgerFile
from policy_router.ledger.sqlite.lock import Lock
from policy_router.ledger.sqlite.mounts import MOUNTS, NETWORK, file_system
from policy_router.ledger.sqlite.schema import APPLICATION, MIGRATIONS, identify
from policy_router.ledger.sqlite.timing import TIMING, Timing
from policy_router.ledger.sqlite.view import expected, viewed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from policy_router.ledger.clock import ClockReading
    from policy_router.ledger.continuity import Mark

DEFAULT: Final = TIMING
SKEW: Final = 1.0
"""A difference of the ledger's time and the clock of more seconds than this is reported."""
LONG: Final = 256 * 2**20
"""A log of more bytes should have been restarted long ago."""
REPORTED: Final = 3
"""The most lines of damage that are reported."""


def diagnose(
    path: str | Path, sight: ClockReading, mounts: Path = MOUNTS, timing: Timing = DEFAULT
) -> tuple[Diagnosis, ...]:
    """What an operator should know about a ledger's file.

    It waits for the lock for a moment and reads the whole database, but writes nothing.

    Args:
        path: The path of the database.
        sight: What the machine's clocks show.
        mounts: The table of mounted file systems.
        timing: How long things may take.

    Raises:
        StoreError: The path is a link that is not followed.
    """
    file = replace(LedgerFile.at(path, timing=timing), mounts=mounts)
    return (
        *library(sqlite3.sqlite_version_info),
        *_place(file),
        *(_content(file, sight) if file.path.exists() else ()),
    )


def library(version: tuple[int, int, int]) -> Iterator[Diagnosis]:
    """What an operator should know about a version of SQLite."""
    name = "SQLite " + ".".join(map(str, version))
    if version < OLDEST:
        help_ = f"use a Python with SQLite {'.'.join(map(str, OLDEST))} or later"
        yield Diagnosis("version", Severity.ERROR, f"{name} is too old", help_)
    elif not is_fixed(version):
        text = f"{name} can lose commits in a rare race, which this store's own lock rules out"
        help_ = "open the ledger with no other program while it is in use; SQLite 3.51.3 fixes this"
        yield Diagnosis("version", Severity.NOTE, text, help_)
    else:
        yield Diagnosis("version", Severity.NOTE, name)


def is_fixed(version: tuple[int, int, int]) -> bool:
    """Whether a version is free of https://sqlite.org/wal.html#walresetbug."""
    series = {(3, 44): 6, (3, 50): 7, (3, 51): 3}
    return version[2] >= series.get(version[:2], 0 if version > (3, 51) else 99)


def _place(file: LedgerFile) -> Iterator[Diagnosis]:
    name = file_system(file.path, file.mounts)
    if name in NETWORK:
        text = f"is a network file system ({name}), where locks do not work"
        help_ = "put the ledger on a local disk, or use Redis for several hosts"
        yield Diagnosis("file system", Severity.ERROR, text, help_)
    else:
        yield Diagnosis("file system", Severity.NOTE, name or "unknown")
    if not file.path.exists():
        yield Diagnosis("file", Severity.NOTE, f"{file.path} does not exist yet")
        return
    for path in (file.path, file.path.parent):
        mode = path.stat().st_mode & 0o777
        if not os.access(path, os.R_OK | os.W_OK):
            help_ = "let the user of the service read and write it"
            text = f"this user may not read and write {path} (mode {mode:o})"
            yield Diagnosis("permissions", Severity.ERROR, text, help_)
        if mode & 0o022 or (mode & 0o044 and path == file.path):
            text = f"others may {'change' if mode & 0o022 else 'read'} {path} (mode {mode:o})"
            help_ = f"chmod {mode & 0o700:o} {path}"
            yield Diagnosis("permissions", Severity.WARNING, text, help_)


def _content(file: LedgerFile, sight: ClockReading) -> Iterator[Diagnosis]:
    try:
        with file.translating():
            lock = Lock(file.path, shares=True)
            acquired = lock.acquire(file.timing.patience) or lock.fd < 0
            lock.close()
            if not acquired:
                raise file.lock_timeout()
    except StoreError as error:
        yield Diagnosis("lock", Severity.ERROR, str(error))
        return
    seen = expected(file)  # before the database: others may go on in the meantime
    try:
        with viewed(file) as connection:
            yield from _database(file, connection, sight, seen)
    except StoreError as error:
        help_ = f"keep a copy of {file.path}*, then restore a backup"
        yield Diagnosis("database", Severity.ERROR, str(error), help_)


def _time(connection: sqlite3.Connection, version: int, sight: ClockReading) -> Iterator[Diagnosis]:
    """How the ledger's time differs from the clock of this machine."""
    if version == len(MIGRATIONS):
        stored = sqlite_clock.load(connection, sight.machine)
    else:  # before uptime was known
        (now,) = connection.execute("SELECT now FROM meta").fetchone()
        stored = sqlite_clock.Stored(now, None, 0)
    offset = moment(stored.now, stored.anchor, sight).offset
    if abs(offset) <= SKEW:
        return
    text = describe_offset(offset)
    if not sight.machine:
        text = f"the ledger's time stands still for {-offset:.0f} s: a clock was ahead"
    if abs(offset) <= CLOSE:
        help_ = f"it is corrected by {RATE * 3600:.1f} s an hour"
        yield Diagnosis("time", Severity.NOTE, text, help_)
        return
    help_ = f"if the clock is right, {sqlite_clock.REPAIR}"
    yield Diagnosis("time", Severity.WARNING, text, help_)


def _database(
    file: LedgerFile, connection: sqlite3.Connection, sight: ClockReading, seen: Mark | None
) -> Iterator[Diagnosis]:
    version, application, tables = identify(connection)
    if application != APPLICATION:
        what = "is the database of another program" if tables else "is empty"
        yield Diagnosis("database", Severity.ERROR, what, "give the ledger a path of its own")
        return
    level = Severity.NOTE if 0 < version <= len(MIGRATIONS) else Severity.ERROR
    help_ = "" if level is Severity.NOTE else "use the version that wrote it"
    yield Diagnosis("format", level, f"{version}; this version writes {len(MIGRATIONS)}", help_)
    damage = [str(line) for (line,) in connection.execute("PRAGMA quick_check") if line != "ok"]
    for line in damage[:REPORTED]:
        help_ = f"keep a copy of {file.path}*, then restore a backup"
        yield Diagnosis("database", Severity.ERROR, f"is damaged: {line}", help_)
    if damage or level is Severity.ERROR:
        return
    if version > 1:
        mark, reached, loss = read_state(connection)
        yield from describe_loss(loss or compare(connection, seen, reached, mark))
    yield from _time(connection, version, sight)
    (rows,) = connection.execute("SELECT count(*) FROM ledger").fetchone()
    log = file.path.with_name(file.path.name + "-wal")
    waiting = log.stat().st_size if log.exists() else 0
    size = file.path.stat().st_size
    text = f"{size / 1e6:.1f} MB, log {waiting / 1e6:.1f} MB, {rows:,} rows in the ledger"
    yield Diagnosis("size", Severity.NOTE, text)
    if waiting > LONG:
        help_ = "look for a report or a shell that keeps it open"
        yield Diagnosis("log", Severity.WARNING, f"has grown to {waiting / 1e6:.0f} MB", help_)
