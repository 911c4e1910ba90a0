"""What a SQLite ledger does beyond what every store does: files, processes, and bad days."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import sqlite3
import threading
import time
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from policy_router.domain.limits import CounterKey, Metric
from policy_router.domain.periods import Period
from policy_router.domain.windows import MINUTE
from policy_router.errors import AmountError, OperationError, StoreError
from policy_router.ledger.arithmetic import MAX_AMOUNT, differences
from policy_router.ledger.clock import ClockReading
from policy_router.ledger.continuity import Loss, Mark
from policy_router.ledger.engine import REMEMBERED
from policy_router.ledger.memory import MemoryStore
from policy_router.ledger.reader import Balance, Difference
from policy_router.ledger.sqlite import continuity as sqlite_continuity
from policy_router.ledger.sqlite import reports as books
from policy_router.ledger.sqlite.file import LedgerFile
from policy_router.ledger.sqlite.lock import Lock
from policy_router.ledger.sqlite.rows import forget
from policy_router.ledger.sqlite.schema import APPLICATION, SCHEMA
from policy_router.ledger.sqlite.store import SqliteStore
from policy_router.ledger.sqlite.timing import Timing
from policy_router.ledger.store import Ended, Granted, Hold, Refused, Settlement, Unavailable
from tests.ledger.stores import ABOUT, NOON, Clock, World
from tests.ledger.worker import HELD, said, start

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from policy_router.ledger.sqlite.connection import Durability

HOUR = 3600.0
HASTY = Timing(patience=0.05)
BUSY = Timing(sync=0.0, checkpoint=0.0)
"""Every commit is brought to the disk, and the log into the database, at once."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "ledger.db"


@contextmanager
def opened(
    path: Path,
    clock: Clock | None = None,
    timing: Timing = Timing(),  # noqa: B008  frozen
    durability: Durability = "normal",
) -> Iterator[World]:
    """A store on a file, closed at the end."""
    clock = clock or Clock()
    with asyncio.Runner() as runner:
        world = World(SqliteStore(path, clock, durability, timing), clock, runner)
        try:
            yield world
        finally:
            world.do(world.store.aclose())


@contextmanager
def running(*arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
    process = start(*arguments)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def sql(path: Path, statement: str, *values: object) -> list[Any]:
    """Runs a statement on a ledger that no store has open."""
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute(statement, values).fetchall()
        connection.commit()
        return found


# -- several stores, loops and threads -------------------------------------------------------------


def test_two_stores_on_one_file_are_one(path: Path) -> None:
    clock = Clock()
    with opened(path, clock) as a, opened(path, clock) as b:
        assert isinstance(a.reserve("x", a.money(700), a.seat(1)), Granted)
        assert b.used(b.money(1), b.seat(1)) == [700, 1]
        assert isinstance(b.reserve("y", b.money(400)), Refused)
        assert b.settle("x", Settlement(cost=10)).ended is Ended.DONE
        assert a.settle("x", Settlement(cost=99)).ended is Ended.AGAIN
        assert a.used(a.money(1), a.seat(1)) == [10, 0]
        assert a.rows() == b.rows()


def test_a_link_to_a_ledger_is_the_ledger(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    with opened(path) as a:
        link.symlink_to(path)
        with opened(link) as b:
            a.reserve("x", a.money(700))
            assert b.used(b.money(1)) == [700]
    assert not (tmp_path / "link.db-lock").exists()


def test_many_loops_and_threads_share_a_store(path: Path) -> None:
    with opened(path) as w:
        charges = w.money(1, cap=None), w.requests(90), w.seat(1000)
        granted: list[str] = []

        async def some(lane: int) -> None:
            holds = [Hold(f"{lane}.{i}", charges, 60, ABOUT) for i in range(25)]
            answers = await asyncio.gather(*(w.store.reserve(hold) for hold in holds))
            granted.extend(a.id for a in answers if isinstance(a, Granted))

        threads = [threading.Thread(target=asyncio.run, args=(some(n),)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(granted) == 90
        assert w.used(*charges) == [90, 90, 90]


def test_a_verb_whose_caller_left_is_run(path: Path) -> None:
    with opened(path) as w:

        async def hurried(name: str) -> None:
            await w.store.reserve(Hold(name, (w.money(1),), 60, ABOUT))
            ask = asyncio.ensure_future(w.store.settle(name, Settlement(cost=1)))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            ask.cancel()

        w.do(hurried("cancelled"))
        asyncio.run(hurried("loop closed"))
        assert w.release("cancelled").ended is Ended.AGAIN
        assert w.release("loop closed").ended is Ended.AGAIN
        assert w.used(w.money(1)) == [2]


def test_a_hold_whose_caller_left_is_not_taken(path: Path) -> None:
    with opened(path) as w:
        with LedgerFile(path, "normal", Timing()).locked():

            async def hurried() -> None:
                ask = asyncio.ensure_future(w.store.reserve(Hold("a", (w.money(1),), 60, ABOUT)))
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                ask.cancel()
                with suppress(asyncio.CancelledError):
                    await ask

            w.do(hurried())
        assert w.release("a").ended is Ended.UNKNOWN


@pytest.mark.parametrize("own_loop", [True, False])
def test_a_hold_that_was_taken_after_its_caller_left_is_given_back(
    path: Path, own_loop: bool
) -> None:
    with opened(path) as w:

        async def hurried() -> None:
            ask = asyncio.ensure_future(w.store.reserve(Hold("a", (w.money(1),), 60, ABOUT)))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            while not sql(path, "SELECT 1 FROM hold"):
                pass  # without await: the loop must not hear of the answer
            ask.cancel()
            with suppress(asyncio.CancelledError):
                await ask

        if own_loop:
            asyncio.run(hurried())
        else:
            w.do(hurried())
        assert w.reserve("b", w.money(1000)) == Granted("b", NOON + 60)
        assert w.release("a").ended is Ended.AGAIN
        assert w.rows() == []


def test_verbs_submitted_before_closing_are_run(path: Path) -> None:
    with opened(path) as w:

        async def both() -> Any:
            asked = w.store.reserve(Hold("x", (w.money(7),), 60, ABOUT))
            return (await asyncio.gather(asked, w.store.aclose()))[0]

        assert isinstance(w.do(both()), Granted)
        for verb in (lambda: w.settle("x", Settlement()), lambda: w.used(w.money(1)), w.audit):
            with pytest.raises(StoreError, match="it was closed; open it again"):
                verb()
    with opened(path) as w:
        assert w.used(w.money(1)) == [7]


def test_opening_and_closing_does_nothing(path: Path) -> None:
    with opened(path) as w:
        w.do(w.store.aclose())
    assert [p.name for p in path.parent.iterdir() if p.name != "ledger.db-lock"] == ["ledger.db"]


def test_threads_end_when_a_store_is_closed(path: Path) -> None:
    with opened(path, timing=BUSY) as w:
        w.reserve("a", w.money(1))
        w.used(w.money(1))
        names = {t.name for t in threading.enumerate()}
        assert {"policy-router writer", "policy-router reader"} <= names
    left = [t for t in threading.enumerate() if t.name.startswith("policy-router")]
    for thread in left:
        thread.join(10)
        assert not thread.is_alive()


# -- processes -------------------------------------------------------------------------------------


def test_a_killed_process_loses_nothing_that_was_answered(path: Path) -> None:
    answered: dict[str, int] = {}
    for turn in range(2):
        with running("work", path, f"{turn}a") as one, running("work", path, f"{turn}b") as other:
            for process in (one, other):
                for _ in range(60):
                    hold_id, cost = said(process).split()
                    answered[hold_id] = int(cost)
            for process in (one, other):
                process.send_signal(signal.SIGKILL)
                process.wait()
                while line := said(process):
                    hold_id, cost = line.split()
                    answered[hold_id] = int(cost)
    clock = Clock(time.time() + HOUR)
    with opened(path, clock) as w:
        assert w.audit() == ()
        w.settle("nobody", Settlement())  # sweeps
        charged = {row.id: row.cost for row in w.rows()}
        assert answered.items() <= charged.items()
        lost = {row.cost for row in w.rows() if row.id not in answered and row.estimated}
        assert lost <= {HELD}
        assert sum(b.held for b in w.do(w.store.balances())) == 0
        assert w.audit() == ()
    assert sql(path, "PRAGMA integrity_check") == [("ok",)]


def test_a_store_lives_on_after_a_fork(path: Path) -> None:
    with running("fork", path) as process:
        assert said(process) == "0"
    with opened(path) as w:
        assert len(w.rows()) == 101
        assert w.audit() == ()


def test_a_fork_while_the_ledger_is_read_leaves_the_child_without(path: Path) -> None:
    with opened(path) as w:
        w.reserve("a", w.money(1))
        w.store._consulted.add("a long report")
        w.store.before_fork()
        w.store.after_fork_in_child()
        with pytest.raises(
            StoreError, match="this process was forked while its parent was using it"
        ):
            w.reserve("b", w.money(1))


def test_both_sides_of_a_fork_open_connections_of_their_own(path: Path) -> None:
    with opened(path) as w:
        w.reserve("a", w.money(1))
        w.used(w.money(1))
        before = w.store._writer.connection
        w.store.before_fork()
        assert w.store._writer.connection is w.store._reader.connection is None
        w.store.after_fork_in_parent()
        assert w.used(w.money(1)) == [1]
        w.reserve("b", w.money(1))
        assert w.store._writer.connection is not before
        parent = w.store._writer
        w.store.before_fork()
        w.store.after_fork_in_child()
        assert parent.lock.fd == -1
        assert w.used(w.money(1)) == [2]
        assert w.settle("a", Settlement(cost=5)).ended is Ended.DONE


def test_a_stopped_process_that_has_the_lock_does_not_block_others(path: Path) -> None:
    with opened(path, timing=HASTY) as w, running("stop", path) as holder:
        w.reserve("a", w.money(10))
        w.used(w.money(1))
        assert said(holder) == "locked"
        with pytest.raises(StoreError, match=r"another process has kept its lock for 0\.05 s"):
            w.reserve("b", w.money(10))
        with pytest.raises(StoreError, match="look for one that is stopped"):
            SqliteStore(path, timing=HASTY)
        assert w.used(w.money(1)) == [10]
        assert w.audit() == ()
        holder.kill()
        holder.wait()
        while w.release("b").ended is not Ended.UNKNOWN:  # what was given up was never done
            raise AssertionError
        assert isinstance(w.reserve("c", w.money(10)), Granted)
        assert w.used(w.money(1)) == [20]


def test_a_store_can_be_closed_though_it_waits_for_the_lock(path: Path) -> None:
    lock = Lock(path)
    with opened(path, timing=HASTY) as w:
        lock.acquire()
        with pytest.raises(StoreError):
            w.reserve("b", w.money(10))
    lock.close()
    with opened(path) as w:
        assert w.used(w.money(1)) == [0]


def test_a_disk_that_hangs_does_not_block_callers(path: Path) -> None:
    until = threading.Event()
    with opened(path, timing=HASTY) as w:
        try:
            with pytest.raises(StoreError, match=r"it has not answered for 0\.1 s; check the"):
                w.do(w.store._submit(w.store._writer, lambda *_: until.wait()))
        finally:
            until.set()
        assert isinstance(w.reserve("a", w.money(1)), Granted)


def test_a_loop_that_was_late_itself_waits_on(path: Path) -> None:
    with opened(path, timing=HASTY) as w:

        async def late() -> Any:
            ask = asyncio.ensure_future(w.store.reserve(Hold("a", (w.money(1),), 60, ABOUT)))
            await asyncio.sleep(0)
            (waiting,) = w.store._writer._collected[asyncio.get_running_loop()]
            waiting.sent = asyncio.get_running_loop().time()
            w.store._overdue(w.store._writer, waiting)
            return await ask

        assert isinstance(w.do(late()), Granted)


# -- ledgers that are older than they were ---------------------------------------------------------


def copied(path: Path) -> Path:
    """A copy of a ledger as it is now."""
    target = path.with_name("copy.db")
    sql(path, "VACUUM INTO ?", str(target))
    return target


def put_back(copy: Path, path: Path) -> None:
    copy.replace(path)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def is_closed(w: World) -> bool:
    return isinstance(w.reserve("closed?", w.money(1)), Unavailable)


def test_a_process_that_begins_later_notices_an_older_copy(path: Path) -> None:
    with opened(path) as w:
        w.reserve("a", w.money(5))
        copy = copied(path)
        w.reserve("b", w.money(5))
    put_back(copy, path)
    with opened(path) as w:
        assert is_closed(w)
        assert w.store.loss == Loss(NOON, 2, 1)
    with opened(path) as w:
        w.used(w.money(1))
        assert w.store.loss == Loss(NOON, 2, 1)
        assert w.do(w.store.accept_loss()) == Loss(NOON, 2, 1)
    with opened(path) as w:
        assert not is_closed(w)


def test_what_only_the_note_shows_can_be_accepted_at_once(path: Path) -> None:
    with opened(path) as w:
        w.reserve("a", w.money(5))
        copy = copied(path)
        w.reserve("b", w.money(5))
    put_back(copy, path)
    with opened(path) as w:
        assert w.do(w.store.accept_loss()) == Loss(NOON, 2, 1)
        assert not is_closed(w)
        with pytest.raises(StoreError, match="it was closed"):
            w.do(closed_and_asked(w))


async def closed_and_asked(w: World) -> None:
    await w.store.aclose()
    await w.store.accept_loss()


def test_a_killed_process_leaves_a_note_of_its_last_commit(path: Path) -> None:
    with running("work", path, "a") as process:
        said(process)
        copy = copied(path)
        for _ in range(20):
            said(process)
        process.kill()
        process.wait()
    with opened(path, Clock(time.time())) as w:
        assert not is_closed(w)
    put_back(copy, path)
    with opened(path, Clock(time.time())) as w:
        assert is_closed(w)


@pytest.mark.parametrize(("durability", "noticed"), [("normal", False), ("strict", True)])
def test_after_a_loss_of_power_only_what_was_on_the_disk_is_missed(
    path: Path, monkeypatch: pytest.MonkeyPatch, durability: Durability, noticed: bool
) -> None:
    """The last second may be lost where commits are not synchronous, which is not reported."""
    with opened(path, durability=durability, timing=Timing(sync=3600.0)) as w:
        w.reserve("a", w.money(5))
        copy = copied(path)
        w.reserve("b", w.money(5))
    put_back(copy, path)
    monkeypatch.setattr(sqlite_continuity, "boot_id", lambda: "another")
    with opened(path) as w:
        assert is_closed(w) is noticed


def test_what_was_brought_to_the_disk_is_missed_after_a_loss_of_power_too(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(path, timing=BUSY) as w:
        w.reserve("a", w.money(5))
        copy = copied(path)
        w.reserve("b", w.money(5))
        while noted(path).synced < 2:
            time.sleep(0.01)
    put_back(copy, path)
    monkeypatch.setattr(sqlite_continuity, "boot_id", lambda: "another")
    with opened(path) as w:
        assert is_closed(w)


def noted(path: Path) -> sqlite_continuity.HighWater:
    with (path.parent / "ledger.db-lock").open("rb") as file:
        found = sqlite_continuity.read_high_water(file.fileno())
    assert found is not None
    return found


def test_a_host_whose_start_is_unknown_counts_as_restarted(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_continuity, "BOOT", path.with_name("none"))
    sqlite_continuity.boot_id.cache_clear()
    try:
        with opened(path) as w:
            w.reserve("a", w.money(5))
            assert noted(path).expected == Mark(noted(path).mark.ledger, "", 0)
    finally:
        sqlite_continuity.boot_id.cache_clear()


def test_a_ledger_that_lost_data_keeps_its_note(path: Path) -> None:
    with opened(path) as w:
        w.reserve("a", w.money(5))
        copy = copied(path)
        w.reserve("b", w.money(5))
        before = noted(path)
    put_back(copy, path)
    with opened(path) as w:
        w.reserve("c", w.requests(5))
        assert noted(path) == before
        w.do(w.store.accept_loss())
        w.reserve("d", w.requests(5))
        assert noted(path).mark.ledger != before.mark.ledger


def test_a_ledger_without_a_high_water_mark_is_trusted(path: Path) -> None:
    with opened(path) as w:
        w.reserve("a", w.money(5))
    os.truncate(path.parent / "ledger.db-lock", 24)
    with opened(path) as w:
        assert w.used(w.money(1)) == [5]
        assert not is_closed(w)


def test_a_new_ledger_in_the_place_of_a_used_one_is_noticed(path: Path) -> None:
    with opened(path) as w:
        w.reserve("a", w.money(5))
    with opened(path.with_name("other.db")):
        pass
    put_back(path.with_name("other.db"), path)
    with opened(path) as w:
        assert is_closed(w)
        assert w.store.loss == Loss(NOON, 1, None)
        assert w.store.loss.since == NOON


def test_of_many_branches_the_oldest_are_dropped(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_continuity, "BRANCHES", 3)
    with opened(path) as idle:
        idle.reserve("a", idle.money(1))
        for i in range(6):
            with opened(path) as w:
                w.reserve(f"b{i}", w.money(1))
        assert len(sql(path, "SELECT * FROM branch")) == 3
        assert not is_closed(idle)


def test_a_ledger_of_the_format_before_is_brought_to_this_one(path: Path) -> None:
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in SCHEMA:
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute("PRAGMA user_version = 1")
        key = "budgets/team|usd|day|2026-11-18|-"
        connection.execute("INSERT INTO bucket VALUES (?, 600, 0, 0, ?)", (key, NOON + 12 * HOUR))
    with opened(path) as w:
        assert w.used(w.money(1)) == [600]
        assert isinstance(w.reserve("a", w.money(5)), Granted)
        assert isinstance(w.reserve("b", w.money(400)), Refused)
    ((ledger, branch, version),) = sql(path, "SELECT ledger, branch, version FROM meta")
    assert (len(ledger), len(branch), version) == (16, 16, 1)


# -- clocks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [-HOUR, HOUR])
def test_a_clock_that_steps_and_comes_back_refills_nothing(path: Path, step: float) -> None:
    clock = Clock()
    with opened(path, clock) as w:
        charges = w.money(1000), w.requests(1), w.tokens(500, 500)
        w.reserve("a", *charges, lease=10 * HOUR)
        clock.now = NOON + step
        w.reserve("b", w.requests(2, name="other"), lease=10 * HOUR)
        clock.now = NOON
        assert isinstance(w.reserve("c", charges[0]), Refused)
        if step < 0:
            assert isinstance(w.reserve("d", charges[1]), Refused)
            assert isinstance(w.reserve("e", charges[2]), Refused)
    clock.now = NOON - HOUR
    with opened(path, clock) as w:  # another process, on a clock that is behind
        assert isinstance(w.reserve("f", charges[0]), Refused)
        assert w.used(*charges)[0] == 1000
        w.settle("a", Settlement(cost=1))
        assert w.rows()[-1].ts == max(NOON, NOON + step)


# -- bad days --------------------------------------------------------------------------------------


def test_a_full_disk_is_an_error_and_passes(path: Path) -> None:
    with opened(path) as w:
        w.reserve("a", w.money(1))
        connection = w.store._writer.connection
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
        subjects = [w.money(1, subject=f"{i:0200}") for i in range(40)]
        with pytest.raises(StoreError, match="the disk is full; free some space"):
            w.reserve("b", *subjects)
        assert w.used(*subjects[:2]) == [0, 0]
        assert isinstance(w.reserve("b", *subjects), Granted)  # with a connection anew: room
        assert w.audit() == ()


def test_another_program_that_locks_the_file_is_an_error(path: Path) -> None:
    with opened(path, timing=Timing(patience=0.5)) as w:
        w.reserve("a", w.money(1))
        shell = sqlite3.connect(path, isolation_level=None)
        shell.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="another program keeps it locked; close other"):
            w.reserve("b", w.money(1))
        shell.close()
        assert isinstance(w.reserve("b", w.money(1)), Granted)


def test_a_verb_that_cannot_be_run_does_not_fail_the_others(path: Path) -> None:
    with opened(path) as w:
        fine, odd = w.money(1, cap=None), w.requests(None, subject="\ud800")
        full = w.money(MAX_AMOUNT, cap=None, subject="full")
        w.reserve("full", full)
        w.release("full")
        sql(path, "UPDATE bucket SET held = ? WHERE key = ?", 2**63 - MAX_AMOUNT, full.counter.id)

        async def together() -> list[object]:
            asked = [(fine,), (odd,), (fine,), (full,), (fine,)]
            holds = [Hold(f"h{i}", charges, 60, ABOUT) for i, charges in enumerate(asked)]
            verbs = (w.store.reserve(hold) for hold in holds)
            reads = (w.store.read(charges) for charges in ((fine,), (odd,)))
            return list(await asyncio.gather(*verbs, *reads, return_exceptions=True))

        a, b, c, d, e, f, g = w.do(together())
        assert all(isinstance(each, Granted) for each in (a, c, e))
        assert isinstance(b, OperationError)
        assert "surrogates" in str(b)
        assert isinstance(d, AmountError)
        assert isinstance(f, tuple)
        assert isinstance(g, OperationError)
        assert w.used(fine) == [3]
        sql(path, "UPDATE bucket SET held = 0 WHERE key = ?", full.counter.id)
        assert w.audit() == ()


def test_a_counter_that_lost_its_row_fails_closed(path: Path) -> None:
    with opened(path) as w:
        w.reserve("a", w.money(5))
    sql(path, "DELETE FROM bucket")
    with opened(path) as w:
        key = w.money(5).counter.key
        assert w.audit() == (Difference(key, "held", 0, 5),)
        with pytest.raises(StoreError, match=r"KeyError: .*run `policy-router doctor`"):
            w.settle("a", Settlement(cost=1))


@pytest.mark.parametrize("after", ["read", "write"])
def test_a_ledger_that_is_replaced_while_in_use_is_an_error(path: Path, after: str) -> None:
    with opened(path) as w:
        w.reserve("a", w.money(5))
        w.used(w.money(1))
        backup = path.with_name("backup.db")
        shutil.copy(path, backup)
        backup.replace(path)
        verb = (lambda: w.used(w.money(1))) if after == "read" else (lambda: w.release("a"))
        with pytest.raises(StoreError, match="it was replaced while in use; try again"):
            verb()


def test_a_ledger_that_is_removed_while_in_use_is_an_error(path: Path) -> None:
    with opened(path) as w:
        w.reserve("a", w.money(5))
        path.unlink()
        with pytest.raises(StoreError, match="no such file or directory"):
            w.release("a")
        shutil.rmtree(path.parent)
        with pytest.raises(StoreError, match="no such file or directory"):
            w.release("a")


def test_the_lock_is_made_again_where_it_was_removed(path: Path) -> None:
    with opened(path) as a, opened(path) as b:
        a.reserve("a", a.money(5))
        b.reserve("b", b.money(5))
        (path.parent / "ledger.db-lock").unlink()
        a.reserve("c", a.money(5))
        b.reserve("d", b.money(5))
        assert a.store._writer.lock._is_current()
        assert b.store._writer.lock._is_current()
        assert a.used(a.money(1)) == [20]


def test_a_ledger_that_is_damaged_while_in_use_is_an_error(path: Path) -> None:
    with opened(path, timing=BUSY) as w:
        w.reserve("a", w.money(5))
    size = path.stat().st_size
    with opened(path) as w:
        w.used(w.money(1))
        with path.open("r+b") as file:
            file.seek(100)
            file.write(os.urandom(size - 100))
        for verb in (lambda: w.reserve("b", w.money(1)), w.audit):
            with pytest.raises(StoreError, match=r"it is damaged.*; run `policy-router doctor`"):
                verb()


@pytest.mark.parametrize("page", [1, 2, 3])
def test_a_damaged_ledger_is_not_opened(path: Path, page: int) -> None:
    with opened(path) as w:
        for i in range(50):
            w.reserve(f"r{i}", w.money(1), w.requests(None), w.seat(None))
    with path.open("r+b") as file:
        file.seek(4096 * page)
        file.write(b"\xff" * 4096)
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"it is damaged.*; run `policy-router doctor`"):
        SqliteStore(path)
    assert path.read_bytes() == before


def test_what_is_no_database_is_not_opened(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("not a database\n" * 100)
    with pytest.raises(StoreError, match="it is not a database; run `policy-router doctor`"):
        SqliteStore(path)


def test_the_database_of_another_program_is_not_changed(path: Path) -> None:
    path.parent.mkdir()
    sql(path, "CREATE TABLE cookies (a)")
    with pytest.raises(StoreError, match="it is the database of another program"):
        SqliteStore(path)
    assert sql(path, "SELECT name FROM sqlite_master") == [("cookies",)]


def test_a_ledger_of_a_later_version_is_not_changed(path: Path) -> None:
    with opened(path) as w:
        w.reserve("a", w.money(1))
    sql(path, "PRAGMA user_version = 8")
    with pytest.raises(StoreError, match="its format is 8, and this version writes 7; use the"):
        SqliteStore(path)


def test_a_later_version_that_takes_over_is_noticed(path: Path) -> None:
    with opened(path) as w:
        sql(path, "PRAGMA user_version = 8")
        for verb in (lambda: w.reserve("b", w.money(1)), lambda: w.used(w.money(1))):
            with pytest.raises(StoreError, match="its format is 8"):
                verb()


def test_a_ledger_that_breaks_its_rules_is_not_opened(path: Path) -> None:
    with opened(path) as w:
        w.reserve("a", w.money(1))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute("UPDATE bucket SET held = -5")
    with pytest.raises(StoreError, match=r"it is damaged \(CHECK constraint failed in bucket\)"):
        SqliteStore(path)


def test_an_old_sqlite_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 36, 0))
    with pytest.raises(StoreError, match=r"too old; use a Python with SQLite 3\.37\.0 or later"):
        SqliteStore(path)
    assert not path.exists()


@pytest.mark.parametrize("how", ["removed", "emptied"])
def test_a_deleted_ledger_is_not_created_again(path: Path, how: str) -> None:
    with opened(path):
        pass
    if how == "removed":
        path.unlink()
    else:
        path.write_bytes(b"")
    with pytest.raises(
        StoreError, match=r"a ledger was here before; restore it, or remove .*-lock"
    ):
        SqliteStore(path)
    (path.parent / "ledger.db-lock").unlink()
    with opened(path) as w:
        assert w.rows() == []


def test_a_network_file_system_is_refused(path: Path, tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"disk / ext4 rw 0 0\nserver:/x {path.parent} nfs4 rw 0 0\n")
    with pytest.raises(StoreError, match=r"a network file system \(nfs4\).*use Redis for several"):
        LedgerFile(path, mounts=mounts).prepare(ClockReading(NOON))


# -- files -----------------------------------------------------------------------------------------


def test_only_the_owner_may_look(path: Path) -> None:
    with opened(path) as w:
        w.reserve("a", w.money(1))
        modes = {p.name: oct(p.stat().st_mode & 0o777) for p in path.parent.iterdir()}
        names = ("ledger.db", "ledger.db-wal", "ledger.db-shm", "ledger.db-lock")
        assert modes == dict.fromkeys(names, "0o600")
        assert oct(path.parent.stat().st_mode & 0o777) == "0o700"


@pytest.mark.parametrize("what", ["folder", "file"])
def test_what_may_not_be_written_is_an_error(tmp_path: Path, what: str) -> None:
    for folder in tmp_path, *tmp_path.parents[:2]:
        folder.chmod(0o755)  # the process may not be us
    path = tmp_path / "ledger.db"
    if what == "file":
        with opened(path):
            pass
        path.chmod(0o444)
    tmp_path.chmod(0o555)
    with running("open", path) as process:
        assert "cannot be used: " in (answer := said(process))
    assert "; let this user " in answer


def test_strict_durability_writes_every_commit_to_the_disk(path: Path) -> None:
    with opened(path, durability="strict") as w:
        w.reserve("a", w.money(1))
        assert w.store._writer.connection.execute("PRAGMA synchronous").fetchone() == (2,)


# -- power -----------------------------------------------------------------------------------------


def test_a_loss_of_power_leaves_a_consistent_ledger(path: Path, tmp_path: Path) -> None:
    """The files as they were at some instant, the end of the log missing: what comes after the
    last sync need not have reached the disk, but nothing before it is lost."""
    rng = random.Random(1)  # noqa: S311  that repeats
    copies = []
    with running("work", path, "a") as one, running("work", path, "b") as other:
        for number in range(8):
            for process in (one, other):
                for _ in range(rng.randrange(5, 40)):
                    said(process)
            copy = tmp_path / f"copy-{number}" / "ledger.db"
            copy.parent.mkdir()
            lock = Lock(path)
            lock.acquire()
            try:
                for ending in ("", "-wal"):
                    shutil.copy(f"{path}{ending}", f"{copy}{ending}")
            finally:
                lock.close()
            copies.append(copy)
    counts = []
    for copy in copies:
        log = copy.with_name("ledger.db-wal")
        os.truncate(log, rng.randrange(log.stat().st_size + 1))
        with opened(copy) as w:
            assert w.audit() == ()
            counts.append(len(w.rows()))
        assert sql(copy, "PRAGMA integrity_check") == [("ok",)]
    assert max(counts) > 0


def test_a_ledger_frozen_at_any_instant_has_all_that_was_answered(
    path: Path, tmp_path: Path
) -> None:
    answered = set()
    with running("work", path, "a") as process:
        for number in range(6):
            for _ in range(30):
                answered.add(said(process).split()[0])
            process.send_signal(signal.SIGSTOP)
            copy = tmp_path / f"copy-{number}" / "ledger.db"
            copy.parent.mkdir()
            for ending in ("", "-wal"):
                shutil.copy(f"{path}{ending}", f"{copy}{ending}")
            process.send_signal(signal.SIGCONT)
            with opened(copy) as w:
                assert w.audit() == ()
                assert answered <= {row.id for row in w.rows()}


# -- upkeep ----------------------------------------------------------------------------------------


def wait_for(event: threading.Event) -> None:
    assert event.wait(30)


@contextmanager
def checkpoints(w: World) -> Iterator[threading.Event]:
    """Tells when the writer has looked whether a checkpoint is due, after a sync."""
    done = threading.Event()
    look = w.store._writer._checkpoint

    def told() -> None:
        look()
        done.set()

    w.store._writer._checkpoint = told
    yield done


def test_the_log_is_brought_into_the_database(path: Path) -> None:
    with opened(path, timing=BUSY) as w, checkpoints(w) as done:
        empty = path.stat().st_size
        for i in range(500):
            w.reserve(f"r{i}", w.money(1, subject=f"{i:0500}"))
            wait_for(done)
            done.clear()
            if path.stat().st_size > empty:
                break
        else:
            pytest.fail("it stays in the log")
        assert w.audit() == ()


def test_a_checkpoint_that_is_not_due_is_left(path: Path) -> None:
    with opened(path, timing=Timing(sync=0.0)) as w, checkpoints(w) as done:
        w.reserve("a", w.money(1))
        wait_for(done)
        done.clear()
        at, commits = w.store._writer.lock.last_checkpoint()
        assert commits == 0
        w.reserve("b", w.money(1))
        wait_for(done)
        assert w.store._writer.lock.last_checkpoint() == (at, 1)


def test_another_process_may_come_first(path: Path) -> None:
    with opened(path, timing=BUSY) as w, checkpoints(w) as done:
        due = iter((True, False))
        w.store._writer._is_due = lambda: next(due)
        w.reserve("a", w.money(1))
        wait_for(done)
        assert w.store._writer.lock.last_checkpoint() == (0.0, 1)


def test_a_reader_does_not_hold_a_checkpoint_up(path: Path) -> None:
    with opened(path, timing=BUSY) as w, checkpoints(w) as done:
        with LedgerFile(path).reading() as report:
            assert report.execute("SELECT count(*) FROM ledger").fetchone() == (0,)
            for i in range(5):
                w.reserve(f"r{i}", w.money(1))
            wait_for(done)
            assert report.execute("SELECT count(*) FROM hold").fetchone() == (0,)
        assert w.used(w.money(1)) == [5]


def test_a_checkpoint_that_fails_is_met_by_the_next_verb(path: Path) -> None:
    with opened(path, timing=BUSY) as w, checkpoints(w) as done:
        w.reserve("a", w.money(1))
        wait_for(done)
        done.clear()
        w.store._writer.file = replace(w.store._writer.file, timing=replace(BUSY, patience=0.01))
        shell = sqlite3.connect(path, isolation_level=None)
        w.store._writer.connection.execute("PRAGMA busy_timeout = 0")
        w.store._writer._dirty = 0.0
        shell.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="another program"):
            w.reserve("b", w.money(1))
        wait_for(done)
        shell.close()
        assert isinstance(w.reserve("b", w.money(1)), Granted)


def test_a_deleted_folder_ends_no_thread(path: Path) -> None:
    with opened(path, timing=Timing(sync=0.0)) as w, checkpoints(w) as done:
        shutil.move(path.parent, path.parent.with_name("away"))
        path.parent.with_name("away").joinpath("ledger.db-lock").unlink()
        w.store._writer._dirty = 0.0
        with pytest.raises(StoreError):
            w.reserve("b", w.money(1))
        wait_for(done)
        shutil.move(path.parent.with_name("away"), path.parent)
        assert isinstance(w.reserve("b", w.money(1)), Granted)


def test_rows_that_can_no_longer_matter_are_deleted(path: Path) -> None:
    clock = Clock()
    with opened(path, clock) as w:
        for i in range(5):
            w.reserve(f"gone{i}", w.money(1), lease=1)
            w.reserve(f"back{i}", w.money(1), w.requests(None, subject=f"user{i}"))
            w.release(f"back{i}")
        w.reserve("open", w.money(1), w.requests(None, subject="now"), lease=10 * REMEMBERED)
        clock.now += 2
        w.settle("gone0", Settlement(cost=0))
        assert w.settle("gone0", Settlement(cost=9)).ended is Ended.AGAIN
    counts = (
        "SELECT (SELECT count(*) FROM hold), (SELECT count(*) FROM released),"
        " (SELECT count(*) FROM slot)"
    )
    assert sql(path, counts) == [(5, 5, 6)]
    with closing(LedgerFile(path).connect()) as connection:
        forget(connection, clock.now + 62, "")
    assert sql(path, counts) == [(5, 5, 0)]
    with closing(LedgerFile(path).connect()) as connection:
        forget(connection, clock.now + REMEMBERED, "")
    assert sql(path, counts) == [(1, 0, 0)]
    clock.now += REMEMBERED
    with opened(path, clock) as w:  # nothing that ended is charged again, however late
        for name in ("gone0", "gone1", "back1"):
            assert w.settle(name, Settlement(cost=9)).ended is Ended.UNKNOWN
        assert w.used(w.money(1)) == [0]
        w.reserve("gone0", w.money(500))  # a forgotten id is that of a new hold
        w.settle("gone0", Settlement(cost=500))
        assert w.used(w.money(1)) == [500]
        assert w.audit() == ()


def test_what_one_process_expires_another_corrects(path: Path) -> None:
    clock = Clock()
    with opened(path, clock) as a, opened(path, clock) as b:
        a.reserve("x", a.money(600), a.tokens(70, None), a.seat(1), lease=10)
        clock.now += 11
        b.reserve("y", b.money(1), b.seat(1))
        assert [row.cost for row in a.rows()] == [600]
        assert a.settle("x", Settlement(200, 3, 4)).ended is Ended.ADJUSTED
        assert a.used(a.money(1), a.tokens(1, None), a.seat(1)) == [201, 7, 1]
        assert a.settle("x", Settlement(500)).ended is Ended.AGAIN
        assert a.audit() == ()


def test_slots_are_looked_through_bit_by_bit(path: Path) -> None:
    with opened(path) as w:
        w.reserve("a", *(w.requests(None, subject=f"{i:04}") for i in range(2500)))
    with closing(LedgerFile(path).connect()) as connection:
        left, after = [], ""
        while True:
            after = forget(connection, NOON + 62, after)
            left.append(connection.execute("SELECT count(*) FROM slot").fetchone()[0])
            if not after:
                break
    assert left == [1499, 498, 0]


def test_the_writer_remembers_a_bounded_number_of_holds(path: Path) -> None:
    with opened(path) as w:

        async def many() -> None:
            charges = (w.requests(None),)
            holds = [Hold(f"h{i}", charges, 60, ABOUT) for i in range(4200)]
            await asyncio.gather(*(w.store.reserve(hold) for hold in holds))

        w.do(many())
        assert len(w.store._writer._cache) == 4096
        assert w.settle("h0", Settlement()).ended is Ended.DONE
        assert w.settle("h4199", Settlement()).ended is Ended.DONE
        assert w.used(w.requests(None)) == [4200]


# -- books -----------------------------------------------------------------------------------------


def test_refusals_at_the_last_scope_change_no_counter(path: Path) -> None:
    with opened(path) as w:
        closed = w.charge("limits", "last", Metric.REQUESTS, MINUTE, 1, 0)
        charges = w.money(1, cap=None), w.requests(None), w.tokens(5, None), w.seat(None)
        w.reserve("a", *charges)
        before = w.used(*charges)

        async def many() -> int:
            refused = 0
            for start_ in range(0, 5000, 250):
                holds = (Hold(f"h{start_ + i}", (*charges, closed), 60, ABOUT) for i in range(250))
                answers = await asyncio.gather(*(w.store.reserve(hold) for hold in holds))
                refused += sum(isinstance(answer, Refused) for answer in answers)
            return refused

        assert w.do(many()) == 5000
        assert w.used(*charges) == before
        assert len(sql(path, "SELECT id FROM hold")) == 1


@pytest.mark.parametrize("since", [0.0, 1.0, 2.0, 2.5, 30.0, 31.0])
def test_rows_from_a_time_on(path: Path, since: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(books, "PAGE", 7)
    clock = Clock(NOON)
    with opened(path, clock) as w:
        for i in range(31):
            clock.now = NOON + i
            w.reserve(f"r{i}", w.money(0, cap=None))
            w.settle(f"r{i}", Settlement(cost=i))

        async def later() -> list[float]:
            return [row.ts - NOON async for row in w.store.rows(NOON + since)]

        assert w.do(later()) == [float(i) for i in range(31) if i >= since]


def test_an_audit_is_the_sum_that_every_store_makes(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(books, "STRETCH", 16)
    rng = random.Random(5)  # noqa: S311  that repeats
    clock = Clock()
    with opened(path, clock) as w:
        for i in range(120):
            clock.now += rng.choice((0, 1, HOUR))
            now = (
                w.money(rng.randrange(50), cap=None, subject=rng.choice("ab\x00😀")),
                w.charge("limits", "free", Metric.REQUESTS, Period.DAY, 1, None),
                w.charge("budgets", "sum", Metric.TOKENS, Period.DAY, 30, None),
            )
            w.reserve(f"r{i}", *rng.sample(now, rng.randrange(4)), lease=rng.choice((1, 9e6)))
            if rng.random() < 0.6:
                w.settle(f"r{i}", Settlement(rng.randrange(99), rng.randrange(9), rng.randrange(9)))
        assert w.audit() == ()
    (last,) = sql(path, "SELECT max(key) FROM bucket")
    sql(path, "UPDATE bucket SET spent = spent + 3, held = held + 1 WHERE key = ?", *last)
    sql(path, "UPDATE ledger SET cost = cost + 7 WHERE seq = 5")
    sql(path, "INSERT INTO bucket VALUES ('budgets/x|usd|day|2026-01-01|-', 4, 0, 0, 0, 0)")
    with opened(path, clock) as w:
        found = w.audit()
        rows = sql(path, "SELECT key, spent, held FROM bucket")
        counted = [Balance(CounterKey.parse(key), spent, held) for key, spent, held in rows]
        with LedgerFile(path).reading() as connection:
            held = list(books._held(connection))
        assert found == tuple(differences(counted, w.rows(), held))
        assert len(found) >= 3


def test_a_counter_long_past_is_kept_for_the_audit_and_shown_no_more(path: Path) -> None:
    clock = Clock()
    with opened(path, clock) as w:
        old = w.money(5)
        w.reserve("a", old)
        w.settle("a", Settlement(cost=5))
        clock.now += 70 * 24 * HOUR
        w.reserve("b", w.money(1))
        assert w.bucket(old) is None
        assert w.used(old) == [5]
        assert w.audit() == ()


def test_memory_and_file_do_the_same_to_a_hold_of_everything(path: Path) -> None:
    clock = Clock()
    with opened(path, clock) as w, asyncio.Runner() as runner:
        m = World(MemoryStore(clock), clock, runner)
        every = w.money(600, warn_at=(0.5,)), w.requests(9), w.tokens(70, 1000), w.seat(1)
        for world in (w, m):
            world.reserve("a", *every, lease=10)
            world.renew("a", 20)
        clock.now += 21
        for world in (w, m):
            assert world.settle("a", Settlement(100, 5, 6)).ended is Ended.ADJUSTED
        assert w.rows() == m.rows()
        assert w.used(*every) == m.used(*every)
        assert w.do(w.store.balances()) == m.do(m.store.balances())
