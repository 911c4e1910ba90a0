"""Commands in hints can be typed as they stand, wherever the program was started from."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from policy_router.cli.invocation import invocation

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The program in `.venv/bin` of the working directory; the shell finds no program at all."""
    program = tmp_path / ".venv" / "bin" / "policy-router"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setattr(sys, "argv", [str(program), "demo"])
    return program


def test_a_program_that_the_shell_does_not_find_is_named_by_its_path(installed: Path) -> None:
    assert invocation() == ".venv/bin/policy-router"


def test_from_elsewhere_the_path_is_whole(
    installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "else where"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert invocation() == str(installed)
    monkeypatch.chdir(installed.parent)
    assert invocation() == "./policy-router"


def test_a_program_that_the_shell_finds_is_named_by_its_name(
    installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(installed.parent))
    assert invocation() == "policy-router"


def test_another_program_of_the_same_name_is_not_taken_for_it(
    installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other" / "policy-router"
    other.parent.mkdir()
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", str(other.parent))
    assert invocation() == ".venv/bin/policy-router"


def test_a_module_is_started_by_its_interpreter(
    installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [str(installed.parent / "policy_router" / "__main__.py")])
    monkeypatch.setattr(sys, "executable", str(installed.parent / "python3"))
    assert invocation() == ".venv/bin/python3 -m policy_router"


def test_a_path_with_a_blank_is_quoted(
    installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blank = tmp_path / "a b" / "policy-router"
    blank.parent.mkdir()
    installed.rename(blank)
    monkeypatch.setattr(sys, "argv", [str(blank)])
    assert invocation() == "'a b/policy-router'"
