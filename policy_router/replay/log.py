"""Streams the records of a decision log, including its rotated files."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

LONGEST_LINE: Final = 16 << 20
"""Maximum length of a line in bytes; no decision is that long."""
_GZIP: Final = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a log.

    Attributes:
        file: Name of the file.
        number: Its number there, from 1.
        record: The record; None where the line has none.
        problem: Why it has none; None where it has one.
    """

    file: str
    number: int
    record: Mapping[str, object] | None
    problem: str | None = None

    @property
    def place(self) -> str:
        """The file and the line: `decisions.jsonl:7`."""
        return f"{self.file}:{self.number}"


def files_of(path: Path) -> tuple[Path, ...]:
    """A log and its rotated files, `PATH.1` and so on, the oldest first."""
    older: list[Path] = []
    while True:
        next_one = path.with_name(f"{path.name}.{len(older) + 1}")
        if not next_one.exists():
            return (*reversed(older), path)
        older.append(next_one)


def read_log(files: Sequence[Path]) -> Iterator[LogLine]:
    """Yield the lines of files in order; one line at a time is in memory.

    Args:
        files: The files, which may be compressed with gzip.

    Raises:
        OSError: A file cannot be read.
    """
    for path in files:
        with _opened(path) as file:
            yield from lines_of(str(path), file)


def lines_of(name: str, file: IO[bytes]) -> Iterator[LogLine]:
    """Yield the lines of an open file that are not blank."""
    number, inside = 0, False
    while line := file.readline(LONGEST_LINE):
        whole = line.endswith(b"\n")
        if not inside:
            number += 1
            if not whole and len(line) == LONGEST_LINE:
                yield LogLine(name, number, None, "the line is too long")
            elif line.strip():
                yield _read(name, number, line)
        # The rest of a line that is too long belongs to it.
        inside = not whole and len(line) == LONGEST_LINE


def _read(name: str, number: int, line: bytes) -> LogLine:
    try:
        record = json.loads(line)
    except RecursionError:
        return LogLine(name, number, None, "nested too deeply")
    except ValueError:
        return LogLine(name, number, None, "not JSON")
    if not isinstance(record, Mapping):
        return LogLine(name, number, None, "not a JSON object")
    return LogLine(name, number, record)


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    with path.open("rb") as file:
        compressed = file.read(len(_GZIP)) == _GZIP
        file.seek(0)
        if compressed:
            with gzip.GzipFile(fileobj=file) as unpacked:
                yield cast("IO[bytes]", unpacked)  # it has every method that is used
        else:
            yield file
