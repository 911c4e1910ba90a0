"""Runs of the whole server: random calls, reloads and faults, and where their text was seen.

Two providers are at addresses of this machine: one that private text may reach, and one that it may
not. A third listener is the webhook. What operators read is searched as well: it has no text of any
request, private or not.
"""

from __future__ import annotations

import asyncio
import logging
import random
import re
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import httpx
import pytest

from policy_router import Router
from policy_router.event_source import EventSource
from policy_router.observe.decision_log import DecisionLog
from policy_router.observe.prometheus import PrometheusMetrics
from policy_router.server.app import closes, create_app
from policy_router.server.identity.key_ring import KeyRing
from policy_router.server.identity.keys import new_entry, store_keys
from policy_router.server.ui.panels import PANELS
from tests.proofs.served.calls import KEYS, MarkedCall, random_call
from tests.proofs.served.listening import MARK, ListeningProvider
from tests.proofs.served.policies import policy_text
from tests.server.serving import served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.events import Observer

ADMIN: Final = {"authorization": "Bearer pr-admin"}
AT_ONCE: Final = 3
"""Calls that are under way at the same time."""


@dataclass
class Places:
    """The addresses that the server calls.

    Attributes:
        near: The provider that private text may reach.
        far: The provider that it may not.
        webhook: Where alerts go.
    """

    near: ListeningProvider
    far: ListeningProvider
    webhook: ListeningProvider


@contextmanager
def places() -> Iterator[Places]:
    """Listen at all addresses, for any number of runs."""
    near = ListeningProvider(("near", "near-claude", "vectors"), 1)
    far = ListeningProvider(("far", "far-claude", "far-responses", "cheap", "vectors", "others"), 2)
    with near, far, ListeningProvider(()) as webhook:
        yield Places(near, far, webhook)


@dataclass
class SeenText:
    """What a run showed.

    Attributes:
        leaks: The private marks that the far provider or the webhook saw.
        told: The marks that were found in what operators read, by its name.
        called: The marks of calls that only count tokens, and reached a model all the same.
        near: How many private marks the near provider saw.
        far: How many other marks the far provider saw.
        statuses: How often the server answered with which status.
        paths: How often a provider was called at which path.
        alerts: How many alerts reached the webhook.
        reloads: How many changed policies were used, and how many refused.
    """

    leaks: set[bytes] = field(default_factory=set)
    told: dict[str, set[bytes]] = field(default_factory=dict)
    called: set[bytes] = field(default_factory=set)
    near: int = 0
    far: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    paths: Counter[bytes] = field(default_factory=Counter)
    alerts: int = 0
    reloads: list[int] = field(default_factory=lambda: [0, 0])

    @property
    def broken(self) -> bool:
        """Whether text is where it must not be."""
        return bool(self.leaks or self.told or self.called)


def run(at: Places, seed: int, calls: int = 60, faults: float = 0.2) -> SeenText:
    """Send random calls to a server whose policy changes meanwhile.

    Args:
        at: The addresses that the server calls.
        seed: Of everything that is drawn.
        calls: How many calls, at most: the run ends at the first leak.
        faults: The share of the calls of providers that fail.
    """
    draw = random.Random(seed)  # noqa: S311  it has to be repeatable
    at.near.faults = at.far.faults = faults
    for each in (at.near, at.far, at.webhook):
        each.received.clear()
    seen, sent = SeenText(), list[MarkedCall]()
    with tempfile.TemporaryDirectory(prefix="clinic-") as name, _logged() as lines:
        folder = Path(name)
        with serving(at, folder) as (client, router):
            while len(sent) < calls and not at.far.marks() & _marks(sent, private=True):
                batch = [random_call(draw, len(sent) + i, seed) for i in range(AT_ONCE)]
                sent += batch
                with ThreadPoolExecutor(AT_ONCE) as threads:
                    seen.statuses.update(threads.map(partial(_send, client), batch))
                if draw.random() < 0.2:
                    seen.reloads[_reload(client, folder, at, draw)] += 1
                    asyncio.run(router.experience.refresh())
            told = _shown(client)
        told |= {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
        told["log"] = "\n".join(lines).encode()
    seen.told = {place: marks for place, text in told.items() if (marks := {*MARK.findall(text)})}
    secret, far, near = _marks(sent, private=True), at.far.marks(), at.near.marks()
    seen.leaks = (far | at.webhook.marks()) & secret
    seen.near, seen.far = len(near & secret), len(far - secret)
    seen.called = (near | far) & {call.mark.encode() for call in sent if call.counts}
    for place in (at.near, at.far):
        seen.paths.update(bytes(text.partition(b"?")[0]) for text in place.received)
    seen.alerts = len(at.webhook.received)
    return seen


def _marks(sent: list[MarkedCall], *, private: bool) -> set[bytes]:
    return {call.mark.encode() for call in sent if call.private is private}


@contextmanager
def serving(
    at: Places, folder: Path, *observers: Observer
) -> Iterator[tuple[httpx.Client, Router]]:
    """A server with everything that writes or shows what happens.

    Args:
        at: The addresses that it calls.
        folder: Where its files are, with the policy in `policy.yaml`.
        observers: Get its events as well.
    """
    file = folder / "policy.yaml"
    file.write_text(policy_text(at.near.root, at.far.root))
    entries = [new_entry(name, f"pr-{name}", fields) for name, fields in KEYS.items()]
    store_keys(folder / "keys.json", entries)
    metrics = PrometheusMetrics()
    with (
        pytest.MonkeyPatch.context() as patch,
        DecisionLog(folder / "decisions.jsonl") as log,
    ):
        patch.setenv("ALERTS_OF_THE_CLINIC", at.webhook.url)
        router = Router.open(
            file,
            watch="off",
            settle=0.001,
            settle_loss=0.0,
            on_event=EventSource(metrics, log, *observers),
            journal=f"sqlite:///{folder}/journal.db",
        )
        metrics.follow(router)
        app = create_app(
            router,
            identify=KeyRing(folder / "keys.json"),
            metrics=metrics,
            lifespan=closes(router),
        )
        with router, served(app) as address, httpx.Client(base_url=address, timeout=60) as client:
            yield client, router


def _send(client: httpx.Client, call: MarkedCall) -> int:
    """Send a call and read the whole answer; a stream may break in its middle."""
    answer = client.post(call.path, json=call.body, headers=list(call.headers))
    assert answer.status_code != 500, answer.text
    return answer.status_code


def _reload(client: httpx.Client, folder: Path, at: Places, draw: random.Random) -> bool:
    """Change the policy, and return whether the change is refused."""
    broken = draw.random() < 0.3
    order = draw.choice(("fastest", "cheapest", "quality"))
    text = policy_text(at.near.root, at.far.root, order=order, broken=broken)
    (folder / "policy.yaml").write_text(text)
    answer = client.post("/-/reload", headers=ADMIN)
    return answer.status_code == 422


def _shown(client: httpx.Client) -> dict[str, bytes]:
    """What operators are shown."""
    paths = ["/metrics", "/v1/report", "/v1/models", "/ui", "/ui/policy"]
    paths += [f"/ui/{kind.id}" for kind in PANELS]
    shown = {path: client.get(path, headers=ADMIN).content for path in paths}
    for decision in re.findall(rb"/ui/decisions/(\w+)", shown["/ui/live"])[:20]:
        path = f"/ui/decisions/{decision.decode()}"
        shown[path] = client.get(path, headers=ADMIN).content
    return shown


@contextmanager
def _logged() -> Iterator[list[str]]:
    """The lines that this process logs meanwhile."""
    lines: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    root, kept = logging.getLogger(), Kept()
    root.addHandler(kept)
    try:
        yield lines
    finally:
        root.removeHandler(kept)
