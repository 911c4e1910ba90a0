"""Stores by their addresses."""

from __future__ import annotations

import asyncio
import logging
import sys
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from policy_router.base_errors import UsageError
from policy_router.diagnostics import Severity
from policy_router.errors import StoreError
from policy_router.ledger.address import SqliteAddress, relative
from policy_router.ledger.clock import ClockReading
from policy_router.ledger.diagnosis import Diagnosis
from policy_router.ledger.doctor import diagnose
from policy_router.ledger.memory import MemoryStore
from policy_router.ledger.open import open_store, open_view
from policy_router.ledger.repair import set_time
from policy_router.ledger.sqlite.store import SqliteStore
from policy_router.ledger.uptime import host
from tests.ledger.stores import NOON, Clock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from policy_router.ledger.reader import AuditableStore


def test_a_store_in_memory() -> None:
    assert isinstance(open_store("memory://"), MemoryStore)


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("sqlite:///router.db", SqliteAddress("router.db")),
        ("sqlite:///state/router.db", SqliteAddress("state/router.db")),
        ("sqlite:////var/lib/router.db", SqliteAddress("/var/lib/router.db")),
        ("sqlite:///a%20b%3F%25.db?durability=strict", SqliteAddress("a b?%.db", "strict")),
        ("sqlite:///router.db?durability=normal", SqliteAddress("router.db")),
        ("sqlite:///a.db?clock=wall&durability=strict", SqliteAddress("a.db", "strict", "wall")),
        ("sqlite:///a.db?patience=3", SqliteAddress("a.db", patience=3.0)),
    ],
)
def test_paths_of_files(address: str, place: SqliteAddress) -> None:
    assert SqliteAddress.parse(address) == place


@pytest.mark.parametrize("durability", ["normal", "strict"])
def test_a_store_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durability: str
) -> None:
    monkeypatch.chdir(tmp_path)

    async def main() -> None:
        here = open_store(f"sqlite:///a/b.db?durability={durability}&patience=0.5", Clock())
        there = open_store(f"sqlite:///{tmp_path}/a/b.db", Clock())
        for store in (here, there):
            assert isinstance(store, SqliteStore)
            assert store._file.path == tmp_path / "a" / "b.db"
            assert store._time.sight() == ClockReading(NOON)
            await store.aclose()
        assert isinstance(here, SqliteStore)
        assert here._file.durability == durability
        assert here._file.timing.patience == 0.5

    asyncio.run(main())


def test_without_a_clock_it_is_the_hosts(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/b.db")
    assert isinstance(store, SqliteStore)
    assert store._time.sight().wall > NOON - 10**9
    assert store._time.machine == host().name
    believing = open_store(f"sqlite:///{tmp_path}/b.db?clock=wall")
    assert isinstance(believing, SqliteStore)
    assert not believing._time.machine


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("sqlit:///a.db", "no store has an address like `sqlit`: did you mean `sqlite`?"),
        ("Redis://h", "no store has an address like `Redis`: did you mean `redis`?"),
        ("postgres://u:secret@h", "like `postgres`: addresses are `memory://`, `sqlite:////path"),
        ("router.db", "no store has an address like `router.db`: addresses are"),
        ("memory", "no store has an address like `memory`: did you mean `memory`?"),
        ("memory://x", "the address of a store in memory has no path: write `memory://`"),
        ("sqlite://a.db", "begins with three slashes: `sqlite:///a.db`"),
        ("sqlite://var/a.db", "begins with three slashes: `sqlite:///var/a.db`"),
        ("sqlite:///", "begins with three slashes: `sqlite:///router.db`"),
        ("sqlite:///a.db?durable=yes", "has no option `durable`: did you mean `durability`?"),
        ("sqlite:///a.db?clock=wal", "`wal` is not a value of `clock`: did you mean `wall`?"),
        ("sqlite:///a.db?wait=1", "has no option `wait`: the options are `durability`, `clock`"),
        ("sqlite:///a.db?patience=", "patience is a number of seconds from 0.05 to 60: write"),
        ("sqlite:///a.db?patience=nan", "patience is a number of seconds from 0.05 to 60: write"),
        ("sqlite:///a.db?patience=61", "patience is a number of seconds from 0.05 to 60: write"),
        ("redis://h?patience=0", "patience is a number of seconds from 0.05 to 60: write"),
        ("sqlite:///a.db?durability=strickt", "of `durability`: did you mean `strict`?"),
        (
            "sqlite:///a.db?durability=",
            "`` is not a value of `durability`: it is `normal` or `strict`",
        ),
    ],
)
def test_addresses_that_make_no_sense(address: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_store(address)
    assert message in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["redis://h", "rediss://h", "unix:///run/redis.sock"])
def test_a_store_on_a_server(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class RedisStore:
        def __init__(self, url: str, clock: Clock | None) -> None:
            self.opened = url, clock

        async def diagnose(self) -> tuple[Diagnosis, ...]:
            return (Diagnosis("version", Severity.NOTE, "Redis 8"),)

        async def aclose(self) -> None:
            closed.append(self)

    closed: list[RedisStore] = []
    module = ModuleType("policy_router.ledger.redis.store")
    module.RedisStore = RedisStore  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    store: object = open_store(scheme)
    assert isinstance(store, RedisStore)
    assert store.opened == (scheme, None)
    assert [f.text for f in asyncio.run(diagnose(scheme))] == ["Redis 8"]
    assert len(closed) == 1


def test_findings_of_a_file(tmp_path: Path) -> None:
    found = asyncio.run(diagnose(f"sqlite:///{tmp_path}/none.db", Clock()))
    assert [f.text for f in found if f.subject == "file"] == [
        f"{tmp_path}/none.db does not exist yet"
    ]


def test_findings_of_memory() -> None:
    (found,) = asyncio.run(diagnose("memory://"))
    assert (found.level, found.text) == (
        Severity.WARNING,
        "loses what it counted when the process ends",
    )


def test_findings_of_an_address_that_makes_no_sense() -> None:
    with pytest.raises(UsageError, match="did you mean `sqlite`"):
        asyncio.run(diagnose("sqlit:///a.db"))


def test_a_package_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "policy_router.ledger.redis.store", None)
    with pytest.raises(StoreError, match=r"is not installed: `pip install policy-router\[redis\]`"):
        open_store("redis://h")


# -- relative paths --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "level", "help_"),
    [
        ("/etc/x.db", None, ""),
        ("x.db", Severity.NOTE, "`sqlite:///{here}/x.db` is this file from everywhere"),
        ("state/x.db", Severity.NOTE, "`sqlite:///{here}/state/x.db` is this file from everywhere"),
        (
            "etc/x.db",
            Severity.WARNING,
            "write `sqlite:////etc/x.db` for /etc/x.db, or `sqlite:///{here}/etc/x.db` for this",
        ),
        ("usr/x y.db", Severity.WARNING, "write `sqlite:////usr/x%20y.db` for /usr/x y.db, or "),
    ],
)
def test_a_path_from_the_working_directory(
    path: str,
    level: Severity | None,
    help_: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    finding = relative(path)
    if level is None:
        assert finding is None
    else:
        assert finding is not None
        assert (finding.subject, finding.level) == ("address", level)
        assert finding.text == (f"is relative to the working directory: this is {tmp_path}/{path}")
        assert finding.help.startswith(help_.format(here=tmp_path))


@pytest.mark.parametrize("opens", [open_store, open_view])
def test_a_path_that_looks_absolute_is_reported_as_relative(
    opens: Callable[[str], AuditableStore],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "etc").mkdir()
    for path in ("etc/x.db", "x.db", str(tmp_path / "y.db")):
        (tmp_path / path).touch()
    caplog.set_level(logging.INFO)
    for path in ("etc/x.db", "x.db", str(tmp_path / "y.db")):
        asyncio.run(opens(f"sqlite:///{path}").aclose())
    warning, info = [(r.levelname, r.getMessage()) for r in caplog.records]
    here = f"the ledger's address is relative to the working directory: this is {tmp_path}"
    both = f"`sqlite:////etc/x.db` for /etc/x.db, or `sqlite:///{tmp_path}/etc/x.db` for this file"
    assert warning == ("WARNING", f"{here}/etc/x.db; write {both}")
    every = f"`sqlite:///{tmp_path}/x.db` is this file from everywhere"
    assert info == ("INFO", f"{here}/x.db; {every}")


def test_a_ledger_created_by_a_relative_path_in_another_folder_is_reported_as_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for folder in ("one", "two", "one"):
        (tmp_path / folder).mkdir(exist_ok=True)
        monkeypatch.chdir(tmp_path / folder)
        asyncio.run(open_view("sqlite:///x.db").aclose())
        asyncio.run(open_store("sqlite:///x.db").aclose())
    asyncio.run(open_store(f"sqlite:///{tmp_path}/x.db").aclose())
    assert [m.partition(";")[0] for m in caplog.messages] == [
        "the address of this new ledger is relative to the working directory: this is"
        f" {tmp_path}/{folder}/x.db"
        for folder in ("one", "two")
    ]


def test_the_diagnosis_of_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = {f.subject: f for f in asyncio.run(diagnose("sqlite:///etc/x.db"))}
    assert found["address"].level is Severity.WARNING
    assert "address" not in {f.subject for f in asyncio.run(diagnose(f"sqlite:///{tmp_path}/x.db"))}
    assert not [*tmp_path.iterdir()]


def test_only_a_file_has_a_time_that_can_be_set() -> None:
    with pytest.raises(UsageError, match="only a ledger in a file keeps a time"):
        set_time("redis://localhost")
