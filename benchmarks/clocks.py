"""Whether limits and budgets in a file hold while processes come by whose clocks are wrong.

    python benchmarks/clocks.py [--rounds 3]

Needs `faketime`. One process after another opens the same ledger and takes what it can get: some by
this machine's clock, some by one that is a day or two ahead, or behind. Then it must hold that

- a day's budget is not spent more than once;
- a limit of ten a minute grants ten, and opens within a minute or so of this machine's time;
- the seat of a process that was killed is free when its lease has run out;
- a ledger that was pushed ahead, as earlier versions let it be, is set right by one command.

Prints a table. Exit 1 when something does not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

sys.path.insert(0, str(Path(__file__).parents[1]))

from policy_router.domain.limits import Charge, Limit, Metric
from policy_router.domain.periods import Period
from policy_router.domain.windows import MINUTE
from policy_router.ledger.open import open_store
from policy_router.ledger.repair import set_time
from policy_router.ledger.store import (
    Attribution,
    Granted,
    Hold,
    Refused,
    Settlement,
    Stale,
    Unavailable,
)

if TYPE_CHECKING:
    from policy_router.ledger.reader import AuditableStore

UTC: Final = ZoneInfo("UTC")
CAP: Final = 1000
"""Nano-USD a day."""
COST: Final = 90
RATE: Final = 10
LEASE: Final = 3.0
CLOCKS: Final = ("", "+1d", "", "+2d", "-1d", "+3h")
"""What is wrong with the clocks of the processes, in turn."""
PATIENCE: Final = 120.0
"""Seconds after which one of them counts as stuck."""

BUDGET: Final = Limit("budgets", "team", Metric.USD, Period.DAY, CAP, 1)
LIMIT: Final = Limit("limits", "each", Metric.REQUESTS, MINUTE, RATE, 1)
SEAT: Final = Limit("models", "only", Metric.CONCURRENT, None, 1, 1)


# -- a process that comes by -----------------------------------------------------------------------


def charge(meter: Limit, now: float) -> Charge:
    amount = COST if meter is BUDGET else 1
    return Charge(meter.counter("-", now, UTC), amount, meter.cap)


async def take(
    store: AuditableStore, meter: Limit, name: str, lease: float = 60.0
) -> Granted | Refused | Unavailable:
    """One hold, as an account takes it."""
    now = time.time()
    while True:
        answer = await store.reserve(Hold(name, (charge(meter, now),), lease, Attribution()))
        if not isinstance(answer, Stale):
            return answer
        now = answer.now


async def visit(url: str, name: str, what: str) -> dict[str, Any]:
    """Take all that there is of something, or sit down and die."""
    store = open_store(url)
    if what == "sit":
        await take(store, SEAT, name, LEASE)
        os.kill(os.getpid(), signal.SIGKILL)
    meter = {"spend": BUDGET, "ask": LIMIT, "seat": SEAT}[what]
    granted, opens = 0, None
    for i in range(2 * RATE):
        answer = await take(store, meter, f"{name}.{i}")
        if isinstance(answer, Refused):
            opens = answer.refusals[0].opens
            break
        granted += 1
        await store.settle(f"{name}.{i}", Settlement(cost=COST))
    await store.aclose()
    return {"granted": granted, "opens": opens}


def send(url: str, name: str, what: str, off: str) -> dict[str, Any]:
    """Has a process come by whose clock is off."""
    command = [sys.executable, __file__, "--visit", url, name, what]
    if off:
        command = ["faketime", "-f", off, *command]
    done = subprocess.run(  # noqa: S603  this file
        command, capture_output=True, text=True, timeout=PATIENCE, check=what != "sit"
    )
    return dict(json.loads(done.stdout)) if done.stdout else {}


# -- what must hold --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Finding:
    """What came out, and whether that is right."""

    what: str
    found: str
    wanted: str
    right: bool


def days() -> int:
    return int(time.time() // 86_400)


def spending(folder: Path, rounds: int) -> Finding:
    url, spent, first = f"sqlite:///{folder}/budget.db", 0, days()
    for turn in range(rounds):
        for number, off in enumerate(CLOCKS):
            spent += COST * send(url, f"{turn}.{number}", "spend", off)["granted"]
    most = CAP * (days() - first + 1)
    text = f"{spent / most:.0%} of the cap"
    return Finding("a day's budget", text, "at most 100%", COST <= spent <= most)


def asking(folder: Path, rounds: int) -> tuple[Finding, Finding]:
    url, granted, began, latest = f"sqlite:///{folder}/rate.db", 0, time.time(), 0.0
    for turn in range(rounds):
        for number, off in enumerate(CLOCKS):
            found = send(url, f"{turn}.{number}", "ask", off)
            granted += found["granted"]
            latest = max(latest, found["opens"] - time.time())
    most = RATE * (1 + int((time.time() - began) // 60))
    return (
        Finding("10 a minute", f"{granted} granted", f"at most {most}", RATE <= granted <= most),
        Finding("and opens", f"in {latest:.0f} s at the latest", "in 61 s", latest <= 61.5),
    )


def sitting(folder: Path) -> Finding:
    url = f"sqlite:///{folder}/seat.db"
    send(url, "before", "seat", "")
    send(url, "dead", "sit", "+1d")
    began = time.monotonic()
    while time.monotonic() - began < PATIENCE:
        if send(url, f"after{time.monotonic()}", "seat", "")["granted"]:
            break
    took = time.monotonic() - began
    text = f"free after {took:.1f} s"
    return Finding("a dead process's seat", text, f"after {LEASE:g} s", took < PATIENCE / 2)


def repairing(folder: Path) -> Finding:
    url = f"sqlite:///{folder}/ahead.db"
    send(f"{url}?clock=wall", "ahead", "ask", "+1d")
    before = send(url, "before", "ask", "")["opens"] - time.time()
    set_time(url)
    after = send(url, "after", "ask", "")["opens"] - time.time()
    text = f"opened in {before / 3600:.0f} h, now in {after:.0f} s"
    return Finding("a ledger that was pushed ahead", text, "in 61 s", after <= 61.5 < before)


def findings(rounds: int) -> list[Finding]:
    """All of it, in a folder of its own."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        return [
            spending(folder, rounds),
            *asking(folder, rounds),
            sitting(folder),
            repairing(folder),
        ]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python benchmarks/clocks.py")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--visit", nargs=3, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.visit:
        print(json.dumps(asyncio.run(visit(*asked.visit))))
        return 0
    if shutil.which("faketime") is None:
        print("`faketime` is not installed")
        return 2
    found = findings(asked.rounds)
    for each in found:
        verdict = "ok" if each.right else "WRONG"
        print(f"{verdict:5}  {each.what:30}  {each.found:40}  {each.wanted}")
    return 0 if all(each.right for each in found) else 1


if __name__ == "__main__":
    sys.exit(main())
