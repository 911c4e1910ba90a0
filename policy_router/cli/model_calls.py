"""Calls of models that a command makes to find out whether they answer."""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING

import typer

from policy_router.base_errors import UsageError
from policy_router.cli.exit_codes import ExitCode
from policy_router.cli.options.policy import open_policy
from policy_router.cli.options.store import StoreLocation, location_of, reached
from policy_router.cli.output import fail, progress, show, show_json
from policy_router.diagnostics import printable
from policy_router.views import probes as view

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from policy_router.decision.policy import Policy
    from policy_router.execution.prober import ProbeOutcome


def probe(path: Path, names: Sequence[str], state: str | None, *, json: bool) -> None:
    """Call models for a token each, and show how each answered.

    Args:
        path: The policy.
        names: The models; none means all.
        state: The state store, as the option names it.
        json: Whether to print JSON.
    """
    policy = open_policy(path)
    outcomes = probed(policy, names, where_counted(policy, path, state))
    if json:
        show_json(view.as_json(outcomes))
    else:
        show(view.as_lines(outcomes))
    if any(each.call is not None and each.call.failure is not None for each in outcomes):
        raise typer.Exit(ExitCode.FAILED)


def probed(
    policy: Policy, names: Sequence[str], location: StoreLocation
) -> tuple[ProbeOutcome, ...]:
    """Return how models answered, in the order of the policy; end the command if one is unknown."""
    number = len(names) or len(policy.models)
    with progress("calling the models", number) as advance:

        async def run() -> list[ProbeOutcome]:
            from policy_router.ledger.degraded import DegradableStore  # noqa: PLC0415  not for --help
            from policy_router.providers.default_caller import DefaultCaller  # noqa: PLC0415  as above
            from policy_router.router.router import Router  # noqa: PLC0415  as above

            outcomes = []
            async with reached(location, create=True) as store:
                guarded = DegradableStore(store, clock=time.time)
                async with Router(policy, DefaultCaller(), store=guarded) as router:
                    async for outcome in router.probe(names):
                        outcomes.append(outcome)
                        advance()
            return outcomes

        try:
            outcomes = asyncio.run(run())
        except UsageError as error:
            fail(printable(str(error)))
    return tuple(sorted(outcomes, key=lambda each: policy.position(each.model.name)))


def where_counted(policy: Policy, path: Path, state: str | None) -> StoreLocation:
    """Where the calls are counted: nowhere that lasts if the policy counts nothing."""
    named = state or os.environ.get("POLICY_ROUTER_STATE")
    if policy.limits or named:
        return location_of(state, policy.name, path)
    return StoreLocation("memory://")
