"""Where counters are kept: which store a command takes, and that reading makes none."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
from typing import TYPE_CHECKING

import pytest

from policy_router.cli.options.store import StoreLocation, Unreachable, location_of, opened
from policy_router.errors import StoreError
from policy_router.ledger.memory import MemoryStore
from policy_router.ledger.store import Attribution, Hold, Settlement
from tests.cli.run import TEAM, run, start
from tests.cli.spent import COUNTED, Try, spend

if TYPE_CHECKING:
    from pathlib import Path


def test_the_option_comes_first_then_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert location_of("memory://", "team", tmp_path).url == "memory://"
    monkeypatch.setenv("POLICY_ROUTER_STATE", "redis://here")
    assert location_of("memory://", "team", tmp_path).url == "memory://"
    assert location_of(None, "team", tmp_path).url == "redis://here"
    monkeypatch.setenv("POLICY_ROUTER_STATE", "")
    assert location_of(None, "team", tmp_path).url.startswith("sqlite:///")


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("team", "team"),
        ("ours & theirs/../x", "ours-theirs-..-x"),
        ("Küche", "Küche"),
        ("x" * 300, "x" * 64),
    ],
)
def test_a_policy_has_a_file_of_its_own(tmp_path: Path, name: str, stem: str) -> None:
    path = tmp_path / "policies" / ".." / "policies"
    digest = hashlib.sha256(os.fsencode(tmp_path / "policies")).hexdigest()[:8]
    file = location_of(None, name, path).file
    assert file == tmp_path / "state" / "policy-router" / f"{stem}-{digest}.db"
    assert location_of(None, name, tmp_path / "other").file != file


@pytest.mark.parametrize("base", ["", "relative/state"])
def test_the_usual_folder_for_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, base: str
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", base)
    monkeypatch.setenv("HOME", str(tmp_path / "a home"))
    file = location_of(None, "team", tmp_path).file
    assert file is not None
    assert file.parent == tmp_path / "a home" / ".local" / "state" / "policy-router"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://host:6379/0", "redis://host:6379/0"),
        ("redis://:secret@host:6379/0", "redis://:***@host:6379/0"),
        ("rediss://ann:secret@host", "rediss://ann:***@host"),
        ("redis://host/0?password=secret&db=1", "redis://host/0?password=***&db=1"),
        ("redis://[bad:sec/ret@host", "redis://[bad:***@host"),
        ("sqlite:////var/lib:x/r@y.db", "sqlite:////var/lib:x/r@y.db"),
        ("memory://", "memory://"),
    ],
)
def test_a_password_is_not_shown(url: str, shown: str) -> None:
    assert str(StoreLocation(url)) == shown


COMMANDS = [
    ("route", "hi"),
    ("explain", "hi"),
    ("usage",),
    ("audit",),
    ("doctor",),
]


@pytest.mark.usefixtures("reachable")
@pytest.mark.parametrize("argv", COMMANDS, ids=[argv[0] for argv in COMMANDS])
def test_reading_makes_no_file(tmp_path: Path, argv: tuple[str, ...]) -> None:
    assert run(*argv, "-p", COUNTED).code == 0
    assert not (tmp_path / "state").exists()
    assert run(*argv, "-p", COUNTED, "--state", f"sqlite:///{tmp_path}/x/y.db").code == 0
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("argv", [*COMMANDS, ("run", "hi")], ids=lambda argv: argv[0])
@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("memry://", "did you mean `memory`?"),
        ("ledger.db", "addresses are `memory://`"),
        ("sqlite://ledger.db", "three slashes"),
    ],
)
def test_an_address_that_makes_no_sense(argv: tuple[str, ...], url: str, said: str) -> None:
    done = run(*argv, "-p", COUNTED, "--state", url)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: ")
    assert said in done.err


def test_a_policy_that_counts_nothing_needs_no_store(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(
        "version: 1\nmodels: { only: { model: ollama_chat/x, tier: light, price: free } }\n"
    )
    for command in ("route", "explain"):
        assert run(command, "-p", tmp_path, "hi", "--state", "memry://").code == 0


def test_a_store_within_reach_of_two_processes(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/our%20ledger.db"
    spend(url, Try("small", 1), Try("small", 2), Try("big", 3))
    assert (tmp_path / "our ledger.db").exists()
    done = start("audit", "--state", url)
    assert (done.returncode, done.stdout) == (0, "4 counters agree with the ledger\n")
    assert done.stderr == ""


def test_what_is_logged_meanwhile_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    async def main() -> None:
        async with opened(StoreLocation("memory://")) as store:
            assert isinstance(store, MemoryStore)
            logging.getLogger("policy_router.execution.accounting").warning(
                "one %s", "\x1b[31mline"
            )
            logging.getLogger("policy_router.ledger").error("bad")

    asyncio.run(main())
    logging.getLogger("policy_router").warning("afterwards")
    assert capsys.readouterr().err == (
        "warning: one \N{REPLACEMENT CHARACTER}[31mline\nerror: bad\n"
    )


def test_a_store_that_was_never_reached_says_why() -> None:
    async def main() -> None:
        store = Unreachable(StoreError("no such disk"))
        hold = Hold("a", (), 1.0, Attribution())
        for work in (
            store.read([]),
            store.reserve(hold),
            store.renew("a", 1.0),
            store.settle("a", Settlement()),
            store.release("a"),
        ):
            with pytest.raises(StoreError, match="no such disk"):
                await work
        await store.aclose()

    asyncio.run(main())


def test_the_help_names_the_environment() -> None:
    assert "--state" in run("usage", "-h").out
    assert run("route", "-p", TEAM, "--state").code == 2
