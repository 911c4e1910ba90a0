"""Plays every fault to a server over HTTP, and judges what its clients get in each dialect."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import tempfile
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import aiohttp
import uvicorn

from policy_router.event_source import EventSource
from policy_router.ledger.memory import MemoryStore
from policy_router.loading import load
from policy_router.observe.decision_log import DecisionLog
from policy_router.observe.prometheus import PrometheusMetrics
from policy_router.providers.default_caller import DefaultCaller
from policy_router.router.router import Router
from policy_router.server.app import closes, create_app
from policy_router.server.serving import uvicorn_options
from policy_router.server.settings import SETTINGS
from tests.faults.api_clients import CLIENTS, PROMPT, Reading
from tests.faults.dialects import TEXT
from tests.faults.expected import STATUSES, STOPS
from tests.faults.matrix import (
    DIRECT,
    TOGETHER,
    UNDER_WAY,
    Cell,
    Report,
    cells,
    policy_of,
    tasks_since,
    until,
)
from tests.faults.server import RawServer
from tests.faults.table import FAULTS, KEY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

    from starlette.applications import Starlette

    from tests.faults.api_clients import ApiClient
    from tests.faults.expected import Expected

SECRETS: Final = (KEY, "Traceback", "site-packages", "policy_router/", "127.0.0.1")
"""What no client may read: keys, and where the server and its providers are."""
_FIRST_ERROR: Final = 400


@dataclass(frozen=True, slots=True)
class ServedCell:
    """One fault of one kind of provider, for a client of one dialect.

    Attributes:
        cell: The fault, and how its model is called.
        client: Who asks.
        alone: Whether no other model may answer.
    """

    cell: Cell
    client: ApiClient
    alone: bool

    @property
    def name(self) -> str:
        alone = "alone" if self.alone else "with a fallback"
        return f"{self.cell.name} for {self.client.name}, {alone}"


@dataclass(slots=True)
class Received:
    """What a client got.

    Attributes:
        status: The HTTP status; 0 where the connection ended in another way.
        headers: The headers by their names in lower case.
        body: All of the body.
        reading: What the client makes of an answer.
        hits: Requests that arrived at the provider.
        broken: How HTTP itself was broken.
    """

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    reading: Reading = field(default_factory=Reading)
    hits: int = 0
    broken: str = ""

    @property
    def outcome(self) -> str:
        """How the request ended for the client."""
        reading = self.reading
        if self.broken:
            return self.broken
        if self.status >= _FIRST_ERROR:
            return "error"
        if reading.error is not None:
            return "broken"
        return "answer"


@dataclass(frozen=True, slots=True)
class ServedResult:
    """A cell with what its client got."""

    cell: ServedCell
    received: Received

    @property
    def wrong(self) -> list[str]:
        """What is not as it must be."""
        alternatives = self.cell.cell.expected.alternatives
        return self._always() + min(map(self._wrong, alternatives), key=len)

    def _always(self) -> list[str]:
        """What is wrong whatever the fault is."""
        got, wrong = self.received, list(self.received.reading.odd)
        text = f"{got.body.decode(errors='replace')} {dict(got.headers)}"
        wrong += [f"reveals {secret}" for secret in SECRETS if secret in text]
        if got.status in {0, 500}:
            wrong.append(f"status {got.status}")
        if "x-policy-router-decision" not in got.headers:
            wrong.append("no decision in the headers")
        if got.headers.get("x-policy-router-attempts") == "0":
            wrong.append("no attempt in the headers")
        kind = got.headers.get("content-type", "")
        streams = got.status == 200 and self.cell.cell.stream
        if not kind.startswith("text/event-stream" if streams else "application/json"):
            wrong.append(f"content type {kind}")
        return wrong

    def _wrong(self, due: Expected) -> list[str]:
        got, reading = self.received, self.received.reading
        if due.kind is None:
            return self._answered("the fault", due.finish, due.text)
        if due.began:
            if got.outcome == "answer" and not self.cell.alone:
                return self._answered("good", "stop", TEXT)
            wrong = [] if got.outcome == "broken" else [f"{got.outcome} is no broken stream"]
            wrong += ["the mark of the end"] if reading.complete else []
            wrong += ["a finish reason"] if reading.finish else []
            return wrong
        if due.kind == "empty" and self.cell.alone:
            return self._answered("the fault", "stop", "")
        if due.kind in STOPS or self.cell.alone:
            return self._refused(STATUSES[due.kind])
        return self._answered("good", "stop", TEXT)

    def _answered(self, by: str, finish: str, text: str | None) -> list[str]:
        """What is wrong with an answer."""
        got, reading = self.received, self.received.reading
        if got.outcome != "answer":
            return [f"{got.outcome} {got.status}, no answer: {got.body[:200]!r}"]
        wrong = [] if text in (None, reading.text) else [f"text {reading.text[:30]!r}"]
        wrong += [] if reading.finish == finish else [f"finish {reading.finish} not {finish}"]
        if self.cell.cell.stream and not reading.complete:
            wrong.append("no mark of the end")
        # A stream that another model goes on with has begun with the faulty one.
        served = got.headers.get("x-policy-router-model")
        if (served == "good") != (by == "good") and not self.cell.cell.stream:
            wrong.append(f"served by {served} not by {by}")
        return wrong

    def _refused(self, statuses: frozenset[int]) -> list[str]:
        """What is wrong with a refusal."""
        got = self.received
        if got.outcome != "error":
            return [f"{got.outcome} is no error: {got.body[:200]!r}"]
        wrong = [] if got.status in statuses else [f"status {got.status} not {sorted(statuses)}"]
        try:
            error = self.cell.client.error(json.loads(got.body))
        except ValueError:
            error = None
        if error is None:
            wrong.append(f"no error of its dialect: {got.body[:100]!r}")
        if not {"x-should-retry", "retry-after"} & got.headers.keys():
            wrong.append("nothing says whether to try again")
        return wrong

    def __str__(self) -> str:
        return f"{self.cell.name}: {'; '.join(self.wrong)}"


def served_cells(
    ways: Iterable[str] = DIRECT,
    faults: Iterable[str] = FAULTS,
    clients: Iterable[str] = CLIENTS,
) -> list[ServedCell]:
    """The cells of the matrix for these ways, faults and clients."""
    return [
        ServedCell(cell, CLIENTS[client], alone)
        for cell in cells(ways, faults)
        for client in clients
        for alone in (False, True)
    ]


async def run_served(every: Sequence[ServedCell]) -> Report:
    """Plays the cells, some at a time, each time to a new server."""
    report = Report()
    # Where a pause must be too long, nothing else keeps the machine busy.
    quick = [each for each in every if not each.cell.fault.limits]
    slow = [each for each in every if each.cell.fault.limits]
    batches = [
        part[i : i + TOGETHER] for part in (quick, slow) for i in range(0, len(part), TOGETHER)
    ]
    for batch in batches:
        with RawServer() as provider, tempfile.TemporaryDirectory(prefix="faults-") as folder:
            report += await _run(batch, provider, Path(folder, "decisions.jsonl"))
    return report


async def _run(every: Sequence[ServedCell], provider: RawServer, path: Path) -> Report:
    before = asyncio.all_tasks()
    store = MemoryStore(time.time)
    policy = load(text=policy_of([each.cell for each in every], provider))
    metrics, errors = PrometheusMetrics(), _Errors()
    with DecisionLog(path) as log, errors:
        observer = EventSource(metrics, log)
        router = Router(policy, DefaultCaller(), store=store, on_event=observer)
        metrics.follow(router)
        await router.warm()
        app = create_app(router, metrics=metrics, lifespan=closes(router))
        async with _serving(app) as url, aiohttp.ClientSession(url) as session:
            turns = asyncio.Semaphore(UNDER_WAY)

            async def one(index: int, each: ServedCell) -> Received:
                async with turns:
                    return await _ask(session, index, each)

            received = await asyncio.gather(*(one(i, each) for i, each in enumerate(every)))
            async with session.get("/metrics") as answer:
                shown = await answer.text()
    for i, got in enumerate(received):
        got.hits = provider.hits[f"c{i}"]
    await until(lambda: provider.open == 0)
    await until(lambda: not tasks_since(before))
    kept = await asyncio.to_thread(path.read_text) + shown
    return Report(
        [ServedResult(each, got) for each, got in zip(every, received, strict=True)],
        sum(balance.held for balance in await store.balances()),
        len(await store.audit()),
        [*tasks_since(before), *errors.found,
         *(f"{secret} in the log or the metrics" for secret in (KEY, PROMPT) if secret in kept)],
        provider.open,
    )  # fmt: skip


@asynccontextmanager
async def _serving(app: Starlette) -> AsyncIterator[str]:
    """Serves an application in this event loop; yields its address."""
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        server = uvicorn.Server(uvicorn.Config(app, **uvicorn_options(SETTINGS, 5)))
        serving = asyncio.create_task(server.serve([listener]))
        await until(lambda: server.started or serving.done())
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


async def _ask(session: aiohttp.ClientSession, index: int, each: ServedCell) -> Received:
    got, client = Received(), each.client
    body = {**client.ask, "model": f"c{index}" if each.alone else f"a{index}"}
    try:
        asked = {**body, "stream": each.cell.stream}
        async with session.post(client.path, json=asked) as response:
            got.status = response.status
            got.headers = {name.lower(): value for name, value in response.headers.items()}
            got.body = await response.read()
    except aiohttp.ClientError as error:
        got.broken = f"{type(error).__name__}: {error}"
        return got
    if got.status == 200:
        read = client.stream if each.cell.stream else client.whole
        try:
            got.reading = read(got.body)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            got.reading.odd.append(f"{error!r} in {got.body[:200]!r}")
    return got


class _Errors(logging.Handler):
    """Collects what is logged as an error, such as a defect of the server, while its block runs."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append(f"logged: {record.getMessage()[:500]}")

    def __enter__(self) -> None:
        logging.getLogger().addHandler(self)

    def __exit__(self, *_: object) -> None:
        logging.getLogger().removeHandler(self)
