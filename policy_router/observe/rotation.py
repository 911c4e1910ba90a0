"""A log file that is rotated when it is large.

Several processes may write to one file: each adds whole lines in one call, and one of them renames
the files while the others wait.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

try:
    import fcntl
except ImportError:  # pragma: no cover  `fcntl` exists on POSIX systems only
    fcntl = None  # type: ignore[assignment]  # where there are no such locks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_FLAGS: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)
_PRIVATE: Final = 0o600


class RotatedFile:
    """A file that is renamed to `PATH.1` when it is large, `PATH.1` to `PATH.2`, and so on.

    Args:
        path: The file.
        max_bytes: The size in bytes that it does not exceed, unless by a single line.
        keep: How many older files are kept.
    """

    def __init__(self, path: Path, max_bytes: int, keep: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._keep = keep
        self._file: int | None = None
        self._torn = False
        """Whether the last line was written in part only."""

    def write(self, lines: Sequence[bytes]) -> None:
        """Add lines, and rotate between two of them where the file becomes too large.

        Raises:
            OSError: It cannot be written. A part of the lines may have been.
        """
        batch: list[bytes] = [b"\n"] if self._torn else []
        size = self._size()
        for line in lines:
            if size and size + len(line) > self._max_bytes:
                self._add(batch)
                self._rotate()
                batch, size = [], self._size()
            batch.append(line)
            size += len(line)
        self._add(batch)

    def close(self) -> None:
        """Close the file; the next line opens it again."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _size(self) -> int:
        """Size in bytes of the file that has the name now, which is open afterwards."""
        if self._file is not None and not self._is_current(self._file):
            self.close()
        if self._file is None:
            self._file = os.open(self._path, _FLAGS, _PRIVATE)
        return os.fstat(self._file).st_size

    def _is_current(self, file: int) -> bool:
        try:
            named = self._path.stat()
        except FileNotFoundError:
            return False
        return os.path.samestat(named, os.fstat(file))

    def _add(self, lines: Sequence[bytes]) -> None:
        data = memoryview(b"".join(lines))
        while data and self._file is not None:
            written = os.write(self._file, data)
            data = data[written:]
            self._torn = bool(data)

    def _rotate(self) -> None:
        with self._alone():
            # Another process may have renamed it while this one waited.
            if self._file is not None and self._is_current(self._file):
                for number in range(self._keep, 0, -1):
                    older = self._numbered(number - 1)
                    if older.exists():
                        older.replace(self._numbered(number))
                if not self._keep:
                    self._path.unlink()
        self.close()

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}") if number else self._path

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other processes from renaming the files in the meantime."""
        if fcntl is None:  # pragma: no cover  on POSIX systems it exists
            yield
            return
        lock = os.open(self._path.with_name(f"{self._path.name}.lock"), _FLAGS, _PRIVATE)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)
