"""How many attempts a second a store can reserve and settle, from several processes at once.

    python benchmarks/ledger.py [URL] [--processes 4] [--in-flight 16] [--seconds 10]

URL is an address as `open_store` takes it; without one, a new SQLite file in a temporary folder.
Each attempt is one reserve and one settle over four budgets, three rates and a seat; none is
refused. The figures of the machine are printed beside those of the store: without the time that a
write to its disk takes they say little.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import queue
import random
import sqlite3
import sys
import tempfile
import time
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

sys.path.insert(0, str(Path(__file__).parents[1]))

from policy_router.domain.limits import Charge, Limit, Metric
from policy_router.domain.periods import Period
from policy_router.domain.windows import HOUR, MINUTE
from policy_router.ids import Ids
from policy_router.ledger.open import open_store
from policy_router.ledger.store import Attribution, Granted, Hold, Settlement

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.process import BaseProcess
    from multiprocessing.queues import Queue
    from multiprocessing.synchronize import Barrier

    from policy_router.ledger.reader import AuditableStore

UTC = ZoneInfo("UTC")
METERS = (
    Limit("budgets", "all", Metric.USD, Period.MONTH, 10**15, 1, warn_at=(0.8, 0.95)),
    Limit("budgets", "tenant", Metric.USD, Period.DAY, 10**15, 1, per="tenant"),
    Limit("budgets", "team", Metric.USD, Period.DAY, 10**15, 1, per="team"),
    Limit("budgets", "user", Metric.USD, Period.DAY, 10**15, 1, per="user"),
    Limit("limits", "all", Metric.REQUESTS, MINUTE, 10**9, 1),
    Limit("limits", "tokens", Metric.TOKENS, MINUTE, 10**12, 1),
    Limit("limits", "user", Metric.REQUESTS, HOUR, 10**9, 1, per="user"),
    Limit("models", "haiku", Metric.CONCURRENT, None, 10**6, 1),
)
AMOUNTS = {Metric.USD: 4_000_000, Metric.TOKENS: 3_000, Metric.REQUESTS: 1, Metric.CONCURRENT: 1}


@dataclass(frozen=True)
class Ran:
    """What one process did: pairs, milliseconds of each verb, the longest that its loop was held
    up, seconds of processor time."""

    pairs: int
    reserves: list[float]
    settles: list[float]
    lag: float
    processor: float


def hold(name: str, user: int) -> Hold:
    """An attempt of a user, now."""
    now = time.time()
    subjects = {"user": f"user-{user}", "team": f"team-{user % 10}", "tenant": f"t-{user % 3}"}
    charges = (
        Charge(
            meter.counter(subjects.get(meter.per or "", "-"), now, UTC),
            AMOUNTS[meter.metric], meter.cap, warn_at=meter.warn_at,
        )
        for meter in METERS
    )  # fmt: skip
    return Hold(name, tuple(charges), 60.0, Attribution("haiku", "chat", user=f"user-{user}"))


async def attempts(store: AuditableStore, name: str, until: float, ran: Ran, users: int) -> int:
    """Reserve and settle, one after the other, until a time; how often."""
    rng = random.Random(name)
    done, new_id = 0, Ids()
    while (began := time.perf_counter()) < until:
        asked = hold(f"{new_id()}#1", rng.randrange(users))
        answer = await store.reserve(asked)
        if not isinstance(answer, Granted):
            raise SystemExit(f"not granted: {answer}")
        between = time.perf_counter()
        await store.settle(asked.id, Settlement(rng.randrange(4_000_000), 900, rng.randrange(2000)))
        ran.reserves.append((between - began) * 1000)
        ran.settles.append((time.perf_counter() - between) * 1000)
        done += 1
    return done


async def watch(longest: list[float]) -> None:
    """Notes how much longer than asked a short sleep takes."""
    while True:
        began = time.perf_counter()
        await asyncio.sleep(0.001)
        longest[0] = max(longest[0], (time.perf_counter() - began) * 1000 - 1)


async def run(url: str, number: int, asked: argparse.Namespace, barrier: Barrier) -> Ran:
    store = open_store(url)
    ran = Ran(0, [], [], 0.0, 0.0)
    longest = [0.0]
    await store.reserve(hold(f"warm-{number}", 0))
    await store.release(f"warm-{number}")
    barrier.wait()
    watcher = asyncio.create_task(watch(longest))
    until, before = time.perf_counter() + asked.seconds, time.process_time()
    pairs = await asyncio.gather(
        *(
            attempts(store, f"{os.getpid()}-{i}", until, ran, asked.users)
            for i in range(asked.in_flight)
        )
    )
    watcher.cancel()
    used = time.process_time() - before
    await store.aclose()
    return Ran(sum(pairs), ran.reserves, ran.settles, longest[0], used)


def work(
    url: str, number: int, asked: argparse.Namespace, barrier: Barrier, out: Queue[Ran]
) -> None:
    out.put(asyncio.run(run(url, number, asked, barrier)))


def sync_time(folder: Path) -> tuple[float, float]:
    """Milliseconds to bring 4 kB to the disk: median and longest of 50."""
    took = []
    with (folder / "sync").open("wb") as file:
        for _ in range(50):
            file.write(b"x" * 4096)
            file.flush()
            began = time.perf_counter()
            os.fsync(file.fileno())
            took.append((time.perf_counter() - began) * 1000)
    took.sort()
    return took[25], took[-1]


def percentiles(name: str, found: list[float]) -> str:
    found = sorted(found)
    p50, p99 = found[len(found) // 2], found[int(len(found) * 0.99)]
    return f"  {name:8} p50 {p50:6.1f} ms   p99 {p99:6.1f} ms   max {found[-1]:6.1f} ms"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python benchmarks/ledger.py")
    parser.add_argument("url", nargs="?")
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--in-flight", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--users", type=int, default=200)
    parser.add_argument("--strict", action="store_true", help="of the SQLite file made for this")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        median, longest = sync_time(Path(folder))
        load = " ".join(f"{each:.1f}" for each in os.getloadavg())
        print(
            f"{os.cpu_count()} cores, load {load}; Python {platform.python_version()}, "
            f"SQLite {sqlite3.sqlite_version}; fsync {median:.2f} ms, at most {longest:.2f} ms"
        )
        made = f"sqlite:///{folder}/ledger.db" + ("?durability=strict" if asked.strict else "")
        return measure(asked.url or made, asked)


def measure(url: str, asked: argparse.Namespace) -> int:
    context = get_context("spawn")
    barrier, out = context.Barrier(asked.processes), context.Queue()
    processes = [
        context.Process(target=work, args=(url, i, asked, barrier, out))
        for i in range(asked.processes)
    ]
    for process in processes:
        process.start()
    ran = results(out, processes)
    for process in processes:
        process.join()
    pairs = [each.pairs for each in ran]
    least, most = min(pairs), max(pairs)
    print(f"{asked.processes} processes, {asked.in_flight} in flight each, {asked.seconds:g} s")
    print(f"  {sum(pairs) / asked.seconds:,.0f} pairs/s")
    print(f"  least and most of a process: {least:,} and {most:,} ({least / most:.2f})")
    spent = sum(each.processor for each in ran)
    print(
        f"  {spent / sum(pairs) * 1e6:.0f} µs of processor time for a pair, this script's included"
    )
    print(percentiles("reserve", [t for each in ran for t in each.reserves]))
    print(percentiles("settle", [t for each in ran for t in each.settles]))
    print(f"  event loop held up for {max(each.lag for each in ran):.1f} ms at most")
    wrong = asyncio.run(audited(url))
    print(f"  audit: {wrong} differences")
    return int(wrong > 0)


def results(out: Queue[Ran], processes: Sequence[BaseProcess]) -> list[Ran]:
    """What every process put out; ends them all when one of them died."""
    ran: list[Ran] = []
    while len(ran) < len(processes):
        try:
            ran.append(out.get(timeout=1))
        except queue.Empty:
            if any(each.exitcode for each in processes):
                for each in processes:
                    each.kill()
                raise SystemExit("a process died; what it said is above") from None
    return ran


async def audited(url: str) -> int:
    store = open_store(url)
    began = time.perf_counter()
    found = await store.audit()
    print(f"  audit took {time.perf_counter() - began:.2f} s")
    await store.aclose()
    return len(found)


if __name__ == "__main__":
    sys.exit(main())
