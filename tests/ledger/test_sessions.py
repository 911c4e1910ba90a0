"""What every store does alike with sessions."""

from __future__ import annotations

import asyncio
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from policy_router.errors import StoreError
from policy_router.ledger import memory
from policy_router.ledger.degraded import DegradableStore
from policy_router.ledger.memory import MemoryStore
from policy_router.ledger.redis import store as redis_store
from policy_router.ledger.sessions import SessionRecord, SessionStore
from policy_router.ledger.sqlite import sessions as sqlite_sessions
from policy_router.ledger.sqlite.timing import Timing
from policy_router.ledger.sqlite.view import SqliteView
from tests.ledger.stores import NOON, Clock, World

if TYPE_CHECKING:
    from pathlib import Path

HOUR = 3600.0


def record(text: str, at: float = NOON, rank: int = 0) -> SessionRecord:
    return SessionRecord(at, rank, text)


def read(w: World, key: str = "s") -> SessionRecord | None:
    kept: SessionRecord | None = w.do(w.store.read_session(key))
    return kept


def write(w: World, kept: SessionRecord, key: str = "s", lasts: float = HOUR) -> None:
    w.do(w.store.write_session(key, kept, lasts))


def test_every_store_keeps_sessions(w: World) -> None:
    assert isinstance(w.store, SessionStore)
    assert read(w) is None
    write(w, record('{"model": "haiku"}\nwith `Köln` and a space'))
    assert read(w) == record('{"model": "haiku"}\nwith `Köln` and a space')
    assert read(w, "t") is None


def test_a_session_ends_when_it_is_not_written(w: World) -> None:
    write(w, record("a"))
    w.clock.now += HOUR - 1
    write(w, record("b", w.clock.now))
    w.clock.now += HOUR - 1
    assert read(w) == record("b", NOON + HOUR - 1)
    w.clock.now += 1
    assert read(w) is None
    write(w, record("c", w.clock.now))  # begins anew, with its own rank
    assert read(w) == record("c", w.clock.now)


def test_the_latest_record_wins_in_any_order(w: World) -> None:
    write(w, record("later", NOON + 2))
    write(w, record("earlier", NOON + 1))
    assert read(w) == record("later", NOON + 2)
    write(w, record("latest", NOON + 2))
    assert read(w) == record("latest", NOON + 2)


def test_the_rank_of_a_session_never_falls(w: World) -> None:
    write(w, record("raised", NOON, 2))
    write(w, record("began before that", NOON + 1, 0))
    assert read(w) == record("began before that", NOON + 1, 2)
    write(w, record("late", NOON - 1, 3))
    assert read(w) == record("began before that", NOON + 1, 3)
    w.clock.now += HOUR
    write(w, record("anew", w.clock.now, 0))
    assert read(w) == record("anew", w.clock.now, 0)


def test_an_earlier_end_does_not_shorten_a_session(w: World) -> None:
    write(w, record("a"), lasts=HOUR)
    write(w, record("b"), lasts=1)
    w.clock.now += 2
    assert read(w) == record("b")


def test_sessions_are_no_counters(w: World) -> None:
    write(w, record("a"))
    assert w.rows() == []
    assert w.do(w.store.balances()) == ()
    assert w.audit() == ()


def test_many_at_once(w: World) -> None:
    async def all_of_them() -> list[Any]:
        keys = [f"s{i}" for i in range(40)]
        await asyncio.gather(*(w.store.write_session(k, record(k), HOUR) for k in keys))
        return await asyncio.gather(*(w.store.read_session(k) for k in keys))

    assert w.do(all_of_them()) == [record(f"s{i}") for i in range(40)]


def test_another_process_sees_it(lasting: tuple[World, Any]) -> None:
    w, _ = lasting
    write(w, record("a", rank=1))
    other = w.newcomer()
    assert read(other) == record("a", rank=1)
    write(other, record("b", NOON + 1))
    assert read(w) == record("b", NOON + 1, 1)


def test_reading_sessions_and_writing_them_is_no_change_of_the_ledger(
    lasting: tuple[World, Any],
) -> None:
    w, data = lasting
    w.reserve("a", w.money(1))
    copy = data.copy()
    write(w, record("a"))
    data.put(copy)  # the session is lost, and nothing that counts is
    assert w.settled_down().store.loss is None


# -- bounds ----------------------------------------------------------------------------------------


def test_memory_keeps_the_sessions_written_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "MOST_SESSIONS", 2)
    store = MemoryStore(Clock())

    async def several() -> list[SessionRecord | None]:
        for key in ("a", "b", "a", "c"):
            await store.write_session(key, record(key), HOUR)
        return [await store.read_session(key) for key in ("a", "b", "c")]

    assert asyncio.run(several()) == [record("a"), None, record("c")]


def test_memory_forgets_sessions_that_ended() -> None:
    clock = Clock()
    store = MemoryStore(clock)
    asyncio.run(store.write_session("a", record("a"), HOUR))
    clock.now += 2 * HOUR
    asyncio.run(store.write_session("b", record("b"), HOUR))
    assert list(store._ledger.sessions) == ["b"]


def test_a_file_forgets_sessions_that_ended_or_are_too_many(
    lasting: tuple[World, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    w, _ = lasting
    monkeypatch.setattr(sqlite_sessions, "MOST_SESSIONS", 2)
    monkeypatch.setattr(redis_store, "MOST_SESSIONS", 2)
    for i, key in enumerate(("a", "b", "c")):
        write(w, record(key), key, lasts=HOUR + i)
    if hasattr(w.store, "_file"):
        with closing(w.store._file.connect()) as connection:  # as a checkpoint does
            sqlite_sessions.forget_sessions(connection, NOON)
    assert [read(w, key) for key in ("a", "b", "c")] == [None, record("b"), record("c")]


# -- a view, and a store out of reach --------------------------------------------------------------


def test_a_view_reads_sessions_and_writes_none(tmp_path: Path) -> None:
    from tests.ledger.stores import world

    with world("sqlite", tmp_path) as w:
        write(w, record("a"))
        path = tmp_path / "ledger.db"

        async def look() -> tuple[SessionRecord | None, SessionRecord | None]:
            view = SqliteView(path, w.store._time.sight, Timing())
            try:
                with pytest.raises(StoreError, match="for reading only"):
                    await view.write_session("a", record("a"), HOUR)
                return await view.read_session("s"), await view.read_session("t")
            finally:
                await view.aclose()

        assert w.do(look()) == (record("a"), None)


class Broken(MemoryStore):
    """A store out of reach."""

    async def read_session(self, key: str) -> SessionRecord | None:
        raise StoreError(key)

    async def write_session(self, key: str, *_: object) -> None:
        raise StoreError(key)


class Without:
    """A store that keeps no sessions."""

    async def read(self, _: object) -> tuple[()]:
        return ()


@pytest.mark.parametrize("inner", [Broken(Clock()), Without()])
def test_what_cannot_be_read_or_written_starts_again(inner: Any) -> None:
    store = DegradableStore(inner, clock=Clock())

    async def both() -> SessionRecord | None:
        await store.write_session("a", record("a"), HOUR)
        return await store.read_session("a")

    assert asyncio.run(both()) is None
