"""`usage`: what was used of every limit and budget, and by every model."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from policy_router.domain.identity import key_id
from policy_router.journal.address import JournalAddress
from tests.cli.run import BROKEN, CASES, run
from tests.cli.spent import COUNTED, DAY, MINUTE, NOON, Try, spend, stop_the_clock
from tests.journal.make import answered, write


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A store after a few days of ada and bob."""
    stop_the_clock(monkeypatch)
    found = f"sqlite:///{tmp_path}/ledger.db"
    spend(
        found,
        Try("big", 30 * DAY, "bob", (500_000, 200_000)),
        Try("big", 3 * DAY, "bob", (100_000, 200_000)),
        Try("big", 60 * MINUTE, "bob", (40_000, 10_000), "acme"),
        Try("small", 90),
        Try("small", 20),
        Try("small", 10, tokens=None),
        Try("big", 5),
        Try("big", 4, tokens=None),
        Try("big", 1, "bob", running=True),
    )
    return found


def test_text_is_two_tables_and_more(url: str) -> None:
    done = run("usage", "-p", COUNTED, "--state", url)
    assert (done.code, done.err) == (0, "")
    head, rest = done.out.split("\n\n", 1)
    assert head.startswith("policy counted @")
    assert head.endswith(f"  {url}")
    assert rest == (CASES / "usage.txt").read_text()


def test_before_anything_was_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stop_the_clock(monkeypatch)
    done = run("usage", "-p", COUNTED)
    assert done.code == 0
    assert done.err.startswith(f"nothing was counted yet: there is no {tmp_path}/state/")
    assert done.out.split("\n\n", 1)[1] == (CASES / "unused.txt").read_text()


def test_where_nothing_was_counted_the_store_that_was_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    told = run("usage", "-p", COUNTED, "--state", "sqlite:///our%20ledger.db").err
    assert told == (
        f"nothing was counted yet: there is no {tmp_path}/our ledger.db\n"
        "   = help: an application keeps its counters in memory unless it opens the same"
        f' store, `Router.open(..., state="sqlite:///{tmp_path}/our%20ledger.db")`; name its'
        " store with --state or $POLICY_ROUTER_STATE\n"
    )
    spend("sqlite:///our%20ledger.db")  # opened, and nothing more
    told = run("usage", "-p", COUNTED, "--state", "sqlite:///our%20ledger.db").err
    assert told.startswith("nothing was counted yet: sqlite:///our%20ledger.db is empty\n")
    assert f'state="sqlite:///{tmp_path}/our%20ledger.db"' in told
    assert run("usage", "-p", COUNTED, "--state", "sqlite:///our%20ledger.db", "--json").err == ""


def test_the_weight_of_own_hardware_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_the_clock(monkeypatch)
    policy = tmp_path / "p.yaml"
    policy.write_text(
        Path(COUNTED).read_text().replace("price: free", "price: free\n    weight: 2.5")
    )
    url = f"sqlite:///{tmp_path}/ledger.db"
    spend(url, Try("small"), Try("big"), policy=str(policy))
    shown = run("usage", "-p", policy, "--state", url).out
    assert "free, weight 2.5\n" in shown
    models = run("usage", "-p", policy, "--state", url, "--json").json["today"]["models"]
    assert {each["model"]: each.get("weight") for each in models} == {"small": 2.5, "big": None}


def test_a_key_is_shown_as_a_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stop_the_clock(monkeypatch)
    policy = tmp_path / "p.yaml"
    policy.write_text(
        Path(COUNTED).read_text().replace("per: user, requests", "per: key, requests")
    )
    url = f"sqlite:///{tmp_path}/ledger.db"
    spend(url, Try("small", key="sk-a-secret"), policy=str(policy))
    done = run("usage", "-p", policy, "--state", url)
    shown = f"key {key_id('sk-a-secret')}"
    assert shown in done.out
    assert len(shown) < 30
    for name in tmp_path.iterdir():
        assert name.is_dir() or b"sk-a-secret" not in name.read_bytes()


def test_the_largest_are_listed_and_all_on_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_the_clock(monkeypatch)
    url = f"sqlite:///{tmp_path}/ledger.db"
    spend(url, *(Try("big", MINUTE, f"u{i:02}", (1000 * i, 1)) for i in range(1, 13)))
    rows = [
        row.split()[3]
        for row in run("usage", "-p", COUNTED, "--state", url).out.splitlines()
        if row.startswith("budget each-user, user")
    ]
    assert rows == [f"u{i:02}" for i in range(12, 2, -1)]
    lines = run("usage", "-p", COUNTED, "--state", url).out.splitlines()
    assert [row for row in lines if row.startswith("budget each-user ")] == [
        "budget each-user            and 2 more: --all"
    ]
    out = run("usage", "-p", COUNTED, "--state", url, "--all").out
    assert out.count("budget each-user, user") == 12
    assert "more" not in out
    for more, count in ((), 10), (("--all",), 12):
        found = run("usage", "-p", COUNTED, "--state", url, "--json", *more).json["counters"]
        assert [c["name"] for c in found if c["window"] == "hour"] == ["each-user"] * count


def test_a_policy_that_counts_nothing(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(
        "version: 1\nmodels: { only: { model: ollama_chat/x, tier: light, price: free } }\n"
    )
    done = run("usage", "-p", tmp_path)
    assert done.code == 0
    assert "The policy has no limits and no budgets." in done.out


def test_removed_models_and_models_without_a_price(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_the_clock(monkeypatch)
    url = f"sqlite:///{tmp_path}/ledger.db"
    spend(url, Try("big"), Try("small"))
    (tmp_path / "p.yaml").write_text(
        "version: 1\ntimezone: Europe/Berlin\n"
        "models: { small: { model: openrouter/acme/x, tier: light } }\n"
        "budgets: { all: { cap: unlimited } }\n"
    )
    done = run("usage", "-p", tmp_path, "--state", url)
    assert "budget all  $0.00 a month" in done.out
    assert "big           1      1,000         500   $0.002\n" in done.out
    assert "small         1      1,000         500  unknown\n" in done.out
    assert "free models: 0 of 2 answers, 0%" in done.out
    found = run("usage", "-p", tmp_path, "--state", url, "--json").json
    assert [(m["model"], m["free"]) for m in found["today"]["models"]] == [
        ("big", None), ("small", False),
    ]  # fmt: skip
    assert (found["counters"][0]["limit"], found["counters"][0]["share"]) == (None, None)


def test_json_has_one_shape(url: str) -> None:
    found = run("usage", "-p", COUNTED, "--state", url, "--json").json
    assert list(found) == [
        "schema_version", "policy", "state", "at", "counters", "today", "month", "ledger_since",
    ]  # fmt: skip
    assert found["schema_version"] == 1
    assert found["policy"]["name"] == "counted"
    assert (found["state"], found["at"]) == (url, "2026-11-18T13:00:00+01:00")
    assert found["ledger_since"] is None
    assert found["counters"][6] == {
        "section": "budgets",
        "name": "team",
        "metric": "usd",
        "window": "month",
        "per": None,
        "subject": None,
        "limit": "5",
        "shadow": False,
        "used": "0.565",
        "held": "0.003",
        "share": 0.113,
        "resets": "2026-12-01T00:00:00+01:00",
        "opens": None,
    }
    assert found["counters"][2] == {
        "section": "limits",
        "name": "each-user",
        "metric": "requests",
        "window": "hour",
        "per": "user",
        "subject": "ada",
        "limit": 5,
        "shadow": False,
        "used": 5,
        "held": None,
        "share": 1.0,
        "resets": None,
        "opens": "2026-11-18T13:59:00+01:00",
    }
    assert found["today"] == {
        "label": "2026-11-18",
        "models": [
            {
                "model": "big", "free": False, "requests": 3, "answers": 2, "tokens_in": 41000,
                "tokens_out": 10500, "cost_usd": "0.062",
            },
            {
                "model": "small", "free": True, "requests": 3, "answers": 2, "tokens_in": 2000,
                "tokens_out": 1000, "cost_usd": "0",
            },
        ],
        "total": {
            "requests": 6, "answers": 4, "tokens_in": 43000, "tokens_out": 11500,
            "cost_usd": "0.062",
        },
        "free_answers": 2,
        "free_share": 0.5,
    }  # fmt: skip
    assert run("usage", "-p", COUNTED, "--json").json["today"]["free_share"] is None


def test_an_older_ledger_that_was_cut_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_the_clock(monkeypatch)
    url = f"sqlite:///{tmp_path}/ledger.db"
    spend(url, Try("big", DAY), Try("big", 60), Try("big", 30))
    import sqlite3

    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        connection.execute("DELETE FROM ledger WHERE seq = 1")
    done = run("usage", "-p", COUNTED, "--state", url)
    assert done.out.endswith("\nUsage of models before 12:59:00 CET is no longer kept.\n")
    found = run("usage", "-p", COUNTED, "--state", url, "--json").json
    assert found["ledger_since"] == "2026-11-18T12:59:00+01:00"


def test_what_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_text("This is no ledger. " * 100)
    done = run("usage", "-p", COUNTED, "--state", f"sqlite:///{tmp_path}/ledger.db")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: the ledger ")
    assert "is not a database" in done.err
    done = run("usage", "-p", COUNTED, "--state", "redis://127.0.0.1:1")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: no answer from the store at 127.0.0.1:1")
    assert run("usage", "-p", BROKEN).code == 1
    assert run("usage", "-p", tmp_path / "none.yaml").code == 2


def test_a_moment_later_is_another_window(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stop_the_clock(monkeypatch, NOON + 59 * MINUTE)
    out = run("usage", "-p", COUNTED, "--state", url).out
    assert "model small                  0 of 3 requests a minute" in out
    assert "limit each-user, user ada    4 of 5 requests an hour" in out


def test_watching_shows_it_again_until_it_is_stopped(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", pause)
    done = run("usage", "-p", COUNTED, "--state", url, "--watch")
    assert (done.code, pauses) == (0, [2.0] * 3)
    once = run("usage", "-p", COUNTED, "--state", url).out
    assert done.out == "\n".join([once] * 3)
    wrong = run("usage", "-p", COUNTED, "--state", url, "--watch", "--json")
    assert (wrong.code, "cannot be combined with --json" in wrong.err) == (2, True)


def test_calls_in_the_journal_say_that_they_are_counted_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_the_clock(monkeypatch)
    beside = JournalAddress.next_to(tmp_path / "ledger.db")
    state = f"sqlite:///{tmp_path}/ledger.db"
    write(beside, [])
    assert "elsewhere" not in run("usage", "-p", COUNTED, "--state", state).err
    write(beside, [answered(at=NOON - DAY)], "b2")
    done = run("usage", "-p", COUNTED, "--state", state)
    assert "has calls, so they are counted elsewhere" in done.err
