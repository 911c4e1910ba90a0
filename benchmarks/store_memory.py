"""How much memory a session takes in each store.

    python benchmarks/store_memory.py [--store memory|sqlite|redis] [--sessions 10000]

prints the bytes for one session with one settled attempt: its budget, its requests in a window of
five hours, its hold, which is remembered for a day, and its entry in the ledger. Of a store in
memory it is what the process grew by, of a file its size, of a server its `used_memory`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import sys
from contextlib import nullcontext
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.stress import places
from benchmarks.stress_limits import charge, limits
from policy_router.ledger.open import open_store
from policy_router.ledger.store import Attribution, Hold, Settlement


async def fill(url: str, sessions: int) -> int:
    """Let every session settle one attempt.

    Returns:
        By how many bytes this process grew.
    """
    store = open_store(url)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(sessions):
        about = Attribution(session=f"session-{number:08}", tenant="acme")
        some = tuple(charge(limit, about, 1000) for limit in limits(10**12)[:2])
        await store.reserve(Hold(f"{number}#1", some, 60.0, about))
        await store.settle(f"{number}#1", Settlement(900, 10, 10))
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    await store.aclose()
    return grown


def of_server(url: str) -> int:
    """The memory that a server uses, in bytes."""
    from redis import Redis

    with Redis.from_url(url) as client:
        return int(client.info("memory")["used_memory"])


def measure(kind: str, sessions: int) -> float:
    """Bytes for each session."""
    with places(kind) if kind != "memory" else nullcontext() as place:
        if place is None:
            return asyncio.run(fill("memory://", sessions)) / sessions
        before = of_server(place.url) if kind == "redis" else 0
        asyncio.run(fill(place.url, sessions))
        if kind == "redis":
            return (of_server(place.url) - before) / sessions
        return sum(each.stat().st_size for each in place.folder.iterdir()) / sessions


def main() -> int:
    parser = argparse.ArgumentParser(prog="python benchmarks/store_memory.py")
    parser.add_argument("--store", choices=("memory", "sqlite", "redis"), default="memory")
    parser.add_argument("--sessions", type=int, default=10_000)
    asked = parser.parse_args()
    each = round(measure(asked.store, asked.sessions))
    print(json.dumps({"store": asked.store, "sessions": asked.sessions, "bytes_each": each}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
