"""Deliberate mistakes in the stores, each of which the state machine must notice.

    python -m tests.ledger.mutants [--name TEXT]

A mutant is applied to a copy of the package, and the state machine is run on that copy in a process
of its own. Prints what noticed each; exit code 1 when one goes unnoticed.
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
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from policy_router.domain.limits import Charge, Counter
from policy_router.ledger import arithmetic, clock
from policy_router.ledger.engine import CalendarCount, LedgerState
from policy_router.ledger.sqlite import continuity, rows
from tests.ledger.mutation import ROOT, Place, replaced, reworded

if TYPE_CHECKING:
    import ast
    from collections.abc import Callable

VERBS: Final = Path("policy_router", "ledger", "redis", "verbs.lua")


@dataclass(frozen=True, slots=True)
class Mutant:
    """A mistake in a function.

    Attributes:
        name: what is wrong with it.
        function: where it is made.
        old: the shape of the expression or statement that is changed, see `mutation`.
        new: what it becomes.
        store: the store that is tried.
        change: how `old` becomes `new`: as a shape, or in a string of the function.
    """

    name: str
    function: Callable[..., Any]
    old: str
    new: str
    store: str = "memory"
    change: Callable[[ast.stmt, str, str], ast.stmt] = replaced

    def apply(self, root: Path) -> None:
        """Put the mistake into a copy of the repository.

        Raises:
            ValueError: what it changes is not there just once.
        """
        place = Place.of(self.function)
        try:
            place.write(root, self.change(place.tree, self.old, self.new))
        except ValueError as error:
            raise ValueError(f"{self.name}: {error}") from None


@dataclass(frozen=True, slots=True)
class LuaMutant:
    """A mistake in the scripts of Redis, as a replacement of text that is there once."""

    name: str
    old: str
    new: str
    store: str = "redis"

    def apply(self, root: Path) -> None:
        """Put the mistake into a copy of the repository.

        Raises:
            ValueError: the text is not there just once.
        """
        text = (root / VERBS).read_text()
        if text.count(self.old) != 1:
            raise ValueError(f"{self.name}: its text is there {text.count(self.old)} times")
        (root / VERBS).write_text(text.replace(self.old, self.new))


AnyMutant: TypeAlias = Mutant | LuaMutant

MEMORY: Final = (
    Mutant(
        "only the first charge is checked", LedgerState.reserve,
        "[A for B in C if D]", "[A for B in C[:1] if D]",
    ),
    Mutant("what is held does not count", LedgerState._used, "A + B", "A"),
    Mutant(
        "a settled hold can be settled again", LedgerState.end,
        "A != B", "A == RELEASED",
    ),
    Mutant(
        "a late settle adds to what the expiry charged", LedgerState._adjust,
        "A += B - C", "A += B",
    ),
    Mutant(
        "what is lost is given back", LedgerState._sweep,
        "A += self._charge(B, C, D, E)", "self._give_back(B, E)",
    ),
    Mutant("a lease lasts a moment too long", LedgerState._sweep, "A <= B", "A < B"),
    Mutant(
        "time goes back with the clock", clock.moment,
        "if not A:\n    B = max(C, D)\n    return E", "if not A:\n    B = D\n    return E",
    ),
    Mutant("renewing shortens a lease", LedgerState.renew, "max(A, B)", "B"),
    Mutant("a seat is never left", LedgerState._free_concurrency, "A.discard(B)", "A.add(B)"),
    Mutant(
        "a seat is read as taken until somebody sweeps", LedgerState._used,
        "[A > B for C in D]", "[bool(C) for C in D]",
    ),
    Mutant(
        "a correction goes to the latest slot", LedgerState._correct,
        "A, B = C, D", "A, B = C, max(C, default=0)",
    ),
    Mutant(
        "what ended before a refused hold does not end", LedgerState.reserve,
        "after is not None",
        "after is not None and not [c for c in hold.charges if self._refuses(c, now)]",
    ),
    Mutant(
        "yesterday's counters are charged today", LedgerState.reserve,
        "A is None and B", "A is None and not now",
    ),
    Mutant(
        "an id that has ended is taken anew", LedgerState.reserve,
        "existing is not None", "existing is not None and existing.state == OPEN",
    ),
    Mutant(
        "a released hold keeps its place in a window", LedgerState._give_back,
        "-A", "0",
    ),
    Mutant("a session is never over", CalendarCount.over, "A <= B", "A < 0"),
    Mutant("a session is over while it is in use", CalendarCount.over, "A and B", "A"),
    Mutant(
        "a session that begins anew remembers", CalendarCount.use,
        "if A:\n    B, C = D, E", "if A:\n    C = E",
    ),
    Mutant("a session lasts no longer when it is used", CalendarCount.use, "max(A, B)", "A or B"),
)  # fmt: skip

SHARED: Final = (
    Mutant(
        "a request is given back when its attempt ends", arithmetic.settled_amount,
        "return amount", "return 0",
    ),
    Mutant("output tokens are free", arithmetic.settled_amount, "A.tokens", "A.tokens_in"),
    Mutant(
        "a threshold is told again and again", arithmetic.crossings,
        "if A < B <= C:\n    D\n    E = B", "if A < B <= C:\n    D",
    ),
    Mutant("a threshold is told a unit late", arithmetic.crossings, "A < B <= C", "A < B < C"),
    Mutant(
        "a window is said to open a slot early", arithmetic.opens_at,
        "A + B + 1", "A + B",
    ),
    Mutant(
        "tomorrow is said to help what never fits", arithmetic.refusal,
        "A.calendar and B and C", "A.calendar and B",
    ),
    Mutant("a rolling window misses its oldest slot", Counter.oldest, "A - B", "A - B + 1"),
    Mutant("a limit that warns refuses", Charge.exceeds, "A and B and C", "B and C"),
)  # fmt: skip

SQLITE: Final = (
    Mutant(
        "SQLite: a correction goes to the slot of the moment", rows.load,
        "A.slot(B)", "A.slot(now)", "sqlite",
    ),
    Mutant(
        "SQLite: a corrected slot is not saved", rows._save_counters,
        "DO UPDATE SET n = excluded.n", "DO NOTHING", "sqlite", reworded,
    ),
    Mutant(
        "SQLite: a longer lease is not saved", rows.save,
        "A.get(B) != (C, D)", "A.get(B, ('',))[0] != C", "sqlite",
    ),
    Mutant(
        "SQLite: what was told is not saved", rows._save_counters,
        ", told = excluded.told", "", "sqlite", reworded,
    ),
    Mutant(
        "SQLite: only who gives back leaves the seat", rows._save_holds,
        "A != B", "A == RELEASED", "sqlite",
    ),
    Mutant(
        "SQLite: a seat is read as taken until somebody sweeps", rows.load_counters,
        "state = 'open' AND expires <= ?", "state = 'open' AND expires <= -?", "sqlite", reworded,
    ),
    Mutant(
        "SQLite: what was given back is forgotten", rows._save_holds,
        "A == RELEASED", "A == SETTLED", "sqlite",
    ),
    Mutant(
        "SQLite: where a branch ended is forgotten", continuity.begin_branch,
        "(A.branch, B)", "(branch, B)", "sqlite",
    ),
    Mutant(
        "SQLite: what a session forgot is not saved", rows._save_counters,
        ", forgotten = excluded.forgotten", "", "sqlite", reworded,
    ),
    Mutant(
        "SQLite: how long a session lasts is not saved", rows._save_counters,
        ", ends = excluded.ends", "", "sqlite", reworded,
    ),
    Mutant("SQLite: the time is not saved", rows.save, "(now,)", "(now - 60,)", "sqlite"),
)  # fmt: skip

REDIS: Final = (
    LuaMutant(
        "Redis: what is held does not count",
        "return (got[1] or 0) + (got[2] or 0), {}", "return (got[1] or 0) + 0, {}",
    ),
    LuaMutant(
        "Redis: one refusal alone does not refuse",
        "elseif #answer > 4 then", "elseif #answer > 5 then",
    ),
    LuaMutant(
        "Redis: a late settle adds to what the expiry charged",
        "spend(charge, amount - charge[AMOUNT], crossed)", "spend(charge, amount, crossed)",
    ),
    LuaMutant(
        "Redis: a correction goes to the slot of the moment",
        "local slot = slot_of(hold.taken, charge)", "local slot = slot_of(now, charge)",
    ),
    LuaMutant(
        "Redis: a seat is read as taken until somebody sweeps",
        'holds = holds - call("SISMEMBER", key, id)', "",
    ),
    LuaMutant(
        "Redis: times lose their fractions",
        'local function exact(n)\n  return string.format("%.17g", n)',
        'local function exact(n)\n  return string.format("%.14g", n)',
    ),
    LuaMutant(
        "Redis: where a branch ended is forgotten",
        'call("ZADD", BRANCHES, version, lineage)', "",
    ),
    LuaMutant(
        "Redis: a counter long forgotten is corrected",
        "charge[FINISH] > 0 and now < charge[FINISH] + KEPT", "charge[FINISH] > 0",
    ),
    LuaMutant(
        "Redis: a session is over while it is in use",
        "count.over = count.ends <= now and count.held == 0", "count.over = count.ends <= now",
    ),
    LuaMutant(
        "Redis: a session begins anew with what was forgotten of it",
        "    use_session(charge)\n    return hold_of_session(charge, charge[AMOUNT])",
        "    return hold_of_session(charge, charge[AMOUNT])",
    ),
    LuaMutant(
        "Redis: the count of a session is forgotten while something is held",
        '  if call("HINCRBY", key, "held", whole(by)) > 0 then',
        '  if call("HINCRBY", key, "held", whole(by)) > 10^9 then',
    ),
)  # fmt: skip

MUTANTS: Final[tuple[AnyMutant, ...]] = MEMORY + SHARED + SQLITE + REDIS


def hunt(mutant: AnyMutant, examples: int = 1000) -> str | None:
    """What noticed the mistake; None when nothing did."""
    with tempfile.TemporaryDirectory() as place:
        package = Path(place, "policy_router")
        shutil.copytree(
            ROOT / "policy_router", package, ignore=shutil.ignore_patterns("__pycache__")
        )
        Path(place, "tests").symlink_to(ROOT / "tests")
        mutant.apply(Path(place))
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
