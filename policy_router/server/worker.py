"""The application of one server process."""

from __future__ import annotations

import asyncio
import os
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from policy_router.discovery.cache import cache_file
from policy_router.discovery.watch import OfferWatch
from policy_router.event_source import EventSource
from policy_router.observe.alert_claims import AlertClaims
from policy_router.observe.decision_log import DecisionLog
from policy_router.observe.prometheus import PrometheusMetrics
from policy_router.observe.router_events import RouterEvents
from policy_router.observe.tracing_setup import tracing
from policy_router.router.router import Router
from policy_router.server.app import closes, create_app
from policy_router.server.hangup import reloading
from policy_router.server.identity.access import local_user
from policy_router.server.identity.key_ring import KeyRing
from policy_router.server.ui.peer_answers import PeerAnswers
from policy_router.server.ui.peers import Peers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.applications import Starlette
    from starlette.types import Lifespan

    from policy_router.events import Observer
    from policy_router.server.plan import ServePlan
    from policy_router.server.readiness import Readiness


def application_of(plan: ServePlan, readiness: Readiness) -> Starlette:
    """Return the application of a plan: its router is closed when the server stops.

    Args:
        plan: What is served.
        readiness: Whether the server can answer now.

    Raises:
        PolicyError: The policy has an error.
        StoreError: The counters or the journal cannot be opened.
        UsageError: The keys or the decision log cannot be used, or a package is missing.
    """
    identify = local_user if plan.keys is None else KeyRing(Path(plan.keys))
    metrics = PrometheusMetrics()
    with ExitStack() as ends:
        observers: list[Observer] = [metrics]
        if plan.decision_log is not None:
            observers.append(ends.enter_context(DecisionLog(plan.decision_log)))
        if plan.traces:
            observers.append(ends.enter_context(tracing()))
        together = None if plan.peers is None else Path(plan.peers)
        own = EventSource(*observers)
        events = (
            RouterEvents(own)
            if together is None
            else RouterEvents(own, claim=AlertClaims(together).claim)
        )
        router = Router.open(
            plan.policy,
            state=plan.state,
            instances=plan.workers,
            functions=plan.functions,
            warm=True,
            on_event=events,
            journal=plan.journal,
        )
        ends.callback(router.close)
        metrics.follow(router)
        offers = OfferWatch(
            lambda: router.policy,
            cache_file(os.environ),
            str(Path(plan.policy).resolve()),
            events.offer_changed,
            events.source_changed,
        )
        ends.callback(offers.close)
        peers = None if together is None else Peers(together)
        lifespan = _closes_all(router, ends.pop_all(), offers if plan.leads else None, peers)
    return create_app(
        router,
        identify=identify,
        metrics=metrics,
        readiness=readiness,
        lifespan=lifespan,
        offers=offers,
        peers=peers,
    )


def _closes_all(
    router: Router, ends: ExitStack, offers: OfferWatch | None, peers: Peers | None
) -> Lifespan[Starlette]:
    """Return a lifespan that closes the router at the end, and then what observes it.

    Args:
        router: The router.
        ends: What else is closed.
        offers: Begins when the router is ready.
        peers: Begin when the router is ready, too.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        try:
            async with closes(router)(app):
                if offers is not None:
                    offers.begin()
                if peers is not None:
                    await peers.begin(PeerAnswers(router, app.state.board))
                with reloading(router.reload):
                    yield
        finally:
            if peers is not None:
                peers.close()
            await asyncio.to_thread(ends.close)

    return lifespan
