"""Processes that are killed while they spend, over and over: what the provider billed, what was
charged, what was answered.

    python -m tests.state.crash [--runs 20] [--kills 25] [--strict]
    python -m tests.state.crash --refusals 100000

Four processes spend one budget of $1 on a SQLite ledger. Each reserves, has a provider write its
bill to a log *before* the ledger hears of it, and settles; some calls settle twice, some release,
some never come back. Killed processes are started anew while a monitor reads `spent + held`. At the
end of a run the holds that are left expire, and the ledger is held against the bills. Exit 1 when
a promise is broken.

The second form refuses that often at the last of eight counters and compares all of them.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter as Tally
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from policy_router.meter import MINUTE, Charge, Meter, Metric, Period
from policy_router.state.sqlite import SqliteStore
from policy_router.state.store import About, Actual, Bucket, Ended, Entry, Granted, Hold, Refused
from tests.state.stores import UTC
from tests.state.worker import ROOT

if TYPE_CHECKING:
    from policy_router.state.sqlite_file import Durability

CAP: Final = 10**9
PROCESSES: Final = 4
LANES: Final = 4
LEASE: Final = 2.0
BUDGET: Final = Meter("budgets", "all", Metric.USD, Period.MONTH, CAP, 1)
SEAT: Final = Meter("models", "m", Metric.SEATS, None, 1000, 1)


def budget(amount: int) -> Charge:
    return Charge(BUDGET.counter("-", time.time(), UTC), amount, CAP)


# -- one process that spends ---------------------------------------------------------------------


async def spend(path: str, bills: str, name: str, durability: Durability) -> None:
    """Spends until the budget is spent, or until it is killed."""
    store = SqliteStore(path, durability=durability)
    log = os.open(bills, os.O_WRONLY | os.O_APPEND)
    rng = random.Random(name)  # noqa: S311  that repeats

    async def lane(number: int) -> None:
        refused = 0
        for i in range(10**6):
            hold_id, amount = f"{name}.{number}.{i}", rng.randrange(200_000, 4_000_000)
            seat = Charge(SEAT.counter("-", 0.0, UTC), 1, None)
            hold = Hold(hold_id, (budget(amount), seat), LEASE, About())
            answer = await store.reserve(hold)
            if isinstance(answer, Refused):
                refused += 1
                if refused > 50:
                    return
                continue
            if rng.random() < 0.05:
                await store.release(hold_id)
                continue
            cost = rng.randrange(amount + 1)
            os.write(log, f"bill {hold_id} {cost}\n".encode())
            if rng.random() < 0.02:
                continue  # nobody comes back to settle it
            settled = await store.settle(hold_id, Actual(cost))
            if settled.ended in (Ended.DONE, Ended.ADJUSTED):
                os.write(log, f"told {hold_id} {cost}\n".encode())
            if rng.random() < 0.1:
                again = await store.settle(hold_id, Actual(cost + 1))
                if again.ended is not Ended.AGAIN:
                    os.write(log, f"twice {hold_id} 0\n".encode())

    await asyncio.gather(*(lane(number) for number in range(LANES)))
    await store.aclose()


# -- one run -------------------------------------------------------------------------------------


@dataclass
class Run:
    """What came of it. broken: the promises that were not kept."""

    kills: int
    samples: int
    billed: int
    charged: int
    broken: list[str]


def run(seed: int, kills: int, durability: Durability) -> Run:
    rng = random.Random(seed)  # noqa: S311  that repeats
    with tempfile.TemporaryDirectory() as folder:
        path, bills = Path(folder, "ledger.db"), Path(folder, "bills")
        bills.touch()
        asyncio.run(SqliteStore(path).aclose())
        started = 0

        def start() -> subprocess.Popen[bytes]:
            nonlocal started
            started += 1
            name = f"{seed}-{started}"
            return subprocess.Popen(
                [
                    sys.executable, "-m", "tests.state.crash",
                    "--spend", path, bills, name, durability,
                ],
                cwd=ROOT,
            )  # fmt: skip

        processes = [start() for _ in range(PROCESSES)]
        result = Run(0, 0, 0, 0, [])
        try:
            while any(process.poll() is None for process in processes):
                _watch(path, result)
                if result.kills < kills and rng.random() < 0.3:
                    victim = rng.randrange(PROCESSES)
                    if processes[victim].poll() is None:
                        processes[victim].kill()
                        processes[victim].wait()
                        processes[victim] = start()
                        result.kills += 1
                with contextlib.suppress(subprocess.TimeoutExpired):
                    processes[0].wait(rng.uniform(0.01, 0.1))
        finally:
            for process in processes:
                process.kill()
                process.wait()
        asyncio.run(_settle_up(path, bills.read_text().splitlines(), result))
        with closing(sqlite3.connect(path)) as connection:
            _promise(
                connection.execute("PRAGMA integrity_check").fetchone() == ("ok",),
                "the file is sound", result,
            )  # fmt: skip
    return result


def _watch(path: Path, result: Run) -> None:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        row = connection.execute("SELECT spent, held FROM bucket").fetchone()
    if row is not None:
        result.samples += 1
        _promise(sum(row) <= CAP, f"spent + held stay below the cap (not {row})", result)


async def _settle_up(path: Path, bills: list[str], result: Run) -> None:
    store = SqliteStore(path, lambda: time.time() + LEASE + 1)
    await store.release("nobody")  # sweeps
    (bucket,) = await store.buckets()
    rows = [row async for row in store.rows()]
    seats = await store.read([Charge(SEAT.counter("-", 0.0, UTC), 1, None)])
    wrong = await store.audit()
    await store.aclose()
    billed: dict[str, int] = {}
    told: dict[str, int] = {}
    for line in bills:
        word, hold_id, cost = line.split()
        {"bill": billed, "told": told}.get(word, {})[hold_id] = int(cost)
        _promise(word != "twice", "nothing is charged twice", result)
    charged: Tally[str] = Tally()
    for row in rows:
        charged[row.id] += row.cost
    result.billed, result.charged = sum(billed.values()), bucket.spent
    _promise(bucket.spent == sum(charged.values()), "what is spent is in the ledger", result)
    _promise(bucket == Bucket(bucket.key, bucket.spent, 0), "nothing stays held", result)
    _promise(bucket.spent <= CAP, "the budget is never exceeded", result)
    _promise(seats[0] is not None and seats[0].used == 0, "no seat stays taken", result)
    _promise(wrong == (), f"the audit finds nothing ({wrong})", result)
    _promise(
        all(charged[hold_id] >= cost for hold_id, cost in billed.items()),
        "every bill is charged", result,
    )  # fmt: skip
    _promise(
        all(charged[hold_id] == cost for hold_id, cost in told.items()),
        "what was told as settled is charged just so", result,
    )  # fmt: skip
    kinds = Tally((row.id, row.kind) for row in rows)
    _promise(max(kinds.values()) == 1, "each id has one row of a kind", result)
    _promise(
        not any(kinds[i, Entry.SETTLE] and kinds[i, Entry.EXPIRE] for i in charged),
        "nothing is both settled and expired", result,
    )  # fmt: skip


def _promise(kept: bool, what: str, result: Run) -> None:
    if not kept and what not in result.broken:
        result.broken.append(what)


# -- refusals ------------------------------------------------------------------------------------


async def refuse(count: int) -> int:
    """How many counters changed."""
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder, "ledger.db"))
        now = time.time()
        meters = [
            *(Meter("budgets", f"b{i}", Metric.USD, Period.MONTH, CAP, 1) for i in range(4)),
            *(Meter("limits", f"l{i}", Metric.TOKENS, MINUTE, CAP, 1) for i in range(2)),
            SEAT,
        ]
        charges = tuple(Charge(m.counter("-", now, UTC), 1, m.limit) for m in meters)
        last = Meter("limits", "last", Metric.REQUESTS, MINUTE, 0, 1)
        closed = Charge(last.counter("-", now, UTC), 1, 0)
        await store.reserve(Hold("first", charges, 10**6, About()))
        calendar = [c for c in charges if c.counter.calendar]
        before = await store.read(calendar)
        began, refused = time.perf_counter(), 0
        for start in range(0, count, 500):
            holds = (Hold(f"r{start + i}", (*charges, closed), 60, About()) for i in range(500))
            answers = await asyncio.gather(*(store.reserve(hold) for hold in holds))
            refused += sum(isinstance(answer, Refused) for answer in answers)
        took = time.perf_counter() - began
        seats, tokens = await store.read([charges[-1], charges[4]])
        changed = sum(a != b for a, b in zip(before, await store.read(calendar), strict=True))
        changed += (seats.used != 1) + (tokens.used > 1) + (refused != count)
        changed += (
            isinstance(await store.reserve(Hold("r1", charges, 1, About())), Granted) is False
        )
        changed += len(await store.audit())
        await store.aclose()
    print(f"{refused:,} refusals, {took:.1f} s: {changed} counters changed")  # noqa: T201
    return changed


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.state.crash")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--kills", type=int, default=25)
    parser.add_argument("--strict", action="store_true")
    parser.add_argument("--refusals", type=int)
    parser.add_argument("--spend", nargs=4, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.spend:
        asyncio.run(spend(*asked.spend))
        return 0
    if asked.refusals:
        return int(asyncio.run(refuse(asked.refusals)) > 0)
    broken = 0
    for seed in range(asked.runs):
        done = run(seed, asked.kills, "strict" if asked.strict else "normal")
        broken += len(done.broken)
        print(  # noqa: T201
            f"{seed:3}: {done.kills} kills, {done.samples} samples, "
            f"billed ${done.billed / 1e9:.4f}, charged ${done.charged / 1e9:.5f}: "
            + ("; ".join(f"NOT {what}" for what in done.broken) or "all promises kept"),
            flush=True,
        )
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main())
