"""The lock of a SQLite ledger.

Everything that writes - a commit, a checkpoint, the close of a connection - happens under one lock
of the operating system, on a file of its own next to the database. SQLite up to 3.51.2 can lose
commits when a checkpoint races a commit that restarts the write-ahead log
(https://sqlite.org/wal.html#walresetbug); under one lock there is no such race, and those that wait
for it are served in turn.
"""

from __future__ import annotations

import fcntl
import os
import struct
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from policy_router.ledger import private_file
from policy_router.ledger.private_file import UnsafeFileError

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

RETRY: Final = 0.005
"""Seconds between two attempts to get a lock that is waited for with a time limit."""


class Lock:
    """The one lock of a ledger, for all processes. An object belongs to one thread.

    The file also records when the last checkpoint was, and that a ledger once was here.

    Args:
        database: The path of the ledger.
        shares: For readers, who hold it together and create no file. Where there is no file, there
            is nothing to wait for.

    Attributes:
        fd: The descriptor of the open file; -1 while there is none.
    """

    _RECORD: Final = struct.Struct("<8sdq")
    _MARK: Final = b"policyrt"

    def __init__(self, database: Path, *, shares: bool = False) -> None:
        self._database = database
        self._path = database.with_name(database.name + "-lock")
        self._shares = shares
        self.fd = -1

    def acquire(self, patience: float | None = None) -> bool:
        """Wait for the lock.

        Args:
            patience: How many seconds to wait; None waits in turn and without end.

        Returns:
            Whether the lock was acquired.

        Raises:
            OSError: The file cannot be opened safely.
        """
        until = None if patience is None else time.monotonic() + patience
        while True:
            if self.fd < 0:
                self._open()
            if self.fd < 0 or not self._take(until):
                return False
            if self._is_current():
                return True
            self.close()  # the file was removed: others lock another one

    def _open(self) -> None:
        database = private_file.inspect(self._database)
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
        record = os.pread(descriptor, self._RECORD.size, 0)
        if record.strip(b"\0") and not record.startswith(self._MARK):
            os.close(descriptor)
            cause = f"{self._path} is not the lock file of a ledger"
            raise UnsafeFileError(cause, f"remove {self._path}")
        return descriptor

    def _take(self, until: float | None) -> bool:
        operation = fcntl.LOCK_SH if self._shares else fcntl.LOCK_EX
        if until is None:
            fcntl.flock(self.fd, operation)
            return True
        while True:
            try:
                fcntl.flock(self.fd, operation | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= until:
                    return False
                time.sleep(RETRY)
            else:
                return True

    def _is_current(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self.fd), self._path.lstat())
        except FileNotFoundError:
            return False

    def release(self) -> None:
        """Release the lock, and keep the file open."""
        fcntl.flock(self.fd, fcntl.LOCK_UN)

    def close(self) -> None:
        """Release the lock and close the file."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def last_checkpoint(self) -> tuple[float, int] | None:
        """When the last checkpoint was.

        Without the lock it may be out of date.

        Returns:
            Seconds since the host started, and the number of commits since; None where there has
            been no ledger yet.
        """
        record = os.pread(self.fd, self._RECORD.size, 0)
        if len(record) < self._RECORD.size:
            return None
        mark, at, commits = self._RECORD.unpack(record)
        return (at, commits) if mark == self._MARK else None

    def record_checkpoint(self, at: float, commits: int) -> None:
        """Write what `last_checkpoint` returns; only under the lock."""
        os.pwrite(self.fd, self._RECORD.pack(self._MARK, at, commits), 0)
