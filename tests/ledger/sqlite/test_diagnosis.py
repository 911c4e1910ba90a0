"""The diagnosis of a ledger's file."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from policy_router.diagnostics import Severity
from policy_router.ledger.clock import ClockReading
from policy_router.ledger.sqlite.diagnosis import LONG, diagnose, is_fixed, library
from policy_router.ledger.sqlite.file import LedgerFile
from policy_router.ledger.sqlite.lock import Lock
from policy_router.ledger.sqlite.store import SqliteStore
from policy_router.ledger.sqlite.timing import Timing
from policy_router.ledger.store import Hold
from tests.ledger.stores import ABOUT, NOON, Clock

if TYPE_CHECKING:
    from pathlib import Path

    from policy_router.ledger.diagnosis import Diagnosis

ERROR, WARNING, NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE


@pytest.fixture
def mounts(tmp_path: Path) -> Path:
    place = tmp_path / "mounts"
    place.write_text("disk / ext4 rw 0 0\n")
    return place


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A ledger in which something was reserved."""
    path = tmp_path / "state" / "ledger.db"

    async def make() -> None:
        store = SqliteStore(path, Clock())
        await store.reserve(Hold("a", (), 60, ABOUT))
        await store.aclose()

    asyncio.run(make())
    return path


def of(findings: tuple[Diagnosis, ...], subject: str) -> list[tuple[Severity, str]]:
    return [(f.level, f.text) for f in findings if f.subject == subject]


def test_a_sound_ledger(path: Path, mounts: Path) -> None:
    before = path.read_bytes()
    found = diagnose(path, ClockReading(NOON), mounts)
    assert {f.level for f in found} == {NOTE}
    assert [f.subject for f in found] == ["version", "file system", "format", "size"]
    assert of(found, "file system") == [(NOTE, "ext4")]
    assert of(found, "format") == [(NOTE, "7; this version writes 7")]
    assert of(found, "size") == [
        (NOTE, f"{len(before) / 1e6:.1f} MB, log 0.0 MB, 0 rows in the ledger")
    ]
    assert path.read_bytes() == before


def test_a_ledger_that_is_not_there_yet(tmp_path: Path, mounts: Path) -> None:
    found = diagnose(tmp_path / "none.db", ClockReading(NOON), mounts)
    assert of(found, "file") == [(NOTE, f"{tmp_path / 'none.db'} does not exist yet")]
    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize(
    ("version", "level", "words"),
    [
        ((3, 36, 0), ERROR, "SQLite 3.36.0 is too old"),
        ((3, 40, 1), NOTE, "SQLite 3.40.1 can lose commits in a rare race"),
        ((3, 51, 3), NOTE, "SQLite 3.51.3"),
    ],
)
def test_versions(version: tuple[int, int, int], level: Severity, words: str) -> None:
    (found,) = library(version)
    assert found.level is level
    assert found.text.startswith(words)


@pytest.mark.parametrize(
    ("version", "sound"),
    [
        ((3, 40, 1), False), ((3, 44, 5), False), ((3, 44, 6), True), ((3, 45, 1), False),
        ((3, 50, 6), False), ((3, 50, 7), True), ((3, 51, 2), False), ((3, 51, 3), True),
        ((3, 54, 1), True),
    ],
)  # fmt: skip
def test_which_versions_are_fixed(version: tuple[int, int, int], sound: bool) -> None:
    assert is_fixed(version) is sound


@pytest.mark.parametrize(
    ("table", "finding"),
    [
        (
            "disk / ext4 rw\ns:/x {folder} nfs4 rw",
            (ERROR, "is a network file system (nfs4), where"),
        ),
        ("disk / ext4 rw\nx {folder} tmpfs rw", (NOTE, "tmpfs")),
        ("x {folder} tmpfs rw\ndisk / ext4 rw", (NOTE, "tmpfs")),
        ("x {folder} nfs rw\nx {folder} xfs rw", (NOTE, "xfs")),
        ("x /elsewhere nfs rw", (NOTE, "unknown")),
        ("x {parent}/with\\040space nfs rw\ndisk / ext4 rw", (NOTE, "ext4")),
    ],
)
def test_file_systems(
    tmp_path: Path, mounts: Path, table: str, finding: tuple[Severity, str]
) -> None:
    folder = tmp_path / "state"
    mounts.write_text(table.format(folder=folder, parent=tmp_path) + "\n")
    ((level, text),) = of(diagnose(folder / "a.db", ClockReading(NOON), mounts), "file system")
    assert level is finding[0]
    assert text.startswith(finding[1])


def test_a_mount_point_with_a_space(tmp_path: Path, mounts: Path) -> None:
    mounts.write_text(f"s:/x {tmp_path}/with\\040space nfs rw\n")
    found = diagnose(tmp_path / "with space" / "a.db", ClockReading(NOON), mounts)
    assert of(found, "file system")[0][0] is ERROR


def test_no_table_of_mounts(path: Path, tmp_path: Path) -> None:
    assert of(diagnose(path, ClockReading(NOON), tmp_path / "none"), "file system") == [
        (NOTE, "unknown")
    ]


def test_who_may_look(path: Path, mounts: Path) -> None:
    path.chmod(0o644)
    path.parent.chmod(0o755)
    assert of(diagnose(path, ClockReading(NOON), mounts), "permissions") == [
        (WARNING, f"others may read {path} (mode 644)")
    ]
    path.parent.chmod(0o777)
    path.chmod(0o660)
    assert of(diagnose(path, ClockReading(NOON), mounts), "permissions") == [
        (WARNING, f"others may change {path} (mode 660)"),
        (WARNING, f"others may change {path.parent} (mode 777)"),
    ]


def test_what_this_user_may_not_do(
    path: Path, mounts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda place, _: place != path)  # root may do anything
    assert of(diagnose(path, ClockReading(NOON), mounts), "permissions") == [
        (ERROR, f"this user may not read and write {path} (mode 600)")
    ]


def test_a_clock_that_is_behind(path: Path, mounts: Path) -> None:
    assert of(diagnose(path, ClockReading(NOON - 90), mounts), "time") == [
        (WARNING, "the ledger's time stands still for 90 s: a clock was ahead")
    ]


def test_a_ledger_that_is_older_than_its_note(path: Path, mounts: Path) -> None:
    copy = path.read_bytes()

    async def go_on() -> None:
        store = SqliteStore(path, Clock())
        await store.reserve(Hold("b", (), 60, ABOUT))
        await store.aclose()

    asyncio.run(go_on())
    path.write_bytes(copy)
    text = "lost data, and budgets are closed: it went back from change 2 to change 1 (noticed "
    assert of(diagnose(path, ClockReading(NOON), mounts), "continuity") == [
        (ERROR, text + "2026-11-18 12:00:00 UTC)")
    ]
    path.with_name(path.name + "-lock").unlink()
    assert of(diagnose(path, ClockReading(NOON), mounts), "continuity") == []


def test_damage(path: Path, mounts: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096 * 3)
    found = of(diagnose(path, ClockReading(NOON), mounts), "database")
    assert 1 <= len(found) <= 3
    assert all(level is ERROR and "damaged" in text for level, text in found)
    path.write_bytes(b"no database at all" * 1000)
    ((level, text),) = of(diagnose(path, ClockReading(NOON), mounts), "database")
    assert level is ERROR
    assert "it is not a database" in text


def test_counters_that_break_their_rules(path: Path, mounts: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        for i in range(9):
            connection.execute("INSERT INTO bucket VALUES (?, -1, 0, 0, 0, 0)", (str(i),))
    assert (
        of(diagnose(path, ClockReading(NOON), mounts), "database")
        == [(ERROR, "is damaged: CHECK constraint failed in bucket")] * 3
    )


def test_databases_of_others(path: Path, mounts: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    other.touch()
    assert of(diagnose(other, ClockReading(NOON), mounts), "database") == [(ERROR, "is empty")]
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE cookies (a)")
    assert of(diagnose(other, ClockReading(NOON), mounts), "database") == [
        (ERROR, "is the database of another program")
    ]
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 8")
    assert of(diagnose(path, ClockReading(NOON), mounts), "format") == [
        (ERROR, "8; this version writes 7")
    ]


def test_a_lock_that_is_kept(path: Path, mounts: Path) -> None:
    lock = Lock(path)
    lock.acquire()
    try:
        ((level, text),) = of(
            diagnose(path, ClockReading(NOON), mounts, Timing(patience=0.01)), "lock"
        )
    finally:
        lock.close()
    assert level is ERROR
    assert "another process has kept its lock" in text


def test_a_log_that_has_grown(path: Path, mounts: Path) -> None:
    with LedgerFile(path).reading() as report:
        report.execute("SELECT * FROM ledger").fetchall()
        os.truncate(f"{path}-wal", LONG + 1)
        assert of(diagnose(path, ClockReading(NOON), mounts), "log") == [
            (WARNING, "has grown to 268 MB")
        ]
