"""Errors of SQLite and of the operating system as errors of a store."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Final

from policy_router.errors import AmountError, StoreError
from policy_router.ledger.private_file import UnsafeFileError

if TYPE_CHECKING:
    from pathlib import Path

DOCTOR: Final = "run `policy-router doctor`"

_CAUSES: Final = {
    sqlite3.SQLITE_FULL: ("the disk is full", "free some space"),
    sqlite3.SQLITE_READONLY: (
        "it may not be written",
        "let this user write the file and its folder",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "it does not exist or may not be opened",
        "let this user read and write the file and its folder",
    ),
    sqlite3.SQLITE_PERM: ("it may not be opened", "let this user read and write the file"),
    sqlite3.SQLITE_BUSY: (
        "another program keeps it locked",
        "close other programs that have it open, such as a database shell or a backup",
    ),
    sqlite3.SQLITE_CORRUPT: ("it is damaged", DOCTOR),
    sqlite3.SQLITE_NOTADB: ("it is not a database", DOCTOR),
    sqlite3.SQLITE_IOERR: ("the disk reports an error", "check the disk"),
}
"""The cause and the remedy, by the primary code of SQLite's error."""


def unusable(path: Path, cause: str, remedy: str) -> StoreError:
    """The error of a ledger that cannot be used."""
    return StoreError(f"the ledger {path} cannot be used: {cause}; {remedy}")


def translated(path: Path, error: Exception) -> StoreError:
    """An error of SQLite, the operating system or a verb as the error of the ledger at a path."""
    if isinstance(error, StoreError):
        return StoreError(*error.args)
    if isinstance(error, UnsafeFileError):
        return unusable(path, error.cause, error.help)
    if isinstance(error, OverflowError):
        return AmountError(f"the ledger {path} cannot count an amount this large")
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        return unusable(path, *_CAUSES.get(code, (str(error), DOCTOR)))
    if isinstance(error, OSError):
        cause = (error.strerror or str(error)).lower()
        return unusable(path, cause, "let this user read and write the file and its folder")
    return unusable(path, f"{type(error).__name__}: {error}", DOCTOR)
