"""Which time it is for a ledger, whatever the clocks of the machine show."""

from __future__ import annotations

import asyncio
import itertools
import logging
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from policy_router.ledger.clock import DOUBTED, RATE, Anchor, ClockReading, doubt, moment, spell
from policy_router.ledger.memory import MemoryStore
from policy_router.ledger.sqlite.repair import set_time
from policy_router.ledger.sqlite.store import SqliteStore
from policy_router.ledger.store import Attribution, Ended, Granted, Hold, Refused, Settlement, Stale
from tests.ledger.stores import NOON, World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MINUTE = 60.0
HOUR = 3600.0
DAY = 86_400.0


@dataclass
class Clocks:
    """The clocks of a machine, which a test sets. off: what the wall clock is wrong by."""

    now: float = NOON
    uptime: float = 1000.0
    machine: str = "one"
    off: float = 0.0

    def __call__(self) -> ClockReading:
        return ClockReading(self.now + self.off, self.uptime, self.machine)

    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds
        self.uptime += seconds


# -- one look --------------------------------------------------------------------------------------

HERE = Anchor(1000.0, NOON)


@pytest.mark.parametrize(
    ("stored", "anchor", "sight", "now", "kept"),
    [
        # Nothing but a wall clock: it is believed forward, never back.
        (NOON, None, ClockReading(NOON + DAY), NOON + DAY, None),
        (NOON, None, ClockReading(NOON - DAY), NOON, None),
        # A machine that was never seen, or has been started anew: likewise, from now on by uptime.
        (0.0, None, ClockReading(NOON, 5.0, "m"), NOON, Anchor(5.0, NOON)),
        (NOON, None, ClockReading(NOON + DAY, 5.0, "m"), NOON + DAY, Anchor(5.0, NOON + DAY)),
        (NOON, None, ClockReading(NOON - DAY, 5.0, "m"), NOON, Anchor(5.0, NOON)),
        # Uptime confirms it: an hour of work, or of sleep.
        (
            NOON,
            HERE,
            ClockReading(NOON + HOUR, 1000 + HOUR, "m"),
            NOON + HOUR,
            Anchor(4600, NOON + HOUR),
        ),
        # Uptime does not: the wall clock changes nothing.
        (NOON, HERE, ClockReading(NOON + DAY, 1030.0, "m"), NOON + 30, HERE),
        (NOON, HERE, ClockReading(NOON - DAY, 1030.0, "m"), NOON + 30, HERE),
        (NOON, HERE, ClockReading(NOON + DAY + HOUR, 1000 + HOUR, "m"), NOON + HOUR, HERE),
        # A small step of a time server is taken in slowly, in either direction.
        (
            NOON,
            HERE,
            ClockReading(NOON + 105, 1100, "m"),
            NOON + 100.05,
            Anchor(1100, NOON + 100.05),
        ),
        (NOON, HERE, ClockReading(NOON + 95, 1100, "m"), NOON + 99.95, Anchor(1100, NOON + 99.95)),
        (
            NOON,
            HERE,
            ClockReading(NOON + 100.01, 1100, "m"),
            NOON + 100.01,
            Anchor(1100, NOON + 100.01),
        ),
        # Never before what was written.
        (NOON + 100, HERE, ClockReading(NOON + 5, 1100, "m"), NOON + 100, Anchor(1100, NOON + 100)),
        (NOON + 0.5, HERE, ClockReading(NOON, 1000, "m"), NOON + 0.5, HERE),
        # Another machine, or a ledger's own past, is ahead: from there on by uptime.
        (NOON + DAY, HERE, ClockReading(NOON, 1000, "m"), NOON + DAY, Anchor(1000, NOON + DAY)),
        # Less uptime than there was: a copy of a machine that was running.
        (NOON, HERE, ClockReading(NOON + 9, 990.0, "m"), NOON + 9, Anchor(990.0, NOON + 9)),
    ],
)
def test_a_look_at_the_clocks(
    stored: float, anchor: Anchor | None, sight: ClockReading, now: float, kept: Anchor | None
) -> None:
    found = moment(stored, anchor, sight)
    assert found.now == pytest.approx(now, abs=1e-6)
    assert found.offset == sight.wall - found.now
    if kept is None:
        assert found.anchor is None
    else:
        assert found.anchor is not None
        assert (found.anchor.uptime, found.anchor.at) == pytest.approx((kept.uptime, kept.at))


def test_from_which_difference_on_a_clock_is_doubted() -> None:
    for off, doubted in ((0.0, False), (DOUBTED, False), (DOUBTED + 1, True), (-DAY, True)):
        assert moment(NOON, HERE, ClockReading(NOON + 1 + off, 1001.0, "m")).doubted is doubted


@pytest.mark.parametrize("wrong", [2.0, 90.0, DOUBTED, 2 * DOUBTED, DAY])
def test_visitors_that_are_ever_further_ahead_gain_next_to_nothing(wrong: float) -> None:
    clocks, anchor, stored = Clocks(), HERE, NOON
    for visit in range(1440):
        clocks.wait(MINUTE)
        sight = clocks()
        ahead = min(wrong, visit * 10.0) if visit % 2 else 0.0
        found = moment(stored, anchor, replace(sight, wall=sight.wall + ahead))
        stored, anchor = found.now, found.anchor or anchor
    assert stored - clocks.now <= DAY * RATE


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(DAY * 2.4, "2 days"), (DAY, "24 hours"), (HOUR, "60 minutes"), (90, "90 s"), (0, "0 s")],
)
def test_stretches_of_time(seconds: float, words: str) -> None:
    assert spell(seconds) == words
    assert f"the clock is {words} behind the" in doubt(-seconds - 1e-9, "do so")


# -- stores ----------------------------------------------------------------------------------------


@contextmanager
def opened(kind: str, place: Path, clocks: Clocks) -> Iterator[tuple[World, Callable[[], World]]]:
    """A store on these clocks, and a way to have a visitor at it: another process that shares a
    file, or another thread that shares the memory."""
    with asyncio.Runner() as runner:
        stores: list[Any] = []

        def visit() -> World:
            if kind == "sqlite" or not stores:
                stores.append(
                    SqliteStore(place / "ledger.db", sight=clocks)
                    if kind == "sqlite"
                    else MemoryStore(sight=clocks)
                )
            return World(stores[-1], lambda: clocks().wall, runner)  # type: ignore[arg-type]

        world = visit()
        try:
            yield world, visit
        finally:
            for store in stores:
                world.do(store.aclose())


KINDS = ("memory", "sqlite")


def spend(w: World, name: str, cost: int = 300) -> bool:
    """An attempt of $0.0000003, as an account makes it: with the counters of the store's day."""
    charge = w.money(cost)
    answer = w.reserve(name, charge)
    if isinstance(answer, Stale):
        shown = w.clock
        w.clock = lambda: answer.now  # type: ignore[assignment]
        charge, w.clock = w.money(cost), shown
        answer = w.reserve(name, charge)
    if isinstance(answer, Granted):
        w.settle(name, Settlement(cost=cost))
        return True
    assert isinstance(answer, Refused)
    return False


@pytest.mark.parametrize("kind", KINDS)
def test_clocks_that_are_days_ahead_and_back_spend_no_more_than_the_cap(
    kind: str, tmp_path: Path
) -> None:
    clocks, spent = Clocks(), 0
    with opened(kind, tmp_path, clocks) as (_, visit):
        for turn in range(24):
            for off in (0.0, DAY, 2 * DAY, -DAY, HOUR, 0.0):
                clocks.off = off
                spent += spend(visit(), f"{turn}.{off}.{spent}")
            clocks.wait(1.0)
    assert spent == 3


@pytest.mark.parametrize("kind", KINDS)
def test_a_visit_from_tomorrow_stops_no_rate(kind: str, tmp_path: Path) -> None:
    clocks = Clocks()
    with opened(kind, tmp_path, clocks) as (w, visit):
        granted = 0
        for minute in range(6):
            clocks.off = DAY * (minute % 3)
            v = visit()
            granted += sum(
                isinstance(v.reserve(f"v{minute}.{i}", v.requests(10)), Granted) for i in range(8)
            )
            clocks.off = 0.0
            granted += sum(
                isinstance(w.reserve(f"w{minute}.{i}", w.requests(10)), Granted) for i in range(8)
            )
            assert granted == 10 * (minute + 1)
            (opens,) = w.opens(w.requests(10))
            assert opens is not None
            assert 0 < opens - clocks.now <= 61
            clocks.wait(61.0)


@pytest.mark.parametrize("kind", KINDS)
def test_leases_run_by_uptime(kind: str, tmp_path: Path) -> None:
    clocks = Clocks()
    with opened(kind, tmp_path, clocks) as (w, visit):
        clocks.off = DAY
        v = visit()
        assert isinstance(v.reserve("lost", v.seat(1), lease=30), Granted)
        assert v.renew("lost", 40)
        for off in (0.0, -DAY, 2 * DAY):
            clocks.off = off
            assert isinstance(w.reserve(f"early{off}", w.seat(1)), Refused)
        clocks.off = 0.0
        clocks.wait(39.0)
        assert isinstance(w.reserve("early", w.seat(1)), Refused)
        clocks.wait(2.0)
        assert isinstance(w.reserve("after", w.seat(1)), Granted)
        assert w.settle("lost", Settlement()).ended is Ended.ADJUSTED


@dataclass(frozen=True)
class Happening:
    """Something that is as it should be, or that a machine must survive. passes: seconds by the
    wall clock and by uptime. machine: its name afterwards. follows: whether the ledger is at the
    wall clock's time at once."""

    name: str
    wall: float
    uptime: float
    machine: str = "one"
    follows: bool = True


HAPPENINGS = (
    Happening("a day of work", DAY, DAY),
    Happening("asleep for a weekend, which counts as uptime", 3 * DAY, 3 * DAY),
    Happening("a leap second, or the drift of a crystal", HOUR + 1, HOUR),
    Happening("clocks change for the summer: Unix time does not", HOUR, HOUR),
    Happening("started anew at once", 40.0, 20.0 - 1000.0, "two"),
    Happening("started anew after a month", 30 * DAY, 20.0 - 1000.0, "two"),
    Happening("a container with a kernel of its own", 5.0, 70_000.0, "two"),
    Happening("a container with another time namespace", 5.0, -500.0, "one/2"),
    Happening("a time server steps by a second", 1.0, 0.0, follows=False),
    Happening("a time server steps back", -5.0, 0.0, follows=False),
    Happening("a time server steps by minutes", 300.0, 0.0, follows=False),
    Happening("its host was asleep, which does not count as uptime", 8 * HOUR, 1.0, follows=False),
    Happening("somebody sets the clock back", -8 * HOUR, 1.0, follows=False),
)


HAPPEN = [
    pytest.param(kind, what, id=f"{kind}: {what.name}")
    for kind in KINDS
    for what in HAPPENINGS
    if kind != "memory" or what.machine == "one"  # a process does not outlive its machine
]


@pytest.mark.parametrize(("kind", "what"), HAPPEN)
def test_what_happens_to_machines_stops_nothing(kind: str, tmp_path: Path, what: Happening) -> None:
    clocks = Clocks()
    with opened(kind, tmp_path, clocks) as (first, visit):
        assert spend(first, "before")
        clocks.now += what.wall
        clocks.uptime += what.uptime
        clocks.machine = what.machine
        w = visit()
        before = w.do(time_of(w))
        if what.follows:
            assert before == pytest.approx(clocks.now, abs=HOUR * RATE)
        else:
            assert before == pytest.approx(NOON + max(what.uptime, 0.0), abs=1.0)
        for i in range(3):  # limits and budgets go on at the pace of uptime
            assert isinstance(w.reserve(f"a{i}", w.requests(1, name="r")), Granted)
            assert isinstance(w.reserve(f"b{i}", w.requests(1, name="r")), Refused)
            clocks.wait(62.0)
        assert w.do(time_of(w)) == pytest.approx(before + 186, abs=1.5)
        clocks.wait(DAY)
        assert sum(spend(w, f"tomorrow{i}") for i in range(5)) == 3


async def time_of(w: World) -> float:
    """The store's time: when a lease of nothing runs out."""
    answer = await w.store.reserve(Hold(f"probe{next(_numbers)}", (), 0.0, Attribution()))
    assert isinstance(answer, Granted)
    return answer.expires


_numbers = itertools.count()


@pytest.mark.parametrize("step", [1.0, -5.0, 300.0])
def test_a_small_step_is_taken_in_while_time_goes_on(step: float, tmp_path: Path) -> None:
    clocks = Clocks()
    with opened("sqlite", tmp_path, clocks) as (w, _):
        clocks.off = step
        for _ in range(9):
            clocks.wait(DAY)
            now = w.do(time_of(w))
        assert now == pytest.approx(clocks.now + step)


@pytest.mark.parametrize("kind", KINDS)
def test_a_doubted_clock_is_reported_once(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    clocks = Clocks()
    with opened(kind, tmp_path, clocks) as (w, _):
        for off in (0.0, 500.0, DAY, DAY, 3 * DAY):
            clocks.off = off
            w.settle("nothing", Settlement())
        (said,) = caplog.messages
        assert said.startswith(
            "the clock is 24 hours ahead of the ledger's time, and the machine's"
        )
        assert said.endswith(
            "run `policy-router doctor --fix`" if kind == "sqlite" else "restart the process"
        )
        for off in (0.0, -DAY):
            clocks.off = off
            w.settle("nothing", Settlement())
        assert len(caplog.messages) == 2
        assert "24 hours behind" in caplog.messages[1]


def test_a_process_that_opens_a_ledger_says_that_it_is_ahead(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clocks = Clocks(off=DAY)
    with opened("sqlite", tmp_path, clocks) as (w, visit):
        assert isinstance(w.reserve("a", w.money(1)), Granted)
        clocks.off, clocks.machine = 0.0, "two"
        visit()
    assert [m[:50] for m in caplog.messages] == [
        "the clock is 24 hours behind the ledger's time, an"
    ]


# -- an operator -----------------------------------------------------------------------------------


def test_an_operator_sets_the_time_of_a_ledger_that_was_pushed_ahead(tmp_path: Path) -> None:
    clocks = Clocks(off=DAY)
    with opened("sqlite", tmp_path, clocks) as (w, visit):
        for i in range(2):
            assert spend(w, f"ahead{i}")
        assert isinstance(w.reserve("open", w.requests(2), w.seat(1), lease=90), Granted)
        assert isinstance(w.reserve("other", w.requests(2), lease=50), Granted)
        assert w.release("other").ended is Ended.DONE
        clocks.off = 0.0
        clocks.wait(10.0)
        done = set_time(tmp_path / "ledger.db", clocks())
        assert (done.before, done.after) == (NOON + DAY + 10, NOON + 10)
        for v in (w, visit()):  # a process that was there before goes on by it as well
            assert v.do(time_of(v)) == clocks.now
        assert w.used(w.requests(2), w.seat(1), w.money(1)) == [1, 1, 0]
        assert isinstance(w.reserve("now", w.requests(2)), Granted)
        assert isinstance(w.reserve("full", w.requests(2)), Refused)
        clocks.wait(62.0)
        assert isinstance(w.reserve("again", w.requests(1)), Granted)
        assert isinstance(w.reserve("seat", w.seat(1)), Refused)  # for the rest of its lease
        clocks.wait(20.0)
        assert isinstance(w.reserve("seat", w.seat(1)), Granted)
        assert sum(spend(w, f"today{i}") for i in range(5)) == 3
        clocks.wait(DAY)  # where a part of the day was spent before
        assert sum(spend(w, f"tomorrow{i}") for i in range(5)) == 1
        assert w.audit() == ()

        async def since(time: float) -> list[str]:
            return [row.id async for row in w.store.rows(time)]

        every = w.do(since(0.0))
        assert every[:2] == ["ahead0", "ahead1"]
        assert w.do(since(NOON + 5)) == every
        assert {"ahead0", "ahead1", "tomorrow0"} <= {*w.do(since(NOON + DAY))}
        assert w.do(since(NOON + 9 * DAY)) == []


def test_an_operator_accepts_a_clock(tmp_path: Path) -> None:
    clocks = Clocks()
    with opened("sqlite", tmp_path, clocks) as (w, _):
        assert sum(spend(w, f"a{i}") for i in range(5)) == 3
        clocks.off = DAY
        assert sum(spend(w, f"b{i}") for i in range(5)) == 0
        w.reserve("open", w.seat(1), lease=60)
        set_time(tmp_path / "ledger.db", clocks())
        assert sum(spend(w, f"c{i}") for i in range(5)) == 3
        assert isinstance(w.reserve("seat", w.seat(1)), Refused)
        clocks.wait(61.0)
        assert isinstance(w.reserve("seat", w.seat(1)), Granted)
        assert w.audit() == ()


def test_a_machine_without_uptime_is_believed_and_can_be_set(tmp_path: Path) -> None:
    clocks = Clocks(machine="", off=DAY)
    with opened("sqlite", tmp_path, clocks) as (w, _):
        w.reserve("a", w.money(1))
        clocks.off = 0.0
        assert w.do(time_of(w)) == NOON + DAY
        set_time(tmp_path / "ledger.db", clocks())
        assert w.do(time_of(w)) == NOON


def test_few_machines_are_remembered(tmp_path: Path) -> None:
    clocks = Clocks()
    for number in range(70):
        clocks.machine = f"m{number}"
        clocks.wait(1.0)
        with opened("sqlite", tmp_path, clocks):
            pass
    with opened("sqlite", tmp_path, clocks) as (w, _):
        with closing(w.store._file.connect()) as connection:
            names = connection.execute("SELECT machine FROM anchor").fetchall()
        assert len(names) == 64
        assert ("m69",) in names
        assert ("m0",) not in names
