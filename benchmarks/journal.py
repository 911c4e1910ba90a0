"""The journal: how fast it writes, what it costs a request, and how fast a report is.

Every figure is of one run on a machine that may be busy: compare the columns with each other. The
latency of requests is measured in rounds that alternate: with nothing beside the requests; with
5,000 outcomes a second that are made in the same event loop and thrown away, which is the cost of
this benchmark; with as many that a journal keeps; and with as many that are thrown away while
another process keeps as many in its journal, which is the cost of a busy machine. The requests go
through a router whose model answers at once, in the same process.

    python benchmarks/journal.py [--rows 1000000] [--seconds 4] [--rounds 5] [--journal URL]

`--journal postgresql://...` measures the same in PostgreSQL, in a database that is empty.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import statistics
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from policy_router import Router
from policy_router.domain.outcome import Outcome, RequestEnding
from policy_router.journal.address import JournalAddress
from policy_router.journal.database import JournalDatabase
from policy_router.journal.encoding import row_of
from policy_router.journal.journal import Journal
from policy_router.journal.query import OutcomeFilter, OutcomeSums
from policy_router.journal.writing import SUMMED
from policy_router.loading import load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.synchronize import Event

POLICY = """
version: 1
tiers: [light]
models: { small: { model: openai/small, tier: light, price: free, context: 32k } }
tasks: { chat: { accept: { not_empty: true } } }
"""
MESSAGES: Any = [{"role": "user", "content": "a prompt of some words " * 20}]
ANSWER: Any = {
    "choices": [{"message": {"content": "an answer"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 100, "completion_tokens": 20},
}
RATE = 5_000
"""Outcomes a second."""
COLUMNS = ("nothing", "made, not kept", "journal", "not kept, other process writes")
"""What is beside the requests."""
OTHER = COLUMNS[-1]
MODELS = 5
DAY = 86_400.0


async def call(_model: object, _body: object, _timeout: float) -> Any:
    """Answer at once."""
    return ANSWER


def outcomes(number: int) -> list[Outcome]:
    """Outcomes of a month that ends now."""
    now = time.time()
    made = []
    for n in range(number):
        failed = n % 50 == 0
        made.append(
            Outcome(
                at=now - 30 * DAY * (1 - n / number),
                decision=f"{n:032x}",
                model=f"model-{n // 10 % MODELS}",
                provider="openai",
                tier="light",
                task=("chat", "code", "extract")[n % 3],
                band=("easy", "hard")[n % 2],
                score=0.4,
                user=f"user-{n // 10 % 499}",
                tenant="acme",
                session=f"session-{n // 10}",
                revision="f" * 64,
                rules=("private data stays",) if n % 4 == 0 else (),
                ok=not failed,
                failure="timeout" if failed else None,
                seconds=0.2 + (n * 7_919 % 1_000) / 500,
                tokens_in=900,
                tokens_out=200,
                cost=1_300_000,
                estimate=1_500_000,
                passed=("not_empty",) if n % 3 == 0 else (),
                served=not failed,
                ending=RequestEnding.FAILED if failed else RequestEnding.ANSWERED,
            )
        )
    return made


def write_speed(address: JournalAddress) -> float:
    """Outcomes a second, from the hand-over to the last commit."""
    ready = outcomes(4 * RATE)
    with Journal(address, waiting=len(ready)) as journal:
        journal.add(replace(ready[0], decision="first"))
        journal.flush()
        began = time.perf_counter()
        for outcome in ready:
            journal.add(outcome)
        journal.flush()
        return len(ready) / (time.perf_counter() - began)


async def timed(router: Router, seconds: float) -> list[float]:
    """How long each request took, in seconds, with a pause between two."""
    took = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        began = time.perf_counter()
        await router.acompletion(MESSAGES)
        took.append(time.perf_counter() - began)
        await asyncio.sleep(0.001)
    return took


async def feed(
    take: Callable[[Outcome], object], ready: list[Outcome], goes_on: Callable[[], bool]
) -> None:
    """Make outcomes at the rate, and hand them over."""
    began, given = time.perf_counter(), 0
    while goes_on():
        due = int((time.perf_counter() - began) * RATE)
        for n in range(given, due):
            take(replace(ready[n % len(ready)], at=began))
        given = due
        await asyncio.sleep(0.002)


def feed_elsewhere(url: str, working: Event, done: Event) -> None:
    """In a process of its own: hand outcomes to a journal at the rate, while `working` is set."""
    ready = outcomes(RATE)
    with Journal(url) as journal:
        while not done.is_set():
            if not working.wait(0.05):
                continue
            asyncio.run(feed(journal.add, ready, working.is_set))


@contextmanager
def elsewhere() -> Iterator[Event]:
    """A process that writes to a journal of its own while the event is set."""
    context = multiprocessing.get_context("spawn")
    working, done = context.Event(), context.Event()
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/journal.db"
        process = context.Process(target=feed_elsewhere, args=(url, working, done))
        process.start()
        try:
            yield working
        finally:
            working.clear()
            done.set()
            process.join()


async def latency(
    address: JournalAddress, seconds: float, rounds: int, working: Event
) -> tuple[dict[str, list[list[float]]], dict[str, float]]:
    """The latencies of each round by what happens beside the requests, and the CPU time of that."""
    ready, columns = outcomes(RATE), list(COLUMNS)
    took: dict[str, list[list[float]]] = {name: [] for name in columns}
    worked = dict.fromkeys(columns, 0.0)
    with Journal(address) as journal:
        takers = dict(zip(columns, (None, drop, journal.add, drop), strict=True))
        async with Router(load(text=POLICY), call) as router:
            await timed(router, 0.5)
            for number in range(rounds):
                turn = number % len(columns)
                for name in columns[turn:] + columns[:turn]:
                    if name == OTHER:
                        working.set()
                    take, cpu = takers[name], time.process_time() - time.thread_time()
                    feeding = (
                        None
                        if take is None
                        else asyncio.create_task(feed(take, ready, lambda: True))
                    )
                    took[name].append(await timed(router, seconds))
                    working.clear()
                    if feeding is not None:
                        feeding.cancel()
                        await asyncio.wait([feeding])
                    worked[name] += time.process_time() - time.thread_time() - cpu
                    journal.flush()
        print(f"    outcomes dropped: {journal.dropped}")
    return took, {name: cpu / rounds / seconds for name, cpu in worked.items()}


async def overhead(address: JournalAddress, calls: int, rounds: int) -> tuple[float, float]:
    """Median seconds of a request without a journal, and with one."""
    took: tuple[list[float], list[float]] = ([], [])
    async with (
        Router(load(text=POLICY), call) as plain,
        Router(load(text=POLICY), call, journal=Journal(address)) as kept,
    ):
        for router in (plain, kept):
            for _ in range(50):
                await router.acompletion(MESSAGES)
        for _ in range(rounds):
            for router, sample in zip((plain, kept), took, strict=True):
                for _ in range(calls):
                    began = time.perf_counter()
                    await router.acompletion(MESSAGES)
                    sample.append(time.perf_counter() - began)
    return statistics.median(took[0]), statistics.median(took[1])


def fill(address: JournalAddress, number: int) -> None:
    """Write many outcomes."""
    database, made = JournalDatabase(address), outcomes(number)
    for batch in range(0, number, 20_000):
        rows = [row_of(outcome) for outcome in made[batch : batch + 20_000]]
        database.write(f"fill-{batch}", rows, time.time())
    began = time.perf_counter()
    while database.sum_up(SUMMED):
        pass
    print(f"added up: {number / (time.perf_counter() - began):,.0f} outcomes a second")
    database.close()


def report_times(address: JournalAddress) -> dict[str, float]:
    """Seconds of some reports."""
    times, since = {}, time.time() - 29.4 * DAY
    with Journal(address).reader() as reader:
        reports: dict[str, Callable[[], list[OutcomeSums]]] = {
            f"by {name}": lambda name=name: reader.sums([name], limit=1_000)
            for name in ("model", "task", "user", "session", "rule", "hour", "kind")
        } | {
            "by user, from an hour on": lambda: reader.sums(["user"], OutcomeFilter(since=since)),
            "by model, of one task": lambda: reader.sums(["model"], OutcomeFilter(tasks=["code"])),
            "by user and kind, row by row": lambda: reader.sums(["user", "kind"]),
            "days, models": lambda: reader.days(["day", "model"]),
        }
        for name, report in reports.items():
            began = time.perf_counter()
            for sums in report():
                sums.percentile(0.5), sums.percentile(0.95)
            times[name] = time.perf_counter() - began
    return times


def drop(_outcome: Outcome) -> None:
    """Keep nothing."""


def percentile(took: list[float], share: float) -> float:
    """In milliseconds."""
    return sorted(took)[int(share * (len(took) - 1))] * 1_000


def typical(rounds: list[list[float]], share: float) -> str:
    """The median of what each round says, and the rounds between which half of them are: others on
    the machine disturb some of the rounds."""
    each = sorted(percentile(took, share) for took in rounds)
    quarter = len(each) // 4
    low, high = each[quarter], each[-1 - quarter]
    return f"{statistics.median(each):.2f} ({low:.2f} to {high:.2f})"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--journal")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        address = JournalAddress.parse(arguments.journal or f"sqlite:///{folder}/journal.db")
        print(f"written: {write_speed(address):,.0f} outcomes a second")
        print(f"latency of a request in ms, by what is beside it ({RATE:,} outcomes a second):")
        with elsewhere() as working:
            took, cpu = asyncio.run(latency(address, arguments.seconds, arguments.rounds, working))
        for name, samples in took.items():
            figures = ", ".join(
                f"p{share * 100:g} {typical(samples, share)}" for share in (0.5, 0.95, 0.99)
            )
            requests = f"{sum(map(len, samples)):,} requests"
            print(f"    {name:30}: {figures} ({requests}, other threads {cpu[name]:.0%} of a core)")
        plain, kept = asyncio.run(overhead(address, 400, arguments.rounds))
        print(f"a request: {plain * 1e6:.0f} us, with a journal {(kept - plain) * 1e6:+.0f} us")
        if arguments.rows:
            fill(address, arguments.rows)
            print(f"reports over {arguments.rows:,} rows:")
            for name, seconds in report_times(address).items():
                print(f"    {name}: {seconds:.2f} s")


if __name__ == "__main__":
    main()
