"""`doctor`: what is wrong with policy and store, and what to do about it."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest
from redis import Redis

from policy_router.diagnostics import Severity
from policy_router.ledger.diagnosis import Diagnosis
from policy_router.ledger.open import open_store
from policy_router.ledger.store import Attribution, Hold
from policy_router.views.diagnoses import as_lines
from policy_router.views.terminal import render
from tests.cli.run import BROKEN, DOUBTFUL, TEAM, run
from tests.cli.spent import COUNTED, Try, spend, stop_the_clock
from tests.ledger.servers import Server, shared

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("reachable")

NOT_OFF = "the ledger's time agrees with this machine's clock: nothing was changed"
SUBJECTS = ["policy", "state", "version", "file system"]


def found(*argv: object) -> dict[str, tuple[str, str, str]]:
    told = run("doctor", *argv, "--json").json
    return {f["subject"]: (f["level"], f["text"], f["help"]) for f in told["findings"]}


def test_nothing_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stop_the_clock(monkeypatch)
    url = f"sqlite:///{tmp_path}/ledger.db"
    spend(url, Try("big", 2))
    done = run("doctor", "-p", COUNTED, "--state", url)
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0].startswith("ok ")
    assert lines[0].endswith(": 2 models, 5 limits and budgets")
    assert lines[1].split(maxsplit=2) == ["ok", "state", url]
    told = run("doctor", "-p", COUNTED, "--state", url, "--json").json
    assert list(told) == ["schema_version", "state", "findings"]
    assert told["state"] == url
    assert [f["subject"] for f in told["findings"]] == [*SUBJECTS, "format", "size"]
    assert all(f["level"] == "note" for f in told["findings"])


def test_before_anything_was_counted(tmp_path: Path) -> None:
    told = found("-p", COUNTED)
    assert list(told) == [*SUBJECTS, "file"]
    level, text, help_ = told["file"]
    assert (level, text.endswith(" does not exist yet"), help_) == ("note", True, "")
    assert not (tmp_path / "state").exists()


def test_findings_are_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("doctor", "-p", COUNTED, "--state", "memory://").code == 1
    assert found("-p", COUNTED, "--state", "memory://")["memory"][0] == "warning"
    stop_the_clock(monkeypatch)
    url = f"sqlite:///{tmp_path}/ledger.db"
    spend(url, Try("big", -7200))
    assert found("-p", COUNTED, "--state", url)["time"] == (
        "warning",
        "the ledger's time is 2 hours ahead of this machine's clock",
        "if the clock is right, run `policy-router doctor --fix`",
    )
    assert run("doctor", "-p", COUNTED, "--state", url).code == 1


def test_a_ledger_that_was_pushed_ahead_is_set_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_the_clock(monkeypatch)
    url = f"sqlite:///{tmp_path}/ledger.db"
    spend(url, Try("big", -86_400))
    argv = ("-p", COUNTED, "--state", url)
    for command in ("usage", "audit"):
        said = run(command, *argv).err
        assert "warning: the ledger's time is 24 hours ahead of this machine's clock\n" in said
        assert "   = help: if the clock is right, run `policy-router doctor --fix`\n" in said
    fixed = found(*argv, "--fix")
    assert fixed["fixed"] == (
        "note",
        (
            "the ledger's time was 2026-11-19T12:00:00+00:00 and is 2026-11-18T12:00:00+00:00 now;"
            " amounts counted in future periods stay in those periods"
        ),
        "",
    )
    assert "time" not in fixed
    assert "time" not in found(*argv)
    assert found(*argv, "--fix")["fixed"] == ("note", NOT_OFF, "")
    assert run("audit", *argv).err == ""
    spend(url, Try("small", 0))
    assert re.search(r"^small +1 ", run("usage", *argv).out, re.MULTILINE)


def test_there_is_no_time_to_set(tmp_path: Path) -> None:
    told = found("-p", COUNTED, "--state", f"sqlite:///{tmp_path}/x.db", "--fix")
    assert told["fixed"] == ("note", NOT_OFF, "")
    assert "fixed" not in found("-p", tmp_path / "none.yaml", "--fix")
    assert not (tmp_path / "x.db").exists()


def test_a_policy_that_is_not_sound() -> None:
    level, text, help_ = found("-p", DOUBTFUL)["policy"]
    assert (level, help_) == ("warning", f"run `policy-router check {DOUBTFUL}`")
    assert text.endswith(", no limits or budgets; 2 warnings")
    done = run("doctor", "-p", BROKEN)
    assert done.code == 1
    assert done.out.startswith(f"error  policy  2 errors in {BROKEN}, the first: unknown field")
    assert f" help: run `policy-router check {BROKEN}`\n" in done.out
    level, text, help_ = found("-p", BROKEN)["state"]
    assert (level, text) == ("note", "not checked: its address is unknown without a policy")
    assert "$POLICY_ROUTER_STATE" in help_


def test_no_policy_at_all(tmp_path: Path) -> None:
    level, text, help_ = found("-p", tmp_path / "none.yaml")["policy"]
    assert (level, "does not exist" in text) == ("error", True)
    assert "policy-router init" in help_
    told = found("-p", tmp_path / "none.yaml", "--state", f"sqlite:///{tmp_path}/x.db")
    assert list(told) == [*SUBJECTS, "file"]


def test_a_policy_without_limits(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(
        "version: 1\nmodels: { only: { model: ollama_chat/x, tier: light, price: free } }\n"
    )
    assert ": 1 model, no limits or budgets" in found("-p", tmp_path)["policy"][1]


def test_a_store_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_text("This is no ledger. " * 100)
    level, text, _ = found("-p", TEAM, "--state", f"sqlite:///{tmp_path}/ledger.db")["database"]
    assert (level, "is not a database" in text) == ("error", True)
    level, text, _ = found("-p", TEAM, "--state", "redis://:geheim@127.0.0.1:1")["store"]
    assert (level, "127.0.0.1:1" in text, "geheim" in text) == ("error", True, False)


def test_another_programs_database(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        connection.execute("CREATE TABLE theirs (x)")
    level, text, _ = found("-p", TEAM, "--state", f"sqlite:///{tmp_path}/ledger.db")["database"]
    assert (level, "another program" in text) == ("error", True)


def test_a_server() -> None:
    server = shared()
    told = found("-p", TEAM, "--state", server.url)
    assert list(told)[:3] == ["policy", "state", "version"]
    assert told["version"][1].startswith(("Redis", "Valkey"))
    assert "appendonly" in told


@pytest.mark.parametrize("kind", ["sqlite", "redis"])
def test_a_loss_is_shown_and_can_be_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    if kind == "redis":
        with Server() as server:
            _accept(server.url, lambda: flush(server.url))
        return
    stop_the_clock(monkeypatch)
    file = tmp_path / "ledger.db"
    url = f"sqlite:///{file}"
    spend(url, Try("big", 3))
    copy = file.read_bytes()
    _accept(url, lambda: file.write_bytes(copy))


def flush(url: str) -> None:
    make: Any = Redis.from_url  # untyped in some versions
    with make(url) as client:
        client.flushall()


def _accept(url: str, lose: Callable[[], object]) -> None:
    where = ("-p", COUNTED, "--state", url)
    level, text, _ = found(*where, "--accept-loss")["accept-loss"]
    assert (level, text) == ("note", "no data was lost: nothing to accept")

    async def lost() -> None:
        store: Any = open_store(url)
        await store.reserve(Hold("a", (), 60, Attribution()))
        if url.startswith("sqlite"):
            await store.aclose()
            lose()
            return
        lose()
        await store.read(())
        await store.aclose()

    asyncio.run(lost())
    audited = run("audit", "--state", url)
    assert audited.code == 1
    assert "\nThe ledger lost data: it" in audited.out
    assert "policy-router doctor --accept-loss" in audited.out
    assert run("audit", "--state", url, "--json").json["lost"].startswith("it")
    level, text, help_ = found(*where)["continuity"]
    assert (level, text.startswith("lost data, and budgets are closed: it")) == ("error", True)
    assert "policy-router doctor --accept-loss" in help_
    used = run("usage", *where)
    assert (used.code, "warning: the ledger lost data: it" in used.err) == (0, True)
    told = found(*where, "--accept-loss")
    assert "continuity" not in told
    level, text, _ = told["accept-loss"]
    assert (level, text.startswith("accepted: it")) == ("note", True)
    assert "continuity" not in found(*where)
    assert run("audit", "--state", url).code == 0


def test_nothing_can_be_accepted_where_there_is_no_store(tmp_path: Path) -> None:
    where = ("-p", COUNTED, "--state", f"sqlite:///{tmp_path}/none.db", "--accept-loss")
    assert found(*where)["accept-loss"][1] == "no data was lost: nothing to accept"
    assert not (tmp_path / "none.db").exists()
    refused = found("-p", COUNTED, "--state", "redis://127.0.0.1:1", "--accept-loss")
    assert refused["store"][0] == "error"


def test_text_shows_levels_and_what_to_do() -> None:
    text = render(
        as_lines(
            [
                Diagnosis("policy", Severity.NOTE, "team"),
                Diagnosis("version", Severity.NOTE, "old", "take a newer one"),
                Diagnosis("clock", Severity.WARNING, "fast", "set it"),
                Diagnosis("store", Severity.ERROR, "\x1b[31mgone"),
            ]
        )
    )
    assert text == (
        "ok       policy   team\n"
        "note     version  old\n"
        "                  help: take a newer one\n"
        "warning  clock    fast\n"
        "                  help: set it\n"
        "error    store    \N{REPLACEMENT CHARACTER}[31mgone\n"
    )
