"""The panels of the page: what each is called, and how it is made."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, TypeAlias

from policy_router.domain.learning import LearningMode
from policy_router.domain.outcome import RequestEnding
from policy_router.errors import StoreError
from policy_router.experience.performance import Performance
from policy_router.journal.query import OutcomeFilter
from policy_router.observe.recent import CHANGES_KEPT
from policy_router.reports.sessions import recent_sessions
from policy_router.server.ui.all_processes import changes_now, health_now, latest
from policy_router.server.ui.merged_workers import merged_changes, merged_moves
from policy_router.server.ui.trial import trial_form
from policy_router.views.html.budgets import budgets
from policy_router.views.html.decisions import live_filter, live_table
from policy_router.views.html.experiments import experiments
from policy_router.views.html.failures import failures
from policy_router.views.html.figures import note
from policy_router.views.html.markup import element, join, prose
from policy_router.views.html.models import models_table
from policy_router.views.html.offers import offers
from policy_router.views.html.promises import promises
from policy_router.views.html.reloads import ReloadView, reloads
from policy_router.views.html.rules import RuleDays, day_of, rules_by_days, without_journal
from policy_router.views.html.sessions import sessions
from policy_router.views.html.spend import spend

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from policy_router.discovery.watch import Offers
    from policy_router.reports.report import Figures, TrafficReport
    from policy_router.server.ui.panel_call import PanelCall
    from policy_router.views.html.markup import Markup

DAYS: Final = 30
"""Days of rules that are shown."""
_DAY: Final = 86_400
_REPORT: Final = 20.0
"""Seconds for which a report is shown before it is read again."""
_OFFERS: Final = 60.0
"""Seconds for which what sources offer is shown before it is read again."""
_BRIEF: Final = 12
"""Budgets that are shown where there is little room."""
_FEW: Final = 12
"""Requests that a page begins with where there is little room."""
_SHOWN: Final = 30
"""Requests that a page begins with."""


MakePanel: TypeAlias = "Callable[[PanelCall], Awaitable[Markup]]"
"""Makes the content of a panel."""


@dataclass(frozen=True, slots=True)
class PanelKind:
    """One row of the table of panels.

    Attributes:
        id: Its name in addresses.
        short: Its name in the navigation.
        title: Its heading.
        lead: What it answers.
        make: Makes its content.
        every: Seconds after which a page fetches it again; 0 for never.
        wide: Whether it takes the whole width of a page.
        later: Whether it takes long to make, so that a page of all panels fetches it afterwards.
    """

    id: str
    short: str
    title: str
    lead: str
    make: MakePanel
    every: float = 15.0
    wide: bool = False
    later: bool = False


async def _live(call: PanelCall) -> Markup:
    policy, shown = call.router.policy, call.shown
    rows = await latest(call, _FEW if call.brief else _SHOWN)
    known = {
        "task": [task.name for task in policy.tasks],
        "model": [model.name for model in policy.models],
        "rule": [rule.name for rule in policy.rules],
        "ending": ["trouble", *(ending.value for ending in RequestEnding)],
    }
    form = live_filter(shown, known, f"{call.base}/live")
    return join([form, live_table(rows)])


async def _rules(call: PanelCall) -> Markup:
    journal = call.router.journal
    if journal is None:
        return without_journal()
    now = time.time()
    first = int(now // _DAY) - DAYS + 1

    def count() -> dict[tuple[str, int], int]:
        with journal.reader() as reader:
            where = OutcomeFilter(since=first * _DAY)
            sums = reader.sums(["rule", "day"], where, durations=False)
        return {(str(s.by[0]), int(s.by[1] or 0) - first): s.requests for s in sums}

    counted = RuleDays(day_of(first), DAYS, await asyncio.to_thread(count))
    only_never = call.query.get("show") == "never"
    drawn = rules_by_days(
        call.router.policy, counted, call.base, brief=call.brief, only_never=only_never
    )
    if call.brief:
        return drawn
    other = ("all rules", "") if only_never else ("only those that never applied", "?show=never")
    link = element("a", other[0], href=f"{call.base}/rules{other[1]}", class_="button")
    return join([link, drawn])


async def _promises(call: PanelCall) -> Markup:
    known = await call.board.promises.read(call.router.active)
    return promises(call.router.active.policy, known, time.time(), call.base)


async def _budgets(call: PanelCall) -> Markup:
    found = await call.router.aforecasts()
    return budgets(
        found[:_BRIEF] if call.brief else found, time.time(), call.router.policy.timezone
    )


async def _failures(call: PanelCall) -> Markup:
    report = await _report(call)
    return without_journal() if report is None else failures(report)


async def _spend(call: PanelCall) -> Markup:
    report = await _report(call)
    if report is None:
        return without_journal()
    zone = call.router.policy.timezone
    days = [datetime.fromisoformat(group.key or "").replace(tzinfo=zone) for group in report.groups]
    return spend(report, [day.timestamp() for day in days])


async def _report(call: PanelCall) -> TrafficReport | None:
    """Return the report of a month, read once for all panels; None without a journal."""
    router = call.router
    if router.journal is None:
        return None
    name = f"report {router.policy.revision}"
    return await call.board.made(name, _REPORT, lambda: router.areport(since=f"{DAYS}d", by="day"))


async def _models(call: PanelCall) -> Markup:
    router = call.router
    policy = router.policy
    measured, source = await _measured(call)
    health = await health_now(call)
    shown = models_table(
        policy,
        health.models,
        measured,
        time.time(),
        seen_by=health.seen_by,
        workers=health.workers,
        brief=call.brief,
    )
    offered = await _offers(call)
    if call.brief:
        return join([shown, offered])
    return join([shown, note(prose(source)), offered])


async def _measured(call: PanelCall) -> tuple[dict[str, Performance], str]:
    """Return how each model did, and where that is from.

    Without learning no outcomes are counted, but the journal has the calls.
    """
    router = call.router
    policy = router.policy
    if policy.learning.mode is not LearningMode.OFF:
        measured = {each.name: router.experience.performance(each.name) for each in policy.models}
        return measured, "Measured by all processes that share the store, of 92 days."
    off = "The policy's `learning` is off, so success and quality are not measured."
    if router.journal is None:
        return {}, off
    report = await call.board.made(
        f"models {policy.revision}",
        _REPORT,
        lambda: router.areport(since=f"{DAYS}d", by="model"),
    )
    groups = {group.key: group for group in report.groups}
    measured = {each.name: _in_journal(each.name, groups.get(each.name)) for each in policy.models}
    return measured, f"Calls of {DAYS} days, from the journal. {off}"


def _in_journal(model: str, figures: Figures | None) -> Performance:
    if figures is None:
        return Performance(model)
    return Performance(
        model,
        calls=figures.calls,
        answered=figures.calls - figures.failed_calls,
        latency_p50=figures.latency.p50,
        latency_p95=figures.latency.p95,
        cost_nano_usd=figures.cost / figures.calls if figures.calls else None,
    )


async def _offers(call: PanelCall) -> Markup:
    """Return what sources offer, compared once for all who look."""
    watch, policy = call.board.offers, call.router.policy

    async def read() -> Offers | None:
        return None if watch is None else await asyncio.to_thread(watch.offers)

    latest = 0 if watch is None else watch.age
    found = await call.board.made(f"offers {policy.revision} {latest}", _OFFERS, read)
    return offers(found, time.time(), policy.timezone, brief=call.brief)


async def _sessions(call: PanelCall) -> Markup:
    journal = call.router.journal
    if journal is None:
        return without_journal()

    def read() -> Markup:
        with journal.reader() as reader:
            found = recent_sessions(reader, time.time() - _DAY, most=8 if call.brief else 40)
        return sessions(found, call.router.policy.tiers)

    return await asyncio.to_thread(read)


async def _experiments(call: PanelCall) -> Markup:
    return experiments(await call.router.experiments())


async def _reloads(call: PanelCall) -> Markup:
    workers = await changes_now(call)
    known = {policy.revision: policy for policy in call.board.recent.policies()}
    view = ReloadView(
        call.router.active,
        call.router.status().backend,
        tuple(each.reload for each in workers),
        merged_changes([each.changes for each in workers], 8 if call.brief else CHANGES_KEPT),
        known,
        merged_moves([each.moved for each in workers]),
        time.time(),
    )
    return reloads(view)


async def _try(call: PanelCall) -> Markup:
    return trial_form(call.router.policy, call.base, {})


PANELS: Final[tuple[PanelKind, ...]] = (
    PanelKind("live", "live", "Live decisions", "why this model, and why not the others",
              _live, every=0, wide=True),
    PanelKind("rules", "rules", "Rules by days", "which fires how often, and which never",
              _rules, every=60, wide=True, later=True),
    PanelKind("promises", "promises", "Promises", "what is proved of the active revision",
              _promises, every=30, wide=True, later=True),
    PanelKind("budgets", "budgets", "Budgets and quotas", "spent, reserved, and when it is used up",
              _budgets, every=5, wide=True),
    PanelKind("failures", "failures", "Failures", "where requests went, in the last 30 days",
              _failures, every=60, later=True),
    PanelKind("spend", "spend", "Spend", "how much was free, and what was saved, in 30 days",
              _spend, every=60, later=True),
    PanelKind("models", "models", "Models", "health; measured and declared values",
              _models, every=5, wide=True),
    PanelKind("sessions", "sessions", "Sessions", "model switches, and what the cache lost",
              _sessions, every=30, wide=True, later=True),
    PanelKind("experiments", "experiments", "Experiments", "arms against the control",
              _experiments, every=30),
    PanelKind("reloads", "reloads", "Reloads", "what changed, accepted or refused and why",
              _reloads, every=10),
    PanelKind("try", "try", "Try a request", "see the decision; nothing is sent",
              _try, every=0),
)  # fmt: skip
"""Every panel, in order of worth."""
BY_ID: Final[Mapping[str, PanelKind]] = {kind.id: kind for kind in PANELS}


async def make_panel(kind: PanelKind, call: PanelCall) -> Markup:
    """Return the content of a panel; what cannot be read is said in its place.

    Args:
        kind: The panel.
        call: What is wanted of it.
    """
    try:
        if not kind.later:
            return await kind.make(call)
        query = "&".join(f"{name}={value}" for name, value in sorted(call.query.items()))
        name = f"{kind.id} {call.brief} {call.base} {call.router.policy.revision} {query}"
        return await call.board.made(name, kind.every / 2, lambda: kind.make(call))
    except StoreError as error:
        return element("p", str(error), class_="empty")
