"""The `usage` command: what is used of limits and budgets, and by models."""

import asyncio
import sys
import time
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import quote

import typer

from policy_router.cli.options.policy import Where, choose, open_policy
from policy_router.cli.options.store import (
    VARIABLE,
    State,
    StoreLocation,
    location_of,
    lost_data,
    opened,
    warn_of_clock,
)
from policy_router.cli.options.values import wrong
from policy_router.cli.output import fail, inform, show, show_json, write
from policy_router.diagnostics import printable
from policy_router.errors import StoreError
from policy_router.views import usage as view
from policy_router.views.lines import Block, help_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from policy_router.decision.policy import Policy
    from policy_router.reports.usage import UsageReport


EVERY: Final = 2.0
"""Seconds between two refreshes with `--watch`."""


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
    watch: Annotated[
        bool,
        typer.Option("--watch", help=f"Refresh every {EVERY:g} s, until Ctrl-C."),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show usage of limits, budgets and models.

    \b
    policy-router usage
    policy-router usage --all --state redis://localhost:6379
    policy-router usage --watch

    Days and months are in the policy's time zone. Exit code 2: the counters cannot be read.
    """
    if watch and json:
        raise wrong("--watch", "it shows tables and cannot be combined with --json")
    path = choose(policy)
    opened_policy = open_policy(path)
    location = location_of(state, opened_policy.name, path)

    def look() -> view.UsageView:
        try:
            report = asyncio.run(_read(opened_policy, location))
        except StoreError as error:
            fail(str(error))
        return view.UsageView(report, opened_policy, str(location), all=everyone)

    shown = look()
    report = shown.report
    if json:
        show_json(view.as_json(shown))
        return
    if opened_policy.limits and not (report.month.models or any(s.used for s in report.counters)):
        inform(*_nothing_counted(location, report.now))
    show(view.as_lines(shown))
    if watch:
        _watch(look)


def _watch(look: "Callable[[], view.UsageView]") -> None:
    """Show usage again until the user stops it, in place of what was shown where that is possible.

    A pipe gets one after the other.
    """
    try:
        while True:
            time.sleep(EVERY)
            shown = look()
            if sys.stdout.isatty():
                write(_CLEAR, sys.stdout)
            else:
                write("\n", sys.stdout)
            show(view.as_lines(shown))
    except KeyboardInterrupt:
        return


_CLEAR: Final = "\x1b[H\x1b[2J"
"""Clears a terminal and goes to its first line."""


async def _read(policy: "Policy", location: StoreLocation) -> "UsageReport":
    from policy_router.reports.usage import usage as read_usage  # noqa: PLC0415  not for --help

    async with opened(location) as store:
        await warn_of_clock(store)
        lost = await lost_data(store)
        if lost is not None:
            text = f": the ledger lost data: {lost.text}; run `policy-router doctor`"
            inform([("warning", "bold yellow"), (text, "")])
        return await read_usage(policy, store, time.time())


def _nothing_counted(location: StoreLocation, now: float) -> list[Block]:
    """Return which store is empty, and how to count in the same store as an application."""
    file = None if location.file is None else location.file.absolute()
    reason = f"there is no {file}" if location.missing else f"{location} is empty"
    url = str(location) if file is None else f"sqlite:///{quote(str(file))}"
    return [
        f"nothing was counted yet: {printable(reason)}",
        *_of_the_journal(location, now),
        help_line(
            "an application keeps its counters in memory unless it opens the same store, "
            f'`Router.open(..., state="{printable(url)}")`; '
            f"name its store with --state or ${VARIABLE}"
        ),
    ]


def _of_the_journal(location: StoreLocation, now: float) -> list[Block]:
    """Return that calls were made, where the journal next to the store has some of this month."""
    if location.file is None:
        return []
    from policy_router.journal.address import JournalAddress  # noqa: PLC0415  not needed for --help
    from policy_router.journal.reader import JournalReader  # noqa: PLC0415  SQLAlchemy is slow to import

    address = JournalAddress.next_to(location.file)
    if address.file is None or not address.file.exists():
        return []
    try:
        with JournalReader(address) as reader:
            called = reader.begins(now - 31 * 86_400) is not None
    except StoreError:
        return []
    if not called:
        return []
    return [f"the journal {printable(str(address))} has calls, so they are counted elsewhere"]
