"""`replay`: logged decisions, on the command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from benchmarks.replay import POLICY, write
from policy_router import load
from tests.cli.run import run

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "old.yaml").write_text(POLICY)
    changed = POLICY + "  - { name: dear, when: { task: code }, first: [large] }\n"
    (tmp_path / "dear.yaml").write_text(changed)
    write(tmp_path / "log.jsonl", load(text=POLICY), 200)
    return tmp_path


def test_the_same_policy_makes_every_decision_again(folder: Path) -> None:
    done = run("replay", folder / "log.jsonl", "--policy", folder / "old.yaml")
    assert done.code == 0
    assert done.out.startswith("200 decisions decided again, 200 of them made by revision ")
    assert "every one of its own decisions is the same\n" in done.out
    assert "0 would change, 200 would not\n" in done.out


def test_another_policy_shows_what_would_change(folder: Path) -> None:
    log, dear = folder / "log.jsonl", folder / "dear.yaml"
    done = run("replay", log, "-p", dear, "--old", folder / "old.yaml", "--limit", "2")
    assert done.code == 0
    assert "another model goes first\n" in done.out
    assert "first model then, and now:\n" in done.out
    assert "estimated cost of the first models: $" in done.out
    assert done.out.count("\n  then  ") == 2
    told = run("replay", log, "-p", dear, "--json").json
    assert told["decisions"] == sum(told["changes"].values()) == 200
    assert told["changed"] >= len(told["shown"]) == min(told["changed"], 20) > 2
    assert float(told["cost_usd"]["now"]) > float(told["cost_usd"]["before"])
    assert told["own"] == told["broken"] == 0
    assert run("replay", log, "-p", dear, "--fail-on-change").code == 1


def test_a_decision_of_its_own_that_differs_is_a_finding(folder: Path) -> None:
    log = folder / "log.jsonl"
    first, rest = log.read_text().split("\n", 1)
    record = json.loads(first)
    record["rules"] = ["another"]
    log.write_text(f"{json.dumps(record)}\n{rest}")
    done = run("replay", log, "-p", folder / "old.yaml")
    assert done.code == 1
    assert "1 decision of its own decided otherwise\n" in done.out
    assert "  its own decision differs in `rules`\n" in done.out


def test_broken_lines_are_counted_and_named(folder: Path) -> None:
    log = folder / "log.jsonl"
    log.write_text("not json\n{}\n" + log.read_text())
    done = run("replay", log, "-p", folder / "old.yaml")
    assert done.code == 0
    assert f"2 lines could not be read\n  {log}:1: not JSON\n" in done.out
    assert f"  {log}:2: the record has version None, not 1\n" in done.out


def test_standard_input(folder: Path) -> None:
    data = (folder / "log.jsonl").read_bytes()
    done = run("replay", "-", "-p", folder / "old.yaml", "--json", stdin=data)
    assert (done.code, done.json["decisions"]) == (0, 200)


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        (None, 2, "cannot read"),
        ("", 2, "there is no decision to replay"),
        ("{\n", 2, "log:1: not JSON"),
    ],
)
def test_nothing_to_replay(folder: Path, text: str | None, code: int, words: str) -> None:
    log = folder / "log"
    if text is not None:
        log.write_text(text)
    done = run("replay", log, "-p", folder / "old.yaml")
    assert done.code == code
    assert words in done.err
