"""How much of a cap is really sent, as the number of callers at a time grows.

    python benchmarks/budgets.py [--only WORDS] [--callers 1 10 100]

A simulated provider on this machine takes 20 ms and uses 100 tokens an answer, at $0.0001. A budget
of $0.01 a day, or a limit of 10,000 tokens a minute, lets 100 answers through. Callers ask again
and again until nobody was served for a second. The figures are what the provider answered, as a
share of the cap: above 100 % is money that was not to be spent. A caller knows beforehand only that
an answer uses 150 tokens at most. Every figure is measured in a process of its own, and within one
minute of the clock, so that no window ends meanwhile.

Without --only, what benchmarks/windows.py measures follows, on 2,000 of its traces: the most that a
limit of 60 in 60 seconds lets through in any 60 seconds, and how many of the 60 it serves.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from zoneinfo import ZoneInfo

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.windows import report
from policy_router.domain.limits import Charge, Limit, Metric
from policy_router.domain.periods import Period
from policy_router.domain.windows import MINUTE
from policy_router.ledger.open import open_store
from policy_router.ledger.store import Attribution, Granted, Hold, Settlement
from policy_router.providers.simulated import Say, Simulated

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Ask: TypeAlias = Callable[[], Awaitable[bool]]
    """One request; whether it was sent."""

TOKENS: Final = 100
MOST: Final = 150
"""Tokens of an answer: what it uses, and what it may use at most."""
PRICE: Final = 1000
"""Nano-USD a token."""
TRACES: Final = 2000
FIT: Final = 100
"""Answers that fit into the cap."""
LATENCY: Final = 0.02
QUIET: Final = 1.0
"""Seconds without an answer after which the cap counts as reached."""
USAGE: Final = {"prompt_tokens": 50, "completion_tokens": 50, "total_tokens": TOKENS}
MESSAGES: Final = [{"role": "user", "content": "Hi"}]
BODY: Final = {"model": "sim", "messages": MESSAGES, "max_tokens": 100}


# -- who guards the cap ----------------------------------------------------------------------------


def sender(url: str) -> Callable[[], Awaitable[None]]:
    """Sends one request."""
    import httpx

    client = httpx.AsyncClient(limits=httpx.Limits(max_connections=200), timeout=30)

    async def send() -> None:
        (await client.post(f"{url}/chat/completions", json=BODY)).raise_for_status()

    return send


def ours(store: str, meter: Limit, unit: int) -> Callable[[str, Path], Ask]:
    """Reserve the most it may come to, send, settle."""

    def make(url: str, folder: Path) -> Ask:
        ledger = open_store(store.format(folder=folder))
        send = sender(url)
        numbers = iter(range(10**9))

        async def ask() -> bool:
            counter = meter.counter("-", time.time(), ZoneInfo("UTC"))
            charge = Charge(counter, MOST * unit, meter.cap)
            hold = Hold(f"{next(numbers)}#1", (charge,), 30.0, Attribution())
            if not isinstance(await ledger.reserve(hold), Granted):
                return False
            await send()
            await ledger.settle(hold.id, Settlement(TOKENS * PRICE, 50, 50))
            return True

        return ask

    return make


def library(item: str, unit: int, *, before: bool) -> Callable[[str, Path], Ask]:
    """The `limits` library: charged before with the most it may come to, or asked before whether
    there is room and charged afterwards."""

    def make(url: str, _: Path) -> Ask:
        from limits import parse
        from limits.aio.storage import MemoryStorage
        from limits.aio.strategies import FixedWindowRateLimiter

        limiter = FixedWindowRateLimiter(MemoryStorage())
        limit = parse(item)
        send = sender(url)

        async def ask() -> bool:
            if before:
                if not await limiter.hit(limit, cost=MOST * unit):
                    return False
                await send()
                return True
            if not await limiter.test(limit, cost=TOKENS * unit):
                return False
            await send()
            await limiter.hit(limit, cost=TOKENS * unit)
            return True

        return ask

    return make


def litellm_router(params: dict[str, Any], **options: Any) -> Callable[[str, Path], Ask]:
    """LiteLLM's Router as its documentation sets it up."""

    def make(url: str, _: Path) -> Ask:
        os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
        import litellm

        litellm.suppress_debug_info = True
        deployment = {
            "model": "openai/sim", "api_base": url, "api_key": "none",
            "input_cost_per_token": PRICE / 1e9, "output_cost_per_token": PRICE / 1e9, **params,
        }  # fmt: skip
        router = litellm.Router(
            model_list=[{"model_name": "sim", "litellm_params": deployment}],
            num_retries=0,
            disable_cooldowns=True,
            **options,
        )

        async def ask() -> bool:
            try:
                await router.acompletion(model="sim", messages=MESSAGES, max_tokens=100)
            except (ValueError, litellm.RateLimitError):  # how it says that there is no room
                return False
            return True

        return ask

    return make


CAP: Final = FIT * TOKENS * PRICE
BUDGET: Final = Limit("budgets", "team", Metric.USD, Period.DAY, CAP, 1)
LIMIT: Final = Limit("limits", "each", Metric.TOKENS, MINUTE, FIT * TOKENS, 1)
SQLITE: Final = "sqlite:///{folder}/ledger.db"
DAY: Final = f"{CAP} per 1 day"
MINUTELY: Final = f"{FIT * TOKENS} per 1 minute"

GUARDS: Final[dict[str, Callable[[str, Path], Ask]]] = {
    "budget: policy-router, memory": ours("memory://", BUDGET, PRICE),
    "budget: policy-router, SQLite": ours(SQLITE, BUDGET, PRICE),
    "budget: LiteLLM Router, provider budget": litellm_router(
        {}, provider_budget_config={"openai": {"budget_limit": CAP / 1e9, "time_period": "1d"}}
    ),
    "budget: limits, charged before": library(DAY, PRICE, before=True),
    "budget: limits, charged after": library(DAY, PRICE, before=False),
    "tokens: policy-router, memory": ours("memory://", LIMIT, 1),
    "tokens: policy-router, SQLite": ours(SQLITE, LIMIT, 1),
    "tokens: LiteLLM Router, tpm enforced": litellm_router(
        {"tpm": FIT * TOKENS}, optional_pre_call_checks=["enforce_model_rate_limits"]
    ),
    "tokens: LiteLLM Router, itpm and otpm": litellm_router(
        {"itpm": FIT * TOKENS // 2, "otpm": FIT * TOKENS // 2},
        optional_pre_call_checks=["enforce_model_rate_limits"],
    ),
    "tokens: limits, charged before": library(MINUTELY, 1, before=True),
    "tokens: limits, charged after": library(MINUTELY, 1, before=False),
}


# -- the load --------------------------------------------------------------------------------------


async def load(ask: Ask, callers: int) -> None:
    """Callers that ask again and again until nobody has been served for a while."""
    last = time.monotonic()

    async def caller() -> None:
        nonlocal last
        while time.monotonic() - last < QUIET:
            if await ask():
                last = time.monotonic()
            else:
                await asyncio.sleep(LATENCY)

    await asyncio.gather(*(caller() for _ in range(callers)))


def measure(guard: str, callers: int) -> int:
    """How many answers the provider gave; 0 when a minute ended meanwhile."""
    if time.time() % 60 > 20 and guard.startswith("tokens"):
        time.sleep(60 - time.time() % 60)
    minute = time.time() // 60
    with (
        tempfile.TemporaryDirectory() as folder,
        Simulated({"sim": Say(latency=LATENCY, usage=USAGE)}) as provider,
    ):

        async def go() -> None:
            await load(GUARDS[guard](provider.url, Path(folder)), callers)

        asyncio.run(go())
        same = guard.startswith("budget") or time.time() // 60 == minute
        return len(provider.requests) if same else 0


def in_a_process(guard: str, callers: int) -> int:
    """The same in a process of its own, until a minute was long enough."""
    command = [sys.executable, __file__, "--measure", guard, str(callers)]
    while True:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  this file
        if done.returncode:
            raise SystemExit(done.stderr)
        answers = int(done.stdout.split()[-1])
        if answers:
            return answers


def main() -> int:
    parser = argparse.ArgumentParser(prog="python benchmarks/budgets.py")
    parser.add_argument("--only", default="")
    parser.add_argument("--callers", nargs="*", type=int, default=[1, 10, 100])
    parser.add_argument("--measure", nargs=2, metavar=("GUARD", "CALLERS"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure:
        print(measure(asked.measure[0], int(asked.measure[1])))
        return 0
    print(f"{'callers at a time':40}" + "".join(f"{n:>8}" for n in asked.callers))
    for guard in GUARDS:
        if asked.only in guard:
            print(f"{guard:40}", end="", flush=True)
            for callers in asked.callers:
                print(f"{in_a_process(guard, callers) / FIT:8.0%}", end="", flush=True)
            print()
    if asked.only:
        return 0
    print()
    return int(not report(TRACES, TRACES, seed=1, jobs=2))


if __name__ == "__main__":
    sys.exit(main())
