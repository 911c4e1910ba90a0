"""Decision logs, read line by line, with the files that they were rotated to."""

from __future__ import annotations

import gzip
import io
import json
from typing import TYPE_CHECKING

import pytest

from policy_router.observe.rotation import RotatedFile
from policy_router.replay import log
from policy_router.replay.log import files_of, lines_of, read_log

if TYPE_CHECKING:
    from pathlib import Path


def test_rotated_files_come_first_the_oldest_of_them_at_the_beginning(tmp_path: Path) -> None:
    path = tmp_path / "log"
    file = RotatedFile(path, max_bytes=30, keep=5)
    file.write([json.dumps({"n": n}).encode() + b"\n" for n in range(12)])
    file.close()
    assert len(files_of(path)) > 2
    assert [line.record for line in read_log(files_of(path))] == [{"n": n} for n in range(12)]


def test_a_file_may_be_compressed(tmp_path: Path) -> None:
    path = tmp_path / "log.gz"
    path.write_bytes(gzip.compress(b'{"n": 1}\n\n{"n": 2}'))
    assert [(line.place, line.record) for line in read_log([path])] == [
        (f"{path}:1", {"n": 1}), (f"{path}:3", {"n": 2}),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[1]", "not a JSON object"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_a_broken_line_is_named(line: bytes, problem: str) -> None:
    first, broken, last = lines_of("x", io.BytesIO(b"{}\n" + line + b"\n{}\n"))
    assert (first.record, last.record) == ({}, {})
    assert (broken.record, broken.problem, broken.place) == (None, problem, "x:2")


def test_a_line_without_end_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "LONGEST_LINE", 10)
    text = b"{}\n" + b"x" * 35 + b"\n" + b"y" * 9 + b"\n{}\n"
    found = [(line.number, line.problem) for line in lines_of("x", io.BytesIO(text))]
    assert found == [(1, None), (2, "the line is too long"), (3, "not JSON"), (4, None)]
