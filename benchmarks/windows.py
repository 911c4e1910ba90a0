"""What rate limiters let through, against arrivals made to find their gaps.

    python benchmarks/windows.py [--traces 100000] [--rival-traces 2000] [--seed 1] [--jobs 2]

The limit is 60 in 60 seconds. `worst` is the most that was let through in any 60 seconds, however
they are aligned, found by a sweep over what was admitted; `served` is what a caller who always asks
gets in 60 seconds, over 200 of them. Time is simulated, in whole milliseconds. The first row is the
memory store's own code; the next are the usual algorithms in a few lines each, and the `limits`
library with its clock set. Exit 1 when the first row lets through more than the limit, or serves
less than 98 %.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

sys.path.insert(0, str(Path(__file__).parents[1]))

from policy_router.domain.limits import Charge, Counter, CounterKey, Metric
from policy_router.domain.windows import MINUTE
from policy_router.ledger.engine import LedgerState
from policy_router.ledger.store import Attribution, Granted, Hold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

LIMIT: Final = 60
WINDOW: Final = 60_000
"""Milliseconds."""
START: Final = 1_795_003_200_000
"""Where simulated time begins: a whole minute."""


class Limiter(Protocol):
    """Anything that lets an arrival through or not."""

    def admit(self, now: int) -> bool:
        """now: milliseconds."""
        ...


# -- limiters --------------------------------------------------------------------------------------


class Ours:
    """Sub-windows that count every slot which touches the window: what the stores do."""

    def __init__(self) -> None:
        key = CounterKey("limits", "each", Metric.REQUESTS, "min", subject="-")
        counter = Counter(key, MINUTE.width, MINUTE.slots)
        self._charges = (Charge(counter, 1, LIMIT),)
        self._ledger = LedgerState()
        self._asked = 0

    def admit(self, now: int) -> bool:
        self._asked += 1
        hold = Hold(str(self._asked), self._charges, 1e6, Attribution())
        return isinstance(self._ledger.reserve(hold, None, now / 1000), Granted)


class Fixed:
    """One count a clock minute."""

    def __init__(self) -> None:
        self._window, self._count = 0, 0

    def admit(self, now: int) -> bool:
        if now // WINDOW != self._window:
            self._window, self._count = now // WINDOW, 0
        self._count += 1
        return self._count <= LIMIT


class Anchored:
    """One count a minute, which begins with the first arrival."""

    def __init__(self) -> None:
        self._since, self._count = -WINDOW, 0

    def admit(self, now: int) -> bool:
        if now >= self._since + WINDOW:
            self._since, self._count = now, 0
        self._count += 1
        return self._count <= LIMIT


class Sliding:
    """This minute's count, and the last one's by the share of it that is still in the window."""

    def __init__(self) -> None:
        self._window, self._count, self._last = 0, 0, 0

    def admit(self, now: int) -> bool:
        window, into = divmod(now, WINDOW)
        if window != self._window:
            self._last = self._count if window == self._window + 1 else 0
            self._window, self._count = window, 0
        if self._last * (WINDOW - into) // WINDOW + self._count >= LIMIT:
            return False
        self._count += 1
        return True


class Gcra:
    """A token bucket that holds `burst` and refills evenly."""

    def __init__(self, burst: int = LIMIT) -> None:
        self._step = WINDOW // LIMIT
        self._depth = self._step * (burst - 1)
        self._arrival = 0

    def admit(self, now: int) -> bool:
        due = max(self._arrival, now)
        if due - now > self._depth:
            return False
        self._arrival = due + self._step
        return True


class Log:
    """Every arrival is remembered for a minute."""

    def __init__(self) -> None:
        self._seen: deque[int] = deque()

    def admit(self, now: int) -> bool:
        while self._seen and self._seen[0] <= now - WINDOW:
            self._seen.popleft()
        if len(self._seen) >= LIMIT:
            return False
        self._seen.append(now)
        return True


class Clock:
    """What stands where the library looks for the module `time`."""

    now = 0.0

    @classmethod
    def time(cls) -> float:
        return cls.now


def from_library(strategy: str) -> Callable[[], Limiter]:
    """A limiter of the `limits` library, whose clock is set to the arrival's time."""
    import limits
    import limits.storage.memory as storage

    vars(storage)["time"] = Clock  # it has no other way to be given a clock
    item = limits.RateLimitItemPerMinute(LIMIT)

    class Library:
        def __init__(self) -> None:
            self._limiter: Any = getattr(limits.strategies, strategy)(storage.MemoryStorage())

        def admit(self, now: int) -> bool:
            Clock.now = now / 1000
            return bool(self._limiter.hit(item))

    return Library


OURS: Final = "sub-windows (policy-router)"
SIMPLE: Final[dict[str, Callable[[], Limiter]]] = {
    "fixed window": Fixed,
    "window from the first arrival": Anchored,
    "sliding counter": Sliding,
    "token bucket, burst 60": Gcra,
    "token bucket, burst 1": lambda: Gcra(1),
    "log of arrivals": Log,
}
LIBRARY: Final = {
    "limits, fixed window": "FixedWindowRateLimiter",
    "limits, sliding counter": "SlidingWindowCounterRateLimiter",
    "limits, moving window": "MovingWindowRateLimiter",
}


# -- arrivals --------------------------------------------------------------------------------------


def trace(rng: random.Random) -> list[int]:
    """The moments of a trace, in order; at each the caller asks until it is refused.

    Bursts on both sides of edges - of a clock minute, of a slot, of a minute after an earlier
    burst - alone and over a trickle that fills or empties what a limiter remembers.
    """
    begin = START + rng.choice((0, 1, 999, 59_999, rng.randrange(WINDOW)))
    moments = {begin}
    for _ in range(rng.randrange(2, 6)):
        edge = rng.choice(
            (
                lambda: begin // WINDOW * WINDOW + WINDOW * rng.randrange(1, 4),
                lambda: rng.choice(sorted(moments)) + WINDOW,
                lambda: rng.choice(sorted(moments)) + WINDOW + rng.randrange(-1000, 1001),
                lambda: rng.choice(sorted(moments)) // 1000 * 1000 + 1000 * rng.randrange(58, 63),
                lambda: begin + rng.randrange(3 * WINDOW),
            )
        )()
        moments.add(max(begin, edge + rng.choice((-1, 0, 1, -1000, 1000))))
    return sorted(moments)


def run(limiter: Limiter, rng: random.Random) -> list[int]:
    """What a limiter admits of a trace; before some bursts a few arrive alone."""
    admitted: list[int] = []
    moments = trace(rng)
    trickle = rng.choice((0, 0, rng.randrange(1, LIMIT)))
    last = moments[0] - 1
    for moment in moments:
        single = (
            sorted(rng.randrange(last, moment) for _ in range(trickle)) if moment > last else []
        )
        admitted += [now for now in single if limiter.admit(now)]
        while limiter.admit(moment):
            admitted.append(moment)
            if len(admitted) > 100 * LIMIT:
                raise RuntimeError("admits without end")
        last = moment + 1
    return admitted


def worst(admitted: Sequence[int]) -> int:
    """The most arrivals in any (t - WINDOW, t]; the fullest such window ends with an arrival."""
    found, first = 0, 0
    for last, now in enumerate(admitted):
        while admitted[first] <= now - WINDOW:
            first += 1
        found = max(found, last - first + 1)
    return found


def worst_of(make: Callable[[], Limiter], seeds: Iterable[int]) -> int:
    """The worst over the traces of some seeds."""
    return max(worst(run(make(), random.Random(seed))) for seed in seeds)


def greedy(limiter: Limiter, windows: int = 200) -> list[int]:
    """What is admitted of a caller who asks every 100 ms until it is refused."""
    admitted = []
    for now in range(START, START + windows * WINDOW, 100):
        while limiter.admit(now):
            admitted.append(now)
    return admitted


def _ours(seeds: range) -> int:
    return worst_of(Ours, seeds)


def report(traces: int, rival_traces: int, seed: int, jobs: int) -> bool:
    """Prints the table; whether the first row keeps what it promises."""
    first = seed * 10**9
    print(f"{'':30} {'traces':>8} {'worst':>6} {'served':>7}")
    parts = [range(s, min(s + 1000, first + traces)) for s in range(first, first + traces, 1000)]
    with ProcessPoolExecutor(jobs) as pool:
        most = max(pool.map(_ours, parts))
    admitted = greedy(Ours())
    most, served = max(most, worst(admitted)), len(admitted) / 200
    print(f"{OURS:30} {traces:8,} {most:6} {served:7.1f}", flush=True)
    rivals = SIMPLE | {name: from_library(kind) for name, kind in LIBRARY.items()}
    for name, make in rivals.items():
        admitted = greedy(make())
        seen = max(worst_of(make, range(first, first + rival_traces)), worst(admitted))
        print(f"{name:30} {rival_traces:8,} {seen:6} {len(admitted) / 200:7.1f}", flush=True)
    return most <= LIMIT and served >= 0.98 * LIMIT


def main() -> int:
    parser = argparse.ArgumentParser(prog="python benchmarks/windows.py")
    parser.add_argument("--traces", type=int, default=100_000)
    parser.add_argument("--rival-traces", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    kept = report(asked.traces, asked.rival_traces, asked.seed, asked.jobs)
    return int(not kept)


if __name__ == "__main__":
    sys.exit(main())
