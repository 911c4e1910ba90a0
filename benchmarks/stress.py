"""Whether a budget holds while the processes that share it are killed.

    python benchmarks/stress.py [--store sqlite|redis] [--runs 20] [--kills 25] [--processes 4]
                                [--limits] [--prices]

Processes take from one budget of $1, send to a provider that writes each bill to a file before
anybody settles it, and settle. They are killed (SIGKILL) in the midst of it and others take their
place; settles and releases are repeated, with other amounts too. A monitor looks at the counters
all the while. Afterwards every lease has run out, and it must hold that

- nothing is held, no seat is taken, and counters, ledger and open holds agree (the audit);
- the monitor never saw more than the cap, nor more seats taken than there are;
- what the provider billed is at most what was held and what was charged, for each attempt, and in
  sum at most the cap; no attempt was charged twice.

With `--limits`, every attempt also charges a budget of its session, a window of five hours, and a
budget of its tenant, of which one has a cap of its own: none of these may pass its cap either.

With `--prices`, the price changes every three seconds. A hold is for the highest price until it is
sent at the latest, and the provider bills the price of the moment of sending.

Exit 1 when something does not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import stress_limits, stress_prices
from policy_router.domain.limits import Charge, Counter, CounterKey
from policy_router.domain.windows import MINUTE
from policy_router.errors import StoreError
from policy_router.ledger.open import open_store
from policy_router.ledger.reader import EntryKind
from policy_router.ledger.store import Attribution, Granted, Hold, Settlement

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from multiprocessing.process import BaseProcess

    from policy_router.ledger.reader import AuditableStore

T = TypeVar("T")

DOLLAR: Final = 10**9
"""Nano-USD."""
LEAST: Final = 200_000
MOST: Final = 4_000_000
"""Of a hold, nano-USD."""
SEATS: Final = 7
LEASE: Final = 1.0
IN_FLIGHT: Final = 2
"""Attempts of one process at a time: with four processes, one more than there are seats."""
PATIENCE: Final = 120.0
"""Seconds after which a run that does not get on counts as failed."""

BUDGET: Final = Counter(CounterKey.parse("budgets/team|usd|month|2026-11|-"), end=4e9)
"""Without bounds that a run could come across."""
RATE: Final = Counter(CounterKey.parse("limits/each|tokens|min||-"), MINUTE.width, MINUTE.slots)
SEAT: Final = Counter(CounterKey.parse("models/haiku|concurrent|||-"))


def charges(amount: int, place: Place, about: Attribution) -> tuple[Charge, ...]:
    """The budget, a count that never refuses, and a seat; then more limits, if they are wanted."""
    plain = Charge(BUDGET, amount, place.cap), Charge(RATE, 100, None), Charge(SEAT, 1, SEATS)
    return plain + (stress_limits.charges(about, amount, place.cap) if place.limits else ())


@dataclass(frozen=True)
class Place:
    """Where a run keeps its files. cap: of its budget, nano-USD. limits: whether there are more
    limits than that. prices: whether the price changes."""

    folder: Path
    url: str
    cap: int
    limits: bool = False
    prices: bool = False

    @property
    def bills(self) -> Path:
        return self.folder / "bills"

    @property
    def samples(self) -> Path:
        return self.folder / "samples"


def append(path: Path, *words: object) -> None:
    """One line, in one write: a kill leaves all of it or nothing."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(file, (" ".join(map(str, words)) + "\n").encode())
    os.close(file)


# -- processes -------------------------------------------------------------------------------------


async def insist(ask: Callable[[], Awaitable[T]]) -> T:
    """Asks until there is an answer: a busy machine may be later than the store waits."""
    while True:
        with suppress(StoreError):
            return await ask()
        await asyncio.sleep(0.05)


async def take(
    store: AuditableStore, place: Place, rng: random.Random, name: str
) -> tuple[Hold, Callable[[], int | None]] | None:
    """A hold, as large as there is room for, and what the provider bills for it if it is sent now;
    None when there is none. What got no answer may have been taken, so its id is not used again:
    its lease ends it."""
    amount = rng.randrange(LEAST, MOST)
    about = stress_limits.someone(rng)
    while True:
        taken = stress_prices.now()
        most = stress_prices.held(amount, taken) if place.prices else amount
        hold = Hold(f"{name}/{amount}", charges(most, place, about), LEASE, about)
        with suppress(StoreError):
            if isinstance(await store.reserve(hold), Granted):
                used = rng.randrange(amount + 1)
                return hold, partial(bill_of if place.prices else plain_bill, used, taken)
        if amount == LEAST:
            return None
        amount = max(amount // 2, LEAST)


def plain_bill(used: int, _: float) -> int | None:
    """The bill for tokens at a price that does not change."""
    return used


def bill_of(used: int, taken: float) -> int | None:
    """The bill for tokens that are sent now; None when it is too late to send them."""
    sent = stress_prices.now()
    return None if stress_prices.is_late(taken, sent) else stress_prices.billed(used, sent)


async def attempt(
    store: AuditableStore, place: Place, rng: random.Random, name: str, old: str
) -> str:
    """One attempt at the provider, and what may go wrong around it. old: the hold before it. Its
    hold."""
    reserved = await take(store, place, rng, name)
    if reserved is None:
        await asyncio.sleep(0.02)
        return old
    hold, send = reserved
    await asyncio.sleep(rng.random() * (0.2 if place.prices else 0.02))
    bill = send()
    fate = rng.random()
    if fate < 0.05 or bill is None:  # the provider was never reached
        await insist(lambda: store.release(hold.id))
        await insist(lambda: store.settle(hold.id, Settlement(cost=MOST)))
        return hold.id
    if fate < 0.08:  # it takes longer than a lease
        for _ in range(4):
            await asyncio.sleep(LEASE / 3)
            await insist(lambda: store.renew(hold.id, LEASE))
    append(place.bills, hold.id, bill, hold.charges[0].amount)
    await asyncio.sleep(rng.random() * 0.01)
    actual = Settlement(bill, rng.randrange(50), rng.randrange(50))
    if fate > 0.9:  # asked for again by a caller that got no answer
        await insist(lambda: store.reserve(hold))
    await insist(lambda: store.settle(hold.id, actual))
    if fate > 0.8:
        await insist(lambda: store.settle(hold.id, Settlement(cost=MOST)))
        await insist(lambda: store.release(hold.id))
        await insist(lambda: store.release(old))
    return hold.id


async def work(place: Place, seed: int) -> None:
    store = open_store(place.url)
    rng = random.Random(seed)

    async def go_on(lane: int) -> None:
        old = "none"
        for number in range(10**9):
            old = await attempt(store, place, rng, f"{os.getpid()}-{seed}-{lane}-{number}", old)

    await asyncio.gather(*(go_on(lane) for lane in range(IN_FLIGHT)))


async def watch(place: Place) -> None:
    """Writes what is spent and held together, and the seats taken, again and again."""
    store = open_store(place.url)
    while True:
        balances = {bucket.key: bucket for bucket in await insist(store.balances)}
        (seats,) = await insist(lambda: store.read([Charge(SEAT, 0, None)]))
        if BUDGET.key in balances and seats is not None:
            bucket = balances[BUDGET.key]
            excess = 0
            if place.limits:
                excess = await insist(lambda: stress_limits.excess(store, place.cap))
            append(place.samples, bucket.spent, bucket.held, seats.used, excess)
        await asyncio.sleep(0.02)


def start(place: Place, seed: int) -> None:
    asyncio.run(work(place, seed))


def start_watch(place: Place) -> None:
    asyncio.run(watch(place))


# -- a run -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """What a run came to. Nano-USD; wrong: what should not be."""

    kills: int
    bills: int
    billed: int
    charged: int
    most: int
    samples: int
    seconds: float
    wrong: tuple[str, ...]


def lines(path: Path) -> list[list[str]]:
    """The complete lines of a file; the last one may be half written."""
    whole, _, _ = path.read_text().rpartition("\n") if path.exists() else ("", "", "")
    return [line.split() for line in whole.splitlines()]


def run(place: Place, seed: int, kills: int, processes: int) -> Outcome:
    """Until the budget is spent and all kills are done; then the reckoning."""
    rng = random.Random(seed)
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__, "policy_router.ledger.sqlite.store"])
    began = time.monotonic()

    def worker(number: int) -> BaseProcess:
        process = context.Process(target=start, args=(place, seed * 1000 + number))
        process.start()
        return process

    asyncio.run(prepare(place.url))
    monitor = context.Process(target=start_watch, args=(place,))
    monitor.start()
    workers = [worker(number) for number in range(processes)]
    killed = 0
    try:
        while True:
            spent, held, *_ = map(int, (lines(place.samples) or [["0", "0", "0", "0"]])[-1])
            if killed < kills and spent + held > (killed + rng.random()) * 0.9 * place.cap / kills:
                victim = rng.randrange(processes)
                workers[victim].kill()
                workers[victim].join()
                killed += 1
                workers[victim] = worker(processes + killed)
            elif killed == kills and place.cap - spent <= LEAST:
                break
            if time.monotonic() - began > PATIENCE:
                break
            if not monitor.is_alive() or not all(each.is_alive() for each in workers):
                break  # died without being killed
            time.sleep(rng.random() * 0.02)
        ended = [each.exitcode for each in (*workers, monitor) if not each.is_alive()]
    finally:
        for process in (*workers, monitor):
            process.kill()
            process.join()
    wrong = [f"a process ended by itself: {code}" for code in ended]
    wrong += [] if time.monotonic() - began <= PATIENCE else ["it took too long"]
    return asyncio.run(reckon(place, killed, began, wrong))


async def prepare(url: str) -> None:
    """Makes the store before anybody races for it."""
    await open_store(url).aclose()


async def reckon(place: Place, kills: int, began: float, wrong: list[str]) -> Outcome:
    await asyncio.sleep(LEASE)
    store = open_store(place.url)
    await insist(lambda: store.release("nobody"))  # sweeps
    balances = {bucket.key: bucket for bucket in await insist(store.balances)}
    bucket = balances[BUDGET.key]
    (seats,) = await insist(lambda: store.read([Charge(SEAT, 0, None)]))
    rows = [row async for row in store.rows()]
    wrong += [str(difference) for difference in await insist(store.audit)]
    await store.aclose()

    charged: dict[str, int] = {}
    kinds: dict[str, list[EntryKind]] = {}
    for row in rows:
        charged[row.id] = charged.get(row.id, 0) + row.cost
        kinds.setdefault(row.id, []).append(row.kind)
    bills = {name: int(amount) for name, amount, _ in lines(place.bills)}
    holds = {name: int(amount) for name, _, amount in lines(place.bills)}
    samples = [tuple(map(int, sample)) for sample in lines(place.samples)]
    billed, most = sum(bills.values()), max(spent + held for spent, held, *_ in samples)
    once = ([EntryKind.SETTLE], [EntryKind.EXPIRE], [EntryKind.EXPIRE, EntryKind.ADJUST])
    checks = {
        f"held {bucket.held}": bucket.held == 0,
        f"seats taken {seats}": seats is not None and seats.used == 0,
        f"spent {bucket.spent} is not what rows add": bucket.spent == sum(charged.values()),
        f"spent {bucket.spent} is above the cap": bucket.spent <= place.cap,
        f"the monitor saw {most}": most <= place.cap,
        "more seats were taken than there are": max(s[2] for s in samples) <= SEATS,
        "a counter was seen above its cap": max(s[3] for s in samples) <= 0,
        f"billed {billed} of charged {bucket.spent}": billed <= bucket.spent,
        "an attempt was billed more than charged": all(
            amount <= charged.get(name, -1) for name, amount in bills.items()
        ),
        "an attempt was billed more than held": all(
            amount <= holds[name] for name, amount in bills.items()
        ),
        "an attempt was charged twice": all(found in once for found in kinds.values()),
    }
    if place.url.startswith("sqlite"):
        with closing(sqlite3.connect(place.folder / "ledger.db")) as connection:
            (sound,) = connection.execute("PRAGMA integrity_check").fetchone()
        checks[f"the file: {sound}"] = sound == "ok"
    wrong += [what for what, holds in checks.items() if not holds]
    wrong += stress_limits.wrongs(rows, balances.values(), place.cap)
    return Outcome(
        kills, len(bills), billed, bucket.spent, most, len(samples),
        time.monotonic() - began, tuple(wrong),
    )  # fmt: skip


@contextmanager
def places(
    store: str, cap: int = DOLLAR, *, limits: bool = False, prices: bool = False
) -> Iterator[Place]:
    """A fresh place for a run: a file, or a server of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if store == "sqlite":
            yield Place(folder, f"sqlite:///{folder}/ledger.db", cap, limits, prices)
            return
        program = shutil.which("redis-server")
        if program is None:
            raise SystemExit("redis-server is not installed")
        command = [program, "--port", "0", "--unixsocket", f"{folder}/s", "--save", ""]
        log = folder / "log"
        with log.open("w") as output:
            server = subprocess.Popen(command, cwd=folder, stdout=output)  # noqa: S603  our own
        try:
            while "ready to accept connections" not in log.read_text().lower():
                if server.poll() is not None:
                    raise SystemExit("redis-server did not start")
                time.sleep(0.01)
            yield Place(folder, f"unix://{folder}/s", cap, limits, prices)
        finally:
            server.kill()
            server.wait()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python benchmarks/stress.py")
    parser.add_argument("--store", choices=("sqlite", "redis"), default="sqlite")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--kills", type=int, default=25)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limits", action="store_true")
    parser.add_argument("--prices", action="store_true")
    asked = parser.parse_args()
    print("  run  kills  bills    billed   charged  not billed  most seen  samples     s")
    failed = 0
    for number in range(asked.seed, asked.seed + asked.runs):
        with places(asked.store, limits=asked.limits, prices=asked.prices) as place:
            found = run(place, number, asked.kills, asked.processes)
        print(
            f"{number:5} {found.kills:6} {found.bills:6}  ${found.billed / DOLLAR:.5f}"
            f"  ${found.charged / DOLLAR:.5f} {1 - found.billed / found.charged:11.1%}"
            f"   ${found.most / DOLLAR:.5f} {found.samples:8} {found.seconds:5.1f}",
            flush=True,
        )
        for wrong in found.wrong:
            print(f"      {wrong}")
        failed += bool(found.wrong)
    print(
        json.dumps(
            {
                "store": asked.store,
                "limits": asked.limits,
                "runs": asked.runs,
                "failed": failed,
            }
        )
    )
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
