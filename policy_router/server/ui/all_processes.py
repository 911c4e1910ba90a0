"""The view over all processes of a server, which ask each other."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from policy_router.events import PolicyReloaded
from policy_router.observe.pulse import PulseStep
from policy_router.router.explanation import explain
from policy_router.server.ui.board import LiveRows
from policy_router.server.ui.merged_workers import (
    MergedHealth,
    WorkerChanges,
    health_of_json,
    health_to_json,
)
from policy_router.views.html.decisions import decision_detail, live_rows
from policy_router.views.html.markup import Markup, join
from policy_router.views.html.pulse import pulse
from policy_router.views.html.reloads import WorkerReload

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from policy_router.observe.moved_requests import MovedRequests
    from policy_router.observe.recent import EndedRequest
    from policy_router.server.ui.panel_call import PanelCall

NOW: Final = -1
"""In place of the number of a request: that of the latest one."""
ROWS, PULSE, DETAIL, CHANGES, HEALTH = "rows", "pulse", "detail", "changes", "health"
"""What processes ask one another for."""


@dataclass(frozen=True, slots=True)
class NewestRows:
    """The requests after some numbers, of every process.

    Attributes:
        rows: A row for each that is shown, the newest first.
        more: How many more there are.
        own: The number of the last request of this process.
        last: The same of each other process, by its name.
    """

    rows: Markup
    more: int
    own: int
    last: Mapping[str, int]


async def newest(wanted: PanelCall, own: int, last: Mapping[str, int], most: int) -> NewestRows:
    """Return the requests after some numbers.

    Args:
        wanted: Which requests are shown, and how.
        own: The number of the last request of this process that is known; 0 for none.
        last: The same of each other process; one that is not named begins now.
        most: How many are shown at most.
    """
    here = rows_here(wanted, own, most)
    if wanted.board.peers is None:
        return NewestRows(_joined(here.rows), here.more, here.last, last)

    def question(name: str) -> Mapping[str, Any]:
        return _question(wanted, ROWS) | {"after": last.get(name, NOW), "most": most}

    answers = await _ask(wanted, question)
    shown = [*here.rows, *(row for each in answers.values() for row in _rows(each))]
    shown.sort(key=lambda row: -row[0])
    more = here.more + sum(int(each["more"]) for each in answers.values())
    known = {name: int(each["last"]) for name, each in answers.items()}
    more += max(0, len(shown) - most)
    return NewestRows(_joined(shown[:most]), more, here.last, {**last, **known})


async def latest(wanted: PanelCall, most: int) -> Markup:
    """Return rows of the latest requests of every process.

    Args:
        wanted: Which requests are shown, and how.
        most: How many.
    """
    shown = [*rows_here(wanted, 0, most).rows]
    if wanted.board.peers is not None:
        question = _question(wanted, ROWS) | {"after": 0, "most": most}
        answers = await _ask(wanted, lambda _: question)
        shown += [row for each in answers.values() for row in _rows(each)]
        shown.sort(key=lambda row: -row[0])
    return _joined(shown[:most])


def rows_here(wanted: PanelCall, after: int, most: int) -> LiveRows:
    """Return the requests of this process after a number, made once for all who want the same.

    Args:
        wanted: Which requests are shown, and how.
        after: That number; `NOW` for that of the latest one.
        most: How many are shown at most.
    """
    recent = wanted.board.recent
    if after == NOW:
        return LiveRows(recent.last, (), 0)

    def make() -> LiveRows:
        newer = recent.newer(after, wanted.shown, most)
        rows = ((each.event.time, live_rows([each], wanted.view)) for each in newer.requests)
        return LiveRows(newer.last, tuple(rows), newer.more)

    return wanted.board.rows((after, most, wanted.shown, wanted.view), make)


async def pulse_now(wanted: PanelCall) -> Markup:
    """Return the numbers of the last hour."""
    now = time.time()
    steps = wanted.board.recent.pulse.steps(now)
    if wanted.board.peers is not None:
        question = _question(wanted, PULSE) | {"now": now}
        for answer in (await _ask(wanted, lambda _: question)).values():
            for place, step in answer.items():
                steps[int(place)].add(PulseStep(**step))
    return pulse(steps, (await health_now(wanted)).models)


def pulse_here(wanted: PanelCall, now: float) -> Mapping[str, object]:
    """Return the sums of this process that are not empty, by their places in the last hour."""
    steps = wanted.board.recent.pulse.steps(now)
    return {str(place): asdict(step) for place, step in enumerate(steps) if step.requests}


async def health_now(wanted: PanelCall) -> MergedHealth:
    """Return the health of models as all processes know it."""
    answers = await _ask(wanted, lambda _: _question(wanted, HEALTH))
    others = [health_of_json(each["health"]) for each in answers.values()]
    return MergedHealth.of([wanted.router.health(), *others])


def health_here(wanted: PanelCall) -> Mapping[str, object]:
    """Return the health of models as this process knows it."""
    return {"health": health_to_json(wanted.router.health())}


async def changes_now(wanted: PanelCall) -> list[WorkerChanges]:
    """Return what each process knows about reloads and changes, this process first."""
    answers = await _ask(wanted, lambda _: _question(wanted, CHANGES))
    return [await changes_here(wanted), *map(WorkerChanges.of_json, answers.values())]


async def changes_here(wanted: PanelCall) -> WorkerChanges:
    """Return what this process knows about reloads and changes."""
    changes = wanted.board.recent.changes()
    pairs = [
        (each.previous, each.revision)
        for each in changes
        if isinstance(each, PolicyReloaded) and each.revision is not None
    ]

    def decide_again() -> dict[tuple[str, str], MovedRequests]:
        results = {pair: wanted.board.moved(*pair) for pair in pairs}
        return {pair: moved for pair, moved in results.items() if moved is not None}

    moved = await asyncio.to_thread(decide_again) if pairs else {}
    return WorkerChanges(WorkerReload.of(wanted.router.status()), changes, moved)


async def detail(wanted: PanelCall, decision: str) -> Markup | None:
    """Return everything about a request; None where no process keeps it.

    Args:
        wanted: How it is shown.
        decision: The id of its decision.
    """
    here = await detail_here(wanted, decision)
    if here is not None or wanted.board.peers is None:
        return here
    question = _question(wanted, DETAIL) | {"decision": decision}
    answers = (await _ask(wanted, lambda _: question)).values()
    return next((Markup(each["html"]) for each in answers if each["html"] is not None), None)


async def detail_here(wanted: PanelCall, decision: str) -> Markup | None:
    """Return the same where this process keeps it."""
    ended = wanted.board.recent.find(decision)
    return None if ended is None else await asyncio.to_thread(_detail, ended, wanted)


def _detail(ended: EndedRequest, wanted: PanelCall) -> Markup:
    decision = ended.decision
    policy = wanted.board.recent.policy_of(decision.revision)
    explanation = None
    if policy is not None and decision.snapshot is not None and not decision.invalid:
        explanation = explain(policy, decision, decision.snapshot)
    return decision_detail(ended, explanation, wanted.view)


def _question(wanted: PanelCall, kind: str) -> dict[str, Any]:
    return {"kind": kind, "base": wanted.base, "query": dict(wanted.query)}


async def _ask(
    wanted: PanelCall, question: Callable[[str], Mapping[str, Any]]
) -> Mapping[str, Mapping[str, Any]]:
    peers = wanted.board.peers
    return {} if peers is None else await peers.ask(question)


def _rows(answer: Mapping[str, Any]) -> list[tuple[float, str]]:
    return [(float(at), str(row)) for at, row in answer["rows"]]


def _joined(rows: list[tuple[float, str]] | tuple[tuple[float, str], ...]) -> Markup:
    return join(Markup(row) for _, row in rows)
