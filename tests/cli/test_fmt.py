"""`policy-router fmt`: files in one layout, written, compared or only named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.run import run

if TYPE_CHECKING:
    from pathlib import Path

MESSY = "version:   1\nmodels:\n    a: {model: openai/a, price: free, context: 8k}  # ours\n"
NEAT = "version: 1\nmodels:\n  a: { model: openai/a, price: free, context: 8k }  # ours\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "models.yaml").write_text(MESSY)
    (tmp_path / "prefer.yaml").write_text("prefer: [free]\n")
    (tmp_path / "tasks.yaml").write_text("tasks: {chat: {}}\n")
    (tmp_path / "all.test.yaml").write_text("tests:\n- name: x\n  request: {}\n")
    return tmp_path


def test_files_are_written_with_the_tests_next_to_them(folder: Path) -> None:
    done = run("fmt", folder)
    assert done.code == 0, done.err
    assert (folder / "models.yaml").read_text() == NEAT
    assert (folder / "all.test.yaml").read_text() == "tests:\n  - name: x\n    request: {}\n"
    assert done.out == (
        f"formatted: {folder}/models.yaml\nformatted: {folder}/tasks.yaml\n"
        f"formatted: {folder}/all.test.yaml\n1 file in this layout already\n"
    )
    again = run("fmt", folder)
    assert (again.code, again.out) == (0, "4 files in this layout already\n")


def test_check_only_names_what_would_change(folder: Path) -> None:
    done = run("fmt", "--check", folder)
    assert done.code == 1
    assert f"would change: {folder}/models.yaml" in done.out
    assert (folder / "models.yaml").read_text() == MESSY
    run("fmt", folder)
    assert run("fmt", "--check", folder).code == 0


def test_diff_shows_what_would_change(folder: Path) -> None:
    done = run("fmt", "--diff", folder / "models.yaml")
    assert done.code == 1
    assert "-version:   1\n" in done.out
    assert "+version: 1\n" in done.out
    assert (folder / "models.yaml").read_text() == MESSY
    same = run("fmt", "--diff", folder / "prefer.yaml")
    assert (same.code, same.out) == (0, "")


def test_json_has_every_file(folder: Path) -> None:
    told = run("fmt", "--json", folder / "models.yaml").json
    path = str(folder / "models.yaml")
    assert told["files"] == [{"file": path, "changed": True, "written": True, "problem": None}]
    again = run("fmt", "--json", folder / "models.yaml").json
    assert again["files"] == [{"file": path, "changed": False, "written": False, "problem": None}]


def test_standard_input_is_written_to_standard_output() -> None:
    done = run("fmt", "-", stdin=MESSY.encode())
    assert (done.code, done.out) == (0, NEAT)
    broken = run("fmt", "-", stdin=b"a: [\n")
    assert (broken.code, broken.out) == (2, "")
    assert "standard input:1:5 a value is missing" in broken.err
    both = run("fmt", "-", "--check")
    assert both.code == 2
    assert "`-` cannot be combined with" in both.err


def test_a_file_without_a_layout_stays_and_others_are_formatted(folder: Path) -> None:
    (folder / "prefer.yaml").write_text("? prefer\n:   [free]\n")
    done = run("fmt", folder)
    assert done.code == 2
    assert f"{folder}/prefer.yaml has keys that begin with `?`" in done.err
    assert (folder / "prefer.yaml").read_text() == "? prefer\n:   [free]\n"
    assert (folder / "models.yaml").read_text() == NEAT
