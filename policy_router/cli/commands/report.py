"""The `report` command: costs, speed, failures and savings of the requests of a period."""

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from policy_router.base_errors import PolicyRouterError
from policy_router.cli.options.journal import JournalOption, journal_of
from policy_router.cli.options.policy import Where, choose, open_policy
from policy_router.cli.options.since import Since, beginning
from policy_router.cli.options.store import State, StoreLocation, location_of, opened
from policy_router.cli.options.values import wrong
from policy_router.cli.output import cause, fail, inform, show, show_json, write
from policy_router.diagnostics import printable
from policy_router.errors import StoreError
from policy_router.quoting import quoted, unknown
from policy_router.reports.report import GROUPINGS, MOST_GROUPS, TOP

if TYPE_CHECKING:
    from policy_router.decision.policy import Policy
    from policy_router.journal.address import JournalAddress
    from policy_router.reports.report import TrafficReport
    from policy_router.reports.traffic import ReportQuery
    from policy_router.reports.usage import CounterUsage


def report(
    *,
    since: Since = "30d",
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="WHAT", help=f"Group by one of: {', '.join(GROUPINGS)}."),
    ] = None,
    top: Annotated[
        int,
        typer.Option(
            "--top",
            metavar="N",
            min=1,
            max=MOST_GROUPS,
            help="Show the N groups with the highest cost, and all others in one row.",
        ),
    ] = TOP,
    policy: Where = None,
    journal: JournalOption = None,
    state: State = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    csv: Annotated[
        bool, typer.Option("--csv", help="Print the groups, or the total, as CSV.")
    ] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write a single, self-contained HTML file."),
    ] = None,
) -> None:
    """Report costs, speed, failures and savings of requests.

    \b
    policy-router report --since 7d --by model
    policy-router report --since 12w --by team --csv
    policy-router report --by session --top 20
    policy-router report --html report.html

    Shows spend, tokens, free share, success, latency, failures, savings relative to the policy's
    `reports.baselines`, and when budgets and quotas will be used up. Figures come from the journal
    that `serve` keeps. Exit code 2: the journal cannot be read, or FILE cannot be written.
    """
    from policy_router.reports.traffic import ReportQuery  # noqa: PLC0415  not needed for --help

    began = beginning(since)
    if by is not None and by not in GROUPINGS:
        raise wrong("--by", unknown("grouping", by, GROUPINGS))
    if sum((json, csv, markdown)) > 1:
        raise wrong("--json", "print only one of --json, --csv and --markdown")
    path = choose(policy)
    opened_policy = open_policy(path)
    location = location_of(state, opened_policy.name, path)
    address = journal_of(journal, location)
    if address is None:
        fail("there is no journal: give --journal, or --state with a journal next to its file")
    query = ReportQuery(since=began, until=time.time(), by=by, top=top)
    try:
        shown = _read(opened_policy, address, location, query)
    except PolicyRouterError as error:
        fail(printable(str(error)))
    if html is not None:
        _write_page(html, shown)
    if json or csv or markdown:
        _print(shown, json=json, csv=csv)
    elif html is None:
        from policy_router.views.report import as_lines  # noqa: PLC0415  as above

        show(as_lines(shown))


def _print(shown: "TrafficReport", *, json: bool, csv: bool) -> None:
    import sys  # noqa: PLC0415  tests replace its standard output

    from policy_router.views.report import as_csv, as_markdown  # noqa: PLC0415  not for --help
    from policy_router.views.report_json import as_json  # noqa: PLC0415

    if json:
        show_json(as_json(shown))
    else:
        write(as_csv(shown) if csv else as_markdown(shown), sys.stdout)


def _write_page(file: Path, shown: "TrafficReport") -> None:
    from policy_router.views.html.report import report_page  # noqa: PLC0415  not for --help

    try:
        file.write_text(report_page(shown), encoding="utf-8")
    except OSError as problem:
        fail(f"cannot write `{quoted(str(file))}`: {cause(problem)}")
    inform(f"wrote {printable(str(file))}")


def _read(
    policy: "Policy", address: "JournalAddress", location: StoreLocation, query: "ReportQuery"
) -> "TrafficReport":
    from policy_router.journal.reader import JournalReader  # noqa: PLC0415  not needed for --help
    from policy_router.reports.traffic import read_report  # noqa: PLC0415

    with JournalReader(address) as reader:
        counters = asyncio.run(_counters(policy, location, query.until))
        return read_report(reader, policy, query, counters)


async def _counters(
    policy: "Policy", location: StoreLocation, now: float
) -> "tuple[CounterUsage, ...]":
    """What the counters show; nothing where the application counts elsewhere."""
    from policy_router.reports.usage import counter_usages  # noqa: PLC0415  not for --help

    if location.missing:
        return ()
    try:
        async with opened(location) as store:
            return await counter_usages(policy, store, now)
    except StoreError as error:
        inform([("warning", "bold yellow"), (f": no forecasts: {printable(str(error))}", "")])
        return ()
