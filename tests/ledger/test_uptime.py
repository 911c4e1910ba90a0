"""What a process sees of the time of its machine."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from policy_router.ledger.clock import ClockReading
from policy_router.ledger.uptime import Machine, host, source

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A /proc of a machine that has been up for 1,000 s."""
    (tmp_path / "sys/kernel/random").mkdir(parents=True)
    (tmp_path / "sys/kernel/random/boot_id").write_text("b00t\n")
    (tmp_path / "self/ns").mkdir(parents=True)
    (tmp_path / "self/ns/time").touch()
    (tmp_path / "uptime").write_text("1000.00 3000.00\n")
    return tmp_path


@pytest.mark.parametrize(
    ("fine", "uptime"),
    [(1000.004, 1000.004), (1000.9, 1000.9), (1_795_089_600.0, 1000.0), (3.0, 1000.0)],
)
def test_a_clock_that_is_not_the_kernels_is_not_believed(
    proc: Path, fine: float, uptime: float
) -> None:
    machine = Machine(proc, lambda: 7.0, lambda: fine)
    assert machine() == ClockReading(7.0, uptime, machine.name)
    assert machine.name == f"b00t/{(proc / 'self/ns/time').stat().st_ino}"


def test_uptime_is_read_again_every_time(proc: Path) -> None:
    machine = Machine(proc, lambda: 7.0, lambda: 0.0)
    (proc / "uptime").write_text("1001.50 3000.00\n")
    assert machine().uptime == 1001.5


def test_without_an_uptime_of_the_kernels_the_clock_is_taken(proc: Path) -> None:
    (proc / "uptime").unlink()
    (proc / "self/ns/time").unlink()
    assert Machine(proc, lambda: 7.0, lambda: 5.0)() == ClockReading(7.0, 5.0, "b00t/0")


def test_without_proc_there_is_only_a_wall_clock(tmp_path: Path) -> None:
    assert Machine(tmp_path, lambda: 7.0)() == ClockReading(7.0)


def test_this_machine() -> None:
    before = time.time()
    sight = host()()
    assert before <= sight.wall <= time.time()
    assert host()().uptime >= sight.uptime
    assert host() is host()


def test_where_stores_take_the_time_from() -> None:
    assert source(None) is source(time.time) is host()
    assert source(lambda: 9.0)() == ClockReading(9.0)
