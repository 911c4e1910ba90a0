"""The `usage` command: what is used of limits and budgets, and by models."""

import asyncio
import time
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from policy_router.cli.output import fail, inform, show, show_json
from policy_router.cli.policy import Where, choose, open_policy
from policy_router.cli.store_option import (
    VARIABLE,
    State,
    StoreLocation,
    location_of,
    lost_data,
    opened,
    warn_of_clock,
)
from policy_router.diagnostics import printable
from policy_router.errors import StoreError
from policy_router.views import usage as view
from policy_router.views.lines import Block, help_line

if TYPE_CHECKING:
    from policy_router.decision.policy import Policy
    from policy_router.reports.usage import UsageReport


def usage(
    *,
    policy: Where = None,
    state: State = None,
    everyone: Annotated[
        bool,
        typer.Option(
            "--all",
            help=f"List all users, tenants, teams and keys, not only the {view.LISTED} largest.",
        ),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show usage of limits, budgets and models.

    \b
    policy-router usage
    policy-router usage --all --state redis://localhost:6379

    Days and months are in the policy's time zone. Exit code 2: the counters cannot be read.
    """
    path = choose(policy)
    opened_policy = open_policy(path)
    location = location_of(state, opened_policy.name, path)
    try:
        report = asyncio.run(_read(opened_policy, location))
    except StoreError as error:
        fail(str(error))
    shown = view.UsageView(report, opened_policy, str(location), all=everyone)
    if json:
        show_json(view.as_json(shown))
        return
    if opened_policy.limits and not (report.month.models or any(s.used for s in report.counters)):
        inform(*_nothing_counted(location))
    show(view.as_lines(shown))


async def _read(policy: "Policy", location: StoreLocation) -> "UsageReport":
    from policy_router.reports.usage import usage as read_usage  # noqa: PLC0415  not for --help

    async with opened(location) as store:
        await warn_of_clock(store)
        lost = await lost_data(store)
        if lost is not None:
            text = f": the ledger lost data: {lost.text}; run `policy-router doctor`"
            inform([("warning", "bold yellow"), (text, "")])
        return await read_usage(policy, store, time.time())


def _nothing_counted(location: StoreLocation) -> list[Block]:
    """Return which store is empty, and how to count in the same store as an application."""
    file = None if location.file is None else location.file.absolute()
    reason = f"there is no {file}" if location.missing else f"{location} is empty"
    url = str(location) if file is None else f"sqlite:///{quote(str(file))}"
    return [
        f"nothing was counted yet: {printable(reason)}",
        help_line(
            "an application counts in its own memory unless it opens the same store, "
            f'`Router.open(..., state="{printable(url)}")`; '
            f"name its store with --state or ${VARIABLE}"
        ),
    ]
