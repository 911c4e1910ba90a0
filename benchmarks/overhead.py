"""What experience and the journal add to a request, in every mode of learning, in one run.

`recorded` keeps the journal and counts every outcome, and knows of no earlier one: that is what
recording costs. The columns of the modes add what it costs to order models by evidence.

The routers take turns at answering some requests, so that what disturbs the machine disturbs all of
them; the model answers at once, in the same process. The counts of a month are in the store before,
so that everything is measured and believed that can be. Figures are medians in microseconds: of the
time that a request takes, and of the CPU time of the thread that it runs in.

    python benchmarks/overhead.py [--models 1 5 20] [--rounds 1500]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from policy_router import Router
from policy_router.domain.outcome import Role
from policy_router.experience.keeper import TOPIC
from policy_router.experience.nodes import Node, OutcomeKey
from policy_router.journal.journal import Journal
from policy_router.ledger.memory import MemoryStore
from policy_router.ledger.tallies import DAY, TallyBatch
from policy_router.loading import load

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.ledger.tallies import Counts, DayTallies

POLICY: Final = """
version: 1
tiers: [light, heavy]
models:
{models}
tasks:
  chat: {{ accept: {{ not_empty: true }} }}
budgets: {{ all: {{ cap: $1000000/month }} }}
prefer: [{prefer}]
learning: {{ {learning} }}
"""
MESSAGES: Any = [{"role": "user", "content": "a prompt of some words " * 20}]
ANSWER: Any = {
    "choices": [{"message": {"content": "an answer"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 100, "completion_tokens": 20},
}
BARS: Final = {
    "off, journal": ("mode: off", True),
    "recorded": ("mode: adjust", True),
    "shadow": ("mode: shadow", True),
    "suggest": ("mode: suggest", True),
    "adjust": ("mode: adjust", True),
    "adjust, explore": ("mode: adjust, explore: 2%", True),
}
BLOCK: Final = 25
"""Requests of one router before it is the turn of the next: its memory is that of one at work."""
ORDERS: Final = {"declared": "quality, cheapest", "measured": "reliable, fastest, cheapest"}


async def nothing_new(_topic: str, _known: Mapping[int, int]) -> dict[int, DayTallies]:
    """What a store says that takes counts, and gives none back."""
    return {}


async def call(_model: object, _body: object, _timeout: float) -> Any:
    """Answer at once."""
    return ANSWER


def policy(models: int, prefer: str, learning: str) -> str:
    """The text of a policy."""
    lines = (
        f"  m{n}: {{ model: openai/m{n}, tier: {'heavy' if n % 2 else 'light'},"
        f" price: {{ input: ${n + 1}/M, output: ${n + 2}/M }}, context: 32k,"
        f" quality: {0.5 + n / 100} }}"
        for n in range(models)
    )
    return POLICY.format(models="\n".join(lines), prefer=prefer, learning=learning)


def counted(models: int) -> dict[tuple[int, str], Counts]:
    """What the models did in a month."""
    today = int(time.time() // DAY)
    counts: dict[tuple[int, str], Counts] = {}
    for n in range(models):
        for form in ("plain", "code"):
            for band in ("easy", "hard"):
                key = OutcomeKey(Node("chat", form, "", band), f"m{n}", Role.FIRST)
                good = 150 + 40 * n // models
                counts[today, str(key)] = {
                    "calls": 200, "answered": 200, "checked": 200, "rejected": 200 - good,
                    "accepted": good, "flagged": 200 - good, "feedback": 40,
                    "feedback_sum": 30_000 + n * 100, f"latency {20 + n % 5}": 200,
                    "metered": 200, "tokens_in": 20_000, "tokens_out": 4_000 + n,
                }  # fmt: skip
    return counts


async def compare(models: int, prefer: str, rounds: int) -> dict[str, tuple[float, float]]:
    """The median time and CPU time of a request in seconds, by the mode."""
    took: dict[str, tuple[list[float], list[float]]] = {}
    async with contextlib.AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        routers = {}
        for number, (name, (learning, kept)) in enumerate(
            {"without": ("mode: off", False), **BARS}.items()
        ):
            store = MemoryStore(time.time)
            if name == "recorded":
                vars(store)["read_tallies"] = nothing_new  # of a subclass all calls are slower
            await store.add_tallies(TallyBatch(TOPIC, "before", 1, counted(models)))
            journal = Journal(f"sqlite:///{folder}/journal-{number}.db") if kept else None
            text = policy(models, prefer, learning)
            router = Router(load(text=text), call, store=store, journal=journal)
            routers[name] = await stack.enter_async_context(router)
            took[name] = ([], [])
            await router.experience.refresh()
            for _ in range(30):
                await router.acompletion(MESSAGES)
        names = list(routers)
        for number in range(rounds // BLOCK):
            turn = number % len(names)  # each comes after each other, and first, equally often
            for name in names[turn:] + names[:turn]:
                router = routers[name]
                for _ in range(BLOCK):
                    began, worked = time.perf_counter(), time.thread_time()
                    await router.acompletion(MESSAGES)
                    ended, done = time.thread_time(), time.perf_counter()
                    took[name][0].append(done - began)
                    took[name][1].append(ended - worked)
    return {
        name: (statistics.median(times), statistics.median(cpu))
        for name, (times, cpu) in took.items()
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=int, nargs="+", default=[1, 5, 20])
    parser.add_argument("--rounds", type=int, default=1500)
    arguments = parser.parse_args()
    print(f"| models, order      | {' | '.join(f'{name:>15}' for name in ['without', *BARS])} |")
    print(f"|--------------------|{'|'.join(['----------------:'] * (len(BARS) + 1))}|")
    for models in arguments.models:
        for order, prefer in ORDERS.items():
            took = asyncio.run(compare(models, prefer, arguments.rounds))
            plain, plain_cpu = (1e6 * each for each in took["without"])
            cells = [f"{plain:.0f} (CPU {plain_cpu:.0f})"]
            for name in BARS:
                time_of, cpu = (1e6 * each for each in took[name])
                cells.append(f"{time_of - plain:+.0f} (CPU {cpu - plain_cpu:+.0f})")
            shown = " | ".join(f"{cell:>15}" for cell in cells)
            print(f"| {f'{models:>2}, {order}':18} | {shown} |")


if __name__ == "__main__":
    main()
