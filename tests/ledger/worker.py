"""Other processes for the tests of stores.

python -m tests.ledger.worker work PATH NAME    reserve and settle until killed
python -m tests.ledger.worker stop PATH         take the lock and stop
python -m tests.ledger.worker fork PATH         reserve, fork, and go on in both
python -m tests.ledger.worker open PATH         open it, as nobody in particular
python -m tests.ledger.worker fork_redis URL PREFIX
                                               reserve, fork while a loop runs, and end the child
python -m tests.ledger.worker guard             owe something, fork, and tell how both stand
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from policy_router.domain.limits import Charge, Limit, Metric
from policy_router.domain.periods import Period
from policy_router.errors import StoreError
from policy_router.ledger.degraded import DegradableStore
from policy_router.ledger.memory import MemoryStore
from policy_router.ledger.sqlite.lock import Lock
from policy_router.ledger.sqlite.store import SqliteStore
from policy_router.ledger.store import Attribution, Granted, Hold, Settled, Settlement, Stale
from tests.ledger.stores import PATIENT, UTC

if TYPE_CHECKING:
    from collections.abc import Callable

    from policy_router.ledger.store import Store

ROOT = Path(__file__).parents[2]
CAP = 10**12
HELD = 1000


def start(*arguments: str | Path) -> subprocess.Popen[str]:
    """One of these processes; what it says is read from its stdout."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.ledger.worker", *map(str, arguments)],
        stdout=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip


def said(process: subprocess.Popen[str]) -> str:
    """The next line that a process prints; nothing when it was killed before the line ended."""
    assert process.stdout is not None
    line = process.stdout.readline()
    return line.strip() if line.endswith("\n") else ""


def money(now: float, cap: int = CAP) -> Charge:
    meter = Limit("budgets", "team", Metric.USD, Period.DAY, cap, 1)
    return Charge(meter.counter("-", now, UTC), HELD, cap)


async def attempt(store: Store, name: str, cost: int) -> Settled:
    """Reserve and settle."""
    now = time.time()
    while True:
        answer = await store.reserve(Hold(name, (money(now),), 60.0, Attribution()))
        if not isinstance(answer, Stale):
            assert isinstance(answer, Granted)
            return await store.settle(name, Settlement(cost=cost))
        now = answer.now  # midnight


async def work(path: str, name: str) -> None:
    store = SqliteStore(path)
    done = 0

    async def one(lane: int) -> None:
        nonlocal done
        while True:
            done += 1
            hold_id, cost = f"{name}.{lane}.{done}", done % HELD
            await attempt(store, hold_id, cost)
            print(hold_id, cost, flush=True)  # noqa: T201  the test reads what was answered

    await asyncio.gather(*(one(lane) for lane in range(4)))


def stop(path: str) -> None:
    lock = Lock(Path(path))
    assert lock.acquire()
    print("locked", flush=True)  # noqa: T201
    os.kill(os.getpid(), signal.SIGSTOP)


def fork(path: str) -> None:
    store = SqliteStore(path)
    asyncio.run(attempt(store, "before", 1))
    child = os.fork()
    if child == 0:
        for i in range(50):
            asyncio.run(attempt(store, f"child-{i}", 1))
        os._exit(0)
    for i in range(50):
        asyncio.run(attempt(store, f"parent-{i}", 1))
    asyncio.run(store.aclose())
    _, status = os.waitpid(child, 0)
    print(status, flush=True)  # noqa: T201


def fork_redis(url: str, prefix: str) -> None:
    from policy_router.ledger.redis.store import RedisStore

    store = RedisStore(url, prefix=prefix, patience=PATIENT)
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    asyncio.run_coroutine_threadsafe(attempt(store, "before", 1), loop).result()
    child = os.fork()
    if child == 0:
        asyncio.run(_use_and_close(store, "child"))
        os._exit(0)
    for _ in range(600):
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            break
        time.sleep(0.1)
    else:
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    print("the child ended with", status, flush=True)  # noqa: T201
    asyncio.run_coroutine_threadsafe(_use_and_close(store, "parent"), loop).result()
    print("the parent goes on", flush=True)  # noqa: T201
    loop.call_soon_threadsafe(loop.stop)


async def _use_and_close(store: Store, name: str) -> None:
    await attempt(store, name, 1)
    await store.aclose()


def open_(path: str) -> None:
    if os.geteuid() == 0:
        os.setuid(65534)  # what is forbidden is not forbidden to root
    try:
        asyncio.run(attempt(SqliteStore(path), "a", 1))
    except StoreError as error:
        print(error, flush=True)  # noqa: T201


def guard() -> None:
    store = MemoryStore()
    store.settle = store.release = lost  # type: ignore[method-assign, assignment]
    guarded = DegradableStore(store, clock=lambda: 0.0, monotonic=lambda: 0.0)
    asyncio.run(guarded.settle("a", Settlement()))
    child = os.fork()
    if child:
        os.waitpid(child, 0)
    status = guarded.status
    who = "parent" if child else "child"
    print(f"{who}: {'up' if status.up else 'down'}, {status.owed} owed", flush=True)  # noqa: T201


async def lost(*_: object) -> Settled:
    raise StoreError("out of reach")


if __name__ == "__main__":
    verb, *rest = sys.argv[1:]
    if verb == "work":
        asyncio.run(work(*rest))
    else:
        verbs: dict[str, Callable[..., None]] = {
            "stop": stop, "fork": fork, "open": open_, "guard": guard,
            "fork_redis": fork_redis,
        }  # fmt: skip
        verbs[verb](*rest)
