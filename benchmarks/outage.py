"""What requests wait for when the Redis that counts them freezes, and when it is back.

python benchmarks/outage.py [SECONDS [REQUESTS_A_SECOND]]

A real redis-server is stopped (SIGSTOP: connections stay, nothing answers) and continued. A
request reads, reserves and settles behind the guard; its time is that of all three together.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from policy_router.domain.limits import Charge, Limit, Metric
from policy_router.domain.periods import Period
from policy_router.domain.windows import MINUTE
from policy_router.ledger.degraded import DegradableStore
from policy_router.ledger.redis.store import RedisStore
from policy_router.ledger.store import Attribution, Granted, Hold, Settlement

if TYPE_CHECKING:
    from collections.abc import Sequence

UTC = ZoneInfo("UTC")
BUDGET = Limit("budgets", "team", Metric.USD, Period.DAY, 10**15, 1)
LIMIT = Limit("limits", "each", Metric.REQUESTS, MINUTE, 10**6, 1)


def charges(now: float) -> tuple[Charge, ...]:
    return tuple(Charge(m.counter("-", now, UTC), 1, m.cap) for m in (BUDGET, LIMIT))


class Traffic:
    """Requests at a steady pace. times: start, seconds it took, whether it was granted."""

    def __init__(self, store: DegradableStore, pace: float) -> None:
        self._store = store
        self._pace = pace
        self._count = 0
        self.times: list[tuple[float, float, bool]] = []

    async def run(self, seconds: float) -> None:
        end = time.perf_counter() + seconds
        async with asyncio.TaskGroup() as requests:
            while time.perf_counter() < end:
                self._count += 1
                requests.create_task(self._request(f"{self._count}#1"))
                await asyncio.sleep(1 / self._pace)

    async def _request(self, name: str) -> None:
        start = time.perf_counter()
        wanted = charges(time.time())
        await self._store.read(wanted)
        answer = await self._store.reserve(Hold(name, wanted, 30.0, Attribution()))
        if isinstance(answer, Granted):
            await self._store.settle(name, Settlement(cost=1))
        took = time.perf_counter() - start
        self.times.append((start, took, isinstance(answer, Granted)))


def row(what: str, times: Sequence[tuple[float, float, bool]]) -> None:
    took = sorted(1000 * t for _, t, _ in times)
    granted = sum(ok for _, _, ok in times)
    print(
        f"{what:<34}{len(took):>9}{granted:>9}"
        f"{took[len(took) // 2]:>10.2f}{took[int(len(took) * 0.99)]:>10.2f}{took[-1]:>10.2f}"
    )


async def measure(server: subprocess.Popen[str], url: str, seconds: float, pace: float) -> None:
    changes: list[tuple[float, bool]] = []
    store = DegradableStore(
        RedisStore(url), on_change=lambda up, _: changes.append((time.perf_counter(), up))
    )
    traffic = Traffic(store, pace)
    await traffic.run(seconds)
    server.send_signal(signal.SIGSTOP)
    frozen = time.perf_counter()
    await traffic.run(seconds)
    server.send_signal(signal.SIGCONT)
    thawed = time.perf_counter()
    await traffic.run(seconds)
    down, up = (at for at, _ in changes)
    await store.aclose()
    print(f"{'ms':<34}{'requests':>9}{'granted':>9}{'median':>10}{'p99':>10}{'worst':>10}")
    row("the store answers", [t for t in traffic.times if t[0] < frozen])
    row("frozen, before the guard gives up", [t for t in traffic.times if frozen <= t[0] < down])
    row("frozen, given up", [t for t in traffic.times if down <= t[0] < thawed])
    row("answers again, not yet tried", [t for t in traffic.times if thawed <= t[0] < up])
    row("back", [t for t in traffic.times if up <= t[0]])
    print(f"given up after {down - frozen:.2f} s; back {up - thawed:.2f} s after it answers again")


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
    pace = float(sys.argv[2]) if len(sys.argv) > 2 else 50.0
    program = shutil.which("redis-server")
    if program is None:
        sys.exit("redis-server is not installed")
    with tempfile.TemporaryDirectory(prefix="redis-") as folder:
        path = Path(folder) / "s"
        command = [program, "--port", "0", "--unixsocket", str(path), "--save", ""]
        with subprocess.Popen(  # noqa: S603  a command of our own
            command, cwd=folder, stdout=subprocess.PIPE, text=True
        ) as server:
            try:
                assert server.stdout is not None  # noqa: S101  a pipe was asked for
                while "eady to accept" not in server.stdout.readline():
                    pass
                asyncio.run(measure(server, f"unix://{path}", seconds, pace))
            finally:
                server.kill()


if __name__ == "__main__":
    main()
