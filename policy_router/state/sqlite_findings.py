"""What is to be said of a SQLite ledger, and of the place where one is to be."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING, Final

from policy_router.diagnostics import Severity
from policy_router.state.findings import Finding
from policy_router.state.sqlite_file import NETWORK, OLDEST, File, file_system

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Version = tuple[int, int, int]

WHOLE: Final[tuple[tuple[Version, Version], ...]] = (
    ((3, 44, 6), (3, 45, 0)),
    ((3, 50, 7), (3, 51, 0)),
    ((3, 51, 3), (4, 0, 0)),
)
"""Versions, from and below, in which a checkpoint that races a commit loses none of the log
(https://sqlite.org/wal.html#walresetbug)."""
AHEAD: Final = 1.0
"""Seconds that the ledger's time may be ahead of the clock before it is worth a word."""


def look(path: Path, clock: Callable[[], float] = time.time) -> tuple[Finding, ...]:
    """The findings on a ledger's file, which need not be there yet. Raises StoreError when it
    cannot be read."""
    file = File.at(path)
    found = describe(sqlite3.sqlite_version_info, file_system(file.path))
    if not file.path.exists():
        return *found, _place(file.path)
    # Closing a connection may write, and whatever writes does so under the ledger's lock.
    with file.locked(), file.spoken(), closing(file.connect(reads=True)) as connection:
        (mark,) = connection.execute("SELECT now FROM meta").fetchone()
    return *found, *_time(mark - clock())


def describe(version: tuple[int, ...], kind: str | None) -> tuple[Finding, ...]:
    """The findings on SQLite itself and on the file system under a ledger; None: it is unknown."""
    return _version(version), _kind(kind)


def _version(version: tuple[int, ...]) -> Finding:
    name = f"SQLite {'.'.join(map(str, version))}"
    if version < OLDEST:
        help_ = f"use a Python with SQLite {'.'.join(map(str, OLDEST))} or later"
        return Finding("version", Severity.ERROR, f"{name} is too old", help_)
    if any(first <= version < beyond for first, beyond in WHOLE):
        return Finding("version", Severity.NOTE, name)
    text = f"{name} can lose commits when another program checkpoints the file meanwhile"
    help_ = (
        "while it is in use, open it with nothing else (a database shell, a replicating backup); "
        "SQLite 3.51.3 has it mended"
    )
    return Finding("version", Severity.NOTE, text, help_)


def _kind(kind: str | None) -> Finding:
    if kind in NETWORK:
        text = f"{kind} is a network file system, where locks do not hold"
        help_ = "put the file on a local disk, or use Redis for several hosts"
        return Finding("file system", Severity.ERROR, text, help_)
    text = "cannot be told on this system" if kind is None else f"{kind}, on this host"
    return Finding("file system", Severity.NOTE, text)


def _place(path: Path) -> Finding:
    folder = next(parent for parent in path.parents if parent.exists())
    if not os.access(folder, os.W_OK | os.X_OK):
        text = f"cannot be made: {folder} may not be written"
        return Finding("file", Severity.ERROR, text, "let this user write it, or use another path")
    return Finding(
        "file", Severity.NOTE, "is not there yet: the first request that counts makes it"
    )


def _time(ahead: float) -> tuple[Finding, ...]:
    if ahead <= AHEAD:
        return ()
    text = f"the ledger's time stands still for {ahead:.0f} s: it was written by a faster clock"
    help_ = "set the clock right; windows and periods go on when it has caught up"
    return (Finding("clock", Severity.WARNING, text, help_),)
