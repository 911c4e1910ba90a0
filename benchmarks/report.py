"""How long a report over a million rows takes, in both engines and in every way to ask for it.

    python benchmarks/report.py [--rows 1000000] [--runs 3] [--json]

The rows are those of a month with five models, three tasks, 499 users and 100,000 sessions, a
fiftieth of them failures. They are written to SQLite, and to a PostgreSQL that is started for this
in a folder of its own where it is installed; `--journal URL` measures one journal only, which must
be empty, or have its rows already (`--filled`).

Each report is over 29 days. Shown are, as the median of some runs: the time until it is there, the
time of this process on the processor and that of PostgreSQL's, and by how much this process grew
meanwhile. Then the same figures in the other ways: from a router, over HTTP, as panels of the page
and as a file that the command writes. Aim: each below 2 seconds, with the same memory for any
number of rows.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import httpx
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.journal import MODELS, outcomes
from policy_router import Router
from policy_router.journal.address import JournalAddress
from policy_router.journal.database import JournalDatabase
from policy_router.journal.encoding import row_of
from policy_router.journal.journal import Journal
from policy_router.journal.reader import JournalReader
from policy_router.loading import load
from policy_router.reports.report import GROUPINGS
from policy_router.reports.traffic import ReportQuery, read_report
from policy_router.server.app import create_app
from tests.journal.servers import PostgresServer
from tests.server.serving import served

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DAYS = 29
DAY = 86_400.0
BATCH = 20_000
AIM = 2.0
"""Seconds."""
MODEL = (
    "  model-{0}: {{ model: openai/m{0}, tier: light, price: {{ input: ${0}/M, output: $9/M }} }}"
)
POLICY = "version: 1\ntiers: [light]\nmodels:\n" + "\n".join(
    MODEL.format(number) for number in range(MODELS)
)
BASELINES = "\nreports: { baselines: { always-4: model-4, fair: cheapest_that_fits } }\n"
PANELS = ("spend", "rules", "sessions")
"""The panels that read the journal; `failures` shows the same report as `spend`."""
_PEAK = Path("/proc/self/clear_refs")


@dataclass(frozen=True, slots=True)
class Engine:
    """A journal that is measured.

    Attributes:
        name: Which engine it is in.
        address: Where it is.
        server: The process id of its server; None for one within this process, or unknown.
    """

    name: str
    address: JournalAddress
    server: int | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """One report.

    Attributes:
        engine: The engine.
        what: What it was grouped by, or the way to it.
        seconds: Until it was there.
        cpu: Seconds of this process on the processor, or of the command.
        server_cpu: Seconds of all processes of the database server; None without one.
        memory: Megabytes by which this process grew meanwhile; None for a command of its own.
        groups: How many groups it has; None where that is not seen.
    """

    engine: str
    what: str
    seconds: float
    cpu: float
    server_cpu: float | None
    memory: float | None
    groups: int | None = None


def fill(url: str, number: int) -> None:
    """Write outcomes of a month, spread evenly, and add them up as a server does when it idles."""
    database = JournalDatabase(JournalAddress.parse(url))
    made = outcomes(number)
    for start in range(0, number, BATCH):
        part = [row_of(outcome) for outcome in made[start : start + BATCH]]
        database.write(f"fill-{start}", part, time.time())
    while database.sum_up(BATCH):
        pass
    database.close()


def filled(engine: Engine, number: int) -> Engine:
    """Fill a journal in a process of its own, whose memory is not that of the reports."""
    say(f"writing {number:,} rows to {engine.name}")
    began = time.perf_counter()
    filling = multiprocessing.get_context("spawn").Process(
        target=fill, args=(engine.address.url, number)
    )
    filling.start()
    filling.join()
    if filling.exitcode:
        sys.exit(f"{engine.name} could not be filled")
    say(f"that took {time.perf_counter() - began:.0f} s")
    return engine


def say(line: str) -> None:
    """Tell what happens, next to what is measured."""
    print(line, file=sys.stderr, flush=True)


# -- measuring ------------------------------------------------------------------------------------


def measure(engine: Engine, what: str, runs: int, read: Callable[[], int | None]) -> Measured:
    """Measure what reads a report, which returns the number of its groups."""
    found = []
    groups = None
    for _ in range(runs):
        served_before, before = server_cpu(engine.server), memory()
        began, worked = time.perf_counter(), time.process_time()
        groups = read()
        seconds, cpu = time.perf_counter() - began, time.process_time() - worked
        grown = memory(peak=True) - before
        found.append((seconds, cpu, (server_cpu(engine.server) or 0) - (served_before or 0), grown))
    middle = [median(column) for column in zip(*found, strict=True)]
    by_server = middle[2] if engine.server is not None else None
    return Measured(engine.name, what, middle[0], middle[1], by_server, middle[3], groups)


def memory(*, peak: bool = False) -> float:
    """The memory of this process in MB: now, or the most since this was asked for the last time."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    name = "VmHWM" if peak else "VmRSS"
    lines = status.read_text().splitlines()
    size = next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024
    if not peak:
        _PEAK.write_text("5")  # the most from now on
    return size


def server_cpu(pid: int | None) -> float | None:
    """Seconds on the processor of a process and of all that it started, ended ones too."""
    if pid is None:
        return None
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    ticks = sum(_ticks(pid, 4)) + sum(sum(_ticks(int(child), 2)) for child in children)
    return ticks / os.sysconf("SC_CLK_TCK")


def _ticks(pid: int, number: int) -> list[int]:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # it has just ended, and its parent has its time
        return []
    return [int(each) for each in fields[11 : 11 + number]]


def measure_groupings(engine: Engine, runs: int) -> Iterator[Measured]:
    """Measure reports by everything that they can be grouped by."""
    policy, now = load(text=POLICY + BASELINES), time.time()
    for by in (None, *GROUPINGS):

        def read(query: ReportQuery) -> int:
            with JournalReader(engine.address) as reader:
                return len(read_report(reader, policy, query).groups)

        query = ReportQuery(since=now - DAYS * DAY, until=now, by=by)
        yield measure(engine, f"by {by or 'nothing'}", runs, partial(read, query))


def measure_ways(engine: Engine) -> Iterator[Measured]:
    """Measure the other ways to the same figures, each once: a server keeps them for a while."""
    since = f"{DAYS}d"
    with routed(engine) as router:
        report = lambda: len(router.report(since=since, by="user").groups)  # noqa: E731  read at once
        yield measure(engine, 'router.report(by="user")', 1, report)
    with (
        routed(engine) as router,
        served(create_app(router)) as root,
        httpx.Client(base_url=root, timeout=300) as client,
    ):
        client.get("/readyz")

        def get(path: str) -> int | None:
            answer = client.get(path).raise_for_status()
            return len(answer.json()["groups"]) if path.startswith("/v1") else None

        for path in (f"/v1/report?since={since}&by=user", *(f"/ui/{name}" for name in PANELS)):
            yield measure(engine, f"GET {path}", 1, partial(get, path))
    for period in ("1h", since):  # the first is little more than the start of the program
        yield measure_command(engine, period)


@contextmanager
def routed(engine: Engine) -> Iterator[Router]:
    """A router with the journal; its models are not called."""

    async def call(*_: Any) -> Any:
        raise NotImplementedError

    router = Router(load(text=POLICY + BASELINES), call, journal=Journal(engine.address))
    try:
        yield router
    finally:
        asyncio.run(router.aclose())


def measure_command(engine: Engine, since: str) -> Measured:
    """Measure the command that writes a report as a file."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "policy.yaml")
        file.write_text(POLICY + BASELINES)
        command = [sys.executable, "-m", "policy_router", "report", "--policy", str(file)]
        command += ["--journal", engine.address.url, "--since", since, "--by", "user"]
        before, spent = server_cpu(engine.server), resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.perf_counter()
        command += ["--html", f"{folder}/report.html"]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)  # noqa: S603  this very program
        seconds = time.perf_counter() - began
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        by_server = server_cpu(engine.server)
    cpu = after.ru_utime + after.ru_stime - spent.ru_utime - spent.ru_stime
    by_server = None if by_server is None else by_server - (before or 0)
    what = f"policy-router report --since {since} --html"
    return Measured(engine.name, what, seconds, cpu, by_server, None)


# -- the command ----------------------------------------------------------------------------------


@contextmanager
def engines(only: str | None) -> Iterator[list[Engine]]:
    """The journals that are measured; of the engine that is not installed, it is said."""
    with ExitStack() as ends:
        if only is not None:
            address = JournalAddress.parse(only)
            yield [Engine("sqlite" if address.file is not None else "postgresql", address)]
            return
        folder = ends.enter_context(tempfile.TemporaryDirectory())
        found = [Engine("sqlite", JournalAddress.parse(f"sqlite:///{folder}/journal.db"))]
        try:
            server = ends.enter_context(PostgresServer())
        except pytest.skip.Exception as why:
            say(f"postgresql is not measured: {why}")
        else:
            address = JournalAddress.parse(server.new_database())
            pid = int((server.folder / "data/postmaster.pid").read_text().splitlines()[0])
            found.append(Engine("postgresql", address, pid))
        yield found


def as_lines(measured: list[Measured]) -> Iterator[str]:
    """The table: a row for each report, with a column for each engine."""
    names = list(dict.fromkeys(each.engine for each in measured))
    head = "  ".join(f"{name:^34}" for name in names)
    columns = "  ".join(f"{'wall':>7} {'CPU':>8} {'server':>8} {'memory':>8}" for _ in names)
    yield f"{'':40}{head}".rstrip()
    yield f"{'':40}{columns}"
    for what in dict.fromkeys(each.what for each in measured):
        of = {each.engine: each for each in measured if each.what == what}
        yield f"{what:40}" + "  ".join(_cells(of[name]) for name in names)
    slowest = max(measured, key=lambda each: each.seconds)
    reached = "reached" if slowest.seconds < AIM else "missed"
    yield (
        f"the slowest is `{slowest.what}` in {slowest.engine}: {slowest.seconds:.2f} s;"
        f" the aim, {AIM:g} s, is {reached}"
    )


def _cells(each: Measured) -> str:
    server = "-" if each.server_cpu is None else f"{each.server_cpu:.2f} s"
    grown = "-" if each.memory is None else f"{each.memory:+.0f} MB"
    return f"{each.seconds:5.2f} s {each.cpu:6.2f} s {server:>8} {grown:>8}"


def main(given: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--journal", help="measure this journal only")
    parser.add_argument("--filled", action="store_true", help="it has its rows already")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args(given)
    measured = []
    with engines(arguments.journal) as found:
        for engine in found:
            if not arguments.filled:
                filled(engine, arguments.rows)
            for each in measure_groupings(engine, arguments.runs):
                measured.append(each)
                say(f"{each.engine}, {each.what}: {each.seconds:.2f} s")
            measured += measure_ways(engine)
    if arguments.json:
        print(json.dumps([asdict(each) for each in measured], indent=2))
        return
    print(f"{arguments.rows:,} rows; the median of {arguments.runs}")
    print("\n".join(as_lines(measured)))


if __name__ == "__main__":
    main()
