"""The `audit` command: whether the counters agree with the ledger."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from policy_router.cli.exit_codes import ExitCode
from policy_router.cli.options.policy import Where
from policy_router.cli.options.store import (
    State,
    StoreLocation,
    find_place,
    lost_data,
    opened,
    warn_of_clock,
)
from policy_router.cli.output import fail, progress, show, show_json
from policy_router.errors import StoreError
from policy_router.views import audit as view

if TYPE_CHECKING:
    from policy_router.ledger.continuity import Loss
    from policy_router.ledger.reader import Difference


def audit(
    *,
    policy: Where = None,
    state: State = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Verify counters against the ledger.

    \b
    policy-router audit
    policy-router audit --state sqlite:////var/lib/router.db --json

    Checks every counter of a calendar period: the amount spent against the rows of the ledger, and
    the amount reserved against the attempts in flight. Exit code 0: all agree, 1: a counter differs
    or data was lost, 2: the counters cannot be read.
    """
    location = find_place(state, policy)
    try:
        counters, differences, loss = asyncio.run(_audit(location))
    except StoreError as error:
        fail(str(error))
    if json:
        show_json(view.as_json(str(location), counters, differences, loss))
    else:
        show(view.as_lines(counters, differences, loss))
    if differences or loss is not None:
        raise typer.Exit(ExitCode.FINDINGS)


async def _audit(location: StoreLocation) -> "tuple[int, tuple[Difference, ...], Loss | None]":
    async with opened(location) as store:
        await warn_of_clock(store)
        with progress("adding up the ledger ..."):
            return len(await store.balances()), await store.audit(), await lost_data(store)
