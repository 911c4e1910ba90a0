"""Every store behind one face, on a clock that tests set, and short ways to make charges."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import sqlite3
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from zoneinfo import ZoneInfo

from policy_router.domain.limits import Charge, Limit, Metric
from policy_router.domain.periods import Period
from policy_router.domain.windows import MINUTE
from policy_router.errors import StoreError
from policy_router.ledger.degraded import DegradableStore
from policy_router.ledger.memory import MemoryStore
from policy_router.ledger.sqlite.store import SqliteStore
from policy_router.ledger.store import Attribution, Ending, Hold, Settlement
from tests.ledger.servers import shared

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from pathlib import Path

    from policy_router.domain.windows import Window
    from policy_router.ledger.reader import Balance, LedgerEntry
    from policy_router.ledger.store import Granted, Refused, Settled, Stale

T = TypeVar("T")

UTC = ZoneInfo("UTC")
NOON = 1_795_003_200.0
"""2026-11-18, 12:00 UTC, a Wednesday."""
ABOUT = Attribution(model="haiku", user="anna")


@dataclass
class Clock:
    """A clock that stands still until it is set."""

    now: float = NOON

    def __call__(self) -> float:
        return self.now


class World:
    """A store and its clock. Verbs are called without await. again: opens it once more."""

    def __init__(
        self,
        store: Any,
        clock: Clock,
        runner: asyncio.Runner,
        again: Callable[[], Any] | None = None,
    ) -> None:
        self.store = store
        self.clock = clock
        self._runner = runner
        self._loop = runner.get_loop()
        self._again = again
        self._others: list[Any] = []

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(work)

    def close(self) -> None:
        for store in (self.store, *self._others):
            self.do(store.aclose())

    def change_hands(self, *, closes: bool) -> None:
        """Go on with another handle on the same store, as another process would. closes: this one
        ends; otherwise it has its turn again later."""
        if closes:
            self.do(self.store.aclose())
        else:
            self._others.append(self.store)
        self.store = self._others.pop(0) if len(self._others) > 1 else self.do(self._opened())

    async def _opened(self) -> Any:
        assert self._again is not None
        return self._again()

    def reserve(
        self,
        name: str,
        *charges: Charge,
        lease: float = 60.0,
        about: Attribution = ABOUT,
        after: Ending | None = None,
    ) -> Granted | Refused | Stale:
        return self.do(self.store.reserve(Hold(name, charges, lease, about), after))  # type: ignore[no-any-return]

    def settle(self, name: str, actual: Settlement) -> Settled:
        return self.do(self.store.settle(name, actual))  # type: ignore[no-any-return]

    def release(self, name: str) -> Settled:
        return self.do(self.store.release(name))  # type: ignore[no-any-return]

    def renew(self, name: str, lease: float) -> bool:
        return bool(self.do(self.store.renew(name, lease)))

    def used(self, *charges: Charge) -> list[int]:
        return [r.used for r in self.do(self.store.read(charges))]

    def newcomer(self) -> World:
        """Another handle on the same store, as a process that begins now has one."""
        assert self._again is not None
        store = self.do(self._opened())
        self._others.append(store)
        return World(store, self.clock, self._runner, self._again)

    def settled_down(self) -> World:
        """The same, after verbs that may fail: a file that was replaced is opened anew."""
        for verb in (self.used, lambda: self.release("nobody")):
            with suppress(StoreError):
                verb()
        return self

    def opens(self, *charges: Charge) -> list[float | None]:
        return [r.opens for r in self.do(self.store.read(charges))]

    def rows(self) -> list[LedgerEntry]:
        async def collect() -> list[LedgerEntry]:
            return [row async for row in self.store.rows()]

        return self.do(collect())

    def bucket(self, charge: Charge) -> Balance | None:
        found = {b.key: b for b in self.do(self.store.balances())}
        return found.get(charge.counter.key)

    def audit(self) -> tuple[Any, ...]:
        return self.do(self.store.audit())

    def money(self, amount: int, cap: int | None = 1000, **more: Any) -> Charge:
        """A charge on a daily budget of the moment."""
        return self.charge("budgets", "team", Metric.USD, Period.DAY, amount, cap, **more)

    def requests(self, limit: int | None, name: str = "each", **more: Any) -> Charge:
        """A charge of one request on a rolling minute."""
        return self.charge("limits", name, Metric.REQUESTS, MINUTE, 1, limit, **more)

    def tokens(self, amount: int, limit: int | None, **more: Any) -> Charge:
        """A charge of tokens on a rolling minute."""
        return self.charge("limits", "each", Metric.TOKENS, MINUTE, amount, limit, **more)

    def seat(self, limit: int | None, name: str = "qwen") -> Charge:
        """A charge of one seat."""
        return self.charge("models", name, Metric.CONCURRENT, None, 1, limit)

    def charge(  # noqa: PLR0917  a meter's parts, in its order
        self,
        section: str,
        name: str,
        metric: Metric,
        window: Window | None,
        amount: int,
        limit: int | None,
        *,
        subject: str = "-",
        refuses: bool = True,
        warn_at: tuple[float, ...] = (),
    ) -> Charge:
        meter = Limit(section, name, metric, window, limit, 1)
        counter = meter.counter(subject, self.clock(), UTC)
        return Charge(counter, amount, limit, refuses, warn_at)


def _memory(clock: Clock, _: Path) -> MemoryStore:
    return MemoryStore(clock)


class GuardedMemory(DegradableStore):
    """A guarded store that is always within reach, with its books."""

    def __init__(self, clock: Clock) -> None:
        inner = MemoryStore(clock)
        super().__init__(inner, clock=clock)
        self.rows, self.balances, self.audit = inner.rows, inner.balances, inner.audit


def _guarded(clock: Clock, _: Path) -> GuardedMemory:
    return GuardedMemory(clock)


def _redis(clock: Clock, place: Path) -> Any:
    server = shared()
    from policy_router.ledger.redis.store import RedisStore

    return RedisStore(server.url, clock, prefix=f"test-{place}", patience=PATIENT)


def _sqlite(clock: Clock, place: Path) -> SqliteStore:
    return SqliteStore(place / "ledger.db", clock)


PATIENT = 5.0
"""Seconds that a test waits for a server which answers: a busy machine may let it starve."""
_numbers = itertools.count()


def fresh_prefix() -> str:
    """A prefix of keys that no other test of this run has."""
    return f"test-{next(_numbers)}"


STORES: dict[str, Callable[[Clock, Path], Any]] = {
    "memory": _memory,
    "guarded": _guarded,
    "sqlite": _sqlite,
    "redis": _redis,
}
"""How each store is opened on a place of its own, empty at first."""

LASTING: frozenset[str] = frozenset({"sqlite", "redis"})
"""Stores of which several handles show the same."""


class Data:
    """What a lasting store keeps, apart from the store: copied, put back, or emptied."""

    def __init__(self, name: str, place: Path) -> None:
        self._name = name
        self._place = place
        self._copies = itertools.count()

    def copy(self) -> Any:
        """The data of this moment."""
        if self._name == "redis":
            with self._client() as client:
                return {key: client.dump(key) for key in self._keys(client)}
        target = self._place / f"copy-{next(self._copies)}.db"
        with closing(sqlite3.connect(self._file)) as connection:
            connection.execute("VACUUM INTO ?", (str(target),))
        return target

    def put(self, copy: Any) -> None:
        """Put a copy in the place of what is there."""
        if self._name == "redis":
            with self._client() as client:
                for key in self._keys(client):
                    client.delete(key)
                for key, value in copy.items():
                    client.restore(key, 0, value)
            return
        fresh = copy.with_suffix(".restored")
        shutil.copy(copy, fresh)
        fresh.replace(self._file)
        for suffix in ("-wal", "-shm"):
            self._file.with_name(self._file.name + suffix).unlink(missing_ok=True)

    def empty(self) -> None:
        """Put nothing in its place: what a new store begins with."""
        if self._name == "redis":
            self.put({})
            return
        other = self._place / f"empty-{next(self._copies)}"
        _sqlite(Clock(), other)
        self.put(other / "ledger.db")

    @property
    def _file(self) -> Path:
        return self._place / "ledger.db"

    def _client(self) -> Any:
        from redis import Redis

        make: Any = Redis.from_url  # untyped in some versions
        return make(shared().url)

    def _keys(self, client: Any) -> list[bytes]:
        return list(client.scan_iter(f"{{test-{self._place}}}*", count=1000))


@contextmanager
def world(name: str, place: Path) -> Iterator[World]:
    """A fresh, empty store of that kind."""
    clock = Clock()
    with asyncio.Runner() as runner:

        async def start() -> Any:
            return STORES[name](clock, place)

        store = runner.run(start())
        opened = World(store, clock, runner, lambda: STORES[name](clock, place))
        try:
            yield opened
        finally:
            opened.close()
