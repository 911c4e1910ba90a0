"""`graph`: the matrix of a policy, on the terminal and in files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.cli.run import BROKEN, TEAM, run

if TYPE_CHECKING:
    from pathlib import Path


def test_it_is_shown_and_written(tmp_path: Path) -> None:
    shown = run("graph", "--policy", TEAM)
    assert (shown.code, shown.err) == (0, "")
    assert "1 put first · x out" in shown.out
    svg, html = tmp_path / "p.svg", tmp_path / "p.html"
    files = run("graph", "--policy", TEAM, "--svg", svg, "--html", html)
    assert (files.code, files.out) == (0, "")
    assert files.err.count("wrote ") == 2
    assert svg.read_text().startswith("<svg xmlns=")
    assert html.read_text().startswith("<!doctype html>")
    document = run("graph", "--policy", TEAM, "--json").json
    assert document["schema_version"] == 1
    assert {row["kind"] for row in document["rows"]} <= {"task", "rule"}


def test_what_cannot_be_drawn_or_written(tmp_path: Path) -> None:
    assert run("graph", "--policy", BROKEN).code == 1
    missing = tmp_path / "nowhere" / "p.svg"
    failed = run("graph", "--policy", TEAM, "--svg", missing)
    assert failed.code == 2
    assert "cannot write" in failed.err
