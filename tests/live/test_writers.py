"""Whether a file is open for writing: by the kernel where it tells, else by events."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from policy_router.live.writers import PATIENCE, Writers, open_for_writing

if TYPE_CHECKING:
    from pathlib import Path

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has leases")


@linux
def test_the_kernel_knows_who_writes(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    with file.open("w") as writer:
        assert open_for_writing(str(file)) is True
        writer.write("half")
        writer.flush()
        assert open_for_writing(str(file)) is True
    assert open_for_writing(str(file)) is False
    with file.open("a"), file.open("a"):
        assert open_for_writing(str(file)) is True


@linux
def test_readers_are_no_writers_and_asking_leaves_nothing_behind(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text("text")
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208  counted, not opened
    with file.open():
        for _ in range(100):
            assert open_for_writing(str(file)) is False
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208  as above
    with file.open("w") as writer:  # would wait for a lease that was left
        writer.write("more")


def test_what_is_no_file_is_not_known(tmp_path: Path) -> None:
    assert open_for_writing(str(tmp_path / "missing")) is None
    (tmp_path / "link").symlink_to("missing")
    assert open_for_writing(str(tmp_path / "link")) is None


def test_a_file_that_was_modified_is_open_until_it_is_closed() -> None:
    now = [0.0]
    writers = Writers(lambda: now[0])
    for end in (("closed", "p"), ("deleted", "p"), ("moved", ".p.tmp", "p"), ("moved", "p", "q")):
        writers.note("modified", "p")
        writers.note("created", "p")
        assert writers.open("p")
        assert not writers.open("q")
        writers.note(*end)
        assert not writers.open("p")


def test_a_close_that_never_comes_is_not_waited_for_without_end() -> None:
    now = [0.0]
    writers = Writers(lambda: now[0])
    writers.note("modified", "p")
    now[0] = PATIENCE - 1
    writers.note("modified", "p")
    now[0] = PATIENCE + 1
    assert writers.open("p")
    now[0] = 2 * PATIENCE
    assert not writers.open("p")


def test_other_events_begin_with_nothing_open() -> None:
    writers = Writers()
    writers.note("modified", "p")
    writers.clear()
    assert not writers.open("p")
