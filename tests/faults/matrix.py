"""Plays every fault to a router, by every way of calling a model, and compares what follows."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from policy_router.errors import AllModelsFailedError, BadRequestError, StreamBrokenError
from policy_router.events import Attempted
from policy_router.ledger.memory import MemoryStore
from policy_router.loading import load
from policy_router.providers.default_caller import DefaultCaller
from policy_router.router.router import Router
from tests.faults.dialects import CHAT, GEMINI, MESSAGES, OLLAMA, RESPONSES, TEXT, Dialect
from tests.faults.reported import IN_LITELLM
from tests.faults.server import RawServer
from tests.faults.table import FAULTS, KEY, answers, either, good, plain, streams

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from policy_router.events import Event
    from tests.faults.expected import Expected
    from tests.faults.table import Fault


@dataclass(frozen=True, slots=True)
class Way:
    """A way of calling a model.

    Attributes:
        name: Its name in the table.
        model: The name of the model that is called.
        via: Whether it is called directly or through LiteLLM.
        dialect: What the provider answers in.
        path: What follows the server's address.
    """

    name: str
    model: str
    via: str
    dialect: Dialect
    path: str = "/v1"


def _litellm(provider: str, dialect: Dialect = CHAT, path: str = "/v1") -> Way:
    return Way(f"litellm {provider}", f"{provider}/m", "litellm", dialect, path)


WAYS: Final[dict[str, Way]] = {
    way.name: way
    for way in (
        Way("openai_wire", "hosted_vllm/m", "direct", CHAT),
        Way("anthropic_wire", "anthropic/m", "direct", MESSAGES, ""),
        Way("responses_wire", "openai/responses/m", "direct", RESPONSES),
        *map(_litellm, ("openai", "groq", "openrouter", "deepseek", "mistral", "hosted_vllm",
                        "together_ai", "xai", "lm_studio")),
        _litellm("anthropic", MESSAGES, ""),
        _litellm("gemini", GEMINI, ""),
        _litellm("ollama_chat", OLLAMA, ""),
    )
}  # fmt: skip
DIRECT: Final = tuple(name for name, way in WAYS.items() if way.via == "direct")

TOGETHER: Final = 48
"""Cells that share a router: with more models, a decision takes longer."""
UNDER_WAY: Final = 16
"""Requests at a time."""
DEADLINE: Final = 30.0
"""Seconds that each request may take."""
HELLO: Final = [{"role": "user", "content": "hello there"}]


@dataclass(frozen=True, slots=True)
class Cell:
    """One fault, by one way, for a whole answer or a stream."""

    way: Way
    fault: Fault
    stream: bool

    @property
    def name(self) -> str:
        return f"{self.fault.name} ({'stream' if self.stream else 'whole'}) by {self.way.name}"

    @property
    def alternatives(self) -> Sequence[Expected]:
        """What must follow: one of these."""
        provider = self.way.model.partition("/")[0] if self.way.via == "litellm" else ""
        reported = IN_LITELLM.get((self.fault.name, self.stream, provider), (self.expected,))
        return [due for each in reported for due in each.alternatives]

    @property
    def expected(self) -> Expected:
        expected = self.fault.expected(self.way.dialect, stream=self.stream)
        assert expected is not None
        return expected


def cells(ways: Iterable[str] = WAYS, faults: Iterable[str] = FAULTS) -> list[Cell]:
    """The cells of the matrix for these ways and faults."""
    every = (Cell(WAYS[w], FAULTS[f], s) for w in ways for f in faults for s in (False, True))
    return [c for c in every if c.fault.expected(c.way.dialect, stream=c.stream) is not None]


@dataclass(slots=True)
class Seen:
    """What happened in a cell.

    Attributes:
        outcome: How the request ended for its caller.
        kinds: The class of each attempt of the faulty model.
        scope: What its first failure took out of service.
        hits: Requests that arrived at its server.
        rest: Seconds for which something rests.
        charge: How the first attempt was charged.
        detail: What its first failure says.
        seconds: How long the request took.
        text: The text that the caller got.
    """

    outcome: str = ""
    kinds: list[str | None] = field(default_factory=list)
    scope: str | None = None
    hits: int = 0
    rest: float = 0.0
    charge: str = ""
    detail: str = ""
    seconds: float = 0.0
    text: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """A cell with what happened in it."""

    cell: Cell
    seen: Seen

    @property
    def wrong(self) -> list[str]:
        """What is not as it must be."""
        return min((self._wrong(due) for due in self.cell.alternatives), key=len)

    def _wrong(self, due: Expected) -> list[str]:
        seen = self.seen
        scope = None if due.kind is None else due.failed_scope
        found: list[tuple[str, object, object]] = [
            ("class", seen.kinds[:1], [due.reported]),
            ("scope", seen.scope, scope),
            ("hits", seen.hits, due.calls),
            ("charge", seen.charge, due.charge),
        ]
        wrong = [f"{name} {is_} not {should}" for name, is_, should in found if is_ != should]
        if abs(seen.rest - due.rest) > 0.35 * due.rest + 0.1:
            wrong.append(f"rest {seen.rest:.1f} not {due.rest:.1f}")
        if seen.outcome not in due.outcomes:
            wrong.append(f"outcome {seen.outcome} not {'/'.join(sorted(due.outcomes))}")
        if seen.seconds > DEADLINE:
            wrong.append(f"{seen.seconds:.1f} s")
        return wrong

    def __str__(self) -> str:
        return f"{self.cell.name}: {'; '.join(self.wrong)} [{self.seen.detail}]"


class AnyResult(Protocol):
    """A cell of any matrix with what happened in it."""

    @property
    def cell(self) -> Any:
        """The cell."""

    @property
    def wrong(self) -> list[str]:
        """What is not as it must be."""


@dataclass(frozen=True, slots=True)
class Report:
    """What happened in many cells, and what was left when all requests had ended.

    Attributes:
        results: The cells.
        held: Money and tokens that are still reserved.
        differences: What an audit of the ledger finds.
        tasks: Names of tasks that still run, and whatever else is wrong at the end.
        connections: Connections that the server still has.
    """

    results: Sequence[AnyResult] = ()
    held: int = 0
    differences: int = 0
    tasks: Sequence[str] = ()
    connections: int = 0

    def __add__(self, other: Report) -> Report:
        return Report(
            [*self.results, *other.results],
            self.held + other.held,
            self.differences + other.differences,
            [*self.tasks, *other.tasks],
            self.connections + other.connections,
        )

    @property
    def wrong(self) -> list[AnyResult]:
        return [result for result in self.results if result.wrong]

    @property
    def left(self) -> list[str]:
        """What should not be left, in words."""
        counted = {"held": self.held, "differences of the audit": self.differences,
                   "open connections": self.connections}  # fmt: skip
        return [f"{n} {what}" for what, n in counted.items() if n] + list(self.tasks)


def policy_of(cells: Sequence[Cell], server: RawServer) -> str:
    """A policy with one faulty model for each cell, and one good model that follows it."""
    fine = either(answers(plain), streams(good))
    lines = ["version: 1", "tiers: [t]", "models:"]
    aliases = ["aliases:"]
    for i, cell in enumerate(cells):
        way, fault = cell.way, cell.fault

        def play(stream: bool, fault: Fault = fault, way: Way = way) -> Any:
            return fault.play(way.dialect, stream)

        url, limits = server.serve(f"c{i}", play), f", {fault.limits}" if fault.limits else ""
        os.environ[f"KEY_{i}"] = KEY
        lines.append(
            f"  c{i}: {{ model: '{way.model}', via: {way.via}, api_base: '{url}{way.path}', "
            f"api_key_env: KEY_{i}, tier: t, context: 32k, max_output: 4k, "
            f"price: {{ input: $1/M, output: $2/M }}{limits} }}"
        )
        aliases.append(f"  a{i}: [c{i}, good]")
    url = server.serve("good", lambda stream: fine(CHAT, stream))
    lines.append(
        f"  good: {{ model: hosted_vllm/m, via: direct, api_base: '{url}/v1', tier: t, "
        "context: 128k, price: free }"
    )
    budget = ["budgets: { all: { cap: $1000/day, then: block } }"]
    return "\n".join([*lines, *aliases, *budget, f"fallback: {{ deadline: {DEADLINE:.0f}s }}", ""])


async def run(cells: Sequence[Cell]) -> Report:
    """Plays the cells, some at a time, each time to a new router and a new server."""
    report = Report()
    # Where a pause must be too long, nothing else keeps the machine busy.
    quick = [cell for cell in cells if not cell.fault.limits]
    batches = [quick[i : i + TOGETHER] for i in range(0, len(quick), TOGETHER)]
    for batch in filter(None, (*batches, [cell for cell in cells if cell.fault.limits])):
        with RawServer() as server:
            report += await _run(batch, server)
    return report


async def _run(cells: Sequence[Cell], server: RawServer) -> Report:
    attempts: dict[str, list[Attempted]] = {}

    def observe(event: Event) -> None:
        if isinstance(event, Attempted):
            attempts.setdefault(event.attempt.model, []).append(event)

    before = asyncio.all_tasks()
    store = MemoryStore(time.time)
    policy = load(text=policy_of(cells, server))
    router = Router(policy, DefaultCaller(), store=store, on_event=observe)
    turns = asyncio.Semaphore(UNDER_WAY)
    rests: dict[str, float] = {}

    async def one(index: int, cell: Cell) -> Seen:
        async with turns:
            seen, began = Seen(), time.monotonic()
            await _ask(router, index, cell, seen)
            seen.seconds = time.monotonic() - began
            last = attempts.get(f"c{index}")
            rests[f"c{index}"] = _rest(router, f"c{index}", last[-1].time) if last else 0.0
            return seen

    await router.warm()
    every = await asyncio.gather(*(one(i, cell) for i, cell in enumerate(cells)))
    for i, seen in enumerate(every):
        _note(seen, attempts.get(f"c{i}", []))
        seen.hits, seen.rest = server.hits[f"c{i}"], rests[f"c{i}"]
    await router.aclose()
    await until(lambda: server.open == 0)
    await until(lambda: not tasks_since(before))
    return Report(
        [Result(cell, seen) for cell, seen in zip(cells, every, strict=True)],
        sum(balance.held for balance in await store.balances()),
        len(await store.audit()),
        tasks_since(before),
        server.open,
    )


def tasks_since(before: set[asyncio.Task[Any]]) -> list[str]:
    """What the tasks that were started since then do; LiteLLM keeps one for its own logging."""
    names = (str(task.get_coro()) for task in asyncio.all_tasks() - before)
    return [name for name in names if "LoggingWorker" not in name]


async def until(done: Callable[[], bool]) -> None:
    """Waits until something is so, but not for ever."""
    for _ in range(500):
        if done():
            return
        await asyncio.sleep(0.01)


async def _ask(router: Router, index: int, cell: Cell, seen: Seen) -> None:
    options: dict[str, Any] = {"messages": HELLO, "model": f"a{index}", "max_tokens": 50}
    try:
        if cell.stream:
            served, finish = await _read(router, options, seen)
        else:
            answer = await router.acompletion(**options)
            seen.text = answer.choices[0].message.content or ""
            served, finish = answer.served_by, answer.choices[0].finish_reason
    except BadRequestError:
        seen.outcome = "refused"
    except StreamBrokenError:
        seen.outcome = "broken"
    except AllModelsFailedError as error:
        seen.outcome = f"failed: {error}"
    except Exception as error:  # noqa: BLE001  the outcome of a cell, which is wrong
        seen.outcome = f"{type(error).__name__}: {error}"
    else:
        due = cell.expected
        if served == "good":
            seen.outcome = "fell back" if (seen.text, finish) == (TEXT, "stop") else "garbled"
        elif finish == due.finish and due.text in (None, seen.text):
            seen.outcome = "answered"
        else:
            seen.outcome = f"answered with {finish} after {seen.text[:20]!r}"


async def _read(router: Router, options: Mapping[str, Any], seen: Seen) -> tuple[str, str | None]:
    finish: str | None = None
    stream = await router.acompletion(**options, stream=True)
    async with aclosing(stream) as reading:
        async for part in reading:
            seen.text += part.text
            finish = next((c.finish_reason for c in part.choices if c.finish_reason), finish)
        return reading.served_by or "", finish


def _rest(router: Router, name: str, since: float) -> float:
    """Seconds for which a model is not called after a moment, a Unix time."""
    model = router.policy.models_by_name[name]
    until = router._cooldowns.until(model, since)  # `health` names what shares a provider
    return 0.0 if until is None else until - since


def _note(seen: Seen, attempts: Sequence[Attempted]) -> None:
    seen.kinds = [event.attempt.failure for event in attempts]
    for event in attempts[:1]:
        attempt, failure = event.attempt, event.failure
        if failure is not None:
            seen.scope, seen.detail = failure.scope.value, failure.detail
        if not attempt.cost_nano_usd:
            seen.charge = "nothing"
        else:
            seen.charge = "estimated" if attempt.estimated else "counted"


def files_open() -> int:
    """Files and sockets that this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))
