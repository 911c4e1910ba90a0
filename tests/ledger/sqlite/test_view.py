"""A ledger is read without a trace, and the owner of its folder cannot redirect the reader."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from collections import namedtuple
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from policy_router.errors import StoreError
from policy_router.ledger import private_file
from policy_router.ledger.clock import ClockReading
from policy_router.ledger.sqlite import view as sqlite_view
from policy_router.ledger.sqlite.diagnosis import diagnose
from policy_router.ledger.sqlite.file import LedgerFile
from policy_router.ledger.sqlite.lock import Lock
from policy_router.ledger.sqlite.repair import set_time
from policy_router.ledger.sqlite.store import SqliteStore
from policy_router.ledger.sqlite.timing import Timing
from policy_router.ledger.sqlite.view import SqliteView, viewed
from policy_router.ledger.store import Continuous, Ended, Settlement
from tests.ledger.stores import NOON, Clock, World
from tests.ledger.test_private_file import CONTENT, STRANGER, TRAPS
from tests.ledger.worker import said, start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HASTY = Timing(patience=0.05)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A ledger in which something was spent and something is held, and that no process has open."""
    path = tmp_path / "state" / "ledger.db"
    with store(path) as w:
        w.reserve("a", w.money(300))
        w.settle("a", Settlement(cost=200))
        w.reserve("b", w.money(500), w.requests(5))
    return path


@contextmanager
def store(path: Path) -> Iterator[World]:
    clock = Clock()
    with asyncio.Runner() as runner:
        world = World(SqliteStore(path, clock), clock, runner)
        try:
            yield world
        finally:
            world.do(world.store.aclose())


@contextmanager
def view(path: Path, timing: Timing = HASTY) -> Iterator[World]:
    clock = Clock()
    with asyncio.Runner() as runner:
        world = World(SqliteView(path, lambda: ClockReading(clock()), timing), clock, runner)
        try:
            yield world
        finally:
            world.do(world.store.aclose())


def traces(folder: Path) -> dict[str, tuple[object, ...]]:
    """All that would show that somebody was here."""
    return {
        each.name: (s.st_ino, s.st_uid, s.st_mode, s.st_nlink, s.st_size, s.st_mtime_ns)
        for each in [folder, *folder.iterdir()]
        for s in [each.lstat()]
    }


def everything(w: World) -> tuple[object, ...]:
    charges = w.money(1), w.requests(1)
    return w.used(*charges), w.rows(), w.do(w.store.balances()), w.audit()


def crashed(path: Path) -> Path:
    """The same ledger as a process leaves it that is killed: what was written last in the log."""
    left = path.parent.with_name("left") / path.name
    left.parent.mkdir()
    with store(path) as w:
        w.reserve("c", w.money(50))
        for ending in ("", "-wal", "-shm", "-lock"):
            shutil.copy(f"{path}{ending}", f"{left}{ending}")
    return left


# -- no trace --------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["closed", "crashed", "copied", "unlocked", "guarded"])
def test_reading_leaves_no_trace(path: Path, how: str) -> None:
    if how in ("crashed", "copied"):
        path = crashed(path)
    if how == "copied":
        path.with_name("ledger.db-shm").unlink()
    if how == "unlocked":
        path.with_name("ledger.db-lock").unlink()
    if how == "guarded":
        path.chmod(0o400)
        path.parent.chmod(0o500)
    before = traces(path.parent)
    with view(path) as w:
        found = everything(w)
        assert w.store._time.machine == ""
    diagnose(path, ClockReading(NOON))
    after = traces(path.parent)
    if how == "crashed":  # what processes share is not the ledger: it says who reads where
        del before["ledger.db-shm"], after["ledger.db-shm"]
    assert before == after
    path.parent.chmod(0o700)
    path.chmod(0o600)
    with store(path) as w:
        assert everything(w) == found
    assert found[0] == [750 if how in ("crashed", "copied") else 700, 1]


def test_a_ledger_in_use_is_read_in_place(path: Path) -> None:
    process = start("work", path, "x")
    try:
        said(process)
        with view(path, Timing(patience=30.0)) as w:
            rows = len(w.rows())
            for _ in range(20):
                said(process)
            assert len(w.rows()) > rows
            assert w.audit() == ()
        assert path.with_name("ledger.db-wal").exists()
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def test_a_ledger_that_this_process_uses_keeps_its_locks(path: Path) -> None:
    with store(path) as writer:
        writer.reserve("c", writer.money(1))
        with view(path) as w:
            assert w.used(w.money(1)) == [701]
        other = start("work", path, "x")  # would begin the log anew if no lock were left
        try:
            said(other)
        finally:
            other.kill()
            other.wait()
            assert other.stdout is not None
            other.stdout.close()
        assert writer.settle("c", Settlement(cost=1)).ended is Ended.ADJUSTED
        assert writer.audit() == ()


def test_a_view_writes_nothing(path: Path) -> None:
    with view(path) as w:
        verbs: tuple[Callable[[], Any], ...] = (
            lambda: w.reserve("x", w.money(1)),
            lambda: w.settle("b", Settlement()),
            lambda: w.release("b"),
            lambda: w.renew("b", 1.0),
        )
        for verb in verbs:
            with pytest.raises(StoreError, match="for reading only; open it with `open_store`"):
                verb()
        assert w.used(w.money(1)) == [700]


def test_a_ledger_of_an_earlier_format_is_read_as_it_is(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "DROP TABLE anchor; DROP TABLE reset; DROP TABLE session; DROP TABLE health;"
            " DROP TABLE tally; DROP TABLE tally_day; DROP TABLE tally_source;"
            " ALTER TABLE bucket DROP COLUMN forgotten;"
            " ALTER TABLE ledger DROP COLUMN session; PRAGMA user_version = 2;"
        )
    before = path.read_bytes()
    with view(path) as w:
        assert w.used(w.money(1)) == [700]
        assert len(w.rows()) == 1
        assert w.do(w.store.read_health()) == {}
    found = {f.subject: f for f in diagnose(path, ClockReading(NOON - 90))}
    assert found["format"].text == "2; this version writes 7"
    assert found["time"].text.startswith("the ledger's time stands still for 90 s")
    assert path.read_bytes() == before
    with store(path) as w:
        assert w.used(w.money(1)) == [700]


def test_a_copy_waits_for_the_writer(path: Path) -> None:
    lock = Lock(path)
    lock.acquire()
    with view(path) as w, pytest.raises(StoreError, match=r"kept its lock for 0\.05 s"):
        w.audit()
    lock.close()
    with view(path) as w:
        assert w.audit() == ()


def test_a_ledger_that_changes_meanwhile_is_copied_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy, turns = sqlite_view._copy_file, [0]

    def changing(source: Path, target: Path) -> None:
        copy(source, target)
        turns[0] += 1
        if turns[0] < limit:
            os.utime(path, ns=(turns[0], turns[0]))

    monkeypatch.setattr(sqlite_view, "_copy_file", changing)
    limit = 3
    with view(path) as w:
        assert w.used(w.money(1)) == [700]
    assert turns[0] == 3
    limit = 99
    with view(path) as w, pytest.raises(StoreError, match="it keeps changing"):
        w.audit()


def test_a_copy_needs_room(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = namedtuple("disk", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: disk(64 * 2**20))
    with view(path) as w, pytest.raises(StoreError, match=r"no room for a copy of .* MB in "):
        w.audit()


def test_what_is_not_there(tmp_path: Path) -> None:
    with view(tmp_path / "none.db") as w, pytest.raises(StoreError, match="no such file"):
        w.audit()
    assert [*tmp_path.iterdir()] == []


# -- traps -----------------------------------------------------------------------------------------

NAMES = ("ledger.db", "ledger.db-lock", "ledger.db-wal", "ledger.db-shm", "ledger.db-journal")


def _verbs(path: Path) -> dict[str, Callable[[], object]]:
    def audit() -> object:
        with view(path) as w:
            return w.audit()

    def write() -> object:
        with store(path) as w:
            return w.reserve("x", w.money(1))

    return {
        "view": audit,
        "diagnose": lambda: diagnose(path, ClockReading(NOON), timing=HASTY),
        "write": write,
        "fix": lambda: set_time(path, ClockReading(NOON)),
    }


TRAPPED = [
    pytest.param(name, trap, id=f"{name}-{trap.__name__}")
    for name in NAMES
    for trap in TRAPS
    # A link of one's own to a ledger is that ledger; root follows no one else's.
    if private_file.user() == 0 or name != "ledger.db" or "link" not in str(trap.__doc__)
]


@pytest.mark.parametrize("verb", ["view", "diagnose", "write", "fix"])
@pytest.mark.parametrize(("name", "trap"), TRAPPED)
def test_traps_in_the_folder_do_no_harm(
    path: Path, tmp_path: Path, name: str, verb: str, trap: Callable[[Path, Path], None]
) -> None:
    victim = tmp_path / "victim"
    victim.write_text(CONTENT)
    victim.chmod(0o600)
    if private_file.user() == 0:
        for each in (path.parent, *path.parent.iterdir()):
            os.chown(each, STRANGER, STRANGER)
    (path.parent / name).unlink(missing_ok=True)
    trap(path.parent / name, victim)
    if path.is_symlink() and private_file.user() == 0:
        os.chown(path, STRANGER, STRANGER, follow_symlinks=False)
    before = {k: v for k, v in traces(tmp_path).items() if k != tmp_path.name}
    with (
        suppress(StoreError) if verb == "diagnose" else pytest.raises(StoreError, match="cannot be")
    ):
        _verbs(path)[verb]()
    after = {k: v for k, v in traces(tmp_path).items() if k != tmp_path.name}
    assert after["victim"] == before["victim"]
    assert victim.read_text() == CONTENT
    assert before.keys() == after.keys()


def test_a_file_of_the_user_that_is_no_lock_is_not_changed(path: Path) -> None:
    lock = path.with_name("ledger.db-lock")
    lock.write_text(CONTENT * 9)
    with pytest.raises(StoreError, match="is not the lock file of a ledger; remove"), store(path):
        pass
    assert lock.read_text() == CONTENT * 9
    lock.write_bytes(b"\0" * 24)  # as a loss of power may leave it
    with store(path) as w:
        assert w.used(w.money(1)) == [700]


@pytest.mark.parametrize("ending", ["-lock", "-wal", "-shm"])
def test_files_of_strangers_are_not_opened(
    path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside = Path(f"{path}{ending}")
    beside.touch()
    if private_file.user() == 0:
        os.chown(beside, STRANGER, STRANGER)
    else:  # then it is this process that is the stranger
        monkeypatch.setattr(private_file, "user", lambda: STRANGER)
        owner = path.stat().st_uid
        look = private_file.inspect
        monkeypatch.setattr(
            private_file,
            "diagnose",
            lambda p, owners=None: look(p, None if owners is None else set(owners) - {owner}),
        )
    with pytest.raises(StoreError, match=r"belongs to another user"), store(path):
        pass


def test_where_another_user_owns_the_folder_a_copy_is_read(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = crashed(path)
    monkeypatch.setattr(private_file, "user", lambda: os.geteuid() and os.geteuid() + 1)
    if os.geteuid() == 0:
        for each in (path.parent, *path.parent.iterdir()):
            os.chown(each, STRANGER, STRANGER)
    before = traces(path.parent)
    with viewed(LedgerFile(path)) as connection:
        (_, _, file) = connection.execute("PRAGMA database_list").fetchone()
        assert Path(file).parent != path.parent
        assert connection.execute("SELECT sum(held) FROM bucket").fetchone() == (550,)
    assert not Path(file).parent.exists()
    assert traces(path.parent) == before


def test_a_view_sees_that_an_older_copy_was_put_in_place(path: Path) -> None:
    older = path.read_bytes()
    with view(path) as w:
        assert w.audit() == ()
        assert w.store.loss is None
        assert isinstance(w.store, Continuous)
    with store(path) as w:
        w.reserve("c", w.money(50))
    path.write_bytes(older)
    before = traces(path.parent)
    with view(path) as w:
        assert w.audit() == ()
        assert w.store.loss is not None
        assert w.store.loss.text.startswith("it went back from change ")
        with pytest.raises(StoreError, match="for reading only"):
            w.do(w.store.accept_loss())
    found = {f.subject: f for f in diagnose(path, ClockReading(NOON))}
    assert "it went back from change" in found["continuity"].text
    assert traces(path.parent) == before
