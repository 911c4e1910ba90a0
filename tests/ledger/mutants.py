"""Deliberate mistakes in the stores, each of which the state machine must notice.

    python -m tests.ledger.mutants [--name WORDS]

A mutant is one exact replacement of text that occurs once. It is applied to a copy of the package,
and the state machine is run on that copy in a process of its own. Prints what noticed each; exit 1
when one goes unnoticed.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Mutant:
    """old, new: text of policy_router/<file>, of which only the store named is tried."""

    name: str
    file: str
    old: str
    new: str
    store: str = "memory"

    def apply(self, package: Path) -> None:
        """Put the mistake into a copy. Raises ValueError when the text is not there just once."""
        path = package / self.file
        text = path.read_text()
        if text.count(self.old) != 1:
            raise ValueError(f"{self.name}: its text occurs {text.count(self.old)} times")
        path.write_text(text.replace(self.old, self.new))


MEMORY: Final = (
    Mutant(
        "only the first charge is checked", "ledger/engine.py",
        "for c in hold.charges if (r :=", "for c in hold.charges[:1] if (r :=",
    ),
    Mutant(
        "what is held does not count", "ledger/engine.py",
        "else count.spent + count.held", "else count.spent",
    ),
    Mutant(
        "a settled hold can be settled again", "ledger/engine.py",
        "if held.state != OPEN:\n            return Settled(Ended.AGAIN",
        "if held.state == RELEASED:\n            return Settled(Ended.AGAIN",
    ),
    Mutant(
        "a late settle adds to what the expiry charged", "ledger/engine.py",
        "count.spent += amount - charge.amount", "count.spent += amount",
    ),
    Mutant(
        "what is lost is given back", "ledger/engine.py",
        "crossed += self._charge(held, whole, EntryKind.EXPIRE, now)", "self._give_back(held, now)",
    ),
    Mutant(
        "a lease lasts a moment too long", "ledger/engine.py",
        "while self.leases and self.leases[0][0] <= now",
        "while self.leases and self.leases[0][0] < now",
    ),
    Mutant(
        "time goes back with the clock", "ledger/clock.py",
        "now = max(stored, sight.wall)\n        return Moment(now, None",
        "now = sight.wall\n        return Moment(now, None",
    ),
    Mutant(
        "renewing shortens a lease", "ledger/engine.py",
        "held.expires = max(held.expires, now + lease)", "held.expires = now + lease",
    ),
    Mutant(
        "a seat is never left", "ledger/engine.py",
        "set()).discard(held.hold.id)", "set()).add(held.hold.id)",
    ),
    Mutant(
        "a seat is read as taken until somebody sweeps", "ledger/engine.py",
        "self.holds[hold_id].expires > now for", "bool(hold_id) for",
    ),
    Mutant(
        "a correction goes to the latest slot", "ledger/engine.py",
        "window, slot = self.rolling.get(key, {}), held.slots[key]",
        "window, slot = self.rolling.get(key, {}), max(self.rolling.get(key, {}), default=0)",
    ),
    Mutant(
        "what ended before a refused hold does not end", "ledger/engine.py",
        "        if after is not None:\n            ended = self.end(",
        "        if after is not None and not [c for c in hold.charges if self._refuses(c, now)]:"
        "\n            ended = self.end(",
    ),
    Mutant(
        "yesterday's counters are charged today", "ledger/engine.py",
        "if known is None and _stale(hold, now):", "if known is None and not now:",
    ),
    Mutant(
        "an id that has ended is taken anew", "ledger/engine.py",
        "if known is not None:", "if known is not None and known.state == OPEN:",
    ),
    Mutant(
        "a released hold keeps its place in a window", "ledger/engine.py",
        "self._correct(held, charge, -charge.amount)", "self._correct(held, charge, 0)",
    ),
)  # fmt: skip

SHARED: Final = (
    Mutant(
        "a request is given back when its attempt ends", "ledger/arithmetic.py",
        "    return amount\n\n\ndef opens", "    return 0\n\n\ndef opens",
    ),
    Mutant(
        "output tokens are free", "ledger/arithmetic.py",
        "return actual.tokens\n", "return actual.tokens_in\n",
    ),
    Mutant(
        "a threshold is told again and again", "ledger/arithmetic.py",
        "            highest = at\n", "",
    ),
    Mutant(
        "a threshold is told a unit late", "ledger/arithmetic.py",
        "told < at <= spent", "told < at < spent",
    ),
    Mutant(
        "a window is said to open a slot early", "ledger/arithmetic.py",
        "(slot + counter.slots + 1)", "(slot + counter.slots)",
    ),
    Mutant(
        "tomorrow is said to help what never fits", "ledger/arithmetic.py",
        "elif counter.calendar and max(charge.amount, 1) <= limit:", "elif counter.calendar:",
    ),
    Mutant(
        "a rolling window misses its oldest slot", "domain/limits.py",
        "return self.slot(now) - self.slots", "return self.slot(now) - self.slots + 1",
    ),
    Mutant(
        "a limit that warns refuses", "domain/limits.py",
        "return self.refuses and self.cap", "return self.cap",
    ),
)  # fmt: skip

SQLITE: Final = (
    Mutant(
        "SQLite: a correction goes to the slot of the moment", "ledger/sqlite/rows.py",
        "slots[counter.id] = counter.slot(taken)", "slots[counter.id] = counter.slot(now)",
        "sqlite",
    ),
    Mutant(
        "SQLite: a corrected slot is not saved", "ledger/sqlite/rows.py",
        "DO UPDATE SET n = excluded.n", "DO NOTHING", "sqlite",
    ),
    Mutant(
        "SQLite: a longer lease is not saved", "ledger/sqlite/rows.py",
        "if page.before.get(hold_id) != (held.state, held.expires)",
        'if page.before.get(hold_id, ("",))[0] != held.state', "sqlite",
    ),
    Mutant(
        "SQLite: what was told is not saved", "ledger/sqlite/rows.py",
        "held = excluded.held, told = excluded.told", "held = excluded.held", "sqlite",
    ),
    Mutant(
        "SQLite: only who gives back leaves the seat", "ledger/sqlite/rows.py",
        "if held.state != OPEN:\n            stand += seats",
        "if held.state == RELEASED:\n            stand += seats", "sqlite",
    ),
    Mutant(
        "SQLite: a seat is read as taken until somebody sweeps", "ledger/sqlite/rows.py",
        "state = 'open' AND expires <= ?)\"\n    )", "state = 'open' AND expires <= -?)\"\n    )",
        "sqlite",
    ),
    Mutant(
        "SQLite: what was given back is forgotten", "ledger/sqlite/rows.py",
        "if held.state == RELEASED:", "if held.state == SETTLED:", "sqlite",
    ),
    Mutant(
        "SQLite: where a branch ended is forgotten", "ledger/sqlite/continuity.py",
        "(found.branch, found.version))", "(branch, found.version))", "sqlite",
    ),
    Mutant(
        "SQLite: the time is not saved", "ledger/sqlite/rows.py",
        'connection.execute("UPDATE meta SET now = ?, version = version + 1", (now,))',
        'connection.execute("UPDATE meta SET now = ?, version = version + 1", (now - 60,))',
        "sqlite",
    ),
)  # fmt: skip

REDIS: Final = (
    Mutant(
        "Redis: what is held does not count", "ledger/redis/verbs.lua",
        "return (got[1] or 0) + (got[2] or 0), {}", "return (got[1] or 0) + 0, {}", "redis",
    ),
    Mutant(
        "Redis: one refusal alone does not refuse", "ledger/redis/verbs.lua",
        "elseif #answer > 4 then", "elseif #answer > 5 then", "redis",
    ),
    Mutant(
        "Redis: a late settle adds to what the expiry charged", "ledger/redis/verbs.lua",
        "spend(charge, amount - charge[AMOUNT], crossed)", "spend(charge, amount, crossed)",
        "redis",
    ),
    Mutant(
        "Redis: a correction goes to the slot of the moment", "ledger/redis/verbs.lua",
        "local slot = slot_of(hold.taken, charge)", "local slot = slot_of(now, charge)", "redis",
    ),
    Mutant(
        "Redis: a seat is read as taken until somebody sweeps", "ledger/redis/verbs.lua",
        'seated = seated - call("SISMEMBER", key, id)', "", "redis",
    ),
    Mutant(
        "Redis: times lose their fractions", "ledger/redis/verbs.lua",
        'local function exact(n)\n  return string.format("%.17g", n)',
        'local function exact(n)\n  return string.format("%.14g", n)', "redis",
    ),
    Mutant(
        "Redis: where a branch ended is forgotten", "ledger/redis/verbs.lua",
        'call("ZADD", BRANCHES, version, lineage)', "", "redis",
    ),
    Mutant(
        "Redis: a counter long forgotten is corrected", "ledger/redis/verbs.lua",
        "charge[FINISH] > 0 and now < charge[FINISH] + KEPT", "charge[FINISH] > 0", "redis",
    ),
)  # fmt: skip

MUTANTS: Final = MEMORY + SHARED + SQLITE + REDIS


def hunt(mutant: Mutant, examples: int = 1000) -> str | None:
    """What noticed the mistake: the last line of the failure; None when nothing did."""
    with tempfile.TemporaryDirectory() as place:
        package = Path(place, "policy_router")
        shutil.copytree(
            ROOT / "policy_router", package, ignore=shutil.ignore_patterns("__pycache__")
        )
        Path(place, "tests").symlink_to(ROOT / "tests")
        mutant.apply(package)
        done = subprocess.run(
            [
                sys.executable, "-m", "tests.ledger.long", "--fixed", "--first", "--steps", "40",
                "--store", mutant.store, "--examples", str(examples),
            ],
            cwd=place, capture_output=True, text=True, check=False,
        )  # fmt: skip
    if done.returncode == 0:
        return None
    if not done.stdout.endswith(f"{mutant.store}: broken\n"):
        raise RuntimeError(f"{mutant.name}: the state machine did not run\n{done.stderr}")
    return _reason(done.stderr)


def _reason(text: str) -> str:
    """Where a failure was noticed: the innermost function, and the kind of error."""
    places = [line.rpartition(" in ")[2] for line in text.splitlines() if " File " in line]
    errors = re.findall(r"^[ |+-]*([A-Z]\w+Error)\b", text, re.MULTILINE)
    return ": ".join((*places[-1:], *errors[-1:]))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.ledger.mutants")
    parser.add_argument("--name", default="")
    parser.add_argument("--examples", type=int, default=1000)
    asked = parser.parse_args()
    left = 0
    for mutant in MUTANTS:
        if asked.name in mutant.name:
            found = hunt(mutant, asked.examples)
            left += found is None
            line = f"{mutant.name:58} {found or 'UNNOTICED'}"
            print(line, flush=True)  # noqa: T201  a command's answer
    return min(left, 1)


if __name__ == "__main__":
    sys.exit(main())
