"""Whether attempts that are refused leave a trace.

    python benchmarks/refusals.py [--store memory|sqlite|redis] [--count 100000]

Every attempt asks for four budgets, two token limits and a seat, which have room, and at last for a
request of a limit that has none. Afterwards every counter must show what it showed before, the
ledger must hold no row more, no hold may be known, and the audit must agree. Exit 1 when not.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.stress import places
from policy_router.domain.limits import Charge, Limit, Metric
from policy_router.domain.periods import Period
from policy_router.domain.windows import HOUR
from policy_router.ledger.open import open_store
from policy_router.ledger.store import Attribution, Ended, Granted, Hold, Refused, Settlement

if TYPE_CHECKING:
    from policy_router.ledger.reader import AuditableStore

ROOM: Final = 10**12
AT_ONCE: Final = 250
METERS: Final = (
    *(Limit("budgets", f"b{i}", Metric.USD, Period.MONTH, ROOM, 1) for i in range(4)),
    *(Limit("limits", f"t{i}", Metric.TOKENS, HOUR, ROOM, 1) for i in range(2)),
    Limit("models", "m", Metric.CONCURRENT, None, ROOM, 1),
    Limit("limits", "last", Metric.REQUESTS, HOUR, 1, 1),
)


async def shown(store: AuditableStore, charges: tuple[Charge, ...]) -> tuple[object, ...]:
    """Everything that an attempt could leave a trace in."""
    used = tuple(reading and reading.used for reading in await store.read(charges))
    rows = [row async for row in store.rows()]
    return used, await store.balances(), len(rows), await store.audit()


async def refuse(url: str, count: int) -> list[str]:
    """What changed, in words."""
    store, now = open_store(url), time.time()
    charges = tuple(Charge(m.counter("-", now, ZoneInfo("UTC")), 1, m.cap) for m in METERS)
    first = await store.reserve(Hold("first", charges, 10**6, Attribution()))
    await store.reserve(Hold("second", charges[:-1], 10**6, Attribution()))
    await store.settle("second", Settlement(7, 3, 4))
    before, refused = await shown(store, charges), 0
    for start in range(0, count, AT_ONCE):
        names = (f"r{i}" for i in range(start, min(count, start + AT_ONCE)))
        asked = (store.reserve(Hold(name, charges, 60, Attribution())) for name in names)
        refused += sum(isinstance(answer, Refused) for answer in await asyncio.gather(*asked))
    after = await shown(store, charges)
    known = (await store.release(f"r{count // 2}")).ended
    await store.aclose()
    changed = [] if before == after else [f"shown before: {before}", f"shown after: {after}"]
    if not isinstance(first, Granted) or refused != count:
        changed.append(f"{refused:,} of {count:,} were refused")
    if known is not Ended.UNKNOWN:
        changed.append(f"a refused hold is {known}")
    return changed


def main() -> int:
    parser = argparse.ArgumentParser(prog="python benchmarks/refusals.py")
    parser.add_argument("--store", choices=("memory", "sqlite", "redis"), default="sqlite")
    parser.add_argument("--count", type=int, default=100_000)
    asked = parser.parse_args()
    began = time.perf_counter()
    with nullcontext() if asked.store == "memory" else places(asked.store) as place:
        changed = asyncio.run(refuse(place.url if place else "memory://", asked.count))
    print(
        f"{asked.count:,} refusals, {asked.store}, {time.perf_counter() - began:.1f} s:",
        "; ".join(changed) or "nothing changed",
    )
    return int(bool(changed))


if __name__ == "__main__":
    sys.exit(main())
