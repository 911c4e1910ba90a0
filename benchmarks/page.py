"""What open pages cost the requests of the process that serves them.

    python benchmarks/page.py [--rate 500] [--rounds 10] [--watchers 2]

One event loop serves the page and answers requests at a steady rate, with a caller that takes
20 ms, as one worker does; it keeps a journal with a month behind it. Rounds with nobody watching
and with watchers take turns, so that both see the same machine. A watcher is a page of a real
Chromium that shows all panels, driven by playwright. Where there are two processors, the server
has one to itself and the browser the rest.

Shown are the times of requests in each kind of round, and the time of the loop's own thread on the
processor; then how much longer requests took with watchers than in the round beside it, as the
median of all such pairs. Aim: at most 3 % added latency.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import socket
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median
from typing import TYPE_CHECKING, Any

import uvicorn

sys.path.insert(0, str(Path(__file__).parents[1]))

from policy_router import Router
from policy_router.journal.journal import Journal
from policy_router.loading import load
from policy_router.server.app import create_app
from policy_router.server.serving import uvicorn_options
from policy_router.server.settings import SETTINGS
from tests.server.ui.traffic import POLICY, made_outcomes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from policy_router.domain.models import Model
    from policy_router.providers.requests.body import Body

ANSWER = {
    "choices": [{"message": {"role": "assistant", "content": "a"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10},
}
TAKES = 0.02
SECONDS = 3.0
SETTLES = 2.0
"""Seconds after pages are opened or closed before a round begins."""
BROWSER = """
import sys
from playwright.sync_api import sync_playwright
with sync_playwright() as driver:
    browser = driver.chromium.launch(executable_path=sys.argv[1], args=sys.argv[3].split())
    pages = []
    for line in sys.stdin:
        for page in pages:
            page.close()
        pages = [browser.new_page() for _ in range(int(line))]
        for page in pages:
            page.goto(sys.argv[2])
        print("done", flush=True)
    browser.close()
"""
ARGUMENTS = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking"


@dataclass(frozen=True, slots=True)
class Round:
    """Requests at a steady rate for some seconds.

    Attributes:
        times: How long each took, in seconds, sorted.
        processor: Seconds of the loop's thread for one of them.
    """

    times: Sequence[float]
    processor: float

    @property
    def p95(self) -> float:
        """The time that 95 of 100 do not exceed."""
        return self.times[int(len(self.times) * 0.95)]


MEASURES: dict[str, Callable[[Round], float]] = {
    "median": lambda each: median(each.times),
    "mean": lambda each: mean(each.times),
    "p95": lambda each: each.p95,
    "processor": lambda each: each.processor,
}


async def answer(model: Model, body: Body, timeout: float) -> dict[str, Any]:  # noqa: ARG001, ASYNC109  as callers have it
    """Answer like a quick provider."""
    await asyncio.sleep(TAKES)
    return ANSWER


async def requests(router: Router, rate: float) -> Round:
    """Make the requests of one round."""
    times: list[float] = []

    async def one(number: int) -> None:
        began = time.perf_counter()
        await router.acompletion(
            [{"role": "user", "content": "hello"}],
            task="code" if number % 3 else "chat",
            tags=["private"] if number % 15 == 0 else [],
            user=f"u{number % 7}",
        )
        times.append(time.perf_counter() - began)

    began, processor, running = time.perf_counter(), time.thread_time(), set[asyncio.Task[None]]()
    for number in range(int(rate * SECONDS)):
        due = began + number / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        task = asyncio.create_task(one(number))
        running.add(task)
        task.add_done_callback(running.discard)
    await asyncio.gather(*running)
    return Round(sorted(times), (time.thread_time() - processor) / len(times))


class Watchers:
    """Pages of a Chromium in another process."""

    def __init__(
        self,
        driver: asyncio.subprocess.Process,
        orders: asyncio.StreamWriter,
        answers: asyncio.StreamReader,
    ) -> None:
        self._driver, self._orders, self._answers = driver, orders, answers

    @classmethod
    async def begin(cls, url: str) -> Watchers:
        """Start a Chromium, on other processors than the server where there are several."""
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        if chromium is None:
            sys.exit("there is no chromium")
        processors = sorted(os.sched_getaffinity(0))
        if len(processors) > 1:
            os.sched_setaffinity(0, processors[1:])
        driver = await asyncio.create_subprocess_exec(
            sys.executable, "-c", BROWSER, chromium, url, ARGUMENTS,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        os.sched_setaffinity(0, processors[:1])
        if driver.stdin is None or driver.stdout is None:
            sys.exit("the driver of the browser cannot be spoken to")
        return cls(driver, driver.stdin, driver.stdout)

    async def watch(self, number: int) -> None:
        """Have so many pages open."""
        self._orders.write(f"{number}\n".encode())
        if await self._answers.readline() != b"done\n":
            sys.exit("the browser ended")

    async def end(self) -> None:
        """Close the browser."""
        self._orders.close()
        await self._driver.wait()


async def main(rate: float, rounds: int, watchers: int, folder: str) -> None:
    """Measure, and print a table."""
    journal = f"sqlite:///{folder}/journal.db"
    with Journal(journal) as writer:
        for outcome in made_outcomes(time.time() - 60):
            writer.add(outcome)
    listener = socket.create_server(("127.0.0.1", 0))
    browser = await Watchers.begin(f"http://127.0.0.1:{listener.getsockname()[1]}/ui")
    text = POLICY.replace("requests: [900/min]", "tokens: [900M/min]").replace("$400/", "$400000/")
    policy = load(text=text.format(url="http://127.0.0.1:9"))
    async with Router(policy, answer, journal=Journal(journal)) as router:
        server = uvicorn.Server(uvicorn.Config(create_app(router), **uvicorn_options(SETTINGS, 1)))
        serving = asyncio.create_task(server.serve([listener]))
        await requests(router, rate / 4)
        found: dict[bool, list[Round]] = {False: [], True: []}
        for place in range(2 * rounds):
            watched = place % 4 in (1, 2)  # no, yes, yes, no: a drift harms both alike
            await browser.watch(watchers if watched else 0)
            await asyncio.sleep(SETTLES)
            found[watched].append(await requests(router, rate))
        await browser.end()
        server.should_exit = True
        await serving
    show(found, rate, rounds, watchers)


def show(found: dict[bool, list[Round]], rate: float, rounds: int, watchers: int) -> None:
    """Print what was measured."""
    print(f"{rate:g} requests a second, {rounds} pairs of rounds of {SECONDS:g} s")
    print(f"{'':14}" + "".join(f"{name:>12}" for name in MEASURES))
    for watched, results in found.items():
        cells = (median(measure(each) for each in results) * 1e3 for measure in MEASURES.values())
        name = f"{watchers} watching" if watched else "nobody"
        print(f"{name:14}" + "".join(f"{value:10.3f}ms" for value in cells))
    added = {
        name: median(
            measure(with_) / measure(without) - 1
            for without, with_ in zip(found[False], found[True], strict=True)
        )
        for name, measure in MEASURES.items()
    }
    print(f"{'added':14}" + "".join(f"{value:12.2%}" for value in added.values()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=500.0)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--watchers", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as held:
        asyncio.run(main(given.rate, given.rounds, given.watchers, held))
