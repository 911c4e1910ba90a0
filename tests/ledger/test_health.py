"""What every store does alike with the health of models."""

from __future__ import annotations

import asyncio
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from policy_router.errors import StoreError
from policy_router.ledger import health as ledger_health
from policy_router.ledger.degraded import DegradableStore
from policy_router.ledger.health import HealthStore
from policy_router.ledger.memory import MemoryStore
from policy_router.ledger.redis import store as redis_store
from policy_router.ledger.sqlite import health as sqlite_health
from policy_router.ledger.sqlite.timing import Timing
from policy_router.ledger.sqlite.view import SqliteView
from tests.ledger.stores import NOON, Clock, World, world

if TYPE_CHECKING:
    from pathlib import Path

HOUR = 3600.0


def read(w: World) -> dict[str, str]:
    kept: dict[str, str] = w.do(w.store.read_health())
    return kept


def swap(
    w: World, before: str | None, after: str, key: str = "k", lasts: float = HOUR
) -> str | None:
    kept: str | None = w.do(w.store.swap_health(key, before, after, lasts))
    return kept


def test_every_store_keeps_health(w: World) -> None:
    assert isinstance(w.store, HealthStore)
    assert read(w) == {}
    assert swap(w, None, '[1,"open"]\n= `Köln` and a space') == '[1,"open"]\n= `Köln` and a space'
    assert swap(w, None, "", key="l") == ""
    assert read(w) == {"k": '[1,"open"]\n= `Köln` and a space', "l": ""}


def test_a_text_is_replaced_only_by_one_who_knows_it(w: World) -> None:
    assert swap(w, "a", "b") is None
    assert swap(w, None, "a") == "a"
    assert swap(w, None, "b") == "a"
    assert swap(w, "", "b") == "a"
    assert swap(w, "b", "c") == "a"
    assert swap(w, "a", "c") == "c"
    assert read(w) == {"k": "c"}


def test_a_text_expires(w: World) -> None:
    swap(w, None, "a", lasts=10)
    swap(w, None, "b", key="l", lasts=20)
    w.clock.now += 10
    assert read(w) == {"l": "b"}
    assert swap(w, "a", "c") is None
    assert swap(w, None, "c") == "c"
    w.clock.now += 10
    assert read(w) == {"k": "c"}


def test_one_of_many_wins(w: World) -> None:
    async def all_of_them() -> list[Any]:
        return await asyncio.gather(
            *(w.store.swap_health("k", None, str(i), HOUR) for i in range(40))
        )

    kept = set(w.do(all_of_them()))
    assert len(kept) == 1
    assert set(read(w).values()) == kept


def test_a_full_store_keeps_nothing_new(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_health, "MOST_HEALTHS", 2)
    monkeypatch.setattr(redis_store, "MOST_HEALTHS", 2)
    swap(w, None, "a", key="k", lasts=10)
    swap(w, None, "b", key="l")
    assert swap(w, None, "c", key="m") is None
    assert swap(w, "b", "d", key="l") == "d"
    assert read(w) == {"k": "a", "l": "d"}


def test_health_is_no_counter(w: World) -> None:
    swap(w, None, "a")
    assert w.rows() == []
    assert w.do(w.store.balances()) == ()
    assert w.audit() == ()


def test_another_process_sees_it(lasting: tuple[World, Any]) -> None:
    w, _ = lasting
    swap(w, None, "a")
    other = w.newcomer()
    assert read(other) == {"k": "a"}
    assert swap(other, "a", "b") == "b"
    assert swap(w, "a", "c") == "b"


def test_keeping_health_is_no_change_of_the_ledger(lasting: tuple[World, Any]) -> None:
    w, data = lasting
    w.reserve("a", w.money(1))
    copy = data.copy()
    swap(w, None, "a")
    data.put(copy)  # the text is lost, and nothing that counts is
    assert w.settled_down().store.loss is None
    assert read(w) == {}


def test_a_file_and_a_memory_forget_what_expired(tmp_path: Path) -> None:
    with world("sqlite", tmp_path) as w:
        swap(w, None, "a", lasts=10)
        swap(w, None, "b", key="l")
        with closing(w.store._file.connect()) as connection:  # as a checkpoint does
            sqlite_health.forget_health(connection, NOON + 10)
            rows = connection.execute("SELECT key FROM health").fetchall()
    assert rows == [("l",)]
    with world("memory", tmp_path) as w:
        swap(w, None, "a", lasts=10)
        w.clock.now += 2 * HOUR
        w.release("nobody")
        assert w.store._ledger.health == {}


def test_a_view_reads_health_and_writes_none(tmp_path: Path) -> None:
    with world("sqlite", tmp_path) as w:
        swap(w, None, "a")
        path = tmp_path / "ledger.db"

        async def look() -> dict[str, str]:
            view = SqliteView(path, w.store._time.sight, Timing())
            try:
                with pytest.raises(StoreError, match="for reading only"):
                    await view.swap_health("k", "a", "b", HOUR)
                return await view.read_health()
            finally:
                await view.aclose()

        assert w.do(look()) == {"k": "a"}


class Broken(MemoryStore):
    """A store out of reach."""

    async def read_health(self) -> dict[str, str]:
        raise StoreError("away")

    async def swap_health(self, *_: object) -> str | None:
        raise StoreError("away")


class Without:
    """A store that keeps no health."""


def test_a_guarded_store_says_so_when_it_is_out_of_reach() -> None:
    async def both() -> None:
        store = DegradableStore(Broken(Clock()))
        with pytest.raises(StoreError):
            await store.read_health()
        with pytest.raises(StoreError):
            await store.swap_health("k", None, "a", HOUR)

    asyncio.run(both())


def test_a_guarded_store_without_health_keeps_none() -> None:
    async def both() -> tuple[Any, Any]:
        store = DegradableStore(Without())  # type: ignore[arg-type]  # only its health is asked for
        return await store.read_health(), await store.swap_health("k", None, "a", HOUR)

    assert asyncio.run(both()) == (None, None)
