"""`simulate`: traffic through a policy, on the command line."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from benchmarks.replay import POLICY, write
from policy_router import load
from policy_router.domain.outcome import Role
from policy_router.journal.address import JournalAddress
from tests.cli.run import run
from tests.journal import make as storage
from tests.journal.make import answered

if TYPE_CHECKING:
    from pathlib import Path

SCENARIO = """\
duration: 10m
rate: 1/s
traffic:
  - { share: 70%, request: { task: chat, plan: pro } }
  - { share: 30%, name: secrets, request: { task: code, tags: [private], plan: pro }, users: 2 }
events:
  - { name: house down, at: 3m, for: 3m, models: [local], fault: outage }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "p.yaml").write_text(POLICY)
    (tmp_path / "s.yaml").write_text(SCENARIO)
    return tmp_path


def test_the_report(folder: Path) -> None:
    done = run("simulate", folder / "s.yaml", "-p", folder / "p.yaml", "--html", folder / "r.html")
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0].endswith(" requests in 10 min, seed 1")
    assert any(line.startswith("answered  █") for line in lines)
    assert any(line.endswith("  house down") for line in lines)
    assert any(line.startswith("house down: over at 6 min, recovered") for line in lines)
    assert any(line.startswith("secrets") for line in lines)
    assert "refused for:" in lines
    page = (folder / "r.html").read_text()
    assert "<svg" in page
    assert "<script" not in page


def test_equal_arguments_print_the_same(folder: Path) -> None:
    command = ("simulate", folder / "s.yaml", "-p", folder / "p.yaml", "--json", "--seed", "3")
    one, same = run(*command).json, run(*command).json
    assert one == same
    assert one["seed"] == 3
    assert one["total"]["requests"] == sum(s["requests"] for s in one["slices"])
    assert one["recoveries"][0]["name"] == "house down"


def test_the_requests_of_a_log(folder: Path) -> None:
    log = folder / "log.jsonl"
    write(log, load(text=POLICY), 100)
    (folder / "long.yaml").write_text("duration: 1000h\nrate: 1/s\n")
    done = run("simulate", folder / "long.yaml", "-p", folder / "p.yaml", "--log", log, "--json")
    assert done.json["total"]["requests"] > 50


def test_the_requests_of_a_journal(folder: Path) -> None:
    url = f"sqlite:///{folder}/outcomes.db"
    now = time.time()
    rows = [answered(f"d{n}", at=now - 600 + n, task="chat", tokens_out=50) for n in range(40)]
    old = answered("old", at=now - 9 * 86_400, task="chat")
    judge = answered("d1", at=now - 590, role=Role.JUDGE, task="chat")
    storage.write(JournalAddress.parse(url), [*rows, old, judge])
    (folder / "long.yaml").write_text("duration: 1000h\nrate: 1/s\n")
    argv = ("simulate", folder / "long.yaml", "-p", folder / "p.yaml", "--json", "--log", url)
    assert run(*argv).json["total"]["requests"] == 41
    week = run(*argv, "--since", "7d").json
    assert week["total"]["requests"] == 40
    assert list(week["groups"]) == ["chat"]


@pytest.mark.parametrize(
    ("text", "more", "words"),
    [
        (None, (), "cannot read"),
        ("rate: 5/s", (), "`duration`: Field required"),
        (SCENARIO, ("--log", "nowhere"), "cannot read nowhere"),
        (SCENARIO, ("--log", "sqlite:///no.db"), "there is no journal at"),
        (SCENARIO, ("--html", "no/where"), "cannot write no/where"),
        ("duration: 1s\nrate: 0.001/s", (), "there are no requests to simulate"),
    ],
)
def test_what_cannot_be_simulated(
    folder: Path, text: str | None, more: tuple[str, ...], words: str
) -> None:
    path = folder / "x.yaml"
    if text is not None:
        path.write_text(text)
    done = run("simulate", path, "-p", folder / "p.yaml", *more)
    assert done.code == 2
    assert words in done.err
