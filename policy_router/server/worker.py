"""The application of one server process, which each of them makes for itself."""

from __future__ import annotations

import asyncio
import logging
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from policy_router.events import EventSource
from policy_router.observe.decision_log import DecisionLog
from policy_router.observe.prometheus import PrometheusMetrics
from policy_router.observe.tracing_setup import tracing
from policy_router.router import Router
from policy_router.server.access import local_user
from policy_router.server.app import closes, create_app
from policy_router.server.key_ring import KeyRing

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
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("policy_router").setLevel(logging.INFO)
    identify = local_user if plan.keys is None else KeyRing(Path(plan.keys))
    metrics = PrometheusMetrics()
    with ExitStack() as ends:
        observers: list[Observer] = [metrics]
        if plan.decision_log is not None:
            observers.append(ends.enter_context(DecisionLog(plan.decision_log)))
        if plan.traces:
            observers.append(ends.enter_context(tracing()))
        router = Router.open(
            plan.policy,
            state=plan.state,
            instances=plan.workers,
            functions=plan.functions,
            warm=True,
            on_event=EventSource(*observers),
            journal=plan.journal,
        )
        ends.callback(router.close)
        metrics.follow(router)
        lifespan = _closes_all(router, ends.pop_all())
    return create_app(
        router, identify=identify, metrics=metrics, readiness=readiness, lifespan=lifespan
    )


def _closes_all(router: Router, ends: ExitStack) -> Lifespan[Starlette]:
    """Return a lifespan that closes the router at the end, and then what observes it."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        try:
            async with closes(router)(app):
                yield
        finally:
            await asyncio.to_thread(ends.close)

    return lifespan
