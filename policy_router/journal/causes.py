"""The cause of a failure of the journal database, in words.

Drivers put values and the address into their messages, so that nothing of these is shown.
"""

from __future__ import annotations

from typing import Final

from policy_router.errors import StoreError

_SQLITE: Final = {
    "FULL": "the disk is full",
    "READONLY": "it may not be written",
    "CANTOPEN": "it cannot be opened",
    "PERM": "it may not be opened",
    "BUSY": "another program keeps it locked",
    "LOCKED": "another program keeps it locked",
    "CORRUPT": "it is damaged; restore it from a backup, or move it away",
    "NOTADB": "it is not a database; name another file, or move it away",
    "IOERR": "the disk reports an error",
    "ERROR": "it is no journal, or lacks a part of one; name another file, or move it away",
}
"""By the second word of the name of SQLite's error: of `SQLITE_IOERR_READ` that is `IOERR`."""
_SQLSTATES: Final = {
    "28": "the server refuses the user or the password",
    "3D": "the server has no such database",
    "42501": "the user may not do this",
    "53": "the server has no room left",
    "57": "the server is starting or stopping",
    "08": "the connection broke",
}
"""By the code of an error of PostgreSQL, or its class."""
_UNREACHED: Final = "the server cannot be reached, or refuses the user or the password"
"""Of an error of PostgreSQL without a code."""


def cause_of(error: Exception) -> str:
    """Return why the database cannot be used."""
    if isinstance(error, StoreError):
        return str(error)
    cause = getattr(error, "orig", None) or error
    state = getattr(cause, "sqlstate", None)
    if state:
        return _SQLSTATES.get(state) or _SQLSTATES.get(state[:2]) or _named(cause, state)
    name = getattr(cause, "sqlite_errorname", None)
    if name is not None:
        return _SQLITE.get(name.split("_")[1]) or _named(cause, name)
    return _UNREACHED if type(cause).__name__ == "OperationalError" else _named(cause, None)


def _named(cause: object, code: str | None) -> str:
    return f"{type(cause).__name__} {code}" if code else type(cause).__name__
