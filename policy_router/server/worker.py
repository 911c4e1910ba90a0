"""The application of one server process, which uvicorn makes in each of them."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from policy_router.observe.prometheus import PrometheusMetrics
from policy_router.observe.router_events import ignore
from policy_router.router import Router
from policy_router.server.access import local_user
from policy_router.server.app import closes, create_app
from policy_router.server.key_ring import KeyRing
from policy_router.server.plan import ServePlan

if TYPE_CHECKING:
    from starlette.applications import Starlette

VARIABLE: Final = "POLICY_ROUTER_SERVE"
"""The environment variable with the plan of a server of several processes."""


def application() -> Starlette:
    """Return the application of the plan in the environment."""
    return application_of(ServePlan.from_text(os.environ[VARIABLE]))


def application_of(plan: ServePlan) -> Starlette:
    """Return the application of a plan: its router is closed when the server stops.

    Raises:
        PolicyError: The policy has an error.
        StoreError: The counters cannot be opened.
        UsageError: The keys cannot be used.
    """
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("policy_router").setLevel(logging.INFO)
    identify = local_user if plan.keys is None else KeyRing(Path(plan.keys))
    # Each process counts for itself, and a scrape reaches any of them: one process alone has all.
    metrics = PrometheusMetrics() if plan.workers == 1 else None
    router = Router.open(
        plan.policy,
        state=plan.state,
        instances=plan.workers,
        functions=plan.functions,
        warm=True,
        on_event=ignore if metrics is None else metrics,
    )
    if metrics is not None:
        metrics.follow(router)
    return create_app(router, identify=identify, metrics=metrics, lifespan=closes(router))
