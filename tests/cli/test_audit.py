"""`audit`: the counters beside the ledger."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from tests.cli.run import BROKEN, run
from tests.cli.spent import COUNTED, NOON, Try, spend, stop_the_clock

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A store with one attempt that ended and one under way."""
    stop_the_clock(monkeypatch, NOON + 1)
    found = f"sqlite:///{tmp_path}/ledger.db"
    spend(found, Try("big", 2), Try("big", 1, running=True))
    return found


def test_all_agree(url: str) -> None:
    done = run("audit", "--state", url)
    assert (done.code, done.out, done.err) == (0, "4 counters agree with the ledger\n", "")
    assert run("audit", "--state", url, "--json").json == {
        "schema_version": 1,
        "state": url,
        "counters": 4,
        "lost": None,
        "differences": [],
    }


def test_differences_are_findings(url: str, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        connection.execute("UPDATE bucket SET spent = spent + 5000000 WHERE key LIKE '%team|usd%'")
        connection.execute("UPDATE bucket SET held = 0 WHERE key LIKE '%requests%'")
    done = run("audit", "--state", url)
    assert (done.code, done.err) == (1, "")
    assert done.out == (
        "                                                     counter     ledger\n"
        "budgets/team|usd|month|2026-11|-              spent  $0.007      $0.002\n"
        "limits/each-user|requests|day|2026-11-18|ada  held   0 requests  1 request\n"
        "Found 2 differences in 4 counters\n"
    )
    told = run("audit", "--state", url, "--json")
    assert told.code == 1
    assert told.json["differences"] == [
        {
            "key": "budgets/team|usd|month|2026-11|-",
            "field": "spent",
            "counter": "0.007",
            "ledger": "0.002",
        },
        {
            "key": "limits/each-user|requests|day|2026-11-18|ada",
            "field": "held",
            "counter": 0,
            "ledger": 1,
        },
    ]


def test_the_store_of_a_policy(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    done = run("audit", "-p", COUNTED)
    assert (done.code, done.out) == (0, "nothing to compare: the ledger has no counters\n")
    monkeypatch.setenv("POLICY_ROUTER_STATE", url)
    assert run("audit", "-p", COUNTED).out == "4 counters agree with the ledger\n"
    one = run("audit", "--state", url, "-p", "no/such/policy.yaml")
    assert (one.code, one.err) == (0, "")


def test_what_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_text("This is no ledger. " * 100)
    done = run("audit", "--state", f"sqlite:///{tmp_path}/ledger.db")
    assert (done.code, done.out) == (2, "")
    assert "is not a database" in done.err
    done = run("audit", "--state", "redis://127.0.0.1:1", "--json")
    assert (done.code, done.out) == (2, "")
    broken = run("audit", "-p", BROKEN)
    assert (broken.code, broken.out) == (2, "")
    assert "error[unknown-field]" in broken.err
    assert run("audit", "-p", tmp_path / "none.yaml").code == 2
