"""What is spent beyond a cap when the ledger forgets, and what a stall of the event loop costs.

    python benchmarks/losses.py [--only WORDS]

A fake provider bills what each attempt was granted. Two processes (stores of their own, on one
ledger) spend 60 % of a budget, five attempts are under way, and the data is lost: the server is
emptied or restarted without a log, a replica that lagged behind takes over, an older copy of the
file is put in place. Then both, and one that begins only now, try to spend more than the cap. All
that is granted until an operator accepts the loss, and would break the cap, is an overspend. The
last row stalls the event loop beside a healthy Redis, for longer than an answer is awaited.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from policy_router.domain.limits import Charge, Counter, CounterKey
from policy_router.ledger.degraded import DegradableStore
from policy_router.ledger.open import open_store
from policy_router.ledger.store import (
    Attribution,
    Continuous,
    Granted,
    Hold,
    Settlement,
    Unavailable,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from policy_router.ledger.reader import AuditableStore

CAP: Final = 1_000_000_000
EACH: Final = CAP // 100
"""What an attempt holds, and is billed."""
BEFORE: Final = 60
UNDER_WAY: Final = 5
AFTER: Final = 120
"""Attempts until the data is lost, while it is, and after that by each process."""
BUDGET: Final = Counter(CounterKey.parse("budgets/team|usd|month|2026-11|-"), end=4e9)
"""Without bounds that a run could come across."""
PATIENCE: Final = 5.0
"""Seconds that answers are awaited, so that a busy machine is no outage."""
BRISK: Final = 0.25
STALLS: Final = 4


@dataclass
class Result:
    """What came of a scenario. billed: nano-USD until the loss was accepted. granted, refused:
    attempts after the loss. told: events. counted: what the ledger has of the attempts that were
    under way. after: whether the budget went on when the loss was accepted."""

    name: str
    billed: int = 0
    granted: int = 0
    refused: int = 0
    told: list[bool] = field(default_factory=list)
    counted: int = 0
    after: bool = True

    @property
    def beyond(self) -> int:
        return max(self.billed - CAP, 0)

    @property
    def wrong(self) -> bool:
        """Whether it went otherwise than it should."""
        if self.name == STALLED:
            return self.refused > 0
        noticed = True in self.told and self.counted == UNDER_WAY
        return self.beyond > 0 or not noticed or not self.after


class Process:
    """A guarded store on a ledger, as a process has one, and what the provider billed it."""

    def __init__(self, url: str, result: Result) -> None:
        self.store: AuditableStore = open_store(url)
        self.guard = DegradableStore(self.store, on_loss=lambda lost, _: result.told.append(lost))
        self._result = result

    async def begin(self, name: str) -> bool:
        hold = Hold(name, (Charge(BUDGET, EACH, CAP),), 600.0, Attribution(user="ada"))
        for _ in range(100):
            answer = await self.guard.reserve(hold)
            # A store that is out of reach for a moment is not what is measured.
            if not isinstance(answer, Unavailable) or self.guard.status.loss:
                break
            await asyncio.sleep(0.1)
        return isinstance(answer, Granted)

    async def end(self, name: str) -> None:
        self._result.billed += EACH
        await self.guard.settle(name, Settlement(cost=EACH))

    async def spend(self, prefix: str, attempts: int) -> int:
        """So many attempts, one after the other; how many were granted."""
        granted = 0
        for number in range(attempts):
            name = f"{prefix}-{number}"
            if await self.begin(name):
                granted += 1
                await self.end(name)
        return granted


# -- ledgers that forget ---------------------------------------------------------------------------


@dataclass
class Place:
    """Where a ledger is. lose: what loses its data. prepare: what happens in the middle of the
    spending before."""

    url: str
    lose: Callable[[], Awaitable[None]]
    prepare: Callable[[], None] = lambda: None


class Server:
    """A redis-server on a socket of its own."""

    def __init__(self, folder: Path, *options: str) -> None:
        program = shutil.which("redis-server")
        if program is None:
            raise SystemExit("redis-server is not installed")
        folder.mkdir()
        self.path = folder / "s"
        self._folder = folder
        self._command = [
            program, "--port", "0", "--unixsocket", str(self.path), "--save", "", "--dir",
            str(folder), *options,
        ]  # fmt: skip
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603  a command of our own
            self._command, cwd=self._folder, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None  # noqa: S101  a pipe was asked for
        for line in self._process.stdout:
            if "eady to accept" in line:
                return
        raise SystemExit("redis-server did not start")

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()

    async def command(self, *words: str) -> None:
        from redis.asyncio import Redis

        client: Any = Redis(unix_socket_path=str(self.path))  # untyped in some versions
        async with client:
            await client.execute_command(*words)


@contextmanager
def emptied(folder: Path) -> Iterator[Place]:
    server = Server(folder / "r")
    try:
        yield Place(f"unix://{server.path}", lambda: server.command("FLUSHALL"))
    finally:
        server.kill()


@contextmanager
def restarted(folder: Path) -> Iterator[Place]:
    server = Server(folder / "r", "--appendonly", "no")

    async def lose() -> None:
        server.kill()
        server.start()

    try:
        yield Place(f"unix://{server.path}", lose)
    finally:
        server.kill()


@contextmanager
def older_snapshot(folder: Path) -> Iterator[Place]:
    """As after a failover to a replica that lagged behind: the same ledger, some changes ago."""
    server = Server(folder / "r", "--appendonly", "no")
    snapshot = folder / "r" / "dump.rdb"

    def prepare() -> None:
        asyncio.run(server.command("SAVE"))

    async def lose() -> None:
        server.kill()
        assert snapshot.exists()  # noqa: S101  it is read when the server starts
        server.start()

    try:
        yield Place(f"unix://{server.path}", lose, prepare)
    finally:
        server.kill()


@contextmanager
def older_file(folder: Path) -> Iterator[Place]:
    path = folder / "ledger.db"
    copy = folder / "copy.db"

    def prepare() -> None:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("VACUUM INTO ?", (str(copy),))

    async def lose() -> None:
        copy.replace(path)
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)

    yield Place(f"sqlite:///{path}", lose, prepare)


SCENARIOS: Final = {
    "Redis: FLUSHALL": emptied,
    "Redis: restart without AOF": restarted,
    "Redis: older data": older_snapshot,
    "SQLite: older copy": older_file,
}
STALLED: Final = "Redis: loop stalls"


async def forget(name: str, place: Place) -> Result:
    result = Result(name)
    separator = "&" if "?" in place.url else "?"
    url = f"{place.url}{separator}patience={PATIENCE:g}"
    processes = [Process(url, result), Process(url, result)]
    await processes[0].spend("early", BEFORE // 3)
    await asyncio.to_thread(place.prepare)
    await processes[1].spend("late", BEFORE - BEFORE // 3)
    under_way = [f"under-way-{i}" for i in range(UNDER_WAY)]
    for name_ in under_way:
        if not await processes[0].begin(name_):
            raise SystemExit("a cap was reached too early")
    await place.lose()
    for name_ in under_way:
        await processes[0].end(name_)
    processes.append(Process(url, result))
    for number, process in enumerate(processes):
        granted = await process.spend(f"after-{number}", AFTER)
        result.granted += granted
        result.refused += AFTER - granted
    for process in processes[:2]:  # what could not be written down at once
        while process.guard.status.owed:
            await process.guard.read(())
            await asyncio.sleep(0.01)
    store = processes[0].store
    rows = [row async for row in store.rows()]
    result.counted = sum(row.id in under_way for row in rows)
    assert isinstance(store, Continuous)  # noqa: S101  both are
    await store.accept_loss()
    billed = result.billed
    result.after = all([await p.spend(f"accepted-{i}", 1) for i, p in enumerate(processes)])
    result.billed = billed
    for process in processes:
        await process.guard.aclose()
    return result


async def stall(url: str, patience: float, stalls: int) -> Result:
    """Attempts beside an event loop that stalls for longer than an answer is awaited."""
    result = Result(STALLED)
    process = Process(f"{url}?patience={patience:g}", result)
    await process.spend("warm", 1)
    stalling = True

    async def lane(number: int) -> None:
        done = 0
        while stalling:
            name = f"{number}-{done}"
            hold = Hold(name, (Charge(BUDGET, 1, CAP),), 600.0, Attribution())
            if isinstance(await process.guard.reserve(hold), Granted):
                result.granted += 1
                await process.guard.settle(name, Settlement(cost=1))
            else:
                result.refused += 1
            done += 1
            await asyncio.sleep(0.001)

    lanes = [asyncio.create_task(lane(number)) for number in range(8)]
    for _ in range(stalls):
        await asyncio.sleep(0.2)
        hold_up(1.5 * patience)
    stalling = False
    await asyncio.gather(*lanes)
    await process.guard.aclose()
    return result


def hold_up(seconds: float) -> None:
    time.sleep(seconds)


def run(name: str, patience: float = BRISK, stalls: int = STALLS) -> Result:
    """One scenario. patience, stalls: of the one with stalls. Raises SystemExit where redis-server
    is not installed."""
    with tempfile.TemporaryDirectory(prefix="losses-") as folder:
        if name == STALLED:
            with emptied(Path(folder)) as place:
                return asyncio.run(stall(place.url, patience, stalls))
        with SCENARIOS[name](Path(folder)) as place:
            return asyncio.run(forget(name, place))


def row(result: Result) -> str:
    under_way = "" if result.name == STALLED else f"{result.counted} of {UNDER_WAY}"
    return (
        f"{result.name:<28}{result.billed / CAP:>9.0%}{result.beyond / CAP:>9.0%}"
        f"{result.granted:>9}{result.refused:>9}{under_way:>11}"
        f"{'yes' if True in result.told else 'no':>8}{'yes' if result.after else 'no':>9}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python benchmarks/losses.py")
    parser.add_argument("--only", default="", help="scenarios with these words in their names")
    asked = parser.parse_args()
    logging.disable()  # the table says it
    print("until the loss is accepted:")
    print(
        f"{'':<28}{'billed':>9}{'beyond':>9}{'granted':>9}{'refused':>9}{'under way':>11}"
        f"{'event':>8}{'goes on':>9}"
    )
    wrong = 0
    for name in (*SCENARIOS, STALLED):
        if asked.only.casefold() in name.casefold():
            result = run(name)
            print(row(result), flush=True)
            wrong += result.wrong
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
