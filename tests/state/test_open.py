"""Stores by their addresses."""

from __future__ import annotations

import asyncio
import sys
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from policy_router.diagnostics import Severity
from policy_router.errors import StoreError, UsageError
from policy_router.state.findings import Finding
from policy_router.state.memory import MemoryStore
from policy_router.state.open import examine, open_store, sqlite_path
from policy_router.state.sqlite import SqliteStore
from tests.state.stores import NOON, Clock

if TYPE_CHECKING:
    from pathlib import Path


def test_a_store_in_memory() -> None:
    assert isinstance(open_store("memory://"), MemoryStore)


@pytest.mark.parametrize(
    ("address", "path", "durability"),
    [
        ("sqlite:///router.db", "router.db", "normal"),
        ("sqlite:///state/router.db", "state/router.db", "normal"),
        ("sqlite:////var/lib/router.db", "/var/lib/router.db", "normal"),
        ("sqlite:///a%20b%3F%25.db?durability=strict", "a b?%.db", "strict"),
        ("sqlite:///router.db?durability=normal", "router.db", "normal"),
    ],
)
def test_paths_of_files(address: str, path: str, durability: str) -> None:
    assert sqlite_path(address) == (path, durability)


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
            assert store._time.look(0.0) == NOON
            await store.aclose()
        assert isinstance(here, SqliteStore)
        assert here._file.durability == durability
        assert here._file.pace.patience == 0.5

    asyncio.run(main())


def test_without_a_clock_it_is_the_hosts(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/b.db")
    assert isinstance(store, SqliteStore)
    assert store._time.look(0.0) > NOON - 10**9


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("sqlit:///a.db", "no store has an address like `sqlit`: did you mean `sqlite`?"),
        ("Redis://h", "no store has an address like `Redis`: did you mean `redis`?"),
        ("postgres://u:secret@h", "like `postgres`: addresses are `memory://`, `sqlite:///path"),
        ("router.db", "no store has an address like `router.db`: addresses are"),
        ("memory", "no store has an address like `memory`: did you mean `memory`?"),
        ("memory://x", "a store in memory has no place: write `memory://`"),
        ("sqlite://a.db", "begins with three slashes: `sqlite:///a.db`"),
        ("sqlite://var/a.db", "begins with three slashes: `sqlite:///var/a.db`"),
        ("sqlite:///", "begins with three slashes: `sqlite:///router.db`"),
        ("sqlite:///a.db?durable=yes", "knows no `durable`: did you mean `durability`?"),
        ("sqlite:///a.db?wait=1", "knows no `wait`: it may have `durability` and `patience`"),
        ("sqlite:///a.db?patience=", "patience is a number of seconds from 0.05 to 60: write"),
        ("sqlite:///a.db?patience=nan", "patience is a number of seconds from 0.05 to 60: write"),
        ("sqlite:///a.db?patience=61", "patience is a number of seconds from 0.05 to 60: write"),
        ("redis://h?patience=0", "patience is a number of seconds from 0.05 to 60: write"),
        ("sqlite:///a.db?durability=strickt", "`strickt`: did you mean `strict`?"),
        ("sqlite:///a.db?durability=", "no durability is called ``: it is `normal` or `strict`"),
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

        async def findings(self) -> tuple[Finding, ...]:
            return (Finding("version", Severity.NOTE, "Redis 8"),)

        async def aclose(self) -> None:
            closed.append(self)

    closed: list[RedisStore] = []
    module = ModuleType("policy_router.state.redis")
    module.RedisStore = RedisStore  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    store: object = open_store(scheme)
    assert isinstance(store, RedisStore)
    assert store.opened == (scheme, None)
    assert [f.text for f in asyncio.run(examine(scheme))] == ["Redis 8"]
    assert len(closed) == 1


def test_findings_of_a_file(tmp_path: Path) -> None:
    found = asyncio.run(examine(f"sqlite:///{tmp_path}/none.db", Clock()))
    assert [f.text for f in found if f.subject == "file"] == [
        f"{tmp_path}/none.db is not there yet"
    ]


def test_findings_of_memory() -> None:
    (found,) = asyncio.run(examine("memory://"))
    assert found.text == "what is counted is gone with the process"


def test_findings_of_an_address_that_makes_no_sense() -> None:
    with pytest.raises(UsageError, match="did you mean `sqlite`"):
        asyncio.run(examine("sqlit:///a.db"))


def test_a_package_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "policy_router.state.redis", None)
    with pytest.raises(StoreError, match=r"is not there: `pip install policy-router\[redis\]`"):
        open_store("redis://h")
